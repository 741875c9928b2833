//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import (
	"errors"
	"os"
)

// lockFile has no lock to offer here, and two processes must not write one file.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("this system has no file locks: a store in a directory is not supported on it")
}
