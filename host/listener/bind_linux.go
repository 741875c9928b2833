package listener

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// bindClosed opens a socket whose file nobody may use yet. On Linux bind gives
// the file the mode of the socket's descriptor, less the umask; so there is no
// need to change the process' umask, which all threads share.
func bindClosed(ctx context.Context, path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmod error
		if err := raw.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), 0) }); err != nil {
			return err
		}
		return chmod
	}}
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
