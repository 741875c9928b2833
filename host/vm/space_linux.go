package vm

import "golang.org/x/sys/unix"

// largePages asks for pages of a chunk each, where all of a chunk is memory. Where the system does
// not give them to anybody there are small ones.
func largePages(space []byte) { _ = unix.Madvise(space, unix.MADV_HUGEPAGE) }

// populate makes the pages of memory that is zero. Nobody has to wait for the goroutine meanwhile,
// however long the system looks for a page.
func populate(part []byte) {
	if unix.Madvise(part, unix.MADV_POPULATE_WRITE) != nil { // since Linux 5.14
		touch(part)
	}
}
