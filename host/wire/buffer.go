package wire

import "sync"

// Buffers come in three sizes. Heads and small bodies live in the small one; the larger ones are taken when a read filled the
// whole buffer or a large body is known to follow, and given back when the traffic gets small again, so that thousands of idle or
// trickling connections cost a page each.
const (
	smallBuffer  = 4 << 10
	mediumBuffer = 64 << 10
	largeBuffer  = 256 << 10
)

// The pools hold pointers to arrays: a slice put into a pool would allocate its header.
var (
	smallPool  = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	mediumPool = sync.Pool{New: func() any { return new([mediumBuffer]byte) }}
	largePool  = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// getBuffer returns a buffer of at least n bytes, pooled up to largeBuffer.
func getBuffer(n int) []byte {
	switch {
	case n <= smallBuffer:
		return smallPool.Get().(*[smallBuffer]byte)[:]
	case n <= mediumBuffer:
		return mediumPool.Get().(*[mediumBuffer]byte)[:]
	case n <= largeBuffer:
		return largePool.Get().(*[largeBuffer]byte)[:]
	}
	return make([]byte, n)
}

// putBuffer gives a buffer back. Those of another size than the pools' are left to the collector.
func putBuffer(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallPool.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case mediumBuffer:
		mediumPool.Put((*[mediumBuffer]byte)(b[:mediumBuffer]))
	case largeBuffer:
		largePool.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}
