package buildkit

import (
	"context"
	"slices"
	"sync"
	"time"
)

// What the calls of a connection hold of messages and of their JSON is bounded for all of them together: each may have one of limits.body, and
// there may be hundreds. Those that do not fit wait, but only a few of them and for a while: what has come of them already fills the
// connection's window meanwhile, which those that are read need for the rest of their messages.
const (
	// smallDocument is how many bytes, with what may be made of them, are not counted.
	smallDocument = 64 << 10
	// growth is how much longer a message's JSON may be, as a rule.
	growth = 16
	// heldBodies is how many times limits.body is held on a connection.
	heldBodies = 4
	// maxWaiting is how many calls wait for room, with half of the window at most, and roomWait how long each does.
	maxWaiting = window / callWindow / 2
	roomWait   = 30 * time.Second
)

// documents counts what is held on a connection, and on those inside of it.
type documents struct {
	mu      sync.Mutex // guards what follows
	held    int64
	waiting []*waiter // first come, first served
}

type waiter struct {
	bytes, most int64
	served      chan struct{} // closed when it has what it waits for
}

// fits tells whether there is room for so many bytes of at most so many. What is larger than all of that gets it when nothing else is held.
// The caller holds mu.
func (d *documents) fits(bytes, most int64) bool { return d.held == 0 || d.held+bytes <= most }

// take waits for room.
func (d *documents) take(ctx context.Context, bytes, most int64) error {
	d.mu.Lock()
	if len(d.waiting) == 0 && d.fits(bytes, most) {
		d.held += bytes
		d.mu.Unlock()
		return nil
	}
	if len(d.waiting) >= maxWaiting {
		d.mu.Unlock()
		return errNoRoom
	}
	w := &waiter{bytes: bytes, most: most, served: make(chan struct{})}
	d.waiting = append(d.waiting, w)
	d.mu.Unlock()
	timer := time.NewTimer(roomWait)
	defer timer.Stop()
	err := errNoRoom
	select {
	case <-w.served:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = errCallerGone
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := slices.Index(d.waiting, w); at >= 0 {
		d.waiting = slices.Delete(d.waiting, at, at+1)
		d.serve()
		return err
	}
	return nil // served just now
}

// give gives bytes back.
func (d *documents) give(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held -= bytes
	d.serve()
}

// serve lets those have room who have waited for longest. The caller holds mu.
func (d *documents) serve() {
	for len(d.waiting) > 0 && d.fits(d.waiting[0].bytes, d.waiting[0].most) {
		d.held += d.waiting[0].bytes
		close(d.waiting[0].served)
		d.waiting = d.waiting[1:]
	}
}

var errNoRoom = refusal(codeResourceExhausted, "the calls of this connection hold as much of messages as they may together, %d times limits.body", heldBodies)

// share is what one call holds.
type share struct {
	call *call

	mu    sync.Mutex // guards what follows: a transport closes what it sends when it likes
	held  int64
	over  bool          // the call has ended, and holds nothing any more
	limit time.Duration // that the message has which is being read; 0 for none
}

// take counts that the call holds so many bytes, and no others. It may wait, and then holds nothing meanwhile: so nobody waits for those who wait.
func (s *share) take(bytes int) error {
	s.set(0)
	if bytes <= smallDocument {
		return nil
	}
	c := s.call
	if err := c.documents.take(c.r.Context(), int64(bytes), heldBodies*int64(c.limit())); err != nil {
		return err
	}
	if hold := c.policy.Hold; hold != nil {
		if err := hold(int64(bytes)); err != nil {
			c.documents.give(int64(bytes))
			return refusal(codeResourceExhausted, "there is no room for the message: %v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = int64(bytes)
	if s.over { // a transport may still have read for a call that its client had ended
		s.shrink(0)
		return errCallerGone
	}
	return nil
}

// end is set(0), for good.
func (s *share) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.shrink(0)
}

// set counts that the call holds no more than so many bytes of what it took.
func (s *share) set(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrink(bytes)
}

// shrink is set. The caller holds mu.
func (s *share) shrink(bytes int) {
	less := s.held - int64(bytes)
	if less <= 0 {
		return
	}
	s.held -= less
	// First what whoever waits for room on the connection will ask for next.
	if hold := s.call.policy.Hold; hold != nil {
		_ = hold(-less) // to let go is always allowed
	}
	s.call.documents.give(less)
}
