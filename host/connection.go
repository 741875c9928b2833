package host

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/record"
	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

// This file is what passes on a connection that has left HTTP, as far as filters
// take part in it.

// beginConnection tells the filters of the connection, and prepares its way
// through those that want what passes; nil where none does: the two sides are then
// merely joined. False means that the stream is to be answered instead.
func (x *exchange) beginConnection() (through *upstream.Through, ok bool) {
	if x.mediated() {
		return nil, true // they see the calls on it instead
	}
	if x.stream.WantsConnection() {
		if x.upload != nil && !x.upload.finished() {
			x.stream.Refuse(400, "the connection is to leave HTTP while the request's body is still on its way, and a filter is to judge what passes on it")
			return nil, false
		}
		x.waitUpload()
		x.conn.Unwatch()
		if !x.stream.NewConnection() {
			x.endConnection(false)
			return nil, false
		}
	}
	up := x.stream.WantsDownstreamData()
	if !up && !x.stream.WantsResponseBody() {
		return nil, true
	}
	if !x.beginRecords() {
		x.endConnection(false)
		return nil, false
	}
	if x.exec == nil && x.stream.Call().Operation == dockerapi.ExecStart {
		// Now, for its body lies where what the client says next is read to.
		x.exec = readStartedExec(x.first)
	}
	through = &upstream.Through{Down: x.relayHijacked, Gone: x.stream.Cancel, Ended: x.stream.StopRequest}
	if up {
		through.Up = x.relayUp
	}
	return through, true
}

// endConnection tells the filters that the connection is over, and by whom.
func (x *exchange) endConnection(gone bool) {
	downstream, upstream := abi.PeerTypeLocal, abi.PeerTypeRemote
	switch {
	case x.stream.Local() != nil:
		upstream = abi.PeerTypeLocal
	case gone:
		downstream, upstream = abi.PeerTypeRemote, abi.PeerTypeLocal
	}
	x.stream.ConnectionClosed(downstream, upstream)
}

// inlet is the engine's side of a connection, for what the client says on it.
type inlet struct {
	engine *wire.Conn
	sent   *atomic.Int64
}

// Write implements chain.Outlet.
func (i *inlet) Write(p []byte) error {
	n, err := i.engine.WriteBody(p)
	i.sent.Add(int64(n))
	return err
}

// Flush implements chain.Outlet.
func (i *inlet) Flush() error { return i.engine.Flush() }

// relayUp takes what the client says on a connection through the filters, to the
// engine.
func (x *exchange) relayUp(sent *atomic.Int64) error {
	to := &inlet{x.engine, sent}
	x.stream.BeginDownstream(to)
	defer func() {
		if x.requestPiece != nil { // nobody is to read any more when this is over
			x.conn.AbortRead()
			x.requestPiece.wait()
			x.requestPiece = nil
		}
	}()
	for {
		done, err := x.relayUpPiece()
		switch {
		case errors.Is(err, chain.ErrCut):
			// What was judged before is the engine's; then both directions end. The
			// other one tells the client.
			_ = to.Flush()
			to.engine.Abort()
			return fmt.Errorf("%w: %w", errCut, net.ErrClosed) // of our own doing
		case err != nil:
			return err
		case done || x.requestPiece != nil:
			if err := to.Flush(); err != nil || done {
				return err
			}
		}
	}
}

func (x *exchange) relayUpPiece() (done bool, err error) {
	if x.requestPiece == nil {
		ready, err := x.conn.BodyReady()
		if err == nil && !ready {
			err = x.engine.Flush()
		}
		if err != nil {
			return false, err
		}
	}
	piece, done, err := x.next(x.conn, &x.requestPiece, x.stream.HoldsRequest, x.stream.RequestAwake(), x.stream.RequestHeldUntil())
	if err != nil {
		return false, err
	}
	// No filter is given more than a body may have.
	for limit := x.gen.chain().BodyLimit; err == nil && len(piece) > limit; piece = piece[limit:] {
		err = x.stream.DownstreamData(piece[:limit], false)
	}
	if err == nil {
		err = x.stream.DownstreamData(piece, done)
	}
	return done, err
}

// connectionFailure is what the client is to read of a connection that is cut, of
// an exec or an attach; nil where it would not be read as that. reset says that only
// a reset makes the client fail.
func (x *exchange) connectionFailure(local *chain.Local) (last []byte, reset bool) {
	call := x.stream.Call()
	if local == nil || call.Operation != dockerapi.ExecStart && call.Operation != dockerapi.ContainerAttach {
		return nil, true
	}
	if call.Operation == dockerapi.ExecStart {
		x.gateway.refusedExecs.add(call.ResourceID, x.who(), x.info.RequestID)
	}
	terminal, err := x.hasTerminal(call)
	message := denialText(local.Status, local.Body)
	switch {
	case err != nil, !terminal && !x.bounds.Between():
		return nil, true
	case !terminal:
		return record.Failure(record.Frames, call.Operation, message), false
	}
	// The end of a terminal's stream alone is no failure for `docker attach`.
	reset = call.Operation != dockerapi.ExecStart
	return []byte("\r\n" + strings.ReplaceAll(message, "\n", "\r\n") + "\r\n"), reset
}
