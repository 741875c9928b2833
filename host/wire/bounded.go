package wire

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// boundedPiece is how much a bounded write writes at a time: so much of what was written has to be read, at the most, for the peer to be
// seen reading, and a TLS record holds it.
const boundedPiece = 16 << 10

// writeBound is until when what is written has to be read.
type writeBound struct {
	limit time.Duration // 0: for ever
	armed bool          // the socket has a deadline
	// since is when the write that is running began, or last got on, in Unix nanoseconds; 0 without one, writeAborted behind AbortWrite.
	since atomic.Int64
}

const writeAborted = -1

// BoundWrites makes every later write fail with [os.ErrDeadlineExceeded] of which the peer reads nothing for so long, however long all of it
// takes; 0 lets them wait for ever again, which they do on a new Conn. It belongs to the writing half. Over TLS a peer that reads fewer than 16 KiB
// in that time may be taken for one that reads nothing.
func (c *Conn) BoundWrites(limit time.Duration) {
	c.bound.limit = limit
	if limit == 0 && c.bound.armed {
		c.bound.armed = false
		_ = c.nc.SetWriteDeadline(time.Time{})
	}
}

// WritingSince is when the write that is running began, or when the peer was last seen reading, in Unix nanoseconds, and 0 where nothing is
// being written, or without a bound. It may be called from any goroutine.
func (c *Conn) WritingSince() int64 { return max(0, c.bound.since.Load()) }

// AbortWrite is [Conn.Abort] if the write of which WritingSince has told is running still, and has not got on. It tells whether it
// was: then the write fails, and otherwise nothing is done.
func (c *Conn) AbortWrite(since int64) bool {
	if since <= 0 || !c.bound.since.CompareAndSwap(since, writeAborted) {
		return false
	}
	c.Abort()
	return true
}

// writeBounded writes p, in pieces.
func (c *Conn) writeBounded(p []byte) (written int, err error) {
	for len(p) > 0 {
		now := time.Now()
		if !c.bound.since.CompareAndSwap(0, now.UnixNano()) {
			return written, net.ErrClosed
		}
		c.bound.armed = true
		if err = c.nc.SetWriteDeadline(now.Add(c.bound.limit)); err != nil {
			return written, err
		}
		var n int
		n, err = c.nc.Write(p[:min(len(p), boundedPiece)])
		written += n
		p = p[n:]
		if !c.bound.since.CompareAndSwap(now.UnixNano(), 0) {
			return written, net.ErrClosed
		}
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return written, err
		}
	}
	return written, nil
}
