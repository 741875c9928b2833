package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/wire"
)

// refuseUnclassified answers a request that is not passed on: its target cannot
// be, or its client is not served. It never became a stream.
func (x *exchange) refuseUnclassified(err error) bool {
	status, verdict := 400, chain.VerdictDeny
	var refused *dockerapi.Error
	var stranger *identity.Refusal
	switch {
	case errors.As(err, &refused):
		status = refused.Status
	case errors.As(err, &stranger):
		status = stranger.Status
		if stranger.Failed {
			verdict = chain.VerdictFail
		}
	}
	x.status = status
	x.answerPlain(status, fmt.Sprintf("sluice: %v (request %s)", err, x.info.RequestID))
	x.log(chain.Outcome{Verdict: verdict, Reason: err.Error()})
	x.part()
	return false
}

// answerLocal answers with a local response, which passes the response stages
// like any other.
func (x *exchange) answerLocal() bool {
	x.stopUpload()
	x.conn.Unwatch()
	x.conn.BoundWrites(answerTime)
	for {
		local := x.stream.BeginLocal()
		if local.Abort {
			x.status = local.Status
			x.problem = "closed by a filter"
			x.conn.Abort()
			return false
		}
		x.response = wire.Response{Status: local.Status, Header: x.response.Header[:0]}
		out := local.Body
		ready := x.stream.ResponseHeaders(local.StatusText(), local.Fields, len(out) == 0, true)
		if (!ready || x.stream.WantsResponseBody()) && x.stream.Local() == nil {
			out, ready = x.feed(x.stream.ResponseBody, out, true)
		}
		if !ready {
			continue // a filter on the way put another in its place
		}
		if status := statusOf(x.stream.ResponseFields(), local.Status); status >= 400 && x.answerDenial(status, x.stream.ResponseFields(), out) {
			return false
		}
		if x.upload == nil {
			// A body that is here already need not cost the connection. One that
			// is not is never waited for: the answer goes out first.
			_ = x.conn.DiscardBuffered()
		}
		err := x.writeHead(wire.Framing{Kind: wire.Length, Length: int64(len(out))}, "")
		if err == nil {
			var n int
			n, err = x.conn.WriteBody(out)
			x.out += int64(n)
		}
		return x.finishResponse(err)
	}
}

// discardable is how much of a body that the engine does not read is read for it.
const discardable = 64 << 10

// clientFailed ends a stream whose client did not do its part.
func (x *exchange) clientFailed(err error) bool {
	var malformed *wire.Error
	if errors.As(err, &malformed) && x.status == 0 {
		x.status = malformed.Status
		x.problem = malformed.Message
		x.answerPlain(malformed.Status, fmt.Sprintf("sluice: %s (request %s)", malformed.Message, x.info.RequestID))
		x.part()
		return false
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the client ended the connection inside of its request")
	}
	x.problem = err.Error()
	x.conn.Abort()
	return false
}

// upstreamFailed answers for an engine that did not.
func (x *exchange) upstreamFailed(err error) bool {
	local := x.stream.Local()
	vanished := x.vanished.Load()
	x.abandon()
	switch {
	case vanished:
		x.problem = "the client went away"
		return false
	case local != nil:
		return x.answerLocal() // a filter stopped the upload, or did not wait for the engine
	case x.upload != nil && x.upload.clientErr != nil && !errors.Is(x.upload.clientErr, os.ErrDeadlineExceeded): // not by AbortRead
		return x.clientFailed(x.upload.clientErr)
	}
	x.problem = err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		err = errors.New("the Docker Engine closed the connection without an answer")
	}
	x.status = 502
	message := fmt.Sprintf("sluice: %v (request %s)", err, x.info.RequestID)
	if x.answerDenial(502, nil, []byte(message)) {
		return false
	}
	x.answerPlain(502, message)
	x.part()
	return false
}
