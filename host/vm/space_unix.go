//go:build linux || darwin || freebsd

package vm

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve reserves address space that nothing can be read of or written to yet: the system has
// no memory for it, and counts none. Nil: there is none to be had, as where the process is limited
// in it.
func reserve(bytes uint64) []byte {
	if bits.UintSize < 64 {
		return nil // some dozens of filters would use up what there is
	}
	// It begins where a chunk can be one page.
	start, err := unix.MmapPtr(-1, 0, nil, uintptr(bytes+chunk), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	all := unsafe.Slice((*byte)(start), bytes+chunk)
	before := -uint64(uintptr(start)) % chunk
	release(all[:before], 0)
	release(all[before+bytes:], 0)
	largePages(all[before : before+bytes])
	return all[before : before+bytes : before+bytes]
}

// allow has a part of what is reserved be memory, which is zero.
func allow(part []byte) error {
	if len(part) == 0 {
		return nil
	}
	return unix.Mprotect(part, unix.PROT_READ|unix.PROT_WRITE)
}

// releasePiece is how much is given back at once. While the system takes pages back, which
// takes it 200 microseconds for so many small ones, who asks it for others may have to wait.
const releasePiece = chunk

// release frees what was reserved, of which so many bytes may have pages.
func release(space []byte, committed int) {
	for len(space) > 0 {
		n := len(space)
		if committed > 0 {
			n = min(releasePiece, n)
		}
		if err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(space)), uintptr(n)); err != nil {
			// The system has no room for two areas where there was one. The addresses stay taken, the memory does not.
			_ = unix.Madvise(space, unix.MADV_DONTNEED)
			return
		}
		space, committed = space[n:], committed-n
	}
}
