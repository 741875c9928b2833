package host

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
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

	token identity.Token // the token that the request carried
	// pingOnly says that the client may ping and nothing else.
	pingOnly bool
	// lateSession says that this is the session of a build that was refused.
	lateSession bool

	// first is what the filters have let go of before the head was sent, or a
	// small body that came with its head; whole is true when that was all of it.
	first   []byte
	whole   bool
	hasBody bool // and it is not to be dropped
	// fed says that filters see the request's body.
	fed bool
	// canonical is a JSON body as it was before the filters saw it.
	canonical []byte
	holder    *plugin.Tenant // for whom held bytes of it are counted
	held      int
	exec      *startedExec // nil until it matters

	engine *wire.Conn
	upload *upload
	// What is being read while a filter holds what came before.
	requestPiece, responsePiece *piece
	format                      record.Format      // of a response that passes in records
	bounds                      record.FrameBounds // of what has gone to the client on a connection
	vanished                    atomic.Bool        // the client went away while the engine was silent
	interrupted                 atomic.Bool        // a filter ended the stream while it was with the engine

	status   int
	sent     int // the status on the wire, where it is another one; see answerDenial
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
	x := &exchange{client: c, gen: c.generation(), start: time.Now()}
	c.active.Store(x.start.UnixNano())
	defer x.gen.leave()
	c.gateway.streams.Add(1)
	defer c.gateway.streams.Add(-1)
	defer x.endSession()
	defer x.endPing()

	// What nobody else is to see.
	x.takeToken()

	// Classify: what is asked, in the one spelling that filters and engine get.
	x.info = chain.Info{
		RequestID: c.gateway.ids.next(), Method: c.request.Method, Authority: c.request.Host,
		Protocol: "HTTP/1." + strconv.Itoa(c.request.Minor), Client: c.asking(x.gen), Holder: x, Depth: c.depth(),
		Start: x.start, Connection: c.number, Upstream: x.gen.config.Upstream, Traffic: (*traffic)(x),
	}
	call, err := dockerapi.Classify(c.request.Method, c.request.Target)
	if err != nil {
		return x.refuseUnclassified(err)
	}
	x.info.Call = call

	// Who asks, and whether the gateway passes on such a call at all.
	if err := x.admitClient(); err != nil {
		return x.refuseUnclassified(err)
	}
	if err := x.sit(); err != nil {
		return x.refuseUnclassified(err)
	}
	if err := x.admit(); err != nil {
		return x.refuseUnclassified(err)
	}

	// New stream.
	x.prepareSession()
	if x.request.Body.Kind == wire.Length {
		x.info.Size = x.request.Body.Length
	}
	x.stream = x.chain().Open(c.gateway.life, x.info, c.request.Header)
	defer x.done()
	x.refuseAfterStart()
	x.refuseLateSession()

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
	if x.pingOnly && !x.stream.Call().Operation.IsPing() {
		x.stream.Refuse(403, "a filter made something else of a ping, and this client may do nothing but ping")
		return x.answerLocal()
	}
	if x.info.Plan == dockerapi.BodyDrop && !x.request.Expect100 {
		if _, err := x.conn.Discard(discardable); err != nil {
			return x.clientFailed(err)
		}
	}

	if !x.admitBuildKit() {
		return x.answerLocal()
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
	if !call.Operation.IsPing() {
		if err := dockerapi.CheckVersion(call, x.gen.config.MinAPIVersion); err != nil {
			return err
		}
	}
	if err := x.canonicalHeader(); err != nil {
		return err
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

// isHijacked tells whether the engine's answer turns the connection into a
// stream of raw bytes: a 101 that was asked for, or the older form, a 200 with
// a raw stream and no framing. Nothing else does, so a connection whose upgrade
// was refused goes on as HTTP, its next request filtered like any.
func (x *exchange) isHijacked() bool {
	if x.response.Status == 101 {
		return true
	}
	if x.stream.Call().Transport != dockerapi.Hijack || isBuildKit(x.stream.Call()) || x.response.Status != 200 || x.response.Body.Kind != wire.UntilClose {
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
// joins both connections, through the filters that take part in what passes; see
// connection.go.
func (x *exchange) splice() bool {
	x.hijacked = true
	if !x.stream.ResponseHeaders(strconv.Itoa(x.response.Status), x.response.Header, false, false) {
		x.abandon() // what is on this connection is no HTTP any more
		return x.answerLocal()
	}
	x.status = x.response.Status
	if statusOf(x.stream.ResponseFields(), x.status) != x.status {
		x.abandon()
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
	through, ok := x.beginConnection()
	if !ok {
		x.abandon()
		return x.answerLocal()
	}
	// Once it has read this, a client may end its side, which does not mean that it is gone.
	x.conn.Unwatch()
	if err := x.conn.WriteResponse(&x.reply); err != nil {
		x.problem = err.Error()
		return false
	}
	if err := x.conn.Flush(); err != nil {
		x.explain(err)
		return false
	}
	x.waitUpload()
	x.conn.Unwatch() // which an upload that has ended since began again
	defer x.gateway.counted.Hijacked()()
	defer x.beginSession()()
	if x.mediated() {
		x.mediate()
		return false
	}
	n, err := upstream.Splice(x.conn, x.engine, through)
	x.in, x.out = x.in+n.Up, x.out+n.Down
	if err != nil {
		x.explain(err)
	}
	x.endConnection(n.Gone)
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
	if wants && !hold {
		return x.relayRecords()
	}
	switch {
	case wants && done && len(x.stream.ResponseTrailers()) == 0:
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
