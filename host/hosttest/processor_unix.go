//go:build unix

package hosttest

import (
	"syscall"
	"testing"
	"time"
)

// ProcessorTime is what the process has had of the processors, with what the collector of its garbage had.
func ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
