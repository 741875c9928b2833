//go:build darwin || freebsd

package vm

// largePages are the system's own business.
func largePages([]byte) {}

// populate makes the pages of memory that is zero.
func populate(part []byte) { touch(part) }
