package chain

import (
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// unsure is a client whose container nobody can find out.
type unsure struct{ asked int }

func (u *unsure) Fact(path string) ([]byte, abi.Status) {
	if path == "peer\x00uid" {
		return []byte("0"), abi.StatusOK
	}
	u.asked++
	return nil, abi.StatusInternalFailure
}

// A guest that asks in a loop must not hold its instance for as long as an engine
// that does not answer is waited for, each time.
func TestWhatCannotBeFoundOutIsAskedOnceInAStream(t *testing.T) {
	var facts unsure
	c := Client{Facts: &facts}
	for _, name := range []string{"id", "name", "labels\x00a"} {
		if _, status, known := c.property("peer\x00container\x00" + name); status != abi.StatusInternalFailure || !known {
			t.Errorf("%s: %v, %v; want a failure", name, status, known)
		}
		if value, status, _ := c.property("peer\x00uid"); string(value) != "0" || status != abi.StatusOK {
			t.Errorf("the uid is %q, %v", value, status)
		}
	}
	if facts.asked != 1 {
		t.Errorf("asked %d times, want once", facts.asked)
	}
}
