package chain

import (
	"fmt"
	"strconv"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// Local is a response that comes from a filter or from the gateway instead of
// the engine.
type Local struct {
	Status int
	Fields []abi.Pair
	Body   []byte
	// Abort cuts the connection instead: a filter closed the stream.
	Abort bool

	// from is the filter whose response stages it passes first; -1 for none.
	from int
}

// Local is the response to give instead of going on, or nil. After a call that
// returned false it tells why.
func (s *Stream) Local() *Local {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.local
}

// BeginLocal makes the local response the response of the stream. The handler
// then takes its head and body through ResponseHeaders and ResponseBody as if
// the engine had sent them: it passes the filters that its sender has before
// it, and the sender itself where that has not seen a response yet. A stage of
// theirs may put another local response in its place; then Local is set again. Where there is
// none it is the gateway's 500: a stream that has been stopped does not go on.
func (s *Stream) BeginLocal() *Local {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local == nil { // which nobody has seen
		s.gatewayAnswer(VerdictFail, nil, 500, "sluice: the request was stopped, and nobody has said why", "stopped without a reason")
	}
	l := s.local
	s.local = nil
	d := &s.response
	if s.answers++; s.answers > len(s.filters)+1 {
		l.from = -1 // each filter was asked: nothing can go round for ever
	}
	d.first, d.next, d.at, d.sent = l.from, l.from, nowhere, false
	for i := range s.filters {
		f := &s.filters[i]
		f.letGo(1)
		f.parts[1].reset()
		f.trailed[1] = false
		f.skip &^= d.body // it spoke of the body that is replaced
		f.splitter = nil
	}
	return l
}

// Refuse ends the stream before it goes to the engine, for a reason of the
// gateway's own. Local is set after it.
func (s *Stream) Refuse(status int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gatewayAnswer(VerdictDeny, nil, status, "sluice: "+message, message)
	if len(s.response.fields.Pairs()) > 0 {
		s.local.from = -1 // the filters have had their say on the response
	}
}

// answerFrom is where the response stages of a local response begin that f has
// sent: with f itself, unless it has seen a response already.
func (f *filterStream) answerFrom() int {
	if f.answered || f.state != open {
		return f.index - 1
	}
	return f.index
}

// gatewayAnswer ends the stream with a response of the gateway's own. f is the
// filter that is the cause, or nil.
func (s *Stream) gatewayAnswer(verdict Verdict, f *filterStream, status int, message, reason string) {
	l := &Local{Status: status, Abort: s.aborted, from: len(s.filters) - 1}
	s.outcome, s.details = Outcome{Verdict: verdict, Reason: clip(reason)}, "sluice: "+clip(reason)
	if f != nil {
		s.outcome.Filter = f.name()
		l.from = f.index - 1 // it has failed or was told no: it is not asked about that
	}
	l.json(message, s.info.RequestID)
	s.answer(l)
}

// answer makes l the end of the stream, and wakes the other direction if a filter
// holds it.
func (s *Stream) answer(l *Local) {
	s.local = l
	wake(s.request.wake)
	wake(s.response.wake)
}

// interrupt lets the handler notice s.local, in whatever it waits.
func (s *Stream) interrupt() {
	if s.info.Holder != nil {
		s.info.Holder.Interrupt()
	}
}

// maxReason is how much of a reason goes into the log.
const maxReason = 512

func clip(reason string) string {
	if len(reason) > maxReason {
		return reason[:maxReason] + "…"
	}
	return reason
}

// filterAnswer ends the stream with a filter's local response.
func (s *Stream) filterAnswer(f *filterStream, r abi.LocalResponse) abi.Status {
	if r.StatusCode < 200 || r.StatusCode > 599 {
		return abi.StatusBadArgument
	}
	if abi.CheckFields(r.Headers) != "" {
		return abi.StatusBadArgument
	}
	if len(r.Body) > s.chain.BodyLimit {
		return abi.StatusBadArgument
	}
	l := &Local{Status: int(r.StatusCode), Body: r.Body, from: f.answerFrom()}
	typed := false
	for _, p := range r.Headers {
		if len(p.Key) > 0 && p.Key[0] == ':' {
			continue // :status is the status argument's
		}
		typed = typed || abi.EqualFold(p.Key, "content-type")
		l.Fields = append(l.Fields, p)
	}
	if s.details = r.Details; s.details == "" {
		s.details = "local_response"
	}
	s.outcome = Outcome{Verdict: VerdictAllow, Filter: f.name(), Reason: "answered by the filter"}
	if l.Status >= 400 {
		reason := string(r.Body)
		if reason == "" {
			reason = r.Details
		}
		s.outcome.Verdict, s.outcome.Reason = VerdictDeny, clip(reason)
		if !typed {
			// A refusal in plain words, as proxy-wasm filters give it, becomes
			// what Docker's clients print.
			if reason == "" {
				reason = "no reason given"
			}
			if l.Status == 404 {
				// As the engine says it: whoever is told that something does not exist
				// is not to learn from the words that it does. The log names the filter.
				l.Fields = append(l.Fields, abi.Pair{Key: "Content-Type", Value: "application/json"})
				l.Body = dockerapi.ErrorBody(reason)
			} else {
				l.json(fmt.Sprintf("denied by filter %q: %s", f.name(), reason), s.info.RequestID)
			}
		}
	}
	s.answer(l)
	return abi.StatusOK
}

// json gives the response the engine's form of an error.
func (l *Local) json(message, requestID string) {
	l.Fields = append(l.Fields, abi.Pair{Key: "Content-Type", Value: "application/json"})
	l.Body = dockerapi.ErrorBody(fmt.Sprintf("%s (request %s)", message, requestID))
}

// StatusText is the status as the value of the pseudo-header :status.
func (l *Local) StatusText() string { return strconv.Itoa(l.Status) }
