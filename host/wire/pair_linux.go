package wire

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Pair returns both ends of a connection inside of the process. They are sockets, so that each end can tell that the other was
// closed, as a server of clients has to.
func Pair() (a, b net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	a, err = connOf(fds[0])
	b, other := connOf(fds[1]) // whatever became of the first: it has to be closed
	if err == nil && other == nil {
		return a, b, nil
	}
	for _, c := range [...]net.Conn{a, b} {
		if c != nil {
			_ = c.Close()
		}
	}
	if err == nil {
		err = other
	}
	return nil, nil, err
}

func connOf(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "pair")
	defer file.Close() // net has its own copy
	return net.FileConn(file)
}
