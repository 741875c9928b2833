package plugin

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// However many streams of one party wait for an instance, another's has its turn soon.
func TestThoseWhoWaitForAnInstanceTakeTurnsByParty(t *testing.T) {
	var e entrance
	e.enter("first")
	var mu sync.Mutex
	var order []string
	var all sync.WaitGroup
	for n, party := range []string{"many", "many", "many", "many", "many", "many", "one"} {
		all.Go(func() {
			e.enter(party)
			mu.Lock()
			order = append(order, party)
			mu.Unlock()
			time.Sleep(3 * time.Millisecond) // what is shorter than one is not worth a turn
			e.mu.Unlock()
		})
		for waiting := 0; waiting < n+1; time.Sleep(time.Millisecond) {
			waiting = 0
			e.crowd.Lock()
			for _, l := range e.waiting {
				waiting += l.waiting
			}
			e.crowd.Unlock()
		}
	}
	time.Sleep(10 * time.Millisecond) // so that they stand where they are to
	e.mu.Unlock()
	all.Wait()
	// Behind the first of many, or at worst behind one more that came to the lock in that moment.
	if at := slices.Index(order, "one"); at > 2 {
		t.Errorf("it was the turn of %v", order)
	}
	if len(e.waiting) != 0 {
		t.Errorf("%d lines are left", len(e.waiting))
	}
}

func TestWhoComputesAtLengthKeepsToOneHalfOfTheInstances(t *testing.T) {
	var h heavy
	has := func(party string, n, from, to int) {
		t.Helper()
		if a, b := h.shards(party, n); a != from || b != to {
			t.Errorf("%s has %d to %d of %d, want %d to %d", party, a, b, n, from, to)
		}
	}
	has("ci", 5, 0, 5)
	h.note("ci", heavyTime)
	has("ci", 5, 0, 5) // nobody else is there
	has("dev", 5, 2, 5)
	has("ci", 5, 0, 2)
	has("dev", 1, 0, 1)
	has("ci", 1, 0, 1)
	h.note("dev", heavyTime)
	has("dev", 5, 0, 2)
	h.others = time.Now().Add(-othersTime - 1)
	has("dev", 5, 0, 5)
	has("ci", 5, 0, 5)
	for party := range h.parties {
		h.parties[party] = time.Now().Add(-heavyTime - 1)
	}
	has("ci", 5, 0, 5)
	if h.some.Load() || len(h.parties) > 0 {
		t.Error("those who have computed long ago are remembered")
	}
}
