package abi

// Buffer is a run of bytes that a guest reads and writes by position: a body,
// a configuration. The zero value is an empty buffer.
type Buffer struct {
	// Bytes is the content. Splice may write into its whole capacity, so a
	// buffer that guests may write to must own its memory.
	Bytes []byte

	modified bool
}

// Modified tells whether Splice succeeded since Reset.
func (b *Buffer) Modified() bool { return b.modified }

// Reset makes the buffer hold the given bytes, unmodified.
func (b *Buffer) Reset(content []byte) {
	b.Bytes = content
	b.modified = false
}

// Slice returns at most max bytes from start on. The result is part of the
// buffer. Reading past the end is no error and gives fewer bytes, or none. A
// start and max that together do not fit 32 bits answer BAD_ARGUMENT. SDKs pass
// 1<<31-1 as max for "all".
func (b *Buffer) Slice(start, max uint32) ([]byte, Status) {
	if start+max < start {
		return nil, StatusBadArgument
	}
	size := uint64(len(b.Bytes))
	from := min(uint64(start), size)
	to := min(uint64(start)+uint64(max), size)
	return b.Bytes[from:to:to], StatusOK
}

// Splice replaces size bytes from start on by data. What SDKs build from it: append
// is start 1<<31-1 with size 0, prepend is 0 with 0, replace is 0 with 1<<31-1.
// A start or an end past the content means its end. A result of more than limit
// bytes answers BAD_ARGUMENT and changes nothing. Data must not be part of the
// buffer.
func (b *Buffer) Splice(start, size uint32, data []byte, limit int) Status {
	length := uint64(len(b.Bytes))
	from := min(uint64(start), length)
	to := min(uint64(start)+uint64(size), length)
	result := length - (to - from) + uint64(len(data))
	if result > uint64(max(limit, 0)) {
		return StatusBadArgument
	}
	head, tail, behind := b.Bytes[:from], b.Bytes[to:], from+uint64(len(data))
	if result <= uint64(cap(b.Bytes)) {
		b.Bytes = b.Bytes[:result]
	} else {
		b.Bytes = make([]byte, result, max(result, min(2*length, uint64(limit))))
		move(b.Bytes, head, false)
	}
	move(b.Bytes[behind:], tail, behind > to)
	move(b.Bytes[from:], data, false)
	b.modified = true
	return StatusOK
}

// movePiece is how much is moved at once: a host cannot stop a goroutine in the middle of that.
const movePiece = 256 << 10

// move copies all of from to the beginning of to, the last piece first where they may overlap and to is behind.
func move(to, from []byte, last bool) {
	size := len(from)
	for done := 0; done < size; done += movePiece {
		at, end := done, min(done+movePiece, size)
		if last {
			at, end = max(size-done-movePiece, 0), size-done
		}
		movePart(to[at:end], from[at:end])
	}
}

// movePart is a call of its own because a goroutine can be stopped where it enters a function: in the routine that copies, it
// cannot, and next to nothing of the loop around that is anything else.
//
//go:noinline
func movePart(to, from []byte) { copy(to, from) }
