package listener

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Between bind and chmod the socket's file is there already. Whoever connects in
// that moment must find it closed, whatever the umask.
func TestSocketIsClosedUntilItsModeIsSet(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "s")
	l, err := bindClosed(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0 {
		t.Errorf("mode after bind: got %04o, want 0000", got)
	}
}
