package reference

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// MaxPerStream is how many questions all filters together may put to the engine in one stream. What is known already is no
// question.
const MaxPerStream = 64

// MaxKept is how many bytes of the engine's answers a stream keeps, about. HostConfig and Mounts beyond that are not kept, and a filter
// that asks for them is told INTERNAL_FAILURE; what is larger without them is ErrEngine.
const MaxKept = 1 << 20

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
	// cut: found lacks its details, which are too large for the stream to keep.
	cut bool
}

// maxText is the longest text that is kept for who asks again. What is longer is written, and paid for, again.
const maxText = 16 << 10

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
	if len(text) <= maxText {
		e.texts[form] = text
	}
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
	kept    int // bytes of what was found, about

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
	if known.found != nil && known.found.ID != what.ref {
		// The same thing by its id, as requests name it that were pinned, and by whatever other name.
		byID := subject{what.kind, known.found.ID}
		if first := s.entries[byID]; first != nil && first.found != nil {
			known = first
		} else {
			known = s.keep(known, what)
			s.entries[byID] = known
		}
	} else {
		known = s.keep(known, what)
	}
	s.entries[what] = known
	return known
}

// keep counts what is kept of an answer. Of what is too large the details are left out, which are long and seldom wanted, and it
// is not known at all where that does not suffice.
func (s *session) keep(known *entry, what subject) *entry {
	if known.found == nil {
		return known
	}
	if s.kept+known.found.size() > MaxKept {
		known.found, known.cut = known.found.lean(), true
	}
	size := known.found.size()
	if s.kept+size > MaxKept {
		return &entry{err: &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: fmt.Sprintf("what the engine says of it, and of what else the filters of this request asked for, is more than %d bytes", MaxKept)}}
	}
	s.kept += size
	return known
}

// size is about how many bytes the reference takes.
func (r *Reference) size() int {
	n := 256 + len(r.ID) + len(r.Name) + len(r.Image) + len(r.Container) + len(r.Service) + len(r.Driver) + len(r.HostConfig) + len(r.Mounts)
	for _, m := range []map[string]string{r.Labels, r.Options} {
		for key, value := range m {
			n += 64 + len(key) + len(value)
		}
	}
	for _, list := range [][]string{r.Tags, r.Digests} {
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	return n
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
	read := 0
	if turns != nil {
		if err := turns.BeginQuestion(ctx); err != nil {
			return &entry{err: &Error{Kind: what.kind, Ref: what.ref, Reason: ErrEngine, Message: err.Error(), Err: err}, unasked: true}
		}
		defer func() { turns.EndQuestion(answerUnits * int64(read)) }()
	}
	found, err := f.source.Resolve(ctx, what.kind, what.ref)
	if found != nil {
		read = found.Read
	} else if e := (*Error)(nil); errors.As(err, &e) {
		read = e.Read
	}
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
