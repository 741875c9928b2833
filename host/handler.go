package host

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

// exchange is one request and its response: what the handler knows of a stream
// beside its filters.
type exchange struct {
	*client
	gen    *generation
	stream *chain.Stream
	info   chain.Info
	start  time.Time

	// first is what the filters have let go of before the head was sent, or a
	// small body that came with its head; sent is true when that was all of it.
	first   []byte
	whole   bool
	hasBody bool // and it is not to be dropped
	// fed says that filters see the request's body.
	fed bool

	engine *wire.Conn
	upload *upload
	// What is being read while a filter holds what came before.
	requestPiece, responsePiece *piece
	vanished                    atomic.Bool // the client went away while the engine was silent

	status   int
	in, out  int64
	problem  string // what went wrong, for the log
	hijacked bool
}

// handle serves the request that was just read. It returns whether the
// connection can serve another.
//
// This is the way of a request, from top to bottom. Every step either goes on
// to the next or ends the stream with an answer.
func (c *client) handle() (keep bool) {
	x := &exchange{client: c, gen: c.gateway.acquire(), start: time.Now()}
	defer x.gen.leave()
	c.gateway.streams.Add(1)
	defer c.gateway.streams.Add(-1)

	// Classify: what is asked, in the one spelling that filters and engine get.
	x.info = chain.Info{
		RequestID: c.gateway.ids.next(), Method: c.request.Method, Authority: c.request.Host,
		Protocol: "HTTP/1." + strconv.Itoa(c.request.Minor), Connection: c.facts, Holder: x,
	}
	call, err := dockerapi.Classify(c.request.Method, c.request.Target)
	if err != nil {
		return x.refuseUnclassified(err)
	}
	x.info.Call = call
	if err := x.admit(); err != nil {
		return x.refuseUnclassified(err)
	}

	// New stream.
	x.stream = x.gen.chain.Open(c.gateway.life, x.info, c.request.Header)
	defer x.done()

	// Request stages, first filter to last. Filters that read the body hold
	// the head back until they let go of the first of it.
	ready := x.stream.RequestHeaders(!x.hasBody)
	if x.stream.Local() == nil && x.hasBody {
		switch {
		case x.info.Plan == dockerapi.BodyCanonical:
			ready, err = x.readCanonicalBody()
		case !ready:
			ready, err = x.readHeldBody()
		default:
			err = x.takeBufferedBody()
		}
		if err != nil {
			return x.clientFailed(err)
		}
	}
	if !ready || x.stream.Local() != nil {
		return x.answerLocal()
	}
	if x.info.Plan == dockerapi.BodyDrop && !x.request.Expect100 {
		if _, err := x.conn.Discard(discardable); err != nil {
			return x.clientFailed(err)
		}
	}

	// Upstream: send the request as the filters left it, and read the answer's
	// head. What is left of the body is sent meanwhile.
	if err := x.roundTrip(); err != nil {
		return x.upstreamFailed(err)
	}
	defer x.release()

	// Response stages, last filter to first; then copy the body, or splice.
	if x.isHijacked() {
		return x.splice()
	}
	return x.relayResponse()
}

// admit decides, before any filter is asked, whether the call is one that the
// gateway passes on at all, and what is to become of its body.
func (x *exchange) admit() error {
	call := &x.info.Call
	if call.Operation != dockerapi.SystemPing && call.Operation != dockerapi.SystemPingHead {
		if err := dockerapi.CheckVersion(call, x.gen.config.MinAPIVersion); err != nil {
			return err
		}
	}
	x.hasBody = x.request.Body.HasBody()
	if !x.hasBody {
		x.whole = true
		return nil
	}
	var types, encodings []string
	for i := range x.request.Header {
		switch f := &x.request.Header[i]; {
		case abi.EqualFold(f.Key, "content-type"):
			types = append(types, f.Value)
		case abi.EqualFold(f.Key, "content-encoding"):
			encodings = append(encodings, f.Value)
		}
	}
	var err error
	x.info.Plan, err = dockerapi.PlanBody(call, types, encodings)
	if err == nil && x.info.Plan == dockerapi.BodyDrop {
		x.hasBody, x.whole = false, true
	}
	return err
}

// refuseUnclassified answers a target that cannot be forwarded. It never became
// a stream.
func (x *exchange) refuseUnclassified(err error) bool {
	status := 400
	var refused *dockerapi.Error
	if errors.As(err, &refused) {
		status = refused.Status
	}
	x.status = status
	x.answerPlain(status, fmt.Sprintf("sluice: %v (request %s)", err, x.info.RequestID))
	x.log(chain.Outcome{Verdict: chain.VerdictDeny, Reason: err.Error()})
	_ = x.conn.CloseLinger(lingerTime)
	return false
}

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
	body, _, err = dockerapi.CanonicalBody(&x.info.Call, body, x.gen.chain.JSON)
	if err != nil {
		status := 400
		var refused *dockerapi.Error
		if errors.As(err, &refused) {
			status = refused.Status
		}
		x.stream.Refuse(status, err.Error())
		return false, nil
	}
	x.fed, x.whole = true, true
	x.first, ready = x.stream.RequestBody(body, true)
	return ready, nil
}

// readWhole reads the request's body to its end. One that is larger than
// limits.body is refused.
func (x *exchange) readWhole() ([]byte, error) {
	limit := x.gen.chain.BodyLimit
	var whole []byte
	for {
		chunk, done, err := x.conn.NextBody()
		if err != nil {
			return nil, err
		}
		x.in += int64(len(chunk))
		if x.in > int64(limit) {
			x.stream.Refuse(413, fmt.Sprintf("the request body is larger than limits.body (%d bytes)", limit))
			return nil, nil
		}
		if whole == nil && done {
			return chunk, nil // came in one piece: no copy
		}
		whole = append(whole, chunk...)
		if done {
			return whole, nil
		}
	}
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
func (x *exchange) next(from *wire.Conn, pending **piece, holds func() bool, awake <-chan struct{}) (chunk []byte, done bool, err error) {
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
	select {
	case <-p.came:
		*pending = nil
		return p.chunk, p.done, p.err
	case <-awake:
		return nil, false, nil
	}
}

func (x *exchange) nextOfRequest() ([]byte, bool, error) {
	return x.next(x.conn, &x.requestPiece, x.stream.HoldsRequest, x.stream.RequestAwake())
}

func (x *exchange) nextOfResponse() ([]byte, bool, error) {
	return x.next(x.engine, &x.responsePiece, x.stream.HoldsResponse, x.stream.ResponseAwake())
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
	limit := x.gen.chain.BodyLimit
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
	case x.whole:
		return wire.Framing{Kind: wire.Length, Length: int64(len(x.first))}
	default:
		return wire.Framing{Kind: wire.Chunked}
	}
}

// isHijacked tells whether the engine's answer turns the connection into a
// stream of raw bytes: a 101 that was asked for, or the older form, a 200 with
// a raw stream and no framing. Nothing else does, so a connection whose upgrade
// was refused goes on as HTTP, its next request filtered like any.
func (x *exchange) isHijacked() bool {
	if x.response.Status == 101 {
		return true
	}
	if x.stream.Call().Transport != dockerapi.Hijack || x.response.Status != 200 || x.response.Body.Kind != wire.UntilClose {
		return false
	}
	for _, f := range x.response.Header {
		if abi.EqualFold(f.Key, "content-type") {
			return strings.HasPrefix(f.Value, "application/vnd.docker.raw-stream") ||
				strings.HasPrefix(f.Value, "application/vnd.docker.multiplexed-stream")
		}
	}
	return false
}

// splice passes the head of a hijacked connection through the filters and
// joins both connections.
func (x *exchange) splice() bool {
	if !x.stream.ResponseHeaders(strconv.Itoa(x.response.Status), x.response.Header, false, false) {
		return x.answerLocal()
	}
	x.status = x.response.Status
	if statusOf(x.stream.ResponseFields(), x.status) != x.status {
		x.stream.Refuse(502, "a filter changed the status of a connection that is being hijacked")
		return x.answerLocal()
	}
	x.reply = wire.Response{
		Status:  x.response.Status,
		Reason:  x.response.Reason,
		Header:  appendFields(x.reply.Header[:0], x.stream.ResponseFields()),
		Upgrade: x.response.Upgrade,
	}
	if x.status != 101 {
		x.reply.Body.Kind = wire.Raw
	}
	if err := x.conn.WriteResponse(&x.reply); err != nil {
		x.problem = err.Error()
		return false
	}
	if err := x.conn.Flush(); err != nil {
		x.explain(err)
		return false
	}
	x.hijacked = true
	x.waitUpload()
	x.conn.Unwatch()
	n, err := upstream.Splice(x.conn, x.engine)
	x.in, x.out = x.in+n.Up, x.out+n.Down
	if err != nil {
		x.explain(err)
	}
	return false
}

// relayResponse passes the engine's answer through the filters to the client.
func (x *exchange) relayResponse() bool {
	body := x.response.Body
	hasBody := body.HasBody()
	hold := x.stream.Call().Transport == dockerapi.Unary
	ready := x.stream.ResponseHeaders(strconv.Itoa(x.response.Status), x.response.Header, !hasBody, hold)
	var first []byte
	done, fed := !hasBody, false
	for !ready && x.stream.Local() == nil {
		chunk, end, err := x.nextOfResponse()
		if err != nil {
			return x.upstreamFailed(fmt.Errorf("the engine's response ended early: %w", err))
		}
		first, ready = x.feed(x.stream.ResponseBody, chunk, end)
		done, fed = end, true
	}
	if !ready {
		return x.answerLocal()
	}
	wants := hasBody && (fed || x.stream.WantsResponseBody())
	switch {
	case wants && done:
		body = wire.Framing{Kind: wire.Length, Length: int64(len(first))}
	case wants:
		body = wire.Framing{Kind: wire.Chunked}
	}
	if err := x.writeHead(body, x.response.Reason); err != nil {
		return x.clientFailed(err)
	}
	if !wants {
		if hasBody {
			n, err := wire.CopyBody(x.conn, x.engine, true)
			x.out = n
			return x.finishResponse(err)
		}
		return x.finishResponse(nil)
	}
	n, err := x.conn.WriteBody(first)
	x.out += int64(n)
	for err == nil && !done {
		done, err = x.relayChunk()
	}
	return x.finishResponse(err)
}

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
		Close:  x.closing() || x.unread(),
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
		if err = x.conn.FinishBody(nil); err == nil {
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
		return true
	}
	if x.unread() {
		_ = x.conn.CloseLinger(lingerTime)
	}
	return false
}

// unread tells whether the request's body has not come to its end.
func (x *exchange) unread() bool {
	return x.upload != nil && !x.upload.finished() || x.upload == nil && !x.conn.BodyDone()
}

// answerLocal answers with a local response, which passes the response stages
// like any other.
func (x *exchange) answerLocal() bool {
	x.stopUpload()
	x.conn.Unwatch()
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
		if x.request.Body.Kind == wire.Length && !x.request.Expect100 {
			_, _ = x.conn.Discard(discardable)
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

// discardable is how much of a refused body is read so that the connection can
// be kept; more is not worth it.
const discardable = 64 << 10

// clientFailed ends a stream whose client did not do its part.
func (x *exchange) clientFailed(err error) bool {
	var malformed *wire.Error
	if errors.As(err, &malformed) && x.status == 0 {
		x.status = malformed.Status
		x.problem = malformed.Message
		x.answerPlain(malformed.Status, fmt.Sprintf("sluice: %s (request %s)", malformed.Message, x.info.RequestID))
		_ = x.conn.CloseLinger(lingerTime)
		return false
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the client ended the connection inside of its request")
	}
	x.problem = err.Error()
	x.conn.Abort()
	return false
}
