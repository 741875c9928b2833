package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/pieces"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// run takes a piece of a message through the filters of its direction: the
// head (isBody false, no data) or a chunk of the body. Filters that the head
// has not reached yet get it first. It returns what the last filter let go of,
// and false when something is held back or s.local is set.
func (s *Stream) run(d *direction, data []byte, endOfStream, isBody bool) (out []byte, ready bool) {
	if s.local != nil || d == &s.request && s.noRequest.Load() {
		return nil, false // answered meanwhile: by the other direction, or when a filter's call was answered
	}
	for i := d.first; i != d.end; i += d.step {
		f := &s.filters[i]
		if s.hasClosed(f) {
			return nil, false
		}
		if i == d.next {
			d.at = i // and whoever had it before has no part in it any more
			ended := endOfStream && len(data) == 0 && !(isBody && d.trailers.Len() > 0 && f.filter.Plugin.Stages()&d.after != 0)
			if !s.headerStage(d, f, ended) {
				return nil, false
			}
			d.next += d.step
			if ended {
				continue // it was told that there is no body
			}
			if !isBody && d.hold && f.wants(d.body|d.after) {
				return nil, false
			}
		}
		if !isBody {
			continue
		}
		if !f.wantsBody(d, d.body) {
			data = s.left(d, f, data)
			if !s.follow(d, f, endOfStream) {
				continue
			}
			if !s.trailersBehind(d, f, data) {
				return nil, false
			}
			continue
		}
		if len(data) == 0 && !endOfStream && !f.released(d) && !f.lost.Load() {
			if f.holding[f.way(d)] != 0 && !d.sent && i+d.step == d.next {
				return nil, false // the head with what it holds
			}
			continue
		}
		if data, ready = s.canonical(d, f, data); !ready {
			return nil, false
		}
		if data, ready = s.bodyStage(d, f, data, endOfStream); !ready {
			return nil, false
		}
	}
	if isBody {
		if data, ready = s.canonical(d, nil, data); !ready {
			return nil, false
		}
	}
	d.sent = true
	return data, true
}

// canonical brings a request's body that a filter has rewritten into its
// canonical form again, before anybody else gets to see it: the next filter, or
// the engine. False means that s.local is set.
func (s *Stream) canonical(d *direction, next *filterStream, data []byte) ([]byte, bool) {
	if d.step < 0 || !s.rewritten || s.plan != dockerapi.BodyCanonical {
		return data, true
	}
	s.rewritten = false
	if s.rewriter != nil {
		s.rewriter.filter.Plugin.Pay(canonicalUnits * int64(len(data)))
		s.rewriter = nil
	}
	var err error
	if s.info.Canonical != nil {
		data, err = s.info.Canonical(data)
	} else {
		data, _, err = dockerapi.CanonicalBody(&s.call, data, s.chain.JSON)
	}
	if err != nil {
		last := len(s.filters)
		if next != nil {
			last = next.index
		}
		message := "a filter rewrote the request's body into one that cannot be forwarded: " + err.Error()
		s.gatewayAnswer(VerdictFail, nil, 500, message, err.Error())
		s.local.from = last - 1 // those that had a part in it
		return nil, false
	}
	return data, true
}

// headerStage calls one filter with the head. False means that s.local is set.
func (s *Stream) headerStage(d *direction, f *filterStream, endOfStream bool) bool {
	if d.step > 0 {
		if f.filter.Match.matches(s.method, &s.call, s.info.Client.Tenant) && f.filter.Plugin.Serves(string(s.call.Operation)) {
			if f.filter.Plugin.WantsResource() && s.chain.References != nil {
				// Here, where no instance is held yet while the engine answers.
				s.chain.References.Prefetch(s.ctx, f)
			}
			if !s.enlist(f) {
				return f.state == bypassed
			}
		} else {
			f.state = notMatched
		}
	}
	if !f.wants(d.headers) {
		return true
	}
	if d.step < 0 {
		f.answered = true
	}
	way := f.way(d)
	before := s.snapshot(d, f)
	s.keepHead(d, f, endOfStream)
	f.resumed[way].Store(false)
	f.refused = false
	action, err := s.callHeaders(d, f, endOfStream)
	for tries := 0; s.mayAskAgain(d, f, err, tries); tries++ {
		s.restore(d, f, before)
		if !s.enlistAgain(f) {
			return f.state == bypassed
		}
		action, err = s.callHeaders(d, f, endOfStream)
	}
	switch {
	case err != nil:
		s.restore(d, f, before)
		return s.fail(f, err)
	case s.stopped(d, f):
		return false
	case holdsHead(action):
		if goesOn, _ := s.await(d, f, d.headers, before); !goesOn {
			return false
		}
	}
	return s.settle(d, f)
}

func (s *Stream) callHeaders(d *direction, f *filterStream, endOfStream bool) (abi.Action, error) {
	fields := f.filter.Plugin.CountFields(&d.fields, d.step < 0)
	if d.step > 0 {
		return f.guest.RequestHeaders(fields, endOfStream)
	}
	return f.guest.ResponseHeaders(fields, endOfStream)
}

// enlist gives the filter its context. False means that it could not be asked,
// and that its policy has been applied.
func (s *Stream) enlist(f *filterStream) bool {
	if err := f.filter.Plugin.Open(s.ctx, &f.guest, f); err != nil {
		s.fail(f, err)
		return false
	}
	f.state, f.records = open, f.filter.Plugin.Records()
	return true
}

// holdsHead tells whether the action of a header stage stops the stream. The
// ABI knows Continue and Pause; C++ and AssemblyScript guests return Envoy's
// wider values too: 2 goes on, 3 and 4 hold, and what nobody knows holds.
func holdsHead(action abi.Action) bool { return action != abi.ActionContinue && action != 2 }

// bodyStage calls one filter with what there is of the body. It returns what
// the filter let go of, and false when it holds everything back or s.local is
// set. Where trailers follow that the filter asked for, they are a part of it.
func (s *Stream) bodyStage(d *direction, f *filterStream, data []byte, endOfStream bool) ([]byte, bool) {
	way, stage := f.way(d), s.bodyOf(d, f)
	held := &f.bodies[way]
	b := &held.buffer
	var prefix []byte // held so far, and set free by continue_stream since
	if f.released(d) {
		f.resumed[way].Store(false)
		prefix = pieces.Append(prefix, b.Bytes)
		s.noteRewrite(d, f, b)
		b.Reset(nil)
		held.own = false
		if len(data) == 0 && !endOfStream {
			f.letGo(way)
			return prefix, s.settle(d, f) // the callback that held it may have changed the head
		}
	}
	if lent := len(b.Bytes) == 0; lent {
		// The caller's chunk: capped, so that a guest that makes it longer
		// copies it, and copied below when it is to be held.
		b.Reset(data[:len(data):len(data)])
		held.own = false
	} else {
		b.Bytes = pieces.Append(b.Bytes, data)
	}
	if len(b.Bytes) > s.chain.BodyLimit {
		return nil, s.tooLarge(d, f)
	}
	part, size := f.partOf(stage), len(b.Bytes)
	if part != nil {
		whole := s.isDocument(d)
		if whole && !endOfStream && !f.lost.Load() {
			part.gathering = true
			held.keep()
			s.countHeld(d, f)
			return nil, false
		}
		size = part.show(b.Bytes, whole && endOfStream)
	}
	trailers := s.follow(d, f, endOfStream)
	told := endOfStream && !trailers
	if trailers && len(data) == 0 && part == nil {
		// Nothing came since it was called last, and the end is not here.
		held.begin(f.filter.OnFailure)
		return s.withTrailers(d, f, prefix, s.snapshot(d, f))
	}
	before := s.snapshot(d, f)
	lost := false
	action, err := s.callBody(d, f, stage, size, told)
	for tries := 0; errors.Is(err, plugin.ErrInstanceLost) && s.mayShowAgain(d, f, told, trailers, tries); tries++ {
		if !s.askAgain(d, f) {
			if s.local != nil {
				return nil, false
			}
			break // its policy lets the stream go on
		}
		action, err = s.callBody(d, f, stage, size, told)
	}
	if err == nil && f.refused && action != abi.ActionContinue && (trailers || !endOfStream) {
		f.takeBackChanges()
		err = errNotGranted // and what it makes of what comes next is not to be taken for its word
	}
	switch {
	case err != nil:
		s.restore(d, f, before)
		if !s.fail(f, err) {
			return nil, false
		}
		lost = true
	case s.stopped(d, f):
		return nil, false
	case trailers && action != abi.ActionContinue && !f.resumed[way].Load():
		held.keep()
		return s.withTrailers(d, f, prefix, before)
	case action == abi.ActionContinue, trailers:
	case endOfStream:
		held.waiting = len(prefix)
		if !s.countHeld(d, f) {
			return nil, false
		}
		var goesOn bool
		if goesOn, lost = s.await(d, f, stage, before); !goesOn {
			return nil, false
		}
	default:
		f.holding[way] = stage
		held.keep()
		if !s.countHeld(d, f) {
			return nil, false
		}
		if len(prefix) == 0 {
			return nil, false
		}
		return prefix, s.settle(d, f)
	}
	if lost { // and whatever the filter did counts for nothing
		held.putBack()
		part.reset()
	}
	if !s.settleAdded(d, f, lost) {
		return nil, false
	}
	return s.endBody(d, f, prefix, trailers)
}

// callBody calls one filter with size bytes of the body, which end it if it is told so.
func (s *Stream) callBody(d *direction, f *filterStream, stage plugin.Stages, size int, told bool) (action abi.Action, err error) {
	way := f.way(d)
	f.holding[way] = 0
	f.bodies[way].begin(f.filter.OnFailure)
	f.resumed[way].Store(false)
	f.refused = false
	f.adding[way] = s.mayAdd(d, f, told)
	switch stage {
	case plugin.RequestBody:
		action, err = f.guest.RequestBody(size, told)
		f.shown = f.shown || !errors.Is(err, plugin.ErrInstanceLost)
	case plugin.ResponseBody:
		f.answered = true
		action, err = f.guest.ResponseBody(size, told)
	case plugin.DownstreamData:
		action, err = f.guest.DownstreamData(size, told)
	case plugin.UpstreamData:
		action, err = f.guest.UpstreamData(size, told)
	}
	return action, err
}

// letGoOf returns what the filter has made of what it held of the body, behind what
// was set free before. False means that s.local is set.
func (s *Stream) letGoOf(d *direction, f *filterStream, prefix []byte) ([]byte, bool) {
	way := f.way(d)
	held := &f.bodies[way]
	b := &held.buffer
	if part := f.parts[way]; part != nil && !s.mergePart(d, f, part, b) {
		return nil, false
	}
	out := b.Bytes
	if held.own {
		held.store = out[:0] // grown meanwhile; out is read before it is used again
	}
	s.noteRewrite(d, f, b)
	f.letGo(way)
	if len(prefix) > 0 {
		out = pieces.Append(prefix, out)
	}
	return out, s.settle(d, f)
}

// countHeld accounts for what the filter holds. False means that its tenant's filters
// hold too much together, and that s.local is set.
func (s *Stream) countHeld(d *direction, f *filterStream) bool {
	way := f.way(d)
	err := f.hold(way)
	if err == nil {
		return true
	}
	s.gatewayAnswer(VerdictDeny, f, 503, fmt.Sprintf("filter %q cannot hold the %s: %s", f.name(), s.nameOf(d), err), err.Error())
	return false
}

// noteRewrite is told of what a filter lets go of.
func (s *Stream) noteRewrite(d *direction, f *filterStream, b *abi.Buffer) {
	if !b.Modified() {
		return
	}
	s.rewritten, s.rewriter = true, f
	if d.step > 0 && !d.sent {
		d.fields.Remove(contentLength) // for the filters behind it: it is not right any more
	}
}

// keep makes the body outlive the caller's chunk.
func (h *heldBody) keep() {
	if h.own {
		return
	}
	h.store = pieces.Append(h.store[:0], h.buffer.Bytes)
	h.buffer.Bytes, h.own = h.store, true
}

// begin is called before a callback that may change the body. Where the stream goes on without a filter that
// fails, the body is kept as it was: but not before the callback sets about changing it, since a body that comes in
// small pieces to one who waits for its end would be copied as often as there are pieces.
func (h *heldBody) begin(policy OnFailure) {
	h.keeps, h.kept, h.before = policy == Allow, false, abi.Buffer{}
}

// keepBefore is called before the body is changed. True means that it was copied.
func (h *heldBody) keepBefore() bool {
	if !h.keeps || h.kept {
		return false
	}
	h.kept, h.before = true, h.buffer
	h.before.Bytes = pieces.Append(nil, h.buffer.Bytes)
	return true
}

// putBack makes the body what it was before the callback: one that was rewritten before is
// still one that has to be looked at before anybody else gets it.
func (h *heldBody) putBack() {
	if h.kept {
		h.buffer = h.before
		h.own, h.kept, h.before = false, false, abi.Buffer{}
	}
}

// released tells whether the filter holds a part of the body that
// continue_stream has set free since. One whose instance is gone may have said so and crashed.
func (f *filterStream) released(d *direction) bool {
	way := f.way(d)
	return len(f.bodies[way].buffer.Bytes) > 0 && f.resumed[way].Load() && !f.lost.Load() && (f.parts[way] == nil || !f.parts[way].gathering)
}

// saved is a message's head before a callback.
type saved struct {
	fields []abi.Pair
}

// snapshot keeps what a callback may change, where the filter's policy goes on
// after a failure: what a crashed filter has left half done is nobody's decision.
func (s *Stream) snapshot(d *direction, f *filterStream) saved {
	if f.filter.OnFailure == Deny || d.sent || d.at != f.index {
		return saved{}
	}
	return saved{fields: append([]abi.Pair(nil), d.fields.Pairs()...)}
}

// restore makes a head what it was before a stage that counts for nothing.
func (s *Stream) restore(d *direction, f *filterStream, before saved) {
	if before.fields != nil {
		d.fields.SetPairs(before.fields)
	}
}

// tooLarge refuses a body that one filter wants to see whole, or a chunk that it
// made too large. The handler's chunks are never larger than the limit.
func (s *Stream) tooLarge(d *direction, f *filterStream) bool {
	message := fmt.Sprintf("the %s body is larger than limits.body (%d bytes), and filter %q asked to see it whole",
		d.name(), s.chain.BodyLimit, f.name())
	if s.connection.Load() == openConnection {
		message = fmt.Sprintf("filter %q holds more of the %s than limits.body (%d bytes)", f.name(), s.nameOf(d), s.chain.BodyLimit)
	}
	s.gatewayAnswer(VerdictDeny, f, d.limit, message, message)
	return false
}

// stopped tells whether the filter ended the stream in the callback that just
// returned.
func (s *Stream) stopped(d *direction, f *filterStream) bool {
	if f.closed.Load() {
		s.abort(f)
		return true
	}
	return s.local != nil
}

// await blocks while the filter holds the stream in a stage, whose callback found
// the head as it was before. goesOn is false when the stream ended instead. lost
// says that the filter's instance is gone, and that the stream goes on without
// the filter.
func (s *Stream) await(d *direction, f *filterStream, stage plugin.Stages, before saved) (goesOn, lost bool) {
	way := f.way(d)
	f.holding[way], f.awaited[way] = stage, true
	defer func() { f.holding[way], f.awaited[way] = 0, false }()
	began := time.Now()
	defer func() { f.paused += time.Since(began) }()
	timer := time.NewTimer(s.chain.PauseLimit - f.paused)
	defer timer.Stop()
	if d.step > 0 && s.info.Holder != nil {
		// Nobody reads from the client meanwhile: it has to be watched.
		defer s.info.Holder.Hold(s)()
	}
	for {
		switch {
		case f.lost.Load():
			// Nobody is left to let go of the stream, and the stage counts for nothing.
			f.takeBackChanges()
			s.restore(d, f, before)
			if s.local != nil {
				return false, false
			}
			return s.fail(f, plugin.ErrInstanceLost), true
		case f.closed.Load():
			s.abort(f)
			return false, false
		case s.local != nil, d.step > 0 && s.noRequest.Load():
			return false, false // answered: from the other direction, or when a call was answered
		case s.cancelled.Load():
			s.aborted = true
			s.gatewayAnswer(VerdictFail, f, 502, "the client went away", "the client went away while the filter held its stream")
			return false, false
		case f.resumed[way].Swap(false):
			return true, false
		case f.forAnswers && !f.guest.Calling():
			f.forAnswers = false
			return true, false
		case f.refused:
			f.takeBackChanges()
			s.restore(d, f, before)
			return s.fail(f, errNotGranted), true
		}
		s.mu.Unlock()
		var err error
		select {
		case <-d.wake:
		case <-timer.C:
			err = fmt.Errorf("it held the %s for longer than limits.pause (%s)", s.nameOf(d), s.chain.PauseLimit)
		case <-s.ctx.Done():
			err = context.Cause(s.ctx)
		}
		s.mu.Lock()
		if err != nil {
			return s.fail(f, err), false
		}
	}
}

// settle looks at what a callback has made of a head that has not gone out yet:
// whether it can be sent at all, and what it asks for now. False means that it
// became unacceptable, and that s.local is set.
func (s *Stream) settle(d *direction, f *filterStream) bool {
	if d.sent || !d.fields.Modified() {
		return true
	}
	pairs := d.fields.Pairs()
	bad := abi.CheckFields(pairs)
	if bad == "" {
		bad = checkPseudo(pairs, d.pseudo)
	}
	if bad != "" {
		s.refuseRewrite(d, f, bad)
		return false
	}
	if d.step < 0 {
		status, _ := d.fields.Get(":status")
		if status != d.status && !finalStatus(status) {
			s.refuseRewrite(d, f, fmt.Sprintf("%q is no status of a response", status))
			return false
		}
		return true
	}
	return s.reclassify(d, f)
}

// requestPseudo and responsePseudo are the pseudo-headers, each of which is there
// exactly once: of two, one filter might believe the first and another the last.
var (
	requestPseudo  = []string{":method", ":path", ":authority", ":scheme"}
	responsePseudo = []string{":status"}
)

func checkPseudo(pairs []abi.Pair, names []string) string {
	found := 0
	for i := range pairs {
		key := pairs[i].Key
		if key[0] != ':' {
			continue
		}
		known := false
		for n, name := range names {
			if abi.EqualFold(key, name) {
				if found&(1<<n) != 0 {
					return "there are two " + name
				}
				found |= 1 << n
				known = true
			}
		}
		if !known {
			return fmt.Sprintf("%q is no pseudo-header of this message", key)
		}
	}
	for n, name := range names {
		if found&(1<<n) == 0 {
			return name + " is missing"
		}
	}
	return ""
}

// finalStatus tells whether a response can have the status.
func finalStatus(s string) bool {
	return len(s) == 3 && s[0] >= '2' && s[0] <= '5' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// reclassify brings the stream's idea of the request up to date with what the
// filter made of it, so that the filters behind it, and the engine, judge what
// is really asked. False means that the request became unacceptable.
func (s *Stream) reclassify(d *direction, f *filterStream) bool {
	if !s.call.GRPC && (!s.canonicalHeader(d, f) || !s.replan(f, &s.call)) {
		return false
	}
	method, _ := d.fields.Get(":method")
	target, _ := d.fields.Get(":path")
	authority, _ := d.fields.Get(":authority")
	switch {
	case !token(method):
		return s.refuseRewrite(d, f, fmt.Sprintf(":method is %q", method))
	case !host(authority):
		return s.refuseRewrite(d, f, fmt.Sprintf(":authority is %q", authority))
	case target == "" || target[0] != '/':
		return s.refuseRewrite(d, f, fmt.Sprintf(":path is %q", target))
	case method == s.method && target == s.call.Target():
		return true
	case s.call.GRPC:
		return s.refuseRewrite(d, f, "a gRPC call cannot become another one")
	}
	call, err := dockerapi.Classify(method, target)
	if err != nil {
		return s.refuseRewrite(&s.request, f, err.Error())
	}
	if err := dockerapi.CheckVersion(&call, s.chain.MinAPIVersion); err != nil {
		return s.refuseRewrite(&s.request, f, err.Error())
	}
	if call.Transport != s.call.Transport {
		// The connection's shape was settled with the client's request: an
		// upgrade cannot come out of, or become, a plain call.
		if call.Transport == dockerapi.Hijack || s.call.Transport == dockerapi.Hijack {
			return s.refuseRewrite(&s.request, f, fmt.Sprintf("%s cannot be rewritten to %s", s.call.Operation, call.Operation))
		}
	}
	if !s.replan(f, &call) {
		return false
	}
	if call.Operation != s.call.Operation {
		s.rewritten, s.rewriter = true, f // the engine reads the body differently now
	}
	s.method, s.call = method, call
	if target != call.Target() {
		d.fields.Replace(":path", call.Target())
	}
	return true
}

// canonicalHeader brings the fields into the one form that the filters behind
// this one, and the engine, get.
func (s *Stream) canonicalHeader(d *direction, f *filterStream) bool {
	headers := dockerapi.Headers{Limits: s.chain.JSON}
	var changed []abi.Pair
	for _, p := range d.fields.Pairs() {
		value, err := headers.Canonical(p.Key, p.Value)
		if err != nil {
			return s.refuseRewrite(d, f, err.Error())
		}
		if value != p.Value {
			changed = append(changed, abi.Pair{Key: p.Key, Value: value})
		}
	}
	for _, p := range changed {
		d.fields.Replace(p.Key, p.Value)
	}
	return true
}

// replan finds out what the engine would make of the body now that the
// operation, or the fields that describe the body, may be others.
func (s *Stream) replan(f *filterStream, call *dockerapi.Call) bool {
	if s.request.ended && s.plan != dockerapi.BodyDrop {
		return true // there is no body
	}
	plan, err := dockerapi.PlanBody(call, s.request.fields.Values("content-type"), s.request.fields.Values("content-encoding"))
	switch {
	case err != nil:
		return s.refuseRewrite(&s.request, f, err.Error())
	case plan == dockerapi.BodyCanonical && s.plan == dockerapi.BodyPass:
		return s.refuseRewrite(&s.request, f, fmt.Sprintf("the body of %s was not read as that of %s", s.call.Operation, call.Operation))
	}
	s.plan = plan
	return true
}

func (s *Stream) refuseRewrite(d *direction, f *filterStream, why string) bool {
	status := 500
	if d.step < 0 {
		status = 502
	}
	s.gatewayAnswer(VerdictFail, f, status,
		fmt.Sprintf("filter %q rewrote the %s into one that cannot be forwarded: %s", f.name(), d.name(), why), why)
	return false
}

// token tells whether s can be a method.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
	})
}

// host tells whether s can be the value of a Host field, which may be empty.
func host(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"#/<>?@\\^`{|}", c)
	})
}

// fail applies the filter's policy after it could not answer. True means that
// the stream goes on without it; false that s.local is set.
func (s *Stream) fail(f *filterStream, err error) bool {
	if s.hasClosed(f) {
		return false // before that
	}
	if f.filter.OnFailure == Allow && s.ctx.Err() == nil {
		f.state = bypassed
		wake(s.request.wake) // what it holds of the other direction goes on
		wake(s.response.wake)
		s.outcome.Filter, s.outcome.Reason = f.name(), "bypassed (on_failure: allow): "+err.Error()
		return true
	}
	f.state = failed
	f.filter.Plugin.TurnAway(s.ctx)
	what := "failed"
	if errors.Is(err, plugin.ErrStarting) {
		what = "is still starting"
	}
	s.gatewayAnswer(VerdictFail, f, 503,
		fmt.Sprintf("filter %q %s, and a request that it did not judge is denied", f.name(), what), err.Error())
	return false
}

// abort cuts the stream: the filter called close_stream.
func (s *Stream) abort(f *filterStream) {
	s.aborted = true
	s.gatewayAnswer(VerdictDeny, f, 502, fmt.Sprintf("filter %q closed the stream", f.name()), "close_stream")
}

func (f *filterStream) name() string { return f.filter.Plugin.Name() }

// way is the index of a direction in the pairs that a filterStream keeps.
func (f *filterStream) way(d *direction) int {
	if d.step > 0 {
		return 0
	}
	return 1
}

func (d *direction) name() string {
	if d.step > 0 {
		return "request"
	}
	return "response"
}

var _ plugin.State = (*filterStream)(nil)
