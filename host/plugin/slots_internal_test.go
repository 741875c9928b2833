package plugin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// takeAll has the parties take slots in turns until none of them gets another.
func takeAll(t *testing.T, s *slots, parties ...string) {
	t.Helper()
	for got := true; got; {
		got = false
		for _, party := range parties {
			switch _, err := s.take(t.Context(), party, 0); {
			case err == nil:
				got = true
			case !errors.Is(err, ErrShareOfInstances) && !errors.Is(err, ErrTooManyInstances):
				t.Fatal(err)
			}
		}
	}
}

// takes begins to wait for a slot, and tells of it.
func takes(ctx context.Context, s *slots, party string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.take(ctx, party, acquireWait)
		done <- err
	}()
	synctest.Wait()
	return done
}

// checkSlots looks whether what is counted fits together, and nobody waits who has room.
func checkSlots(t *testing.T, s *slots) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, waiting := 0, 0
	for party, h := range s.holders {
		taken += h.has
		if h.waiting.Len() > 0 {
			waiting++
			if s.room(h) {
				t.Errorf("%s waits with %d, and %d of %d are taken", party, h.has, s.taken, s.limit)
			}
		}
	}
	if taken != s.taken || taken > s.limit || waiting != len(s.queue) {
		t.Errorf("%d are taken of %d, %d counted; %d parties wait, %d are in the queue", taken, s.limit, s.taken, waiting, len(s.queue))
	}
}

// However much they ask for, parties leave to the next as many as each of them has.
func TestWhatAPartyHasOfTheInstancesLeavesAsManyToTheNext(t *testing.T) {
	for n := 1; n <= 7; n++ {
		s := newSlots(512, true)
		var parties []string
		for i := range n {
			parties = append(parties, fmt.Sprint("tenant ", i))
		}
		takeAll(t, s, parties...)
		checkSlots(t, s)
		for _, party := range parties {
			if got, want := s.holders[party].has, 512/(n+1); got < want || got > want+1 {
				t.Errorf("one of %d has %d, want %d", n, got, want)
			}
		}
		if _, err := s.take(t.Context(), "quiet", 0); err != nil {
			t.Errorf("beside %d there is none for another: %v", n, err)
		}
	}
}

// Nobody's are taken away: who comes after others that took all they could has half of what these left.
func TestInstancesThatAreTakenStayTaken(t *testing.T) {
	s := newSlots(512, true)
	for i, want := range []int{256, 128, 64, 32} {
		party := fmt.Sprint("tenant ", i)
		takeAll(t, s, party)
		if got := s.holders[party].has; got != want {
			t.Errorf("%s has %d, want %d", party, got, want)
		}
	}
	// When those of the first end, the others may have more.
	for range 256 {
		s.give(s.holders["tenant 0"])
	}
	takeAll(t, s, "tenant 3")
	if got := s.holders["tenant 3"].has; got != 160 {
		t.Errorf("the last one has %d now, want half of what the first gave back more", got)
	}
	checkSlots(t, s)
}

func TestWhereTheyAreNotSharedWhoComesFirstHasAllInstances(t *testing.T) {
	s := newSlots(512, false)
	takeAll(t, s, "a", "b")
	if s.taken != 512 {
		t.Errorf("%d are taken, want all", s.taken)
	}
	if _, err := s.take(t.Context(), "b", 0); !errors.Is(err, ErrTooManyInstances) {
		t.Errorf("got %v, want ErrTooManyInstances", err)
	}
}

// Streams of a tenant that has no room stand in nobody's way.
func TestWhoHasRoomForAnInstanceWaitsBehindNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4, true)
		takeAll(t, s, "a")
		first, second := takes(t.Context(), s, "a"), takes(t.Context(), s, "a")
		if err := <-takes(t.Context(), s, "b"); err != nil { // it is not a's to wait
			t.Fatal(err)
		}
		b := takes(t.Context(), s, "b")
		checkSlots(t, s)

		s.give(s.holders["a"]) // both have one now, and a waits longer
		if err := <-first; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		checkSlots(t, s)
		s.give(s.holders["a"]) // and now b does
		if err := <-b; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		checkSlots(t, s)
		if err := <-second; !errors.Is(err, ErrShareOfInstances) {
			t.Errorf("the third of a's got %v, want that it has its share", err)
		}
		if took := s.taken; took != 3 || len(s.queue) != 0 {
			t.Errorf("%d are taken, and %d parties wait", took, len(s.queue))
		}
	})
}

func TestAnInstanceThatIsFreeGoesToTheTenantThatHasFewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(9, true)
		takeAll(t, s, "a") // five
		takeAll(t, s, "b") // two, and two are free
		a, b := takes(t.Context(), s, "a"), takes(t.Context(), s, "b")
		s.give(s.holders["a"])
		if err := <-b; err != nil {
			t.Error(err)
		}
		s.give(s.holders["a"]) // three each, and three are free
		synctest.Wait()
		if len(a) != 0 {
			t.Error("a has one more than it may")
		}
		checkSlots(t, s)
		s.give(s.holders["b"]) // it is b's that ended, but a who waits
		if err := <-a; err != nil {
			t.Error(err)
		}
		checkSlots(t, s)
		if a, b := s.holders["a"].has, s.holders["b"].has; a != 4 || b != 2 {
			t.Errorf("they have %d and %d, want 4 and 2", a, b)
		}
	})
}

// Those of a tenant come in the order in which they came.
func TestStreamsOfATenantGetInstancesInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1, false)
		takeAll(t, s, "a")
		waiting := []<-chan error{takes(t.Context(), s, "a"), takes(t.Context(), s, "b"), takes(t.Context(), s, "a")}
		for i, done := range waiting {
			s.give(s.holders[""])
			synctest.Wait()
			if len(done) != 1 {
				t.Errorf("stream %d was not the next", i)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAStreamThatLeavesWaitsForNoInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2, true)
		takeAll(t, s, "a")
		gone := errors.New("the client went away")
		ctx, leave := context.WithCancelCause(t.Context())
		left, stays := takes(ctx, s, "a"), takes(t.Context(), s, "a")
		leave(gone)
		if err := <-left; !errors.Is(err, gone) {
			t.Errorf("got %v, want the cause", err)
		}
		s.give(s.holders["a"])
		if err := <-stays; err != nil {
			t.Errorf("the one behind it: %v", err)
		}
		if s.taken != 1 || len(s.queue) != 0 {
			t.Errorf("%d are taken, and %d parties wait", s.taken, len(s.queue))
		}
	})
}

// Whatever they do and in whatever order, nobody waits who has room, and nothing is lost.
func TestSlotsOfACrowdAddUp(t *testing.T) {
	for _, shared := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlots(16, shared)
			var all sync.WaitGroup
			for n := range 40 {
				party, random := fmt.Sprint(n%5), rand.New(rand.NewPCG(1, uint64(n)))
				some := func(most time.Duration) time.Duration { return time.Duration(random.Int64N(int64(most))) }
				all.Go(func() {
					for range 100 {
						ctx, cancel := context.WithTimeout(t.Context(), some(50*time.Millisecond))
						h, err := s.take(ctx, party, some(50*time.Millisecond))
						checkSlots(t, s)
						time.Sleep(some(30 * time.Millisecond))
						if err == nil {
							s.give(h)
							checkSlots(t, s)
						}
						cancel()
					}
				})
			}
			all.Wait()
			if s.taken != 0 || len(s.queue) != 0 {
				t.Errorf("at the end %d are taken, and %d parties wait", s.taken, len(s.queue))
			}
		})
	}
}

// Who does not wait is told at once, and stands in nobody's way.
func TestWhatAPartyHasOfTheCallsLeavesAsManyToTheNext(t *testing.T) {
	for shared, want := range map[bool][]int{true: {4, 2, 1}, false: {8, 0, 0}} {
		s := newSlots(8, shared)
		var held []*holder
		for n, party := range []string{"a", "b", "c"} {
			got := 0
			for h, ok := s.try(party); ok; h, ok = s.try(party) {
				held = append(held, h)
				got++
			}
			if got != want[n] {
				t.Errorf("shared %t: %s has %d, want %d", shared, party, got, want[n])
			}
		}
		checkSlots(t, s)
		for _, h := range held {
			s.give(h)
			checkSlots(t, s)
		}
		if s.taken != 0 {
			t.Errorf("%d are taken at the end", s.taken)
		}
	}
}

// Calls of a generation before a tenant was added count for the one that shares them.
func TestCallsCountWhenTheyComeToBeShared(t *testing.T) {
	s := newSlots(8, false)
	for range 4 {
		if _, ok := s.try("a"); !ok {
			t.Fatal("none is free")
		}
	}
	s.bound(8, true)
	for n, want := range []bool{true, true, false} {
		if _, ok := s.try("b"); ok != want {
			t.Errorf("attempt %d: %t", n, ok)
		}
	}
}
