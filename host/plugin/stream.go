package plugin

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/vm"
)

// State is the part of a stream that a filter's host calls act upon.
type State interface {
	hostcall.Context
	// SetStage tells which stage's callback is about to run, and EndStage that it is
	// over, and whether it came to its end: what one has done that did not is nobody's
	// decision. They are called under the instance's lock, so that host calls made
	// meanwhile from another context of the instance, in a tick for example, find the
	// stream closed to them.
	SetStage(Stages)
	EndStage(well bool)
	// Tenant is whose request the stream is, "" where nobody knows. It has its turn with
	// those of the same.
	Tenant() string
	// Lock keeps the stages of the stream from running, and Unlock lets them,
	// around a callback that comes from outside of the stream's way. Whoever
	// takes the instance's lock as well takes this one first.
	Lock()
	Unlock()
	// Lost says that the instance is gone: no callback of the stream comes any
	// more, and nothing that the guest holds is continued by it. It is called
	// with the instance's lock held, by any goroutine, and must not wait.
	Lost()
	// CallsOver says that no call of the stream's is under way any more. The callback
	// about the last one may still run. It is called as Lost is.
	CallsOver()
}

// A Stream is one HTTP context of a guest: a filter's part in one request and
// its response. Its methods are called by one goroutine at a time; each takes
// the instance's lock for the length of one callback. The zero value is opened
// by Plugin.Open.
type Stream struct {
	instance *Instance
	state    State
	id       uint32
	phase    phase     // guarded by the instance's lock
	since    time.Time // when it began to wait
	party    string    // whose turn its callbacks are
	calls    int       // to other services, under way; guarded by the lock too
	usage    usage
	last     last
}

// phase is how far a context's end has come.
type phase uint8

const (
	phaseLive    phase = iota
	phaseEnding        // proxy_on_done runs
	phaseWaiting       // it answered false, and proxy_done is awaited
	phaseDone          // proxy_done was called
	phaseDeleted       // proxy_on_log and proxy_on_delete were called, or are
)

// Open creates the guest's context for a new stream, on an instance that the
// stream then keeps to. Host calls made in its callbacks act on state. An error
// means that the filter was not asked: the caller's failure policy decides.
func (p *Plugin) Open(ctx context.Context, stream *Stream, state State) error {
	if p.unstarted != nil {
		return p.unstarted
	}
	party := p.party(state.Tenant())
	instance, err := p.acquireInTurn(ctx, party)
	if err != nil {
		return err
	}
	defer instance.unlock()
	*stream = Stream{instance: instance, state: state, id: instance.newID(), party: party}
	instance.contexts[stream.id] = stream
	instance.current = state
	instance.used = 0
	_, err = instance.call(onContextCreate, uint64(stream.id), rootID)
	stream.usage.note(instance.used, vm.Fuel(p.options.CallTimeout), 0, p.streamBudget)
	return err
}

// Memory is how many bytes of memory the stream's instance has. It is called inside
// of a callback.
func (s *Stream) Memory() int64 { return s.instance.memory() }

// Calling tells whether calls of the stream's to other services are under way, or their
// answers on their way to the guest.
func (s *Stream) Calling() bool {
	i := s.instance
	i.mu.Lock() // not lock: nobody is served here, and nothing is to be put back
	defer i.mu.Unlock()
	return s.calls > 0
}

// ID is the guest's context id.
func (s *Stream) ID() uint32 { return s.id }

// RequestHeaders calls proxy_on_request_headers with the number of fields.
func (s *Stream) RequestHeaders(fields int, endOfStream bool) (abi.Action, error) {
	return s.headers(onRequestHeaders, fields, endOfStream)
}

// ResponseHeaders calls proxy_on_response_headers with the number of fields.
func (s *Stream) ResponseHeaders(fields int, endOfStream bool) (abi.Action, error) {
	return s.headers(onResponseHeaders, fields, endOfStream)
}

// RequestBody calls proxy_on_request_body with the number of buffered bytes.
func (s *Stream) RequestBody(size int, endOfStream bool) (abi.Action, error) {
	return s.enter(onRequestBody, size, uint64(s.id), uint64(size), flag(endOfStream))
}

// ResponseBody calls proxy_on_response_body with the number of buffered bytes.
func (s *Stream) ResponseBody(size int, endOfStream bool) (abi.Action, error) {
	return s.enter(onResponseBody, size, uint64(s.id), uint64(size), flag(endOfStream))
}

// SetTickPeriod sets the period of proxy_on_tick, which is called for the root of the
// stream's instance. It is for host calls: the caller holds the instance's lock.
func (s *Stream) SetTickPeriod(milliseconds uint32) abi.Status {
	return s.instance.root.SetTickPeriod(milliseconds)
}

// RequestTrailers calls proxy_on_request_trailers with the number of fields.
func (s *Stream) RequestTrailers(fields int) (abi.Action, error) {
	return s.enter(onRequestTrailers, 0, uint64(s.id), uint64(fields))
}

// ResponseTrailers calls proxy_on_response_trailers with the number of fields.
func (s *Stream) ResponseTrailers(fields int) (abi.Action, error) {
	return s.enter(onResponseTrailers, 0, uint64(s.id), uint64(fields))
}

// NewConnection calls proxy_on_new_connection: the stream's connection has left
// HTTP.
func (s *Stream) NewConnection() (abi.Action, error) {
	return s.enter(onNewConnection, 0, uint64(s.id))
}

// DownstreamData calls proxy_on_downstream_data with the number of buffered bytes.
func (s *Stream) DownstreamData(size int, endOfStream bool) (abi.Action, error) {
	return s.enter(onDownstreamData, size, uint64(s.id), uint64(size), flag(endOfStream))
}

// UpstreamData calls proxy_on_upstream_data with the number of buffered bytes.
func (s *Stream) UpstreamData(size int, endOfStream bool) (abi.Action, error) {
	return s.enter(onUpstreamData, size, uint64(s.id), uint64(size), flag(endOfStream))
}

// ConnectionClosed calls proxy_on_downstream_connection_close and
// proxy_on_upstream_connection_close with who closed each.
func (s *Stream) ConnectionClosed(downstream, upstream abi.PeerType) error {
	if _, err := s.enter(onDownstreamClose, 0, uint64(s.id), uint64(downstream)); err != nil {
		return err
	}
	_, err := s.enter(onUpstreamClose, 0, uint64(s.id), uint64(upstream))
	return err
}

func (s *Stream) headers(c callback, fields int, endOfStream bool) (abi.Action, error) {
	if !s.instance.plugin.endOfStream[c] { // as in ABI 0.1.0
		return s.enter(c, 0, uint64(s.id), uint64(fields))
	}
	return s.enter(c, 0, uint64(s.id), uint64(fields), flag(endOfStream))
}

// fuelPerByte is what a callback may use beside its budget for each byte of the
// body that it is shown: to parse JSON takes TinyGo 15 to 40 units a byte, and a
// body that is within limits.body has to be judged and not denied for its size.
const fuelPerByte = 64

// enter calls a callback of a stage, which is shown size bytes of a body.
func (s *Stream) enter(c callback, size int, args ...uint64) (abi.Action, error) {
	i := s.instance
	if err := i.lockInTurn(s.party); err != nil {
		return abi.ActionPause, err
	}
	defer i.unlock()
	if i.lost.Load() || s.phase != phaseLive { // an isolated instance is another's after the end
		return abi.ActionPause, ErrInstanceLost
	}
	if s.usage.over(i.plugin.streamBudget) {
		return abi.ActionPause, &LimitError{Limit: "limits.stream", Value: i.plugin.options.StreamTimeout.String(), Err: ErrStream}
	}
	i.current = s.state
	s.state.SetStage(callbackStages[c])
	budget, granted := vm.Fuel(i.plugin.options.CallTimeout), fuelPerByte*int64(size)
	i.vm.SetFuel(budget + granted)
	i.used = 0
	result, err := i.call(c, args...)
	i.vm.SetFuel(budget)
	s.usage.note(i.used, budget+granted, granted, i.plugin.streamBudget)
	s.state.EndStage(err == nil)
	if err != nil {
		return abi.ActionPause, err
	}
	return abi.Action(uint32(result)), nil
}

// Done ends the context: proxy_on_done, then, at once or when the guest calls
// proxy_done, proxy_on_log and proxy_on_delete. They wait for their turn like the
// callbacks of stages, but are called behind a second's wait whether it has come or not;
// and they may use what is left for the stream, and one callback's budget beside it,
// together: beyond that they trap. Nothing is called on an instance that is lost. Where the guest asks for more time, which it is given
// within limits, pending is true: its state is then still referred to, and must
// not be used for another stream.
func (s *Stream) Done() (pending bool) {
	i := s.instance
	if i == nil {
		return false
	}
	// The guest has to be told in any case, and owes it. One that is lost computes
	// nothing, but whoever closes it may be about to speak to the stream's state.
	if i.lost.Load() || i.lockInTurn(s.party) != nil {
		i.lock(s.party)
	}
	defer i.unlock()
	if i.lost.Load() {
		return false
	}
	i.current = s.state
	s.phase = phaseEnding
	s.last.begin(&s.usage, i.plugin.streamBudget, vm.Fuel(i.plugin.options.CallTimeout))
	s.state.SetStage(Log)
	answer, err := s.callLast(onDone)
	s.state.EndStage(err == nil)
	if err != nil || i.lost.Load() {
		return false
	}
	// A guest that has called proxy_done meanwhile is done, whatever it answers.
	if i.funcs[onDone] != nil && uint32(answer) == 0 && s.phase == phaseEnding {
		i.keep(s)
		return s.phase == phaseWaiting && !i.lost.Load()
	}
	_ = s.delete() // a trap has been dealt with by call
	return false
}

// delete ends the guest's context. The caller holds the instance's lock.
func (s *Stream) delete() error {
	if s.phase == phaseDeleted {
		return nil
	}
	s.phase = phaseDeleted
	i := s.instance
	i.settled(s)
	i.callouts.cancelOf(s)
	s.state.SetStage(Log)
	var err error
	for _, c := range [...]callback{onLog, onDelete} {
		i.current = s.state // call may have deleted another context in between
		if _, err = s.callLast(c); err != nil {
			break
		}
	}
	s.state.EndStage(err == nil)
	if _, there := i.contexts[s.id]; there { // it is not after a trap
		delete(i.contexts, s.id)
		i.plugin.giveContexts(1)
	}
	i.current = &i.root
	if err == nil {
		i.served.Store(true)
	}
	i.spent = i.plugin.fresh != nil
	return err
}

// FinishPending is what the stream's state answers to proxy_done: the context
// is deleted after the callback that runs. NOT_FOUND: the filter has not been
// asked whether it is done, or has said that it is.
func (s *Stream) FinishPending() abi.Status {
	switch s.phase {
	case phaseEnding: // Done goes on to delete it
	case phaseWaiting:
		s.instance.finished = append(s.instance.finished, s)
	default:
		return abi.StatusNotFound
	}
	s.phase = phaseDone
	return abi.StatusOK
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
