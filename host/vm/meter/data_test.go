package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// segment is a segment of data that is copied to a place in memory.
func segment(at int32, content []byte) []byte {
	return slices.Concat(appendLEB([]byte{0, 0x41}, at), []byte{0x0b}, sized(content))
}

// segments are how long the segments of data of a module are.
func segments(t *testing.T, code []byte) (sizes []int) {
	t.Helper()
	next := func() int {
		n, size := binary.Uvarint(code)
		code = code[size:]
		return int(n)
	}
	for code = code[8:]; len(code) > 0; {
		id := code[0]
		code = code[1:]
		size := next()
		if id != 11 {
			code = code[size:]
			continue
		}
		for n := next(); n > 0; n-- {
			code = code[1+bytes.IndexByte(code, 0x0b):] // to the end of its place
			size := next()
			sizes = append(sizes, size)
			code = code[size:]
		}
		return sizes
	}
	t.Fatal("no segments")
	return nil
}

// pattern is so much content, no two parts of which are the same.
func pattern(size int, seed byte) []byte {
	content := make([]byte, size)
	for n := range content {
		content[n] = byte(n>>8)*7 + byte(n) + seed | 0x80
	}
	return content
}

// A segment is copied at once when an instance is made, and a collection has to wait for
// it: so a large one becomes several. They say the same, one over the other too.
func TestLargeSegmentsAreDivided(t *testing.T) {
	const piece = 256 << 10
	data := vector(
		segment(100, pattern(3*piece+17, 1)),
		segment(piece, pattern(1000, 50)), // over a part of the first
		segment(5*piece, pattern(piece, 2)),
		segment(5*piece+10, pattern(piece+1, 3)), // over nearly all of that
	)
	for story, count := range map[string][]byte{"with the number of segments": section(12, 4), "without it": nil} {
		t.Run(story, func(t *testing.T) {
			code := module(section(5, vector(appendLEB([]byte{0}, 32))...), count, section(11, data...))
			result := instrument(t, code, meter.Options{})
			sizes := segments(t, result.Code)
			if want := []int{piece, piece, piece, 17, 1000, piece, piece, 1}; !slices.Equal(sizes, want) {
				t.Errorf("got segments of %d, want %d", sizes, want)
			}
			if got, want := result.Instance.Data, uint64(3*piece+17+1000+piece+piece+1); got != want {
				t.Errorf("it says that %d bytes are copied, want %d", got, want)
			}
			if want, got := content(instantiate(t, code)), content(instantiate(t, result.Code)); !bytes.Equal(want, got) {
				t.Error("the memories differ")
			}
		})
	}
}

// Code that names segments by their numbers must find them there.
func TestSegmentsThatAreNamedAreNotDivided(t *testing.T) {
	with := func(size int, instructions ...byte) []byte {
		return module(
			section(1, vector([]byte{0x60, 0, 0})...), section(3, vector([]byte{0})...), section(5, vector(appendLEB([]byte{0}, 64))...),
			section(12, 1), section(10, vector(sized(slices.Concat([]byte{0}, instructions, []byte{0x0b})))...),
			section(11, vector(segment(0, pattern(size, 1)))...),
		)
	}
	drop := []byte{0xfc, 9, 0}
	if got, want := segments(t, instrument(t, with(1<<20, drop...), meter.Options{}).Code), []int{1 << 20}; !slices.Equal(got, want) {
		t.Errorf("got segments of %d, want %d", got, want)
	}
	var limit *meter.LimitError
	if _, err := meter.Instrument(with(1<<20+1, drop...), meter.Options{}); !errors.As(err, &limit) || limit.Have != 1<<20+1 {
		t.Errorf("got %v, want a LimitError", err)
	}
	if got := segments(t, instrument(t, with(1<<20+1), meter.Options{}).Code); len(got) != 5 {
		t.Errorf("without the instruction: got segments of %d, want five", got)
	}
}
