package plugin

import (
	"container/list"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/metrics"
)

// slots are how many of something there may be at a time, and of whose requests those are that have them: instances
// of isolation PerStream, for which streams wait, or calls to other services, for which nobody does. Where there are several parties (see Plugin.party), one of them may
// take another slot only while it has fewer than are free: alone it has half of all, and
// whatever it does, as many are left to the others.
type slots struct {
	mu      sync.Mutex // guards what follows
	limit   int
	shared  bool // between parties; otherwise who comes first has them
	taken   int
	holders map[string]*holder // by party: never more than there are tenants, and one
	queue   []*holder          // those for whom streams wait, in the order in which they were served last
}

// holder is a party, and what it has.
type holder struct {
	has     int
	waiting list.List // of chan struct{}, which is closed when the slot is taken for it
}

func newSlots(limit int, shared bool) *slots {
	s := new(slots)
	s.bound(limit, shared)
	return s
}

// bound says how many there may be from now on, and between whom. The zero value has none.
func (s *slots) bound(limit int, shared bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.shared = limit, shared
	if s.holders == nil {
		s.holders = make(map[string]*holder)
	}
}

// holder is what a party has. The caller holds mu.
func (s *slots) holder(party string) *holder {
	if !s.shared {
		party = ""
	}
	h := s.holders[party]
	if h == nil {
		h = new(holder)
		s.holders[party] = h
	}
	return h
}

// try takes a slot for the party, if it has room for one.
func (s *slots) try(party string) (h *holder, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.holder(party)
	if !s.room(h) {
		return nil, false
	}
	h.has++
	s.taken++
	return h, true
}

// room tells whether the holder may take another one. The caller holds mu.
func (s *slots) room(h *holder) bool {
	free := s.limit - s.taken
	return free > 0 && (!s.shared || h.has < free)
}

// take takes a slot for a stream of the party's, and waits for one for as long as it is told to,
// or until the context ends, whose cause it returns then. Nobody waits who has room: whenever there is more
// of it, by give, whoever waits for that has it at once. So who comes and finds room stands before nobody.
func (s *slots) take(ctx context.Context, party string, patience time.Duration) (*holder, error) {
	s.mu.Lock()
	h := s.holder(party)
	if s.room(h) {
		h.has++
		s.taken++
		s.mu.Unlock()
		return h, nil
	}
	if h.waiting.Len() == 0 {
		s.queue = append(s.queue, h)
	}
	taken := make(chan struct{})
	place := h.waiting.PushBack(taken)
	s.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-taken:
		return h, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return s.leave(ctx, h, place)
}

// leave ends the wait of a stream, unless it has got a slot meanwhile.
func (s *slots) leave(ctx context.Context, h *holder, place *list.Element) (*holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-place.Value.(chan struct{}):
		return h, nil
	default:
	}
	h.waiting.Remove(place)
	if h.waiting.Len() == 0 {
		s.unqueue(h)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.taken < s.limit {
		return nil, ErrShareOfInstances
	}
	return nil, ErrTooManyInstances
}

// give frees a slot, and has the first of those take it who wait and have room now: of the party
// that has fewest, and of such as have as many of the one that was served longest ago. If that has no room
// nobody has; and if it has, nobody has any more then, since as many are free as before.
func (s *slots) give(h *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.has--
	s.taken--
	if len(s.queue) == 0 {
		return
	}
	next := s.queue[0]
	for _, other := range s.queue[1:] {
		if other.has < next.has {
			next = other
		}
	}
	if !s.room(next) {
		return
	}
	next.has++
	s.taken++
	close(next.waiting.Remove(next.waiting.Front()).(chan struct{}))
	s.unqueue(next)
	if next.waiting.Len() > 0 {
		s.queue = append(s.queue, next)
	}
}

// unqueue takes a holder out of the queue. The caller holds mu.
func (s *slots) unqueue(h *holder) {
	for i, other := range s.queue {
		if other == h {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return
		}
	}
}

// refuseInstance notes that a stream of the party's got no slot, and says at which limit.
func (p *Plugin) refuseInstance(party string, err error) error {
	if !errors.Is(err, ErrTooManyInstances) && !errors.Is(err, ErrShareOfInstances) {
		return err // nobody wants it any more
	}
	p.metrics.Refused(metrics.Instances)
	if party == p.ownParty {
		party = ""
	}
	return &LimitError{Tenant: party, Limit: "limits.instances", Value: strconv.Itoa(p.options.MaxInstances), Err: err}
}
