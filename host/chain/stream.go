package chain

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
)

// Info is what is known of a stream before any filter saw it.
type Info struct {
	RequestID string
	Method    string
	Authority string // the Host field; may be empty
	// Size is what the client said that the body has in bytes; 0 if it did not say. Filters
	// find it as content-length, until one of them changes the body; what they make
	// of that field goes nowhere.
	Size     int64
	Protocol string // "HTTP/1.1"
	Call     dockerapi.Call
	// Plan is what is to become of the request's body. A canonical body is given
	// to the stream in its canonical form, in one piece.
	Plan dockerapi.BodyPlan
	// Canonical, where it is set, brings what filters make of a canonical body into
	// its one form; without it the engine's JSON does, by the operation.
	Canonical func(body []byte) ([]byte, error)
	// Client is whose request it is. A stream that begins inside of another, as the
	// calls on a connection of BuildKit's do, has that one's.
	Client Client
	// Depth is how many filters' calls the stream is inside of: 0 for one that a
	// client began.
	Depth int
	// Holder, where it is set, is told when a filter holds the request.
	Holder Holder
	// Start is when the request came.
	Start time.Time
	// Connection is the number of the client's connection, 0 where it has none.
	Connection uint64
	// Upstream is the engine's address.
	Upstream string
	// Traffic counts bytes. Nil knows nothing.
	Traffic Traffic
}

// A Holder watches over what no stage of the stream does: a client that nobody
// reads from, an engine whose answer is waited for.
type Holder interface {
	// Hold is called when a filter begins to hold the request; it calls
	// Stream.Cancel if the client goes away. What it returns is called when the
	// filter lets go.
	Hold(*Stream) (release func())
	// Interrupt is called when a filter has ended the stream while none of its
	// stages runs: Local tells how. Nobody need wait for the engine any more.
	// It may be called from any goroutine.
	Interrupt()
}

// Verdict is how a stream was decided.
type Verdict uint8

// The verdicts.
const (
	VerdictAllow Verdict = iota
	VerdictDeny          // a filter, or a limit of the gateway, refused it
	VerdictFail          // a filter could not answer
)

// String is the verdict's name in logs.
func (v Verdict) String() string {
	switch v {
	case VerdictAllow:
		return "allow"
	case VerdictDeny:
		return "deny"
	default:
		return "fail"
	}
}

// Outcome is what the log line of a stream says of its filters.
type Outcome struct {
	Verdict Verdict
	Filter  string // the filter that decided, if one did
	Reason  string // for the operator
	// Fuel is which filters came near to their budgets, and how near; "" for none.
	Fuel string
}

// A Stream is one request and its response on their way through a chain.
//
// RequestHeaders, RequestBody, ResponseHeaders and ResponseBody may be called
// from two goroutines, one for each direction. All four tell by Local that the
// stream is not to go on but to be answered by the gateway.
type Stream struct {
	chain *Chain
	ctx   context.Context
	info  Info

	// mu is held while a stage runs. What it guards is touched by host calls
	// too, but those run inside of a stage of this stream: for any other
	// moment a filterStream's stage is 0 and they are turned away.
	mu     sync.Mutex
	method string
	call   dockerapi.Call // of the request as it stands now
	plan   dockerapi.BodyPlan
	// rewritten says that the body, or what the engine will read in it, changed
	// since it was last brought into its canonical form.
	rewritten bool
	rewriter  *filterStream // by whom
	request   direction
	response  direction
	filters   []filterStream
	values    map[string]value // set_property, shared down the chain
	size      int              // of all values
	kept      map[any]any      // by foreign functions
	local     *Local
	outcome   Outcome
	over      counted // the traffic of a stream that is over
	details   string  // why there is a local response
	aborted   bool    // close_stream: to be cut without an answer
	answers   int     // local responses so far

	// connection is how far a connection has come that has left HTTP.
	connection atomic.Uint32

	// trailing says that there are fields to be sent behind the request, the response:
	// those that filters were called with, or have added.
	trailing [2]atomic.Bool

	cancelled atomic.Bool // the client is gone
	noRequest atomic.Bool // the rest of the request is wanted by nobody
}

// value is a property that a filter has set. Only that filter can change it.
type value struct {
	data []byte
	by   *filterStream
	turn uint32 // the filter's turn in which it was set, see setValue
}

// direction is one half of a stream.
type direction struct {
	body    plugin.Stages // the body stage of this direction
	headers plugin.Stages
	after   plugin.Stages // the trailers' stage
	// trailers are the fields behind the body, where a filter asked for them.
	trailers abi.HeaderMap
	fields   abi.HeaderMap
	pseudo   []string // its pseudo-headers
	status   string   // of a response, as it came
	first    int      // where the direction begins
	next     int      // the filter whose header stage comes next
	at       int      // the filter that the head has come to, from first on; nowhere for none
	end      int      // one past the last filter, in the direction of step
	step     int      // 1 for requests, -1 for responses
	// hold keeps the head back until the body's first byte is let go.
	hold bool
	// ended is set when the head came with the end of the stream: no body.
	ended bool
	// sent is set once the head was handed to the handler: too late for changes.
	sent bool
	// limit is the status for a body that exceeds the limit.
	limit int
	// wake is signalled when a guest continues or closes the stream.
	wake chan struct{}

	// outlet takes what passes in pieces of any length: the body of a streaming
	// response, and both directions of a connection that has left HTTP.
	outlet    Outlet
	outletErr error
}

// nowhere is no filter.
const nowhere = -1

// filterStream is one filter's part in a stream. It is the context that the
// filter's host calls act upon.
type filterStream struct {
	stream *Stream
	filter *Filter
	index  int
	guest  plugin.Stream
	state  filterState
	// stage is the stage whose callback runs, 0 when none does. It changes
	// under the instance's lock only.
	stage plugin.Stages

	bodies [2]heldBody // request, response
	parts  [2]*partial // of them, where the filter is not granted the whole
	// holding is the stage in which it holds a direction now, 0 when it does not.
	holding  [2]plugin.Stages
	behind   [2]bool // it is called with trailers, and holds the body before them
	adding   [2]bool // it is called with the end of a body that has no trailers, and may add some
	trailed  [2]bool // the trailers have come to it: request, response
	skip     plugin.Stages
	records  bool           // it asked for the records of the response's body
	answered bool           // its response-header stage has run
	resumed  [2]atomic.Bool // continue_stream was called: request, response
	// forAnswers says that it is waited for only while calls of its are under way.
	forAnswers bool
	closed     atomic.Bool // close_stream was called, in a callback that is over or in another's
	lost       atomic.Bool // its instance is gone

	word    word // see word.go
	changes []change
	turn    uint32
	// awaited says that await waits for what it holds of a direction, and answerHead is that one's
	// head before the answer to a call that runs, where nobody does.
	awaited    [2]bool
	answerHead [2]saved

	// paused is how long the stream has waited for it, in all.
	paused time.Duration
	// heldSince is when it began to hold what it holds of what passes in pieces.
	heldSince [2]time.Time
	connected bool       // proxy_on_new_connection was called
	refused   bool       // in the last callback of a stage it wanted to end the stream, and may not
	shown     bool       // it was called with the request's body, or a part of it
	head      []abi.Pair // that it was called with: see keepHead
	// splitter cuts the response's body for it, and what it is being shown.
	splitter     *record.Splitter
	record       record.Kind
	recordStream record.Stream
}

type filterState uint8

const (
	notReached filterState = iota // the request has not come to it
	notMatched                    // not for this request
	open                          // has a context
	bypassed                      // failed, and its policy lets the stream go on
	failed                        // failed: it is not called again
)

// heldBody is what a filter that paused has not let go of yet.
type heldBody struct {
	buffer abi.Buffer
	store  []byte // backs the buffer when it outlives the caller's chunk
	own    bool   // the buffer's bytes are ours, and no longer the caller's
	// keeps says that what the filter's callback does to the body may come to count for nothing, kept
	// that before is what it was, since the callback has set about changing it.
	keeps, kept bool
	before      abi.Buffer
	// waiting is how many bytes it has let go of that wait for what it still holds: the
	// rest of the body, or trailers.
	waiting int
	// counted is how much was counted as held, of a tenant's filter.
	counted int
}

// hold has a filter that is a tenant's account for what it holds of a body now, and
// for what waits for that.
func (f *filterStream) hold(way int) error {
	b := &f.bodies[way]
	bytes := len(b.buffer.Bytes) + b.waiting
	if bytes == b.counted || !f.filter.Plugin.Holds() {
		return nil
	}
	if err := f.filter.Plugin.Hold(bytes - b.counted); err != nil {
		return err
	}
	b.counted = bytes
	return nil
}

// letGo empties what the filter holds of a body.
func (f *filterStream) letGo(way int) {
	b := &f.bodies[way]
	b.buffer.Reset(nil)
	b.own, b.waiting = false, 0
	f.holding[way] = 0
	b.begin(Deny)
	f.pay(way)
	_ = f.hold(way) // to let go is always allowed
}

// contentLength is a field that frames a message, and which only filters are shown.
const contentLength = "content-length"

// Open begins a stream. fields are the request's header fields, without Host
// and without those that frame the message; they are copied. Close must be
// called at its end.
func (c *Chain) Open(ctx context.Context, info Info, fields []abi.Pair) *Stream {
	s, _ := c.pool.Get().(*Stream)
	if s == nil {
		s = &Stream{chain: c, filters: make([]filterStream, len(c.Filters))}
		for i := range s.filters {
			f := &s.filters[i]
			f.stream, f.filter, f.index = s, &c.Filters[i], i
			f.record = noRecord
			f.parts = partials(f.filter.Plugin)
		}
		s.request.wake = make(chan struct{}, 1)
		s.response.wake = make(chan struct{}, 1)
	}
	s.ctx, s.info = ctx, info
	s.method, s.call, s.plan = info.Method, info.Call, info.Plan
	n := len(c.Filters)
	s.request = direction{
		headers: plugin.RequestHeaders, body: plugin.RequestBody, after: plugin.RequestTrailers, pseudo: requestPseudo,
		fields: s.request.fields, wake: s.request.wake,
		first: 0, next: 0, at: nowhere, end: n, step: 1, hold: true, limit: 413,
	}
	s.response = direction{
		headers: plugin.ResponseHeaders, body: plugin.ResponseBody, after: plugin.ResponseTrailers, pseudo: responsePseudo,
		fields: s.response.fields, wake: s.response.wake,
		first: n - 1, next: n - 1, at: nowhere, end: -1, step: -1, limit: 502,
	}
	pairs := append(s.request.fields.Pairs()[:0],
		abi.Pair{Key: ":method", Value: info.Method},
		abi.Pair{Key: ":path", Value: info.Call.Target()},
		abi.Pair{Key: ":authority", Value: info.Authority},
		abi.Pair{Key: ":scheme", Value: "http"},
	)
	pairs = append(pairs, fields...)
	if info.Size > 0 && n > 0 {
		pairs = append(pairs, abi.Pair{Key: contentLength, Value: strconv.FormatInt(info.Size, 10)})
	}
	s.request.fields.Reset(pairs)
	s.response.fields.Reset(s.response.fields.Pairs()[:0])
	return s
}

// Close ends the stream: every filter that took part is told so, in the order
// of the chain.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.info.Traffic; t != nil {
		// Only the numbers stay, for a proxy_on_log that comes late.
		s.over = counted{t.Received(), t.Sent()}
		s.info.Traffic = &s.over
	}
	pending := false
	for i := range s.filters {
		f := &s.filters[i]
		pending = f.guest.Done() || pending
	}
	if pending {
		// Still referred to by a guest, and left to the garbage collector: but
		// not with bodies that nobody can see any more.
		for i := range s.filters {
			s.filters[i].letGo(0)
			s.filters[i].letGo(1)
			s.filters[i].bodies = [2]heldBody{}
			s.filters[i].parts[0].reset()
			s.filters[i].parts[1].reset()
			s.filters[i].splitter = nil
		}
		// The values stay: proxy_on_log may read them, whenever it comes.
		s.info.Holder, s.local = nil, nil
		s.request.outlet, s.response.outlet = nil, nil
		return
	}
	for i := range s.filters {
		s.filters[i].reset()
	}
	clear(s.values)
	s.size, s.kept = 0, nil
	s.trailing[0].Store(false)
	s.trailing[1].Store(false)
	s.cancelled.Store(false)
	s.noRequest.Store(false)
	s.ctx, s.info, s.call, s.local = nil, Info{}, dockerapi.Call{}, nil
	s.outcome, s.details, s.aborted, s.rewritten, s.answers = Outcome{}, "", false, false, 0
	s.rewriter = nil
	s.request.outlet, s.response.outlet = nil, nil
	s.connection.Store(noConnection)
	drain(s.request.wake)
	drain(s.response.wake)
	s.chain.pool.Put(s)
}

func (f *filterStream) reset() {
	f.letGo(0)
	f.letGo(1)
	f.guest = plugin.Stream{}
	f.state, f.stage, f.skip, f.answered = notReached, 0, 0, false
	f.records, f.splitter, f.record, f.connected, f.refused, f.shown = false, nil, noRecord, false, false, false
	clear(f.head)
	clear(f.changes)
	f.changes = f.changes[:0]
	f.heldSince, f.paused = [2]time.Time{}, 0
	for d := range f.bodies {
		f.parts[d].reset()
		if b := &f.bodies[d]; cap(b.store) > keepStore {
			b.store = nil
		}
		f.resumed[d].Store(false)
	}
	f.holding, f.trailed, f.adding = [2]plugin.Stages{}, [2]bool{}, [2]bool{}
	f.closed.Store(false)
	f.lost.Store(false)
}

// keepStore is the largest body buffer that is kept for the next stream.
const keepStore = 64 << 10

func drain(wake chan struct{}) {
	select {
	case <-wake:
	default:
	}
}

// Cancel ends what filters hold: the client went away. It may be called from any
// goroutine.
func (s *Stream) Cancel() {
	s.cancelled.Store(true)
	wake(s.request.wake)
	wake(s.response.wake)
}

// StopRequest ends what filters hold of the request: it was answered. It may be
// called from any goroutine.
func (s *Stream) StopRequest() {
	s.noRequest.Store(true)
	wake(s.request.wake)
}

// RequestStopped tells whether StopRequest was called.
func (s *Stream) RequestStopped() bool { return s.noRequest.Load() }

// RequestAwake tells that a guest has let go, from outside of a callback, of a part of
// the body: RequestBody or ResponseBody is to be called with no more data, to
// get it. It is signalled in vain now and then.
func (s *Stream) RequestAwake() <-chan struct{} { return s.request.wake }

// ResponseAwake is RequestAwake for the response.
func (s *Stream) ResponseAwake() <-chan struct{} { return s.response.wake }

// HoldsRequest tells whether a filter holds a part of the request's body.
func (s *Stream) HoldsRequest() bool { return s.holds(0) }

// HoldsResponse tells whether a filter holds a part of the response's body.
func (s *Stream) HoldsResponse() bool { return s.holds(1) }

func (s *Stream) holds(way int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.filters {
		if len(s.filters[i].bodies[way].buffer.Bytes) > 0 {
			return true
		}
	}
	return false
}

// Call is the request's classification as the filters left it.
func (s *Stream) Call() *dockerapi.Call { return &s.call }

// Plan is what is to become of the request's body, as the filters left the
// request.
func (s *Stream) Plan() dockerapi.BodyPlan { return s.plan }

// Method is the request's method as the filters left it.
func (s *Stream) Method() string { return s.method }

// Authority is the request's Host as the filters left it.
func (s *Stream) Authority() string {
	authority, _ := s.request.fields.Get(":authority")
	return authority
}

// RequestFields are the request's header fields as the filters left them, the
// pseudo-headers among them.
func (s *Stream) RequestFields() []abi.Pair { return s.request.fields.Pairs() }

// ResponseFields are the response's header fields as the filters left them,
// the pseudo-header :status among them.
func (s *Stream) ResponseFields() []abi.Pair { return s.response.fields.Pairs() }

// Outcome is the verdict so far.
func (s *Stream) Outcome() Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcome := s.outcome
	for i := range s.filters {
		if usage, high := s.filters[i].guest.Usage(); high {
			outcome.Fuel = appendUsage(outcome.Fuel, s.filters[i].name(), usage)
		}
	}
	return outcome
}

// appendUsage writes how near a filter came to its budgets: guard=callback 61ms of
// 100ms, stream 1.2s of 2s.
func appendUsage(text, filter string, u plugin.Usage) string {
	if text != "" {
		text += "; "
	}
	text += filter + "="
	of := func(what string, used, budget time.Duration) {
		if budget == 0 {
			return
		}
		if !strings.HasSuffix(text, "=") {
			text += ", "
		}
		text += fmt.Sprintf("%s %v of %v", what, used.Round(time.Microsecond), budget.Round(time.Microsecond))
	}
	of("callback", u.Callback, u.CallbackBudget)
	of("stream", u.Stream, u.StreamBudget)
	return text
}

// RequestHeaders takes the request's head through the filters. endOfStream
// says that there is no body. It returns true when the head may be sent to the
// engine, and false when it is held until RequestBody says so, or when Local
// tells that the stream is to be answered.
func (s *Stream) RequestHeaders(endOfStream bool) (ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.request.ended = endOfStream
	_, ready = s.run(&s.request, nil, endOfStream, false)
	return ready
}

// RequestBody takes a piece of the request's body through the filters. out is
// what they let go of, valid until the next call; ready is as for
// RequestHeaders. With endOfStream it returns when the filters have let go of
// everything, or when Local tells that the stream is to be answered.
func (s *Stream) RequestBody(chunk []byte, endOfStream bool) (out []byte, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run(&s.request, chunk, endOfStream, true)
}

// ResponseHeaders takes the response's head through the filters. fields are
// copied. hold keeps the head back until the first byte of the body, so that
// filters may change it while they read the body; it must be false where the
// body may take its time.
func (s *Stream) ResponseHeaders(status string, fields []abi.Pair, endOfStream, hold bool) (ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.response
	d.fields.Reset(append(append(d.fields.Pairs()[:0], abi.Pair{Key: ":status", Value: status}), fields...))
	d.trailers.Reset(nil) // of an answer that this one replaces
	s.trailing[1].Store(false)
	d.hold, d.ended, d.sent, d.status = hold, endOfStream, false, status
	_, ready = s.run(d, nil, endOfStream, false)
	return ready
}

// ResponseBody takes a piece of the response's body through the filters; see
// RequestBody.
func (s *Stream) ResponseBody(chunk []byte, endOfStream bool) (out []byte, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run(&s.response, chunk, endOfStream, true)
}

// WantsResponseBody tells whether any filter is to see the response's body, what may
// come behind it, or what the engine says on a connection that has left HTTP.
func (s *Stream) WantsResponseBody() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.response
	for i := d.first; i != d.end && !d.ended; i += d.step {
		f := &s.filters[i]
		if s.bodyOf(d, f) != 0 || f.wants(d.after) && s.connection.Load() == noConnection {
			return true
		}
	}
	return false
}

// MayWantResponseBody tells, before there is a response, whether any filter may
// ask to see its body.
func (s *Stream) MayWantResponseBody() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.filters {
		if s.filters[i].wants(plugin.ResponseBody) {
			return true
		}
	}
	return false
}

// wants tells whether the filter is to be called at a stage of this stream.
func (f *filterStream) wants(stage plugin.Stages) bool {
	return f.state == open && f.filter.Plugin.Stages()&stage&^f.skip != 0
}
