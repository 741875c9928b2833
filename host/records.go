package host

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/record"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/wire"
)

// outlet is the client's side of a response that passes the filters in records.
type outlet exchange

// Write implements chain.Outlet.
func (o *outlet) Write(p []byte) error {
	if o.hijacked {
		o.bounds.Pass(p)
	}
	n, err := o.conn.WriteBody(p)
	o.out += int64(n)
	return err
}

// Flush implements chain.Outlet.
func (o *outlet) Flush() error { return o.conn.Flush() }

// beginRecords prepares the filters for the body of a streaming answer, of which
// it finds out how it is made of records if any of them asked for these. False
// means that this cannot be known, and that the stream is to be answered: what
// was asked for in records is not passed on without them.
func (x *exchange) beginRecords() bool {
	if !x.stream.WantsRecords() {
		x.stream.BeginRecords(record.Raw, (*outlet)(x))
		return true
	}
	var err error
	if x.format, err = x.recordFormat(); err != nil {
		x.stream.Refuse(502, "a filter asked for the records of this stream, and they cannot be told: "+err.Error())
		return false
	}
	x.stream.BeginRecords(x.format, (*outlet)(x))
	return true
}

// recordFormat is how the answer's body is made of records.
func (x *exchange) recordFormat() (record.Format, error) {
	answer := record.Answer{Status: x.response.Status, Hijacked: x.hijacked}
	encoded := ""
	for _, f := range x.response.Header {
		switch {
		case abi.EqualFold(f.Key, "content-type"):
			answer.ContentType = f.Value
		case abi.EqualFold(f.Key, "content-encoding") && !abi.EqualFold(f.Value, "identity"):
			encoded = "the engine has encoded the body with " + f.Value
		case abi.EqualFold(f.Key, "sec-websocket-extensions"):
			encoded = "the engine uses the WebSocket extension " + f.Value
		}
	}
	call := x.stream.Call()
	format, byTerminal := record.Of(call, answer)
	switch {
	case encoded != "" && (byTerminal || format != record.Raw):
		return 0, errors.New(encoded)
	case !byTerminal:
		return format, nil
	}
	terminal, err := x.hasTerminal(call)
	if err == nil && !terminal {
		format = record.Frames
	}
	return format, err
}

// hasTerminal tells whether what the call is about has a terminal: its output
// is then one stream of bytes, and otherwise one of frames.
func (x *exchange) hasTerminal(call *dockerapi.Call) (bool, error) {
	if call.Operation == dockerapi.ExecStart {
		if x.exec == nil {
			x.exec = readStartedExec(x.first)
		}
		return x.exec.tty, x.exec.err
	}
	what, err := x.gen.resolver.Resolve(x.gateway.life, reference.Kind(call.ResourceKind), call.ResourceID)
	if err != nil {
		return false, err
	}
	return what.TTY, nil
}

// startedExec is what the engine was told of an exec that it starts.
type startedExec struct {
	tty bool
	err error // where that cannot be known
}

func readStartedExec(body []byte) *startedExec {
	var start execStartBody
	if len(body) == 0 {
		return &startedExec{} // as the engine takes it
	}
	err := json.Unmarshal(body, &start)
	return &startedExec{start.Tty, err}
}

// relayRecords passes the body of a streaming response through the filters.
func (x *exchange) relayRecords() bool {
	if !x.beginRecords() {
		return x.answerLocal()
	}
	if err := x.writeHead(wire.Framing{Kind: wire.Chunked}, x.response.Reason); err != nil {
		return x.clientFailed(err)
	}
	done, err := false, error(nil)
	for err == nil && !done {
		done, err = x.relayPiece()
	}
	return x.finishResponse(err)
}

// relayPiece takes one piece of a streaming response's body through the filters.
// What they let go of is flushed when the engine has nothing more ready.
func (x *exchange) relayPiece() (done bool, err error) {
	ready := x.responsePiece != nil
	if !ready {
		if ready, err = x.engine.BodyReady(); err != nil {
			return false, err
		}
	}
	if !ready || x.responsePiece != nil {
		if err := x.conn.Flush(); err != nil {
			return false, err
		}
	}
	piece, done, err := x.nextOfResponse()
	if err != nil {
		if x.interrupted.Load() || x.hijacked && x.stream.Local() != nil {
			// A filter had enough while nothing came, or of the other direction.
			return false, x.cutRecords()
		}
		return false, err
	}
	// No filter is given more than a body may have.
	for limit := x.gen.chain().BodyLimit; err == nil && len(piece) > limit; piece = piece[limit:] {
		err = x.stream.ResponseRecords(piece[:limit], false)
	}
	if err == nil {
		err = x.stream.ResponseRecords(piece, done)
	}
	if errors.Is(err, chain.ErrCut) {
		return false, x.cutRecords()
	}
	return done, err
}

// relayHijacked is relayRecords on a connection that has left HTTP.
func (x *exchange) relayHijacked() error {
	for {
		done, err := x.relayPiece()
		if err == nil {
			err = x.conn.Flush()
		}
		if errors.Is(err, errCut) {
			x.engine.Abort()
			x.conn.AbortRead() // the end is now, and not when the client has said all
		}
		if err != nil || done {
			return err
		}
	}
}

// cutRecords ends a stream that a filter does not let go on. Where it can, the
// client gets to read why: behind whole records, and in the form that errors
// have in this stream. Otherwise a hijacked stream is at least not ended as if
// all were well, where that can be told apart.
func (x *exchange) cutRecords() error {
	local := x.stream.Local()
	var last []byte
	reset := true // where nothing tells the client otherwise
	if local != nil && x.stream.EndsInRecords() {
		last = record.Failure(x.format, x.stream.Call().Operation, denialText(local.Status, local.Body))
		reset = last == nil
	} else if x.hijacked {
		last, reset = x.connectionFailure(local)
	}
	if _, err := x.conn.WriteBody(last); err != nil {
		return err
	}
	// What was let go of before is the client's.
	if err := x.conn.Flush(); err != nil {
		return err
	}
	if reset && x.hijacked && x.conn.CanReset() {
		if last != nil {
			time.Sleep(resetDelay)
		}
		x.conn.Reset()
	}
	return errCut
}
