package plugin

import (
	"errors"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/vm"
)

// answer is what a guest can read inside of a callback that is about a call. The
// zero value is that of all other callbacks: nothing.
type answer struct {
	maps    [4]*abi.HeaderMap // by their type, from firstMap on
	body    abi.Buffer
	buffer  abi.BufferType // of body
	hasBody bool
	// Of a call that has ended: how.
	ended   bool
	code    uint32
	message string
}

const firstMap = abi.MapTypeGRPCCallInitialMetadata

// with offers a map.
func (a answer) with(t abi.MapType, pairs []abi.Pair) answer {
	a.maps[t-firstMap] = abi.NewHeaderMap(pairs)
	return a
}

// withBody offers a buffer.
func (a answer) withBody(t abi.BufferType, content []byte) answer {
	a.body.Reset(content)
	a.buffer, a.hasBody = t, true
	return a
}

// HeaderMap implements hostcall.Callouts.
func (c *callouts) HeaderMap(t abi.MapType) (*abi.HeaderMap, abi.Status) {
	if m := c.answer.maps[t-firstMap]; m != nil {
		return m, abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

// Buffer implements hostcall.Callouts.
func (c *callouts) Buffer(t abi.BufferType) (*abi.Buffer, abi.Status) {
	if c.answer.hasBody && c.answer.buffer == t {
		return &c.answer.body, abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

// Status implements hostcall.Callouts.
func (c *callouts) Status() (code uint32, message string, status abi.Status) {
	if !c.answer.ended {
		return 0, "", abi.StatusNotFound
	}
	return c.answer.code, c.answer.message, abi.StatusOK
}

// answerHTTP tells the guest how an HTTP call went: three zeros stand for a
// failure.
func (call *pendingCall) answerHTTP(response *callout.Response, err error) {
	if err != nil {
		call.failed(err)
		a := answer{ended: true, code: uint32(abi.StatusBrokenConnection), message: callout.ReasonReset}
		var failure *callout.Failure
		if errors.As(err, &failure) {
			a.message = failure.Reason
		}
		call.deliver(a, true, onHTTPCallResponse, 0, 0, 0)
		return
	}
	a := answer{ended: true}.
		with(abi.MapTypeHTTPCallResponseHeaders, response.Fields).
		with(abi.MapTypeHTTPCallResponseTrailers, response.Trailers).
		withBody(abi.BufferTypeHTTPCallResponseBody, response.Body)
	call.deliver(a, true, onHTTPCallResponse, len(response.Fields), len(response.Body), len(response.Trailers))
}

// deliver calls a callback that is about the call: with the root's id, the call's
// and the further arguments. It acts upon the context that made the call, if that
// is still there, and upon the root otherwise. last says that it is the call's
// last one. The result tells whether the guest wants to hear more of it.
//
// The stream is locked before the instance, as by the stages of the stream: so no
// stage of it runs meanwhile, and what the guest reads and changes of it is its
// own for as long as the callback lasts.
func (call *pendingCall) deliver(a answer, last bool, c callback, args ...int) bool {
	for {
		call.waitAllowance()
		if wanted, late := call.deliverNow(a, last, c, args...); !late {
			return wanted
		}
	}
}

// deliverNow is deliver's, unless the filter has used up what it may compute while this
// one waited for the instance: then it is late, and nothing was done.
func (call *pendingCall) deliverNow(a answer, last bool, c callback, args ...int) (wanted, late bool) {
	i := call.instance
	i.lock(i.plugin.ownParty)
	state, party := i.stateOf(call.owner), i.plugin.ownParty
	if state != nil {
		party = i.contexts[call.owner].party
	}
	i.unlock()
	if state != nil {
		state.Lock()
		defer state.Unlock()
	}
	i.background(party, func() error {
		if call.dropped {
			return nil
		}
		if late, _ = i.plugin.exhausted(); late && call.ctx.Err() == nil {
			return nil
		}
		late = false
		if last {
			call.end()
		}
		i.current = &i.root
		well := false
		if state != nil && i.stateOf(call.owner) == state {
			i.current = state
			state.SetStage(i.contexts[call.owner].answerStage())
			defer func() { state.EndStage(well) }()
		}
		values := [5]uint64{rootID, uint64(call.id)}
		for n, arg := range args {
			values[2+n] = uint64(uint32(arg))
		}
		i.callouts.answer, i.callouts.about = a, call
		budget, granted := vm.Fuel(i.plugin.options.CallTimeout), fuelPerByte*int64(len(a.body.Bytes))
		i.vm.SetFuel(budget + granted)
		i.used = 0
		_, err := i.call(c, values[:2+len(args)]...)
		i.vm.SetFuel(budget)
		if stream := i.contexts[call.owner]; stream != nil {
			stream.usage.note(i.used, budget+granted, granted, i.plugin.streamBudget)
		}
		i.callouts.answer, i.callouts.about = answer{}, nil
		i.current = &i.root
		well = err == nil
		wanted = well && !call.dropped
		return err
	})
	return wanted, late
}

// waitAllowance waits until the filter may compute. Answers wait as long as it
// takes: who holds a stream for one is told off by limits.pause.
func (call *pendingCall) waitAllowance() { call.instance.plugin.options.WaitAllowed(call.ctx) }

// stateOf is the state of a stream's context; nil when there is none of that id.
func (i *Instance) stateOf(id uint32) State {
	if stream := i.contexts[id]; stream != nil {
		return stream.state
	}
	return nil
}

// answerStage is what a callback about a call of the stream may do with it.
func (s *Stream) answerStage() Stages {
	if s.phase == phaseLive {
		return Answer
	}
	return Log
}
