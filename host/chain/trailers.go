package chain

import (
	"fmt"

	"github.com/sluice-gateway/sluice/abi"
)

// This file is the way of trailers, the fields behind a chunked body, through the
// filters that asked for them. Each of those is called with the last of the body
// without its end, and then, where the message has trailers, with them: a body that
// it has held until then goes on when it lets go of them, and the next filter gets
// nothing of either before. A filter that did not ask has the end with the body.
//
// Where a message has none, a filter that asked may add some when it is called with the
// end of the body; the filters behind it are called with them.

// TakeRequestTrailers gives the filters the fields behind the request's body, before
// its last bytes. They are copied. False means that nobody asked for them: they are to
// be dropped, as the stream does.
func (s *Stream) TakeRequestTrailers(fields []abi.Pair) bool {
	return s.takeTrailers(&s.request, fields)
}

// TakeResponseTrailers is TakeRequestTrailers for the response.
func (s *Stream) TakeResponseTrailers(fields []abi.Pair) bool {
	return s.takeTrailers(&s.response, fields)
}

func (s *Stream) takeTrailers(d *direction, fields []abi.Pair) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := false
	for i := range s.filters {
		f := &s.filters[i]
		// A filter that the head has not come to yet may still take part.
		wanted = wanted || (f.state == open || f.state == notReached) && f.filter.Plugin.Stages()&d.after != 0
	}
	if !wanted || s.connection.Load() != noConnection {
		return false
	}
	d.trailers.Reset(append([]abi.Pair(nil), fields...))
	return true
}

// RequestTrailers are what the filters left of the fields behind the request's body, or
// added; none where no filter was called with them.
func (s *Stream) RequestTrailers() []abi.Pair { return s.trailersOf(&s.request, 0) }

// ResponseTrailers are what the filters left of the fields behind the response's body.
func (s *Stream) ResponseTrailers() []abi.Pair { return s.trailersOf(&s.response, 1) }

func (s *Stream) trailersOf(d *direction, way int) []abi.Pair {
	if !s.trailing[way].Load() {
		return nil // as a rule, and without a lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.trailers.Pairs()
}

// follow tells whether the filter is to be called with trailers behind the body's end.
func (s *Stream) follow(d *direction, f *filterStream, endOfStream bool) bool {
	return endOfStream && d.trailers.Len() > 0 && s.connection.Load() == noConnection && f.wants(d.after)
}

// endBody is the end of a body stage: what the filter has let go of, and behind it the
// trailers that it is to be called with.
func (s *Stream) endBody(d *direction, f *filterStream, prefix []byte, trailers bool) ([]byte, bool) {
	out, ok := s.letGoOf(d, f, prefix)
	if ok && s.follow(d, f, trailers) {
		ok = s.trailersBehind(d, f, out)
	}
	return out, ok
}

// trailersBehind is trailerStage for a filter that holds nothing of the body. What there is
// of it goes no further meanwhile.
func (s *Stream) trailersBehind(d *direction, f *filterStream, body []byte) bool {
	way := f.way(d)
	f.bodies[way].waiting = len(body)
	goesOn := s.trailerStage(d, f)
	f.letGo(way)
	return goesOn
}

// withTrailers is the end of a body stage for a filter that is to be called with the
// trailers, and until then holds what it has of the body: unless it holds it for the
// answers to calls.
func (s *Stream) withTrailers(d *direction, f *filterStream, prefix []byte, before saved) ([]byte, bool) {
	held := &f.bodies[f.way(d)]
	held.waiting = len(prefix)
	if !s.countHeld(d, f) {
		return nil, false
	}
	if len(held.buffer.Bytes) > 0 {
		switch goesOn, letGo := s.awaitAnswers(d, f, before); {
		case !goesOn:
			return nil, false
		case letGo:
			return s.endBody(d, f, prefix, true)
		}
	}
	if !s.trailerStage(d, f) {
		return nil, false
	}
	return s.letGoOf(d, f, prefix)
}

// awaitAnswers waits while a filter that holds a body has calls under way, whose answers
// it will judge by: it was not told of the body's end, and an SDK's default for the
// trailers, which goes on, is not its judgement. goesOn is false when the stream ended
// instead; letGo says that it has let go of the body, or that its policy has.
func (s *Stream) awaitAnswers(d *direction, f *filterStream, before saved) (goesOn, letGo bool) {
	if !f.guest.Calling() {
		return true, false
	}
	if !s.flush(d) {
		return false, false
	}
	way := f.way(d)
	f.forAnswers = true
	goesOn, lost := s.await(d, f, d.body, before)
	letGo = f.forAnswers // if not, the calls are over, and it has said nothing
	f.forAnswers = false
	if lost {
		f.bodies[way].putBack()
		f.parts[way].reset()
	}
	return goesOn, letGo
}

// trailerStage calls one filter with the trailers, and with what it holds of the body
// before them. False means that s.local or d.outletErr is set.
func (s *Stream) trailerStage(d *direction, f *filterStream) bool {
	way := f.way(d)
	held := &f.bodies[way]
	s.trailing[way].Store(true)
	before := s.snapshot(d, f)
	var fields []abi.Pair
	held.begin(f.filter.OnFailure)
	if f.filter.OnFailure == Allow {
		fields = append(fields, d.trailers.Pairs()...)
	}
	undo := func() {
		held.putBack()
		f.parts[way].reset()
		d.trailers.SetPairs(fields)
	}
	f.holding[way], f.behind[way], f.trailed[way] = 0, len(held.buffer.Bytes) > 0, true
	defer func() { f.behind[way] = false }()
	f.resumed[way].Store(false)
	f.refused = false
	count := f.filter.Plugin.CountFields(&d.trailers, d.step < 0)
	var action abi.Action
	var err error
	if d.step > 0 {
		action, err = f.guest.RequestTrailers(count)
	} else {
		f.answered = true
		action, err = f.guest.ResponseTrailers(count)
	}
	switch {
	case err != nil:
		s.restore(d, f, before)
		if !s.fail(f, err) {
			return false
		}
		undo()
	case s.stopped(d, f):
		return false
	case action != abi.ActionContinue:
		if !s.flush(d) || !s.countHeld(d, f) {
			return false
		}
		goesOn, lost := s.await(d, f, d.after, before)
		if !goesOn {
			return false
		}
		if lost {
			undo()
		}
	}
	return s.settleTrailers(d, f) && s.settle(d, f)
}

// mayAdd tells whether the filter may put trailers behind the body that it is told the
// end of. A local response is sent with its length, and the trailers of gRPC are not the
// filters'.
func (s *Stream) mayAdd(d *direction, f *filterStream, told bool) bool {
	return told && f.wants(d.after) && s.connection.Load() == noConnection && !s.call.GRPC && (d.step > 0 || s.answers == 0)
}

// settleAdded looks at the trailers that a filter may have added in a callback with a
// body's end; lost says that what it did counts for nothing. False means that s.local is
// set.
func (s *Stream) settleAdded(d *direction, f *filterStream, lost bool) bool {
	way := f.way(d)
	if !f.adding[way] {
		return true
	}
	f.adding[way] = false
	switch {
	case d.trailers.Len() == 0:
		return true
	case lost:
		d.trailers.Reset(nil)
		return true
	}
	f.trailed[way] = true
	s.trailing[way].Store(true)
	return s.settleTrailers(d, f)
}

// settleTrailers looks at what a callback has made of the trailers.
func (s *Stream) settleTrailers(d *direction, f *filterStream) bool {
	pairs := d.trailers.Pairs()
	if len(pairs) == 0 {
		return true
	}
	bad := abi.CheckFields(pairs)
	if bad == "" && s.chain.CheckTrailer != nil {
		if err := s.chain.CheckTrailer(pairs); err != nil {
			bad = err.Error()
		}
	}
	if bad != "" {
		return s.refuseRewrite(d, f, fmt.Sprintf("trailers: %s", bad))
	}
	return true
}
