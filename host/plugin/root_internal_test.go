package plugin

import (
	"strconv"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// What a guest keeps in its root context is outside of its memory: it is bounded together, however many properties it
// is kept in. What is written over counts no more.
func TestWhatARootKeepsIsBoundedTogether(t *testing.T) {
	var r rootContext
	set := func(path string, size int, want abi.Status) {
		t.Helper()
		if got := r.SetProperty(path, make([]byte, size)); got != want {
			t.Errorf("%d bytes in %q: got %v, want %v", size, path, got, want)
		}
	}
	const half = maxRootValueBytes/2 - 1
	for range 3 {
		set("a", half, abi.StatusOK)
	}
	set("b", half, abi.StatusOK)
	set("b", half+1, abi.StatusBadArgument)
	set("c", 0, abi.StatusBadArgument) // its path
	set("a", 100, abi.StatusOK)
	set("c", half-100, abi.StatusBadArgument)
	set("c", half-101, abi.StatusOK)
	kept := 0
	for path, value := range r.values {
		kept += len(path) + len(value)
	}
	if kept != maxRootValueBytes || r.size != kept {
		t.Errorf("it keeps %d bytes and counts %d, want %d", kept, r.size, maxRootValueBytes)
	}
	r = rootContext{}
	for n := range maxRootValues {
		set(strconv.Itoa(n), 1, abi.StatusOK)
	}
	set("one more", 1, abi.StatusBadArgument)
}
