package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/pieces"
	"github.com/sluice-gateway/sluice/host/wire"
)

// continueBody lets a client go on that waits for that with its body.
func (x *exchange) continueBody() error {
	if !x.request.Expect100 {
		return nil
	}
	x.request.Expect100 = false
	return x.conn.Continue100()
}

// readCanonicalBody reads a JSON body whole and brings it into its one form,
// which is what the filters and the engine get. False without an error means
// that the stream is to be answered.
func (x *exchange) readCanonicalBody() (ready bool, err error) {
	if err := x.continueBody(); err != nil {
		return false, err
	}
	body, err := x.readWhole()
	if err != nil || x.stream.Local() != nil {
		return false, err
	}
	if err := x.takeRequestTrailers(); err != nil {
		return false, err
	}
	body, _, err = dockerapi.CanonicalBody(&x.info.Call, body, x.gen.chain().JSON)
	if err != nil {
		status := 400
		var refused *dockerapi.Error
		if errors.As(err, &refused) {
			status = refused.Status
		}
		x.stream.Refuse(status, err.Error())
		return false, nil
	}
	x.fed, x.whole, x.canonical = true, true, body
	x.first, ready = x.stream.RequestBody(body, true)
	return ready, nil
}

// readWhole reads the request's body to its end. One that is larger than
// limits.body is refused, and so is one for which there is no room, or that does not come: see gathering.go.
func (x *exchange) readWhole() ([]byte, error) {
	limit := x.gen.chain().BodyLimit
	here, err := x.conn.BodyBuffered()
	if err != nil {
		return nil, err
	}
	var due bodyDue
	if !here {
		defer x.conn.SetReadDeadline(time.Time{})
	}
	var whole []byte
	for {
		if !here {
			x.setDue(&due)
		}
		chunk, done, err := x.conn.NextBody()
		if due.over(err) {
			x.refuseBody(408, fmt.Sprintf("the request's body did not come within %v: send it again", due.limit))
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		x.in += int64(len(chunk))
		if x.in > int64(limit) {
			x.refuseBody(413, fmt.Sprintf("the request body is larger than limits.body (%d bytes)", limit))
			return nil, nil
		}
		if whole == nil && done {
			return chunk, nil // came in one piece: no copy
		}
		if need := len(whole) + len(chunk); need > cap(whole) {
			room := x.roomFor(need)
			if err := x.hold(room); err != nil {
				x.refuseBody(503, "there is no room for the request's body: "+err.Error())
				return nil, nil
			}
			whole = pieces.Grow(whole, room-len(whole))
		}
		whole = pieces.Append(whole, chunk)
		if done {
			return whole, nil
		}
	}
}

// roomFor is how much memory is made for a body of which so much has come: twice as much, so that a large one is not copied
// for each part of it that comes, but no more than it was said to have, or may have.
func (x *exchange) roomFor(need int) int {
	if x.request.Body.Kind == wire.Length && x.request.Body.Length < 2*int64(need) {
		return max(need, int(x.request.Body.Length))
	}
	return max(need, min(2*need, x.gen.chain().BodyLimit))
}

// readHeldBody feeds the request's body to the filters until they let the head
// go. False without an error means that they answered.
func (x *exchange) readHeldBody() (ready bool, err error) {
	if err := x.continueBody(); err != nil {
		return false, err
	}
	x.fed = true
	for {
		chunk, done, err := x.nextOfRequest()
		if err != nil {
			return false, err
		}
		x.in += int64(len(chunk))
		if x.first, ready = x.feed(x.stream.RequestBody, chunk, done); ready {
			x.whole = done
			return true, nil
		}
		if x.stream.Local() != nil {
			return false, nil
		}
	}
}

// next reads the next piece of a body for the filters. While one of them holds
// what came before, it may let go of that at any time, from a tick: then there is
// no piece, and the filters are to be called all the same.
//
// Until is when what is held of a stream has to be let go of, and the filters are
// to be called for that; zero is never.
func (x *exchange) next(from *wire.Conn, pending **piece, holds func() bool, awake <-chan struct{}, until time.Time) (chunk []byte, done bool, err error) {
	p := *pending
	if p == nil {
		if !holds() {
			return from.NextBody()
		}
		p = &piece{came: make(chan struct{})}
		*pending = p
		go func() {
			defer close(p.came)
			p.chunk, p.done, p.err = from.NextBody()
		}()
	}
	var late <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-p.came:
		*pending = nil
		return p.chunk, p.done, p.err
	case <-awake:
		return nil, false, nil
	case <-late:
		return nil, false, nil
	}
}

func (x *exchange) nextOfRequest() ([]byte, bool, error) {
	chunk, done, err := x.next(x.conn, &x.requestPiece, x.stream.HoldsRequest, x.stream.RequestAwake(), time.Time{})
	if err == nil && done {
		err = x.takeRequestTrailers()
	}
	return chunk, done, err
}

func (x *exchange) nextOfResponse() ([]byte, bool, error) {
	chunk, done, err := x.next(x.engine, &x.responsePiece, x.stream.HoldsResponse, x.stream.ResponseAwake(), x.stream.ResponseHeldUntil())
	if err == nil && done {
		err = x.takeResponseTrailers()
	}
	return chunk, done, err
}

// piece is what a goroutine of next has read, or will have.
type piece struct {
	came  chan struct{}
	chunk []byte
	done  bool
	err   error
}

// wait returns when the goroutine has ended, which the connection's Abort or
// AbortRead makes it do. A nil piece is no goroutine.
func (p *piece) wait() {
	if p != nil {
		<-p.came
	}
}

// feed gives the filters a chunk in pieces that are not larger than a body may
// be, so that limits.body does not depend on what one read brought.
func (x *exchange) feed(body func([]byte, bool) ([]byte, bool), chunk []byte, done bool) (out []byte, ready bool) {
	limit := x.gen.chain().BodyLimit
	if len(chunk) <= limit {
		return body(chunk, done)
	}
	var all []byte
	for len(chunk) > limit {
		piece, ok := body(chunk[:limit], false)
		all, ready = append(all, piece...), ready || ok
		if !ok && x.stream.Local() != nil {
			return nil, false
		}
		chunk = chunk[limit:]
	}
	piece, ok := body(chunk, done)
	if !ok && x.stream.Local() != nil {
		return nil, false
	}
	return append(all, piece...), ready || ok
}

// takeBufferedBody decides how what is left of the body goes upstream. A body
// that no filter wants and that is in memory already goes with its head, and
// can be sent again.
func (x *exchange) takeBufferedBody() error {
	if x.request.Expect100 {
		return nil
	}
	buffered, err := x.conn.BodyBuffered()
	if err != nil || !buffered {
		return err
	}
	x.first, x.whole, err = x.conn.NextBody()
	x.in += int64(len(x.first))
	return err
}

// requestFraming is how the request's body goes to the engine.
func (x *exchange) requestFraming() wire.Framing {
	switch {
	case x.request.Body.Kind == wire.None:
		return wire.Framing{}
	case !x.hasBody || x.stream.Plan() == dockerapi.BodyDrop:
		return wire.Framing{Kind: wire.Length}
	case !x.fed:
		return x.request.Body
	case x.whole && len(x.stream.RequestTrailers()) == 0:
		return wire.Framing{Kind: wire.Length, Length: int64(len(x.first))}
	default:
		return wire.Framing{Kind: wire.Chunked}
	}
}
