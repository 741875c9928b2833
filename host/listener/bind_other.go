//go:build unix && !linux

package listener

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

var umaskMu sync.Mutex

// bindClosed opens a socket whose file nobody may use yet, by the process'
// umask: other files that are made in this moment are closed too, not open.
func bindClosed(ctx context.Context, path string) (*net.UnixListener, error) {
	umaskMu.Lock()
	defer umaskMu.Unlock()
	defer syscall.Umask(syscall.Umask(0o777))
	var lc net.ListenConfig
	inner, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	l, ok := inner.(*net.UnixListener)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("net gave a %T for a unix socket", inner)
	}
	return l, nil
}
