package host

import (
	"sync"
	"time"
)

// slots bounds how many connections are open at a time. The bound may change
// while they are; a smaller one ends none.
type slots struct {
	mu      sync.Mutex
	limit   int
	used    int
	waiting int
	changed chan struct{} // closed and replaced when those who wait may look again
}

func newSlots(limit int) *slots {
	return &slots{limit: limit, changed: make(chan struct{})}
}

// lookAgain is how long one that waits for a slot waits at most until it looks again
// whether room can be made: connections become idle without a word.
const lookAgain = 5 * time.Millisecond

// take waits for a free slot; false when done was closed before there was one. While
// there is none it calls full, now and then, which may see to it that there will be.
func (s *slots) take(done <-chan struct{}, full func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.used >= s.limit {
		changed := s.changed
		s.waiting++
		s.mu.Unlock()
		full()
		ended := false
		select {
		case <-changed:
		case <-time.After(lookAgain):
		case <-done:
			ended = true
		}
		s.mu.Lock()
		s.waiting--
		if ended {
			return false
		}
	}
	s.used++
	return true
}

// give frees a slot.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.wake()
}

// resize changes the bound.
func (s *slots) resize(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.wake()
}

func (s *slots) wake() {
	if s.waiting > 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}
