package plugin

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
)

// The bounds of Options on calls that are under way.
const (
	defaultCallouts       = 64
	defaultStreamCallouts = 16
)

// callouts are the calls to other services that one instance has under way. The
// zero value has none. Everything is guarded by the instance's lock.
type callouts struct {
	instance *Instance
	answer   answer       // what the running callback is about
	about    *pendingCall // the same: the call
	lastID   uint32
	pending  map[uint32]*pendingCall
}

var _ hostcall.Callouts = (*callouts)(nil)

// pendingCall is a call from the host call that makes it to its last callback.
type pendingCall struct {
	instance *Instance
	upstream *callout.Upstream
	id       uint32
	owner    uint32 // the context that made it, rootID for the root
	ctx      context.Context
	cancel   context.CancelFunc
	caller   callout.Caller  // zero where the filter may call no upstream that has to know
	grpc     *callout.Stream // nil for an HTTP call
	unary    bool            // of gRPC
	depth    int             // how many filters' calls it is inside of
	// dropped is set when the guest cancelled the call: it is not told of it any
	// more. Guarded by the instance's lock.
	dropped bool
	party   string      // for whom it was made
	slot    *holder     // its place in the plugin, as long as
	counted atomic.Bool // it has one
}

// Callouts implements hostcall.Caller.
func (i *Instance) Callouts() hostcall.Callouts { return &i.callouts }

// Upstream implements hostcall.Callouts.
func (c *callouts) Upstream(name []byte) (limit int, ok bool) {
	p := c.instance.plugin
	upstream, ok := p.options.Upstreams[string(name)]
	if !ok {
		p.refusals.note(p, capability.Callouts, string(name[:min(len(name), capability.MaxName)]))
		return 0, false
	}
	return upstream.BodyLimit(), true
}

// HTTPCall implements hostcall.Callouts.
func (c *callouts) HTTPCall(upstream []byte, h hostcall.HTTPCall) (uint32, abi.Status) {
	request, err := callout.NewRequest(h.Headers, h.Body, h.Trailers, h.Timeout)
	if err != nil {
		c.instance.plugin.log.Debug("the filter makes a call that cannot be made", slog.Any("error", err))
		return 0, abi.StatusBadArgument
	}
	call, status := c.begin(upstream)
	if status != abi.StatusOK {
		return 0, status
	}
	request.Caller = call.caller
	call.run(func() {
		response, err := call.upstream.Do(call.ctx, request)
		call.answerHTTP(response, err)
	})
	return call.id, abi.StatusOK
}

// begin gives a call its id and its place among those under way.
// INTERNAL_FAILURE: there are too many.
func (c *callouts) begin(upstream []byte) (*pendingCall, abi.Status) {
	i := c.instance
	p := i.plugin
	owner := i.owner()
	switch {
	case i.lost.Load(), owner != nil && owner.usage.over(p.streamBudget):
		return nil, abi.StatusInternalFailure
	case owner != nil && owner.calls >= p.options.StreamCallouts:
		p.refuseCall("limits.stream_callouts", int64(p.options.StreamCallouts), owner.party)
		return nil, abi.StatusInternalFailure
	}
	party := c.party()
	slot, ok := p.takeCall(party)
	if !ok {
		return nil, abi.StatusInternalFailure
	}
	if c.pending == nil {
		c.pending = make(map[uint32]*pendingCall)
	}
	call := &pendingCall{instance: i, upstream: p.options.Upstreams[string(upstream)], id: c.newID(), owner: rootID, depth: i.depth(), party: party, slot: slot}
	if owner != nil {
		call.owner = owner.id
		owner.calls++
	}
	if p.callsInside {
		call.caller = c.caller()
		call.caller.Depth = call.depth
	}
	call.ctx, call.cancel = context.WithCancel(p.ctx)
	call.counted.Store(true)
	c.pending[call.id] = call
	return call, abi.StatusOK
}

// refuseCall notes that a call for the party was refused for the limit on those that are under way.
func (p *Plugin) refuseCall(limit string, value int64, party string) {
	p.metrics.Refused(metrics.Callouts)
	attrs := []any{slog.String("limit", limit), slog.Int64("value", value)}
	if p.options.ShareInstances && party != p.ownParty {
		attrs = append(attrs, slog.String("for_tenant", party)) // others may have more
	}
	p.tooManyCalls.Warn(p.log, "the filter has too many calls under way at a time; further ones are refused", attrs...)
}

// party is for whom the guest calls now: for the stream's whose callback runs, also when that has ended, or for whom it
// made the call of whose answer it is told.
func (c *callouts) party() string {
	i := c.instance
	if context, ok := i.current.(interface{ ContextID() uint32 }); ok {
		if stream := i.contexts[context.ContextID()]; stream != nil {
			return stream.party
		}
	}
	if c.about != nil {
		return c.about.party
	}
	return i.plugin.ownParty
}

// owner is the stream on whose behalf the guest acts. Nil: the root, and also a
// context whose end has begun, as what it asks for then is to outlive it.
func (i *Instance) owner() *Stream {
	if context, ok := i.current.(interface{ ContextID() uint32 }); ok {
		if stream := i.contexts[context.ContextID()]; stream != nil && stream.phase == phaseLive {
			return stream
		}
	}
	return nil
}

// caller is on whose behalf the guest calls now: the stream's whose callback runs,
// or that of the call whose answer it is told of. So a filter that calls again
// whenever a call has failed stays as deep as it was.
func (c *callouts) caller() callout.Caller {
	o := &c.instance.plugin.options
	caller := callout.Caller{Filter: o.Name, Tenant: o.Tenant.Name()}
	if c.about != nil {
		caller.Stream = c.about.caller.Stream
	}
	if stream, ok := c.instance.current.(interface{ Origin() any }); ok {
		if origin := stream.Origin(); origin != nil {
			caller.Stream = origin
		}
	}
	return caller
}

// newID returns an id that no call has. They count on, so that one comes again
// only after all others.
func (c *callouts) newID() uint32 {
	for {
		c.lastID++
		if _, used := c.pending[c.lastID]; !used && c.lastID != 0 {
			return c.lastID
		}
	}
}

// run makes the call on a goroutine of its own.
func (call *pendingCall) run(work func()) {
	p := call.instance.plugin
	p.calling.Add(1)
	go func() {
		defer p.calling.Done()
		defer call.uncount()
		defer call.cancel()
		_ = p.protect(func() error { work(); return nil }) // it has been logged
	}()
}

// uncount gives the call's place in the plugin to another.
func (call *pendingCall) uncount() {
	if call.counted.Swap(false) {
		call.instance.plugin.giveCall(call.slot)
	}
}

// end takes a call off those under way: its last callback is about to run, or
// none will. The caller holds the instance's lock.
func (call *pendingCall) end() {
	i := call.instance
	if i.callouts.pending[call.id] != call {
		return
	}
	delete(i.callouts.pending, call.id)
	if stream := i.contexts[call.owner]; stream != nil {
		if stream.calls--; stream.calls == 0 {
			stream.state.CallsOver()
		}
	}
	call.uncount()
}

// cancelOf ends the calls of a stream that has ended. The guest is told that they
// have failed, as calls of the root: SDKs keep something for each call until
// they are told. The caller holds the instance's lock.
func (c *callouts) cancelOf(s *Stream) {
	if s.calls == 0 {
		return
	}
	for _, call := range c.pending {
		if call.owner == s.id {
			call.owner = rootID
			call.cancel()
		}
	}
	s.calls = 0
}

// forget lets calls that the guest made at the end of its stream, which nothing is
// to be left of, come to their end, and tells it nothing of them. The caller holds
// the instance's lock.
func (c *callouts) forget() {
	for _, call := range c.pending {
		call.dropped = true
		if call.grpc != nil {
			call.cancel() // a stream could go on for ever
		}
	}
	clear(c.pending)
}

// close ends all calls without another word to the guest.
func (c *callouts) close() {
	for _, call := range c.pending {
		call.cancel()
	}
	c.pending = nil
}

// failed logs, now and then, that calls fail. A filter's failed call may deny
// every request, and the filter alone knows it otherwise.
func (call *pendingCall) failed(err error) {
	if call.ctx.Err() != nil {
		return // it was cancelled
	}
	p := call.instance.plugin
	var failure *callout.Failure
	if errors.As(err, &failure) && failure.Reason == callout.ReasonDepth {
		p.metrics.Refused(metrics.Depth)
	}
	if count := p.failedCalls.Take(time.Now(), 1); count > 0 {
		p.log.Warn("a call of the filter to an upstream failed", slog.String("upstream", call.upstream.Name()),
			slog.Any("error", err), slog.Int("failed", count))
	}
}
