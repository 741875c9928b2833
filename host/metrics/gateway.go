package metrics

import (
	"sync"
	"sync/atomic"
	"time"
)

// Verdict is how a request was decided.
type Verdict uint8

// The verdicts.
const (
	Allow Verdict = iota
	Deny
	Fail
	verdicts
)

var verdictNames = [verdicts]string{"allow", "deny", "fail"}

// Refusal is why something was turned away before it became a request.
type Refusal uint8

// The reasons.
const (
	Malformed Refusal = iota // what came was no request
	Peer                     // who came may not, or could not be identified
	refusals
)

var refusalNames = [refusals]string{"malformed", "peer"}

// transports are the ways a request's bytes travel. What takes long does so for
// different reasons in each.
var transportNames = [...]string{"unary", "stream", "hijack"}

// unknownOperation is what requests count as that could not be classified.
const unknownOperation = "none"

// statusClasses are 1xx to 5xx, and 0 for what had no status.
const statusClasses = 6

// Gateway is what a gateway counts beside its filters. Its methods may be called
// from any goroutine; on a nil Gateway they do nothing.
type Gateway struct {
	operations []string
	index      map[string]int
	// requests are counted by operation, verdict and class of status.
	requests []atomic.Uint64
	times    [len(transportNames)]timeHistogram
	in, out  atomic.Int64

	refused  [refusals]atomic.Uint64
	accepted atomic.Uint64
	yielded  atomic.Uint64
	dropped  atomic.Uint64 // lines of the log
	hijacked atomic.Int64

	reloads, failedReloads atomic.Uint64

	tenants sync.Map // name to *tenant; of those that were configured, so no more than these
}

// tenant is what is counted of a tenant's requests.
type tenant struct {
	requests [verdicts]atomic.Uint64
	unseated atomic.Uint64
}

// NewGateway returns a gateway's counters. operations are the names that there are;
// anything else counts as "none", so that nobody can make up series.
func NewGateway(operations []string) *Gateway {
	g := &Gateway{operations: append([]string{unknownOperation}, operations...), index: make(map[string]int)}
	for i, name := range g.operations {
		g.index[name] = i
	}
	g.requests = make([]atomic.Uint64, len(g.operations)*int(verdicts)*statusClasses)
	return g
}

// Request is what is counted of a request, at its end.
type Request struct {
	Operation string
	Tenant    string // "" where there are none
	Transport int    // 0 unary, 1 stream, 2 hijack
	Verdict   Verdict
	Status    int
	In, Out   int64 // bytes of bodies, or of a hijacked connection
	Took      time.Duration
}

// Request counts one.
func (g *Gateway) Request(r Request) {
	if g == nil {
		return
	}
	class := r.Status / 100
	if class < 0 || class >= statusClasses {
		class = 0
	}
	g.requests[(g.index[r.Operation]*int(verdicts)+int(r.Verdict))*statusClasses+class].Add(1)
	if r.Transport >= 0 && r.Transport < len(g.times) {
		g.times[r.Transport].observe(r.Took)
	}
	g.in.Add(r.In)
	g.out.Add(r.Out)
	if r.Tenant != "" {
		g.tenant(r.Tenant).requests[r.Verdict].Add(1)
	}
}

func (g *Gateway) tenant(name string) *tenant {
	of, ok := g.tenants.Load(name)
	if !ok {
		of, _ = g.tenants.LoadOrStore(name, new(tenant))
	}
	return of.(*tenant)
}

// Unseated counts a connection that was refused because its tenant has all that it may
// have.
func (g *Gateway) Unseated(tenant string) {
	if g != nil {
		g.tenant(tenant).unseated.Add(1)
	}
}

// Yielded counts a connection that was closed to make room for another.
func (g *Gateway) Yielded() {
	if g != nil {
		g.yielded.Add(1)
	}
}

// LineDropped counts a line of the log that was not written.
func (g *Gateway) LineDropped() {
	if g != nil {
		g.dropped.Add(1)
	}
}

// Refused counts what never became a request.
func (g *Gateway) Refused(why Refusal) {
	if g != nil {
		g.refused[why].Add(1)
	}
}

// Accepted counts a connection.
func (g *Gateway) Accepted() {
	if g != nil {
		g.accepted.Add(1)
	}
}

// Hijacked counts a connection that has become a stream of bytes, until it calls
// what is returned.
func (g *Gateway) Hijacked() (ended func()) {
	if g == nil {
		return func() {}
	}
	g.hijacked.Add(1)
	return func() { g.hijacked.Add(-1) }
}

// Reloaded counts a reload that was tried.
func (g *Gateway) Reloaded(failed bool) {
	switch {
	case g == nil:
	case failed:
		g.failedReloads.Add(1)
	default:
		g.reloads.Add(1)
	}
}
