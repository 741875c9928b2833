package upstream

import (
	"errors"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

const (
	// drainTime bounds how long a client that is gone is still worked for: what it sent before is delivered.
	drainTime = 30 * time.Second
	// lingerTime bounds how long a client that still sends may take to notice that the engine has hung up.
	lingerTime = 2 * time.Second
)

// Spliced is how many bytes a spliced connection carried, each way.
type Spliced struct {
	Up   int64 // from the client to the engine
	Down int64 // from the engine to the client
}

// Splice joins two hijacked connections until both directions have ended. Bytes that either side sent early go first. Silence of any
// length is not an end. The end of one direction is passed on as such and leaves the other running: a client without stdin
// half-closes at once and waits for output, and an engine that no longer reads stdin still has output to give. A side that is
// gone altogether ends the other once what it sent has been delivered.
//
// Both connections are closed on return, though their owners still call Close. The error is nil when both directions ended
// in order, and otherwise says how the first one did not.
func Splice(client, engine *wire.Conn) (Spliced, error) {
	client.Hijack()
	engine.Hijack()
	var s Spliced
	var upErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Up, upErr = pump(engine, client)
		if upErr != nil && !isWrite(upErr) {
			// The client's connection broke: nobody is left to read.
			engine.Abort()
			return
		}
		// Nobody reads the client's side from here on, so a watcher may: a client that vanishes while the engine is silent would
		// otherwise hold both connections for ever.
		client.Watch(0, wire.PeerGone, engine.Abort)
	}()

	var err error
	s.Down, err = pump(client, engine)
	if isWrite(err) {
		// The client reads no more. What it sent is still to be delivered, but not waited for without end.
		limit := time.Now().Add(drainTime)
		_ = client.NetConn().SetReadDeadline(limit)
		_ = engine.NetConn().SetWriteDeadline(limit)
	} else {
		// No more output. Stdin goes on for as long as the engine is there to take it.
		engine.Watch(0, wire.PeerGone, client.AbortRead)
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
	if err == nil && !errors.Is(upErr, os.ErrDeadlineExceeded) {
		err = upErr
	}
	return s, err
}

// pump relays one direction, and its end: also when src broke rather than ended, so that its last words are followed by an end.
func pump(dst, src *wire.Conn) (int64, error) {
	n, err := wire.CopyBody(dst, src, true)
	if isWrite(err) {
		return n, err
	}
	if e := dst.CloseWrite(); err == nil && isWrite(e) {
		err = e
	}
	return n, err
}

// isWrite reports whether err came from the connection that was written to.
func isWrite(err error) bool {
	var w *wire.WriteError
	return errors.As(err, &w)
}
