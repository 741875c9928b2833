package vm_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// What the host does for an instance beside its code is told once, and no call is the dearer for it.
func TestWhatTheHostDoesForAnInstanceIsOwed(t *testing.T) {
	i := instantiate(t, "many-deep", vm.InstanceOptions{Fuel: 1 << 40})
	i.Owed()
	owes := func(what, function string, depth uint64, least, most int64) (used int64) {
		t.Helper()
		if got := call(t, i, function, depth); got != depth {
			t.Fatalf("%s: got %d", what, got)
		}
		if got := i.Owed(); got < least || got > most {
			t.Errorf("%s: it owes %d units, want %d to %d", what, got, least, most)
		}
		return i.Used()
	}
	first := owes("the first call of a function", "deep0", 1, 5_000, 20_000)
	if second := owes("another", "deep0", 1, 0, 0); second != first {
		t.Errorf("the second call used %d units, the first %d", second, first)
	}
	owes("the first call of another function", "deep1", 1, 5_000, 20_000)
	owes("a call that is deep", "deep0", 300, 10_000, 100_000)
	owes("one as deep", "deep0", 300, 0, 0)
	owes("one so deep that its stack is not kept", "deep0", 9000, 1_000_000, 10_000_000)
	owes("and again", "deep0", 9000, 1_000_000, 10_000_000)
	if _, err := i.Func("deep2").Call(1 << 20); err == nil {
		t.Fatal("no trap")
	}
	if got := i.Owed(); got < 1_000_000 {
		t.Errorf("a trap a mebibyte deep: it owes %d units", got)
	}
	if got := i.Owed(); got != 0 {
		t.Errorf("asked again it owes %d", got)
	}
}

func TestATrapIsOwed(t *testing.T) {
	i := instantiate(t, "start-trap", vm.InstanceOptions{})
	if err := i.Start(); err == nil {
		t.Fatal("no trap")
	}
	if got := i.Owed(); got < 20_000 || got > 100_000 {
		t.Errorf("it owes %d units", got)
	}
}
