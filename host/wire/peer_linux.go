package wire

import "golang.org/x/sys/unix"

// PeerState asks the socket, without waiting and without reading. It may be called at any time, from anywhere.
//
// Linux tells: a unix socket is POLLRDHUP when the peer shut down its writing, and POLLHUP as well once the peer closed it. On
// TCP a FIN is POLLRDHUP whatever the peer meant by it, and POLLHUP or POLLERR come with a reset.
func (c *Conn) PeerState() PeerState {
	state := PeerOpen
	if c.raw == nil {
		return state
	}
	if err := c.raw.Control(func(fd uintptr) { state = pollPeer(fd) }); err != nil {
		return PeerGone // closed by ourselves
	}
	return state
}

// Stale reports whether an idle connection, on which the peer has nothing to say, became readable: it was closed, or the peer
// broke the protocol. Either way it is of no use.
func (c *Conn) Stale() bool {
	if c.raw == nil {
		return false
	}
	stale := true
	_ = c.raw.Control(func(fd uintptr) {
		stale = poll(fd, unix.POLLIN|unix.POLLRDHUP) != 0
	})
	return stale
}

// waitPeer waits until the peer's state is at least until, and reports whether that happened: otherwise the wait was cut short by a
// deadline or by closing. The runtime's poller is edge-triggered and counts a hang-up as readable, so data that lies
// unread does not make this spin.
func (c *Conn) waitPeer(until PeerState) bool {
	reached := false
	_ = c.raw.Read(func(fd uintptr) bool {
		reached = pollPeer(fd) >= until
		return reached
	})
	return reached
}

func pollPeer(fd uintptr) PeerState {
	switch r := poll(fd, unix.POLLRDHUP); {
	case r&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
		return PeerGone
	case r&unix.POLLRDHUP != 0:
		return PeerHalfClosed
	}
	return PeerOpen
}

// poll returns what is true of fd now.
func poll(fd uintptr, events int16) int16 {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		_, err := unix.Poll(fds[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0
		}
		return fds[0].Revents
	}
}
