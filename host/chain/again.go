package chain

import (
	"errors"
	"slices"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// A filter's instance that crashes takes with it all streams that are on it. What a request has
// cost the filter is to be that request's alone: another one, whose callback was not even begun,
// is brought before another instance, as far as nothing of it has left the filter yet and the
// filter has seen nothing of its body.

// mostAgain is how often that is done at one stage. There is no end to requests that crash.
const mostAgain = 3

// mayAskAgain tells whether the filter may be called with the request's head once more, on an
// instance that has not seen it, after so many tries. One that still runs keeps the context: the
// filter is at a limit, and another instance is at it, too.
func (s *Stream) mayAskAgain(d *direction, f *filterStream, err error, tries int) bool {
	switch {
	case err == nil, d.step < 0, !f.lost.Load(), f.closed.Load(), s.ctx.Err() != nil:
		return false
	case errors.Is(err, plugin.ErrInstanceLost):
		return tries < mostAgain // another stream's doing
	default:
		return f.filter.OnFailure == Reload && tries == 0
	}
}

// enlistAgain is enlist for a stream whose instance is gone.
func (s *Stream) enlistAgain(f *filterStream) bool {
	s.unsay(f)
	return s.enlist(f)
}

// keepHead keeps the head that the filter is called with, if that may have to be done again.
func (s *Stream) keepHead(d *direction, f *filterStream, endOfStream bool) {
	if f.head = f.head[:0]; d.step > 0 && !endOfStream && f.wants(d.body) {
		f.head = append(f.head, d.fields.Pairs()...)
	}
}

// mayShowAgain tells whether the filter may be called with the request's head and the body that
// was to be shown to it once more, on another instance. It has not changed the head: what that
// meant for the request would have to be taken back. Nor is it gathering a document.
func (s *Stream) mayShowAgain(d *direction, f *filterStream, told, trailers bool, tries int) bool {
	return d.step > 0 && !d.sent && !f.shown && f.lost.Load() && !f.closed.Load() && tries < mostAgain && s.ctx.Err() == nil &&
		(told || !trailers && f.parts[f.way(d)] == nil) &&
		d.next == f.index+d.step && s.connection.Load() == noConnection && slices.Equal(f.head, d.fields.Pairs())
}

// askAgain calls the filter with the request's head on another instance. False means that s.local
// is set, or that the stream goes on without the filter.
func (s *Stream) askAgain(d *direction, f *filterStream) bool {
	s.unsay(f)
	return s.headerStage(d, f, false) && f.state == open
}

// unsay takes back what the filter has said on an instance that is gone, before another one is asked
// from the beginning: its hints, what it let go of, and the properties that it has set.
func (s *Stream) unsay(f *filterStream) {
	f.state, f.skip, f.refused, f.forAnswers = notReached, 0, false, false
	f.lost.Store(false)
	f.resumed[0].Store(false)
	f.resumed[1].Store(false)
	s.forgetValues(f)
}
