package reference

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// The names of the foreign functions.
const (
	ResolveFunction = foreign.Reserved + "resolve"
	PinFunction     = foreign.Reserved + "pin"
)

// Source is who knows what references name: a *Resolver, or a test's table. An error is an *Error.
type Source interface {
	Resolve(ctx context.Context, kind Kind, ref string) (*Reference, error)
}

// Functions are the foreign functions of this package, and what the chain does by itself for filters that ask for it.
type Functions struct {
	source  Source
	timeout time.Duration
	log     *slog.Logger
}

// NewFunctions returns the functions that ask source. All that is asked in one stream, or outside of streams in one callback, takes
// timeout at most, counting the time that source takes; 0 means 5 s. A nil log discards.
func NewFunctions(source Source, timeout time.Duration, log *slog.Logger) *Functions {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Functions{source: source, timeout: timeout, log: log}
}

// Own is the functions by their names, for a registry.
func (f *Functions) Own() map[string]foreign.Function {
	return map[string]foreign.Function{ResolveFunction: f.resolve, PinFunction: f.pin}
}

// result is what filters are told.
type result struct {
	Found  bool  `json:"found"`
	Pinned *bool `json:"pinned,omitempty"`
	// Problem is problemNotFound or problemBadReference, and Message the reason in words.
	Problem string `json:"problem,omitempty"`
	Message string `json:"message,omitempty"`
	*Reference
}

const (
	problemNotFound     = "not_found"
	problemBadReference = "bad_reference"
)

// resolve is sluice.resolve.
func (f *Functions) resolve(c foreign.Call) ([]byte, abi.Status) {
	var arguments struct {
		Kind    *Kind   `json:"kind"`
		Ref     *string `json:"ref"`
		Details bool    `json:"details"`
	}
	if !payArguments(&c) {
		return nil, abi.StatusInternalFailure
	}
	if !decode(c.Arguments, &arguments) || (arguments.Kind == nil) != (arguments.Ref == nil) {
		return nil, abi.StatusBadArgument
	}
	var what subject
	if arguments.Kind != nil {
		what = subject{*arguments.Kind, *arguments.Ref}
		if readers[what.kind] == nil {
			return nil, abi.StatusBadArgument
		}
	} else if resource, ok := resourceOf(c.Stream); ok {
		what = resource
	} else {
		return nil, abi.StatusBadArgument
	}
	known, status := f.look(&c, what)
	if status != abi.StatusOK {
		return nil, status
	}
	if arguments.Details && known.cut {
		f.log.Warn("a filter asks for details of what the engine says too much of to be kept; it is told nothing", slog.String("filter", c.Filter),
			slog.String("kind", string(what.kind)), slog.String("ref", clip(what.ref, 128)), slog.Int("limit", MaxKept))
		return nil, abi.StatusInternalFailure
	}
	return paid(&c, known, arguments.Details)
}

// pin is sluice.pin.
func (f *Functions) pin(c foreign.Call) ([]byte, abi.Status) {
	var arguments struct {
		ID string `json:"id"`
	}
	if !payArguments(&c) {
		return nil, abi.StatusInternalFailure
	}
	resource, ok := resourceOf(c.Stream)
	if !ok || !decode(c.Arguments, &arguments) {
		return nil, abi.StatusBadArgument
	}
	call := c.Stream.Call()
	if removesLink(call) {
		return encode(result{Problem: problemBadReference, Message: "this request removes a link, and not the container that it leads to"})
	}
	known, status := f.look(&c, resource)
	switch {
	case status != abi.StatusOK:
		return nil, status
	case known.found == nil:
		return paid(&c, known, false)
	case arguments.ID != "" && arguments.ID != known.found.ID:
		return nil, abi.StatusBadArgument // judged was something else
	}
	id := known.found.ID
	pinned := id == resource.ref
	if !pinned && Pinnable(call) {
		target, err := call.WithResource(c.Stream.Method(), id)
		if err != nil {
			return nil, abi.StatusInternalFailure
		}
		if status := c.Stream.SetTarget(target); status != abi.StatusOK {
			return nil, status
		}
		pinned = true
	}
	text, status := encode(result{Found: true, Pinned: &pinned, Reference: known.found.lean()})
	if !c.Fuel.Charge(byteUnits * int64(len(text))) {
		return nil, abi.StatusInternalFailure
	}
	return text, status
}

// resourceOf is what the request's path names, if that can be asked for.
func resourceOf(s foreign.Stream) (subject, bool) {
	if s == nil {
		return subject{}, false
	}
	call := s.Call()
	// The secret of a build, in BuildKit's calls, is none of the swarm's.
	return subject{Kind(call.ResourceKind), call.ResourceID}, call.ResourceID != "" && !call.GRPC && dockerapi.Inspectable(call.ResourceKind)
}

// look answers from what the stream knows already, or asks.
func (f *Functions) look(c *foreign.Call, what subject) (*entry, abi.Status) {
	if c.Stream == nil {
		if !c.Fuel.Charge(askUnits) {
			return nil, abi.StatusInternalFailure
		}
		known := f.askApart(c, what)
		return f.judged(known, !known.unasked, c.Filter, what)
	}
	s := sessionOf(c.Stream)
	if known, ok := s.entries[what]; ok {
		return f.judged(known, false, "", what)
	}
	switch {
	case s.asked >= MaxPerStream:
		if s.told {
			return nil, abi.StatusInternalFailure
		}
		s.told = true
		f.log.Warn("a filter asks for too many references in one request; it is told nothing",
			slog.String("filter", c.Filter), slog.String("req", c.Stream.RequestID()), slog.Int("limit", MaxPerStream))
		return nil, abi.StatusInternalFailure
	case !c.Fuel.Charge(askUnits):
		return nil, abi.StatusInternalFailure
	}
	c.Rest()
	known := f.askFor(c.Context, s, what, c.Turns, c.Waited)
	tell := !known.unasked && !s.failed
	s.failed = s.failed || errors.Is(known.err, ErrEngine)
	return f.judged(known, tell, c.Filter, what)
}

// askApart asks outside of a stream, in what is left of the callback's time.
func (f *Functions) askApart(c *foreign.Call, what subject) *entry {
	left := f.timeout
	if c.Waited != nil {
		left -= *c.Waited
	}
	if left <= 0 || c.Context.Err() != nil { // who asks in a loop is in the log already
		return &entry{err: &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: tookTooLong}, unasked: true}
	}
	c.Rest()
	return f.ask(c.Context, what, left, c.Turns, c.Waited)
}

// askUnits is what a filter pays for a question to the engine, in units of fuel: what it costs the gateway to ask, and the engine to answer. The time
// that the engine takes is bounded otherwise. callUnits is for what a call costs in any case, and byteUnits for each byte of JSON that is read or
// written, somewhat more than it takes.
const (
	askUnits = 200_000
	// answerUnits is for each byte that the engine answered: a debt, since nobody knows before.
	answerUnits = 10
	callUnits   = 5_000
	byteUnits   = 20
)

// payArguments pays for reading the arguments.
func payArguments(c *foreign.Call) bool {
	return c.Fuel.Charge(callUnits + byteUnits*int64(len(c.Arguments)))
}

// paid is the entry as filters are told of it. Who lets it be written pays for that.
func paid(c *foreign.Call, known *entry, details bool) ([]byte, abi.Status) {
	written := known.written(details)
	text, status := known.encoded(details)
	if !written && !c.Fuel.Charge(byteUnits*int64(len(text))) {
		return nil, abi.StatusInternalFailure
	}
	return text, status
}

// judged tells the failures apart that a filter is told by status; the first one of a stream that a filter asks for is logged.
func (f *Functions) judged(known *entry, tell bool, asking string, what subject) (*entry, abi.Status) {
	if !errors.Is(known.err, ErrEngine) {
		return known, abi.StatusOK
	}
	if tell {
		f.log.Warn("cannot tell a filter what a reference names", slog.String("filter", asking),
			slog.String("kind", string(what.kind)), slog.String("ref", clip(what.ref, 128)), slog.Any("error", known.err))
	}
	return nil, abi.StatusBrokenConnection
}

// decode reads arguments strictly. None at all are an empty object.
func decode(arguments []byte, into any) bool {
	if len(arguments) == 0 {
		return true
	}
	d := json.NewDecoder(bytes.NewReader(arguments))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

func encode(r result) ([]byte, abi.Status) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, abi.StatusInternalFailure // the engine's JSON, which was read once already
	}
	return text, abi.StatusOK
}
