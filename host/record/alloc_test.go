//go:build !race

// The race detector lets pools lose what was put into them: here that of encoding/json, which judges every value. `.ci/test` runs
// these tests without it.

package record_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/record"
)

// A stream may go on for years: nothing is kept of what was cut.
func TestACutStreamCostsNoMemory(t *testing.T) {
	frame := record.AppendFrame(nil, record.Stdout, strings.Repeat("x", 100))
	event := []byte(`{"status":"start","id":"0123456789abcdef","Type":"container","Action":"start","time":1}` + "\n")
	for _, c := range []struct {
		format record.Format
		chunk  []byte
	}{{record.Frames, frame}, {record.JSON, event}, {record.Raw, event}} {
		s := record.NewSplitter(c.format, 1<<20)
		half := len(c.chunk) / 2
		step := func() {
			for _, p := range [][]byte{c.chunk[:half], c.chunk[half:], c.chunk} {
				for s.Feed(p, false); ; {
					r, ok, err := s.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					s.Join(&r, r.Data[1:], true)
				}
			}
		}
		step()
		if n := testing.AllocsPerRun(100, step); n > 0 {
			t.Errorf("%s: %v allocations", c.format, n)
		}
	}
}
