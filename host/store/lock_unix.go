//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lockFile makes this process the only one that has the store open, for as long
// as the returned file is. The system ends it with the process, however that ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process has it open" + holder(f))
		}
		return nil, errors.Join(err, f.Close())
	}
	// Who holds it is for the message above; the lock holds without it.
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	return f, nil
}

func holder(f *os.File) string {
	pid, err := io.ReadAll(io.LimitReader(f, 32))
	if text := strings.TrimSpace(string(pid)); err == nil && text != "" {
		return " (pid " + text + ")"
	}
	return ""
}
