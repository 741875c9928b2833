package host

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// refusedExecs are the execs whose start, or whose connection in a terminal, was
// denied a moment ago. The command line takes the end of a terminal's stream for success and asks the engine for
// the exit code; of an exec that was never started that is null, which it reads
// as 0. A denied exec must not look like one that went well, so this question
// is answered with the denial, once. Before it asks, it sets the terminal's
// size, which an engine lets wait ten seconds for a start that does not come.
type refusedExecs struct {
	// some is set while there may be any, so that nobody else pays for it.
	some atomic.Bool

	mu   sync.Mutex
	ring [maxRefusedExecs]refusedExec
	next int
}

type refusedExec struct {
	id, request string
	who         string // whose start it was: what others ask is not answered with it
	until       time.Time
}

const (
	maxRefusedExecs = 64
	// refusedExecTime is how long after its denial an exec is asked about.
	refusedExecTime = 30 * time.Second
	// maxExecID is longer than the ids that the engine makes.
	maxExecID = 128
)

// add remembers that the start of an exec was denied, to this client in this
// request.
func (r *refusedExecs) add(id, who, request string) {
	if id == "" || len(id) > maxExecID {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next] = refusedExec{id: id, who: who, request: request, until: time.Now().Add(refusedExecTime)}
	r.next = (r.next + 1) % maxRefusedExecs
	r.some.Store(true)
}

// find returns the request in which the start of an exec was denied to this
// client, "" when it was not, and forgets it if it is the last question.
func (r *refusedExecs) find(id, who string, last bool) (request string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, left := time.Now(), false
	for i := range r.ring {
		e := &r.ring[i]
		if now.After(e.until) {
			*e = refusedExec{}
		}
		if e.id == id && id != "" && e.who == who {
			request = e.request
			if last {
				*e = refusedExec{}
			}
		}
		left = left || e.id != ""
	}
	r.some.Store(left)
	return request
}

// refuseAfterStart refuses what a client asks of an exec whose start was denied
// a moment ago.
func (x *exchange) refuseAfterStart() {
	call := &x.info.Call
	if call.Operation != dockerapi.ExecInspect && call.Operation != dockerapi.ExecResize {
		return
	}
	if !x.gateway.refusedExecs.some.Load() {
		return
	}
	if request := x.gateway.refusedExecs.find(call.ResourceID, x.who(), call.Operation == dockerapi.ExecInspect); request != "" {
		x.stream.Refuse(409, fmt.Sprintf("this exec has no exit code: it was denied (request %s)", request))
	}
}

// who is the client for as long as it matters whether another one is the same:
// its tenant, and its user where the kernel tells.
func (x *exchange) who() string {
	uid, _ := x.client.identity.Property(x.gateway.life, "peer\x00uid", nil)
	return x.info.Client.Tenant + "\x00" + string(uid)
}
