package host

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// refusedExecs are the execs whose start was denied a moment ago, or whose
// connection was cut. The command line takes the end of a stream for success and asks the engine for
// the exit code; of an exec that was never started, or still runs, that is null,
// which it reads as 0. A denied exec must not look like one that went well, so
// this question is answered with the denial, once. Before it asks, it sets the
// terminal's size, which an engine lets wait ten seconds for a start that does
// not come.
type refusedExecs struct {
	// some is set while there may be any, so that nobody else pays for it.
	some atomic.Bool

	mu  sync.Mutex
	all [maxRefusedExecs]refusedExec // in no order; without an id where there is none
}

type refusedExec struct {
	id, request string
	who         execClient // whose start it was: what others ask is not answered with it
	until       time.Time
}

// execClient is a client for as long as it matters whether another one is the
// same: its tenant, and its user where the kernel tells.
type execClient struct{ tenant, uid string }

// shares tells whether two clients have their place among the refused execs in
// common: nobody is to push out what others need by being denied often.
func (c execClient) shares(other execClient) bool {
	return c.tenant == other.tenant && (c.tenant != "" || c.uid == other.uid)
}

const (
	maxRefusedExecs = 64
	// refusedExecTime is how long after its denial an exec is asked about.
	refusedExecTime = 30 * time.Second
	// maxExecID is longer than the ids that the engine makes.
	maxExecID = 128
)

// add remembers that the start of an exec was denied, to this client in this
// request. Where there is no place, whoever has most of them loses his oldest.
func (r *refusedExecs) add(id string, who execClient, request string) {
	if id == "" || len(id) > maxExecID {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	place, most := 0, 0
	for i := range r.all {
		e := &r.all[i]
		if e.id == "" || now.After(e.until) {
			place = i
			break
		}
		n := 0
		for j := range r.all {
			if r.all[j].who.shares(e.who) {
				n++
			}
		}
		if n > most || n == most && e.until.Before(r.all[place].until) {
			place, most = i, n
		}
	}
	r.all[place] = refusedExec{id: id, who: who, request: request, until: now.Add(refusedExecTime)}
	r.some.Store(true)
}

// find returns the request in which the start of an exec was denied to this
// client, "" when it was not, and forgets it if it is the last question.
func (r *refusedExecs) find(id string, who execClient, last bool) (request string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, left := time.Now(), false
	for i := range r.all {
		e := &r.all[i]
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

// who is the client of the exchange.
func (x *exchange) who() execClient {
	var uid []byte
	if facts := x.info.Client.Facts; facts != nil {
		uid, _ = facts.Fact("peer\x00uid")
	}
	return execClient{tenant: x.info.Client.Tenant, uid: string(uid)}
}
