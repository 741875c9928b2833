package reference

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// MaxPerStream is how many questions all filters together may put to the engine in one stream. What is known already is no
// question.
const MaxPerStream = 64

// subject is what is asked about.
type subject struct {
	kind Kind
	ref  string
}

// entry is what came of asking.
type entry struct {
	found *Reference
	err   error // an *Error
	texts [2][]byte
	// unasked: it was not the filter's turn. The log says so already.
	unasked bool
}

// written tells whether encoded has nothing more to do.
func (e *entry) written(details bool) bool {
	if details {
		return e.texts[1] != nil
	}
	return e.texts[0] != nil
}

// encoded is the entry as filters are told of it, with details or without. ErrEngine never comes here.
func (e *entry) encoded(details bool) ([]byte, abi.Status) {
	form := 0
	if details {
		form = 1
	}
	if e.texts[form] != nil {
		return e.texts[form], abi.StatusOK
	}
	r := result{}
	switch {
	case e.found == nil:
		r.Problem, r.Message = problemNotFound, e.err.Error()
		if errors.Is(e.err, ErrBadReference) {
			r.Problem = problemBadReference
		}
	case details:
		r.Found, r.Reference = true, e.found
	default:
		r.Found, r.Reference = true, e.found.lean()
	}
	text, status := encode(r)
	e.texts[form] = text
	return text, status
}

// lean is the reference without what is long and seldom wanted.
func (r *Reference) lean() *Reference {
	short := *r
	short.HostConfig, short.Mounts = nil, nil
	return &short
}

// session is what one stream knows.
type session struct {
	entries map[subject]*entry
	asked   int
	spent   time.Duration

	// The log says already that too much was asked, or that the engine failed.
	told, failed bool
}

type sessionKey struct{}

func sessionOf(s foreign.Stream) *session {
	return s.Keep(sessionKey{}, newSession).(*session)
}

func newSession() any { return &session{entries: make(map[subject]*entry)} }

// askFor asks, in what is left of the stream's time, and keeps the answer.
func (f *Functions) askFor(ctx context.Context, s *session, what subject, turns foreign.Turns, waited *time.Duration) *entry {
	s.asked++
	before := s.spent
	known := f.ask(ctx, what, f.timeout-before, turns, &s.spent)
	if waited != nil {
		*waited += s.spent - before
	}
	if known.unasked { // another filter may have a turn
		return known
	}
	s.entries[what] = known
	if known.found != nil && known.found.ID != what.ref {
		// The same thing by its id, as requests name it that were pinned.
		byID := subject{what.kind, known.found.ID}
		if s.entries[byID] == nil {
			s.entries[byID] = known
		}
	}
	return known
}

const tookTooLong = "the engine took too long over other references of this request, or this callback (limits.resolve)"

// ask asks the source, when it is the filter's turn, and adds what that took to waited, unless that is nil.
func (f *Functions) ask(ctx context.Context, what subject, timeout time.Duration, turns foreign.Turns, waited *time.Duration) *entry {
	if timeout <= 0 {
		return &entry{err: &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: tookTooLong}}
	}
	if waited != nil {
		defer func(since time.Time) { *waited += time.Since(since) }(time.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if turns != nil {
		if err := turns.BeginQuestion(ctx); err != nil {
			return &entry{err: &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: err.Error(), Err: err}, unasked: true}
		}
		defer turns.EndQuestion()
	}
	found, err := f.source.Resolve(ctx, what.kind, what.ref)
	switch {
	case err == nil && found == nil:
		err = &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: "no answer"}
	case err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrBadReference) && !errors.Is(err, ErrEngine):
		err = &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: err.Error(), Err: err}
	}
	if err != nil {
		found = nil
	}
	return &entry{found: found, err: err}
}

// Prefetch asks, for a filter that will want to know, what the resource in the request's path is. It is called before the filter
// is, so that no instance of it is held while the engine answers. A stream that is a foreign.Fuel pays for the question; where it
// cannot, nothing is asked, and the filter may ask by itself.
func (f *Functions) Prefetch(ctx context.Context, stream foreign.Stream) {
	what, ok := resourceOf(stream)
	if !ok {
		return
	}
	s := sessionOf(stream)
	if s.entries[what] != nil || s.asked >= MaxPerStream {
		return
	}
	if fuel, ok := stream.(foreign.Fuel); ok && !fuel.Charge(askUnits) {
		return
	}
	turns, _ := stream.(foreign.Turns)
	known := f.askFor(ctx, s, what, turns, nil)
	if errors.Is(known.err, ErrEngine) && !known.unasked {
		s.failed = true
		f.log.Warn("cannot find out what a reference names", slog.String("req", stream.RequestID()), slog.String("kind", string(what.kind)),
			slog.String("ref", clip(what.ref, 128)), slog.Any("error", known.err))
	}
}

// Property is what is known already of the resource in the request's path: full_id, name, owner, and labels, NUL and a label's
// name. It asks nobody.
func (f *Functions) Property(stream foreign.Stream, name string) (string, bool) {
	what, ok := resourceOf(stream)
	if !ok {
		return "", false
	}
	s, ok := stream.Keep(sessionKey{}, nil).(*session)
	if !ok {
		return "", false
	}
	known := s.entries[what]
	if known == nil || known.found == nil {
		return "", false
	}
	switch name {
	case "full_id":
		return known.found.ID, true
	case "name":
		return known.found.Name, known.found.Name != ""
	case "owner":
		return known.found.Owner, known.found.Owner != ""
	}
	if label, ok := strings.CutPrefix(name, "labels\x00"); ok {
		value, ok := known.found.Labels[label]
		return value, ok
	}
	return "", false
}
