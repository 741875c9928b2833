package vm

import (
	"bytes"
	"io"
)

// maxLine is the longest line that a guest can print; longer ones are handed on
// in pieces.
const maxLine = 8 << 10

// lineUnits is the fuel that a line costs, beside a unit for each byte: what one by the host
// call costs that is not written. Whoever writes it charges the rest.
const lineUnits = 500

// lineWriter hands what a guest prints to a writer line by line, without the
// line's end. Empty lines are dropped.
type lineWriter struct {
	to     io.Writer
	charge func(units int64) bool // see Instance.Charge
	line   []byte
}

// Write never fails: what becomes of its output is not the guest's business.
// What a guest cannot pay for is dropped.
func (w *lineWriter) Write(p []byte) (int, error) {
	if !w.charge(int64(len(p))) {
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		// It looks no further than a line can go: else each line would have all that follows it looked through.
		line, _, whole := bytes.Cut(rest[:min(len(rest), maxLine-len(w.line))], []byte{'\n'})
		rest = rest[len(line):]
		if whole {
			rest = rest[1:]
		}
		w.line = append(w.line, line...)
		if len(w.line) == maxLine || whole && len(w.line) > 0 {
			if !w.charge(lineUnits) {
				break
			}
			w.flush()
		}
	}
	return len(p), nil
}

// flush hands on a line that has no end yet.
func (w *lineWriter) flush() {
	if len(w.line) > 0 {
		_, _ = w.to.Write(w.line)
		w.line = w.line[:0]
	}
}
