package store

import (
	"os"
	"testing"
)

// FailDisk makes every write to the file of a store fail, until the store puts
// another file in its place.
func FailDisk(t *testing.T, s Store) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	writeTo(s, full)
}

// writeTo has the store write to another file than its own.
func writeTo(s Store, other *os.File) {
	j := s.(*file).journal
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.file.file.Close()
	j.file.file = other
}

// FileSize is the length of a store's file.
func FileSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(dir + "/" + logName)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// The parts of a file that tests know of.
const (
	FileHeader = fileHeader
	LogName    = logName
	DamageName = damageName
)

// HoldDisk makes the file of a store that nobody has written to yet one that takes next to nothing, until release.
func HoldDisk(t *testing.T, s Store) (release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	writeTo(s, w)
	return func() { _ = r.Close() } // which fails
}

// Backlog is how many bytes of changes wait for the disk.
func Backlog(s Store) int {
	j := s.(*file).journal
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.pending)
}
