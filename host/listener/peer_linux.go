package listener

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// credentials asks the kernel who connected.
func credentials(conn *net.UnixConn, peer *Peer) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer of a unix socket: %w", err)
	}
	var who *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		who, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return fmt.Errorf("peer of a unix socket: %w", err)
	}
	if failed != nil {
		return fmt.Errorf("peer of a unix socket: %w", failed)
	}
	peer.UID, peer.GID, peer.PID = int(who.Uid), int(who.Gid), int(who.Pid)
	return nil
}
