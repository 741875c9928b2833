package host

import (
	"errors"
	"strconv"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// relayChunk takes one piece of the response's body through the filters. What
// they let go of is flushed at once when the engine has nothing more ready.
func (x *exchange) relayChunk() (done bool, err error) {
	buffered := false
	if x.responsePiece == nil {
		if buffered, err = x.engine.BodyReady(); err != nil {
			return false, err
		}
	}
	if !buffered {
		if err := x.conn.Flush(); err != nil {
			return false, err
		}
	}
	chunk, done, err := x.nextOfResponse()
	if err != nil {
		return false, err
	}
	out, _ := x.feed(x.stream.ResponseBody, chunk, done)
	if x.stream.Local() != nil {
		return false, errCut
	}
	n, err := x.conn.WriteBody(out)
	x.out += int64(n)
	return done, err
}

// errCut ends a response whose head is out already and whose rest a filter
// does not let pass: a broken response has to look broken.
var errCut = errors.New("cut by a filter")

// writeHead begins the response with what the filters made of its head.
func (x *exchange) writeHead(body wire.Framing, reason string) error {
	fields := x.stream.ResponseFields()
	x.status = statusOf(fields, x.response.Status)
	if x.status != x.response.Status {
		reason = ""
	}
	x.reply = wire.Response{
		Status: x.status,
		Reason: reason,
		Header: appendFields(x.reply.Header[:0], fields),
		Body:   body,
		Close:  x.closing() || x.leave.Load() || x.unread(),
	}
	return x.conn.WriteResponse(&x.reply)
}

// statusOf is the status as the filters left it.
func statusOf(fields []abi.Pair, fallback int) int {
	for _, f := range fields {
		if f.Key == ":status" {
			if status, err := strconv.Atoi(f.Value); err == nil && status >= 200 && status <= 599 {
				return status
			}
			break
		}
	}
	return fallback
}

// appendFields appends the fields without the pseudo-headers.
func appendFields(dst, fields []abi.Pair) []abi.Pair {
	for i := range fields {
		if key := fields[i].Key; key != "" && key[0] != ':' {
			dst = append(dst, fields[i])
		}
	}
	return dst
}

var jsonType = abi.Pair{Key: "Content-Type", Value: "application/json"}

// finishResponse ends the response, or breaks it off.
func (x *exchange) finishResponse(err error) bool {
	if err == nil {
		if err = x.conn.FinishBody(x.stream.ResponseTrailers()); err == nil {
			err = x.conn.Flush()
		}
	}
	if err != nil {
		x.explain(err)
		x.stopUpload()
		x.conn.Abort()
		return false
	}
	return x.keep()
}

// explain notes for the log what ended the exchange early. A client that goes
// away is how endless streams end, and no error.
func (x *exchange) explain(err error) {
	var write *wire.WriteError
	if x.vanished.Load() || errors.As(err, &write) {
		x.problem = "the client went away"
		return
	}
	x.problem = err.Error()
}

// keep decides whether the client's connection can be used on. A client whose
// upload was answered early is parted from gently.
func (x *exchange) keep() bool {
	x.stopUpload()
	x.conn.Unwatch()
	if x.conn.Reusable() && !x.closing() {
		x.conn.BoundWrites(0)
		return true
	}
	if x.unread() || x.leave.Load() {
		x.part()
	}
	return false
}

// unread tells whether the request's body has not come to its end.
func (x *exchange) unread() bool {
	return x.upload != nil && !x.upload.finished() || x.upload == nil && !x.conn.BodyDone()
}
