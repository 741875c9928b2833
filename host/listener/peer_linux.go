package listener

import (
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// credentials asks the kernel who connected.
func credentials(conn *net.UnixConn, peer *Peer) error {
	var who *unix.Ucred
	err := control(conn, func(fd int) (err error) {
		who, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	if err != nil {
		return fmt.Errorf("peer of a unix socket: %w", err)
	}
	peer.UID, peer.GID, peer.PID = int(who.Uid), int(who.Gid), int(who.Pid)
	return nil
}

// maxGroups bounds the answer to SO_PEERGROUPS; the kernel's own bound on a
// process' groups is NGROUPS_MAX.
const maxGroups = 65536

// Groups returns the supplementary groups of the process that connected to a
// unix socket, as the kernel noted them then. Its GID may be among them or not.
func Groups(conn net.Conn) ([]uint32, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("groups of a peer: a %T has none", conn)
	}
	var groups []uint32
	err := control(c, func(fd int) error {
		for size := 64; ; {
			buffer := make([]uint32, size)
			n, err := peerGroups(fd, buffer)
			if err == nil {
				groups = buffer[:n]
			}
			// The kernel says how many there are where they do not fit.
			if err != unix.ERANGE || n <= size || n > maxGroups {
				return err
			}
			size = n
		}
	})
	if err != nil {
		return nil, fmt.Errorf("groups of a unix socket's peer: %w", err)
	}
	return groups, nil
}

// peerGroups is getsockopt(SO_PEERGROUPS), which x/sys does not have. It returns
// how many groups there are, with ERANGE where they do not fit.
func peerGroups(fd int, into []uint32) (int, error) {
	length := uint32(len(into) * 4)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
		uintptr(unsafe.Pointer(unsafe.SliceData(into))), uintptr(unsafe.Pointer(&length)), 0)
	runtime.KeepAlive(into)
	if errno != 0 {
		return int(length / 4), errno
	}
	return int(length / 4), nil
}

// control runs f on a connection's descriptor.
func control(conn *net.UnixConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
