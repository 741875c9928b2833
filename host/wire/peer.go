package wire

import (
	"sync"
	"time"
)

// PeerState is what the socket knows about the other side, ordered from well to gone.
type PeerState uint8

const (
	// PeerOpen: nothing says that the peer hung up.
	PeerOpen PeerState = iota
	// PeerHalfClosed: the peer will send nothing more. On a unix socket it still reads. On TCP it may have closed
	// altogether: the two look the same until something is written.
	PeerHalfClosed
	// PeerGone: the peer closed, or the connection broke. Nothing written will be read.
	PeerGone
)

// String names the state for logs and tests.
func (s PeerState) String() string {
	switch s {
	case PeerOpen:
		return "open"
	case PeerHalfClosed:
		return "half-closed"
	case PeerGone:
		return "gone"
	}
	return "invalid"
}

// watch is the watcher of a silent connection; its timer and its goroutine exist only once Watch was called.
type watch struct {
	mu    sync.Mutex
	timer *time.Timer
	state watchState
	until PeerState
	gone  func()
	ended chan struct{} // closed when the running watcher has ended
}

type watchState uint8

const (
	watchOff watchState = iota
	watchArmed
	watchRunning
	watchStopped
)

// Watch calls gone, once and in a goroutine of its own, when the peer has got to the state until or beyond it; it begins to
// look after the given time, so that the many exchanges that end sooner cost no more than arming a timer. Nothing is read, so
// nothing is lost. While it is armed nobody may read from c; [Conn.Unwatch] ends it.
//
// What it can know: on a unix socket PeerHalfClosed and PeerGone are told apart exactly and at once. On TCP a client that
// closed looks half-closed, until the first write to it or, when its process ended, until keep-alive probes are refused (some
// two minutes with Go's defaults); only a reset is PeerGone at once. A TCP client's end stands behind what it sent: while that is
// unread and fills the buffers, the client looks open. Over TLS the TCP connection below is watched, so close_notify
// alone is not seen. On systems other than Linux, and on connections that are not sockets, nothing is ever seen.
func (c *Conn) Watch(after time.Duration, until PeerState, gone func()) {
	if c.raw == nil {
		return
	}
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != watchOff {
		return
	}
	w.state, w.until, w.gone = watchArmed, until, gone
	if w.timer == nil {
		w.timer = time.AfterFunc(after, c.runWatch)
	} else {
		w.timer.Reset(after)
	}
}

// Unwatch ends the watcher. After it has returned, gone is not called and is not running any more, and c may be read from.
func (c *Conn) Unwatch() {
	w := &c.watch
	w.mu.Lock()
	switch w.state {
	case watchArmed:
		// A timer that has fired meanwhile finds the state off and leaves.
		w.timer.Stop()
		fallthrough
	case watchOff:
		w.state = watchOff
		w.mu.Unlock()
		return
	}
	w.state = watchStopped
	ended := w.ended
	w.mu.Unlock()

	// The watcher waits in the poller as a reader; a deadline in the past wakes it.
	_ = socketOf(c.nc).SetReadDeadline(longAgo)
	<-ended
	c.setReadDeadline(time.Time{})
	w.mu.Lock()
	w.state = watchOff
	w.mu.Unlock()
}

func (c *Conn) runWatch() {
	w := &c.watch
	w.mu.Lock()
	if w.state != watchArmed {
		w.mu.Unlock()
		return
	}
	w.state = watchRunning
	w.ended = make(chan struct{})
	until, gone, ended := w.until, w.gone, w.ended
	w.mu.Unlock()
	defer close(ended)
	if c.waitPeer(until) {
		gone()
	}
}
