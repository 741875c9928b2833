//go:build !race

// The race detector lets pools lose what was put into them. `.ci/test` runs these tests without it.

package chain_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/record"
)

func TestARecordCostsNoMemory(t *testing.T) {
	var out sink
	s := streaming(t, newChain(t, 2, "../../testdata/guests/records-pass.wasm", ""), "/events", record.JSON, &out)
	defer s.Close()
	chunk := []byte(event)
	if n := testing.AllocsPerRun(100, func() {
		if err := s.ResponseRecords(chunk[:50], false); err != nil {
			t.Fatal(err)
		}
		if err := s.ResponseRecords(chunk[50:], false); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
	if out.writes != 101 || out.bytes != 101*len(event) {
		t.Errorf("%d writes of %d bytes, want each record once", out.writes, out.bytes)
	}
}
