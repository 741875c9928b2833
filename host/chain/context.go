package chain

import (
	"fmt"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// This file is what a filter's host calls may do with its stream, and when:
// the legality matrix of ABI.md 2.6. Outside of a callback of this stream
// (stage 0: a tick that made it the effective context) nothing is shown; only
// continue_stream and close_stream work. A callback about a call that the filter
// made for the stream (stage Answer) may read, and may change what the filter
// holds.

// Tenant implements plugin.State.
func (f *filterStream) Tenant() string { return f.stream.info.Client.Tenant }

// Lock implements plugin.State.
func (f *filterStream) Lock() { f.stream.mu.Lock() }

// Unlock implements plugin.State.
func (f *filterStream) Unlock() { f.stream.mu.Unlock() }

// Lost implements plugin.State.
func (f *filterStream) Lost() {
	f.lost.Store(true)
	wake(f.stream.request.wake)
	wake(f.stream.response.wake)
}

// CallsOver implements plugin.State.
func (f *filterStream) CallsOver() {
	wake(f.stream.request.wake)
	wake(f.stream.response.wake)
}

// recount is countHeld after a callback that was no stage of the stream's.
func (f *filterStream) recount() {
	s := f.stream
	for _, d := range []*direction{&s.request, &s.response} {
		if s.local == nil && f.holding[f.way(d)] != 0 && !s.countHeld(d, f) {
			s.interrupt()
		}
	}
}

// ContextID is the guest's id of the context, for its log lines.
func (f *filterStream) ContextID() uint32 { return f.guest.ID() }

// HeaderMap implements hostcall.Context.
func (f *filterStream) HeaderMap(t abi.MapType, a hostcall.Access) (*abi.HeaderMap, abi.Status) {
	if !t.Valid() {
		return nil, abi.StatusBadArgument
	}
	s := f.stream
	switch {
	case f.stage == 0:
	case t == abi.MapTypeHTTPRequestHeaders:
		if !a.Write || f.mayChangeHead(&s.request, onRequest) {
			return &s.request.fields, abi.StatusOK
		}
	case t == abi.MapTypeHTTPResponseHeaders && (f.stage&withResponse != 0 || f.stage == plugin.Answer && f.answered):
		if !a.Write || f.mayChangeHead(&s.response, onResponse) {
			return &s.response.fields, abi.StatusOK
		}
	case t == abi.MapTypeHTTPRequestTrailers && f.showsTrailers(0, a.Write):
		return &s.request.trailers, abi.StatusOK
	case t == abi.MapTypeHTTPResponseTrailers && f.showsTrailers(1, a.Write):
		return &s.response.trailers, abi.StatusOK
	}
	if a.Write {
		return nil, abi.StatusBadArgument
	}
	return nil, abi.StatusNotFound
}

// onRequest and onResponse are the stages in which a filter may change the head.
const (
	onRequest  = plugin.RequestHeaders | plugin.RequestBody | plugin.RequestTrailers
	onResponse = plugin.ResponseHeaders | plugin.ResponseBody | plugin.ResponseTrailers
)

// mayChangeHead tells whether the filter may change the head of a direction: in its stages, and in an
// answer to a call while it holds something of the message, until the head has gone on. A filter behind it
// has judged the head as it came to it, be it only by its match, and what it has judged is what is sent.
func (f *filterStream) mayChangeHead(d *direction, stages plugin.Stages) bool {
	return (f.stage&stages != 0 || f.stage == plugin.Answer && f.holding[f.way(d)] != 0) && !d.sent && d.at == f.index
}

// SetHeaderMap implements hostcall.Context.
func (f *filterStream) SetHeaderMap(t abi.MapType, pairs []abi.Pair) abi.Status {
	fields, status := f.HeaderMap(t, hostcall.Access{Write: true})
	if status == abi.StatusOK {
		fields.SetPairs(pairs)
	}
	return status
}

// Buffer implements hostcall.Context.
func (f *filterStream) Buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status) {
	if !t.Valid() {
		return nil, abi.StatusBadArgument
	}
	way := 0
	switch {
	case t == abi.BufferTypeHTTPRequestBody && f.showsBody(0):
	case t == abi.BufferTypeDownstreamData && f.shows(0, plugin.DownstreamData):
	case t == abi.BufferTypeHTTPResponseBody && f.showsBody(1):
		way = 1
	case t == abi.BufferTypeUpstreamData && f.shows(1, plugin.UpstreamData):
		way = 1
	case write:
		return nil, abi.StatusBadArgument
	default:
		return nil, abi.StatusNotFound
	}
	if write && f.bodies[way].keepBefore() {
		f.filter.Plugin.Pay(keptUnits * int64(len(f.bodies[way].before.Bytes)))
	}
	return &f.bodies[way].buffer, abi.StatusOK
}

// withResponse are the stages in which there is a response.
const withResponse = plugin.ResponseHeaders | plugin.ResponseBody | plugin.ResponseTrailers | plugin.Connection | plugin.DataStages | plugin.Log

// shows tells whether what a stage is about, of a direction, can be read and changed: in
// that stage, and while the filter holds it.
func (f *filterStream) shows(way int, stage plugin.Stages) bool {
	return f.stage == stage || f.stage == plugin.Answer && f.holding[way] == stage
}

// showsBody tells whether the body of a direction can be read and changed: in its stage, and
// what the filter holds of it also in that of the trailers behind it.
func (f *filterStream) showsBody(way int) bool {
	return f.shows(way, bodyStages[way]) || f.behind[way] && f.shows(way, trailerStages[way])
}

// showsTrailers tells whether the trailers of a direction can be read, which is from
// their stage on, or changed. Before its stage the filters nearer to where they come from
// may not be done with them. Those that it adds itself are its own from the first.
func (f *filterStream) showsTrailers(way int, write bool) bool {
	if f.adding[way] && f.shows(way, bodyStages[way]) {
		return true
	}
	if !write {
		return f.trailed[way]
	}
	return f.shows(way, trailerStages[way])
}

// bodyStages and trailerStages are the stages of a request and of a response.
var (
	bodyStages    = [2]plugin.Stages{plugin.RequestBody, plugin.ResponseBody}
	trailerStages = [2]plugin.Stages{plugin.RequestTrailers, plugin.ResponseTrailers}
)

// BufferLimit implements hostcall.Context.
func (f *filterStream) BufferLimit() int { return f.stream.chain.BodyLimit }

// SendLocalResponse implements hostcall.Context. The first one counts.
func (f *filterStream) SendLocalResponse(r abi.LocalResponse) abi.Status {
	s := f.stream
	connection := s.connection.Load()
	if f.stage == 0 || f.stage == plugin.Log || s.local != nil || connection == closedConnection {
		return abi.StatusBadArgument
	}
	status := abi.StatusOK
	if f.stage&(plugin.ResponseBody|plugin.ResponseTrailers|plugin.DataStages|plugin.Answer) != 0 && s.response.sent && connection != newConnection {
		// The head is out: what is left of the response is cut, which the
		// client must be able to tell from its end.
		reason := clip(string(r.Body))
		where := "response body"
		if connection == openConnection {
			where = "connection"
		}
		s.outcome = Outcome{Verdict: VerdictDeny, Filter: f.name(), Reason: "denied in the " + where + ": " + reason}
		l := &Local{Status: int(r.StatusCode), Abort: true, from: -1}
		l.json(fmt.Sprintf("denied by filter %q: %s", f.name(), reason), s.info.RequestID)
		s.answer(l)
	} else {
		status = s.filterAnswer(f, r)
	}
	f.word.answered = s.local != nil
	return status
}

// ContinueStream implements hostcall.Context. It may come from any goroutine
// that holds the instance's lock.
//
// Downstream and upstream are the two directions of a connection that has left
// HTTP; where there is none they mean nothing.
func (f *filterStream) ContinueStream(t abi.StreamType) abi.Status {
	s := f.stream
	connection := s.connection.Load()
	switch t {
	case abi.StreamTypeDownstream, abi.StreamTypeUpstream:
		if connection == noConnection {
			return abi.StatusUnimplemented
		}
	case abi.StreamTypeHTTPRequest, abi.StreamTypeHTTPResponse:
	default:
		return abi.StatusBadArgument
	}
	if t == abi.StreamTypeHTTPRequest || t == abi.StreamTypeDownstream || connection == newConnection {
		f.resumed[0].Store(true)
		wake(s.request.wake)
	} else {
		f.resumed[1].Store(true)
		wake(s.response.wake)
	}
	return abi.StatusOK
}

// CloseStream implements hostcall.Context: the stream is cut as soon as the
// chain comes to it, whichever half was named; in a callback of the stream's, when that is over.
func (f *filterStream) CloseStream(t abi.StreamType) abi.Status {
	if !t.Valid() {
		return abi.StatusBadArgument
	}
	if f.stage != 0 && f.stage != plugin.Log {
		f.word.closed = true
		return abi.StatusOK
	}
	if !f.closed.Swap(true) && f.stage == 0 {
		go f.stream.cut() // the stream is locked before the instance
	}
	wake(f.stream.request.wake)
	wake(f.stream.response.wake)
	return abi.StatusOK
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ContextDone implements hostcall.Context.
func (f *filterStream) ContextDone() abi.Status { return f.guest.FinishPending() }

// SetTickPeriod implements hostcall.Context: ticks are the root's, whoever asks for them.
func (f *filterStream) SetTickPeriod(milliseconds uint32) abi.Status {
	return f.guest.SetTickPeriod(milliseconds)
}
