package host

import (
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// roundTrip sends the request to the engine and reads the head of its answer. A
// pooled connection that turns out to be dead is replaced once, where nothing
// of the request can have been acted upon.
func (x *exchange) roundTrip() error {
	call := x.stream.Call()
	if x.stream.Plan() == dockerapi.BodyDrop {
		x.first, x.whole = nil, true
	}
	x.outgoing = wire.Request{
		Method: x.stream.Method(),
		Target: call.Target(),
		Host:   x.stream.Authority(),
		Header: appendFields(x.outgoing.Header[:0], x.stream.RequestFields()),
		Body:   x.requestFraming(),
	}
	if x.stream.MayWantResponseBody() {
		x.outgoing.Header = slices.DeleteFunc(x.outgoing.Header, acceptsEncoding) // filters read what is plain
	}
	if call.Transport == dockerapi.Hijack {
		x.outgoing.Upgrade = x.request.Upgrade
	}
	if call.Operation == dockerapi.Session && x.gen.config.BuildKit.Mode == config.BuildKitMediated {
		x.outgoing.Header = x.exposeSession(x.outgoing.Header)
	}
	for attempt := 0; ; attempt++ {
		engine, reused, err := x.gen.upstream.Get(x.gateway.life)
		if err != nil {
			return err
		}
		x.engine = engine
		x.client.engine.Store(engine)
		if x.gateway.life.Err() != nil || x.interrupted.Load() {
			engine.Abort() // whoever cut it could not know of it
		}
		// An engine that refuses a request may answer before it has read all
		// of it and hang up: its answer counts, whatever became of the writing.
		err = x.send()
		if err == nil || !engine.Unsent() {
			if answer := x.receive(); answer == nil || err == nil {
				err = answer
			}
		}
		if err == nil {
			return nil
		}
		again := attempt == 0 && reused && x.repeatable()
		x.abandon()
		if !again {
			return err
		}
	}
}

func acceptsEncoding(f abi.Pair) bool { return abi.EqualFold(f.Key, "accept-encoding") }

// send writes the head and what there is of the body, and starts the upload of
// the rest.
func (x *exchange) send() error {
	if err := x.engine.WriteRequest(&x.outgoing); err != nil {
		return err
	}
	if _, err := x.engine.WriteBody(x.first); err != nil {
		return err
	}
	if x.whole {
		if err := x.engine.FinishBody(x.stream.RequestTrailers()); err != nil {
			return err
		}
		return x.engine.Flush()
	}
	if err := x.continueBody(); err != nil {
		return err
	}
	x.startUpload()
	return nil
}

// receive reads the head of the answer. Informational ones end here: whether
// the client may send its body was told by the gateway.
func (x *exchange) receive() error {
	if x.upload == nil {
		x.watchClient()
	}
	for {
		if err := x.engine.ReadResponse(&x.response, x.outgoing.Method); err != nil {
			return err
		}
		if !x.response.Informational() {
			break
		}
	}
	if x.response.Status == 101 && x.outgoing.Upgrade == "" {
		return &wire.Error{Status: 502, Message: "from upstream: 101 to a request that asked for no upgrade"}
	}
	return nil
}

// watchClient ends the exchange with the engine when the client goes away while
// the engine is silent, as it may be for hours in events, logs and wait. A
// client that only half-closed still gets the answer to a unary call, as from
// the engine itself, which ends streams at a half-close too.
func (x *exchange) watchClient() {
	until := wire.PeerHalfClosed
	if x.stream.Call().Transport == dockerapi.Unary {
		until = wire.PeerGone
	}
	engine := x.engine
	x.conn.Watch(watchAfter, until, func() {
		x.vanished.Store(true)
		x.stream.Cancel()
		engine.Abort()
	})
}

// Hold implements chain.Holder.
func (x *exchange) Hold(s *chain.Stream) (release func()) {
	if x.requestPiece != nil {
		return func() {} // somebody does read from the client
	}
	x.conn.Watch(watchAfter, wire.PeerGone, func() {
		x.vanished.Store(true)
		s.Cancel()
	})
	return x.conn.Unwatch
}

// Interrupt implements chain.Holder. What waits for the engine ends with an
// error, and whoever waited finds what to answer instead.
func (x *exchange) Interrupt() {
	x.interrupted.Store(true)
	if engine := x.client.engine.Load(); engine != nil {
		engine.Abort()
	}
}

// watchAfter is how long the engine may be silent before the client is watched.
const watchAfter = 100 * time.Millisecond

// repeatable tells whether the request can be sent again on a fresh connection,
// after a pooled one turned out to be dead. The engine must not have acted on
// it: either not a byte of it was taken, or not a byte came back and it changes
// nothing.
func (x *exchange) repeatable() bool {
	if !x.whole || x.vanished.Load() || x.interrupted.Load() || x.gateway.life.Err() != nil || !x.engine.Unanswered() {
		return false
	}
	return x.engine.Unsent() || x.outgoing.Method == "GET" || x.outgoing.Method == "HEAD"
}

// abandon drops the connection to the engine: what is on it belongs to nobody.
func (x *exchange) abandon() {
	if x.engine == nil {
		return
	}
	x.engine.Abort()
	x.responsePiece.wait()
	x.responsePiece = nil
	if x.upload != nil && !x.upload.finished() {
		x.conn.AbortRead() // the upload may be waiting for a client that waits for us
	}
	x.waitUpload()
	x.conn.Unwatch()
	x.client.engine.Store(nil)
	_ = x.engine.Close()
	x.engine = nil
}

// release gives the connection to the engine back, or closes it when it is not
// at the end of a message in both directions.
func (x *exchange) release() {
	if x.engine == nil {
		return
	}
	if x.hijacked || x.responsePiece != nil || !x.engine.Reusable() {
		x.abandon()
		return
	}
	x.client.engine.Store(nil)
	x.gen.upstream.Put(x.engine)
	x.engine = nil
}

// done is the end of the stream.
func (x *exchange) done() {
	x.stopUpload()
	x.responsePiece.wait() // release has closed the engine's connection
	x.conn.Unwatch()
	outcome := x.stream.Outcome()
	x.stream.Close()
	x.letGo()
	x.log(outcome)
}

// bytesIn counts what came of the request's body.
func (x *exchange) bytesIn() int64 {
	if x.upload == nil {
		return x.in
	}
	return x.in + x.upload.in.Load()
}
