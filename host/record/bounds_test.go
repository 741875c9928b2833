package record_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/record"
)

func TestFrameBoundsAreFoundHoweverTheBytesCome(t *testing.T) {
	stream := record.AppendFrame(nil, record.Stdout, "hello")
	first := len(stream)
	stream = record.AppendFrame(stream, record.Stderr, "")
	second := len(stream)
	stream = record.AppendFrame(stream, record.Stdout, "world")
	for size := 1; size <= len(stream); size++ {
		var f record.FrameBounds
		for at := 0; ; {
			if want := at == 0 || at == first || at == second || at == len(stream); f.Between() != want {
				t.Errorf("in pieces of %d, behind %d bytes: %v, want %v", size, at, f.Between(), want)
			}
			if at == len(stream) {
				break
			}
			next := min(at+size, len(stream))
			f.Pass(stream[at:next])
			at = next
		}
	}
}
