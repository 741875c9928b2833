package wire

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrInterrupted is what ReadRequest returns after [Conn.Interrupt] or [Conn.InterruptHead]. An answer may be written.
var ErrInterrupted = errors.New("interrupted while nothing was asked")

// interruption is how one that waits for a request is told to wait no more.
type interruption struct {
	begun atomic.Bool // a part of a head has come, and not all of it

	mu   sync.Mutex // guards what follows, with the deadline that belongs to it
	want interruptWant
}

type interruptWant uint8

const (
	notInterrupted interruptWant = iota
	ifIdle
	evenInHead
)

// Begun reports whether a part of a head has come, and the rest not yet. It may be called from any goroutine.
func (c *Conn) Begun() bool { return c.begun.Load() }

// Interrupt makes ReadRequest return ErrInterrupted, from any goroutine, if it waits for a request of which not a byte has come; if one has, it goes on as
// if nothing had happened, and says so to [Options.WentOn]. What lies in the socket and was not read yet has come; but only Linux tells ([Conn.Stale]), so elsewhere such a
// request is dropped unread, and over TLS so is one of whose first record a part only has come. Its client finds the connection closed, as it would if it had been a moment later. Unlike after [Conn.AbortRead] the connection can go on. Who calls it while no ReadRequest runs, or has one return with a
// request meanwhile, calls [Conn.Resume] before anything else is read.
func (c *Conn) Interrupt() { c.interrupt(ifIdle) }

// InterruptHead is Interrupt, in the middle of a head too.
func (c *Conn) InterruptHead() { c.interrupt(evenInHead) }

func (c *Conn) interrupt(want interruptWant) {
	c.interruption.mu.Lock()
	defer c.interruption.mu.Unlock()
	c.want = want
	_ = socketOf(c.nc).SetReadDeadline(longAgo)
}

// Resume takes an Interrupt back that nobody has seen.
func (c *Conn) Resume() {
	c.interruption.mu.Lock()
	defer c.interruption.mu.Unlock()
	c.want = notInterrupted
	c.setReadDeadline(time.Time{})
}

// beginHead says that a part of a head has come, and until when the rest may. An interrupt that nobody has seen yet is not lost by it.
func (c *Conn) beginHead(until time.Time) {
	c.interruption.mu.Lock()
	defer c.interruption.mu.Unlock()
	c.begun.Store(true)
	if c.want == notInterrupted {
		c.setReadDeadline(until)
	}
}

// wasInterrupted tells whether a read of a head failed because of Interrupt, and whether to go on with it all the same, until the time that the head has.
func (c *Conn) wasInterrupted(err error, inHead bool, until time.Time) (interrupted, goOn bool) {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.aborted.Load() {
		return false, false
	}
	c.interruption.mu.Lock()
	defer c.interruption.mu.Unlock()
	want := c.want
	if want == notInterrupted {
		return false, false
	}
	c.want = notInterrupted
	c.setReadDeadline(until)
	// What has come and was not read yet is a request, too.
	if inHead && want == ifIdle || !inHead && c.Stale() {
		if c.opts.WentOn != nil {
			c.opts.WentOn()
		}
		return false, true
	}
	return true, false
}
