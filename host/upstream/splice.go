package upstream

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

// patience bounds how long what a client sent is kept for an engine that does not take it, once the client is gone. (A variable for
// the tests.)
var patience = 30 * time.Second

// lingerTime bounds how long a client that still sends may take to notice that the engine has hung up.
const lingerTime = 2 * time.Second

// Spliced is how many bytes a spliced connection carried, each way.
type Spliced struct {
	Up   int64 // from the client to the engine
	Down int64 // from the engine to the client
	// Gone says that the client went away before the engine had ended its direction.
	Gone bool
}

// Through takes the place of the copies between client and engine.
type Through struct {
	// Down reads what the engine sends and writes it, or something else, to the client; it returns when the engine has ended its
	// direction, or with an error.
	Down func() error
	// Up does the same for what the client sends, and counts what it writes to the engine. Nil copies.
	Up func(sent *atomic.Int64) error
	// Gone is called when the client is gone, from any goroutine and perhaps more than once. The engine's connection has been
	// aborted then.
	Gone func()
	// Ended is called when the engine is gone, and nobody takes any more what the client sends.
	Ended func()
}

// Splice joins two hijacked connections until both directions have ended. Bytes that either side sent early go first. Silence of any
// length is not an end. The end of one direction is passed on as such and leaves the other running: a client without stdin
// half-closes at once and waits for output, and an engine that no longer reads stdin still has output to give. A side that is
// gone altogether ends the other once what it sent has been delivered.
//
// Both connections are closed on return, though their owners still call Close. The error is nil when each side ended its direction or
// hung up, and otherwise says what broke; the counts are right either way.
//
// With through, which may be nil, its functions carry the data. What Down carries it counts itself.
func Splice(client, engine *wire.Conn, through *Through) (Spliced, error) {
	client.Hijack()
	engine.Hijack()
	var up, down atomic.Int64
	var vanished atomic.Bool
	gone := func() {
		vanished.Store(true)
		engine.Abort()
		if through != nil {
			through.Gone()
		}
	}
	ebbed := client.AbortRead
	carryUp := func() error { return relay(engine, client, &up) }
	carryDown := func() error { return relay(client, engine, &down) }
	if through != nil {
		carryDown = through.Down
		ebbed = func() {
			client.AbortRead()
			through.Ended()
		}
		if through.Up != nil {
			carryUp = func() error { return through.Up(&up) }
		}
	}
	guard := guardStall(client, gone, &up)
	defer guard.stop()

	var upErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		upErr = pump(engine, carryUp)
		if upErr != nil && !isWrite(upErr) {
			// The client's connection broke: nobody is left to read.
			gone()
			return
		}
		// Nobody reads the client's side from here on, so a watcher may: a client that vanishes while the engine is silent would
		// otherwise hold both connections for ever.
		client.Watch(0, wire.PeerGone, gone)
	}()

	err := pump(client, carryDown)
	left := err != nil && (vanished.Load() || isWrite(err))
	if isWrite(err) {
		// The client reads no more. What it sent is still to be delivered, but not waited for without end.
		limit := time.Now().Add(patience)
		_ = client.NetConn().SetReadDeadline(limit)
		_ = engine.NetConn().SetWriteDeadline(limit)
	} else {
		// No more output. Stdin goes on for as long as the engine is there to take it.
		engine.Watch(0, wire.PeerGone, ebbed)
	}
	<-ended
	engine.Unwatch()
	client.Unwatch()
	engine.Abort()
	if upErr == nil || isWrite(err) {
		client.Abort()
	} else {
		// It may still be sending: a close now could cost it the end of the output.
		_ = client.CloseLinger(lingerTime)
	}
	return Spliced{Up: up.Load(), Down: down.Load(), Gone: left}, errors.Join(foreign(err), foreign(upErr))
}

// foreign drops the errors that are our own doing: a direction that was ended because its other side had gone.
func foreign(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// pump carries one direction to dst, and its end: also when the other side broke rather than ended, so that its last words are followed
// by an end.
func pump(dst *wire.Conn, carry func() error) error {
	err := carry()
	if isWrite(err) {
		return err
	}
	if e := dst.CloseWrite(); err == nil && isWrite(e) {
		err = e
	}
	return err
}

func relay(dst, src *wire.Conn, count *atomic.Int64) error {
	// The head that hijacked may still be pending, and the peer says nothing before it has seen it.
	if err := dst.Flush(); err != nil {
		return err
	}
	for {
		p, done, err := src.NextBody()
		if err != nil {
			return err
		}
		if _, err := dst.WriteBody(p); err != nil {
			return err
		}
		if err := dst.Flush(); err != nil {
			return err
		}
		count.Add(int64(len(p)))
		if done {
			return nil
		}
	}
}

// isWrite reports whether err came from the connection that was written to.
func isWrite(err error) bool {
	var w *wire.WriteError
	return errors.As(err, &w)
}

// stall ends a splice whose client is gone while the engine neither takes what the client left behind nor ends. dockerd does that: when the
// process ends, it half-closes, and stdin that nobody read stays where it is, with the connection.
type stall struct {
	mu    sync.Mutex
	timer *time.Timer // nil once stopped
}

func guardStall(client *wire.Conn, gone func(), up *atomic.Int64) *stall {
	g := &stall{}
	last := int64(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = time.AfterFunc(patience, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		n := up.Load()
		switch {
		case g.timer == nil:
		case n == last && client.PeerState() == wire.PeerGone:
			client.Abort()
			gone()
		default:
			last = n
			g.timer.Reset(patience)
		}
	})
	return g
}

func (g *stall) stop() {
	g.mu.Lock()
	g.timer.Stop()
	g.timer = nil
	g.mu.Unlock()
}
