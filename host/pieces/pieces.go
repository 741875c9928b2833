// Package pieces copies and clears long runs of bytes in pieces.
//
// In the middle of a copy Go cannot stop a goroutine, and whoever wants to stop it, a garbage
// collection for one, has all others wait: for a millisecond or two where there are 16 MiB of it. Whatever a guest
// or a client can make long is copied by this package. What is not longer than [Size] is copied at once, and costs
// what copy costs.
package pieces

import "slices"

// Size is the longest piece, in bytes: some 30 microseconds.
const Size = 256 << 10

// Copy copies like copy.
func Copy[T []byte | string](to []byte, from T) int {
	n := min(len(to), len(from))
	for at := 0; at < n; at += Size {
		copyPiece(to[at:min(at+Size, n)], from[at:])
	}
	return n
}

// Move copies like copy within one run of bytes, of whose parts from and to may overlap: count bytes, from one
// place to the other.
func Move(in []byte, to, from, count int) {
	if to <= from {
		Copy(in[to:to+count], in[from:from+count])
		return
	}
	for count > 0 {
		n := min(Size, count)
		count -= n
		copyPiece(in[to+count:to+count+n], in[from+count:])
	}
}

// CopyAnd copies like copy, and ClearAnd clears like clear. After each piece next is told how long it was, unless
// it is nil.
func CopyAnd(to, from []byte, next func(bytes int)) {
	to = to[:min(len(to), len(from))]
	for len(to) > 0 {
		n := copyPiece(to[:min(Size, len(to))], from)
		to, from = to[n:], from[n:]
		if next != nil {
			next(n)
		}
	}
}

// ClearAnd is told of beside CopyAnd.
func ClearAnd(memory []byte, next func(bytes int)) {
	for len(memory) > 0 {
		n := clearPiece(memory[:min(Size, len(memory))])
		memory = memory[n:]
		if next != nil {
			next(n)
		}
	}
}

// Clone is a copy of its own; nil for no bytes.
func Clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	clone := make([]byte, len(b))
	Copy(clone, b)
	return clone
}

// Grow makes room for so many bytes more, as slices.Grow does.
func Grow(b []byte, n int) []byte {
	if len(b) <= Size {
		return slices.Grow(b, n)
	}
	if cap(b)-len(b) >= n {
		return b
	}
	grown := make([]byte, len(b), max(len(b)+n, len(b)+len(b)/4))
	Copy(grown, b)
	return grown
}

// Append appends like append.
func Append[T []byte | string](to []byte, more T) []byte {
	if len(to) <= Size && len(more) <= Size {
		return append(to, more...)
	}
	end := len(to)
	to = Grow(to, len(more))[:end+len(more)]
	Copy(to[end:], more)
	return to
}

// copyPiece and clearPiece are calls of their own for that a goroutine can be stopped where it enters a
// function. (It can be stopped by a signal as well, but hardly where nearly all of its time is spent in an assembler
// routine.)
//
//go:noinline
func copyPiece[T []byte | string](to []byte, from T) int { return copy(to, from) }

//go:noinline
func clearPiece(memory []byte) int {
	clear(memory)
	return len(memory)
}
