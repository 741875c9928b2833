//go:build !race

// The race detector lets pools lose what was put into them. `.ci/test` runs these tests without it.

package plugin

import "testing"

func TestASlotCostsNoMemory(t *testing.T) {
	s := newSlots(8, true)
	if n := testing.AllocsPerRun(100, func() {
		h, err := s.take(t.Context(), "ci", acquireWait)
		if err != nil {
			t.Fatal(err)
		}
		s.give(h)
	}); n > 0 {
		t.Errorf("%v allocations for an instance of a stream", n)
	}
}
