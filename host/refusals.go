package host

import (
	"sync"
	"sync/atomic"
	"time"
)

// refusals are what was denied a moment ago and is asked for again in another way: execs, and
// sessions of builds.
type refusals struct {
	// some is set while there may be any, so that nobody else pays for it.
	some atomic.Bool

	mu  sync.Mutex
	all [maxRefusals]refusal // in no order; without an id where there is none
}

type refusal struct {
	id, request string
	who         refusedClient // who was denied it: what others ask is not answered with it
	until       time.Time
}

// refusedClient is a client for as long as it matters whether another one is the
// same: its tenant, and its user where the kernel tells.
type refusedClient struct{ tenant, uid string }

// shares tells whether two clients have their place among the refusals in
// common: nobody is to push out what others need by being denied often.
func (c refusedClient) shares(other refusedClient) bool {
	return c.tenant == other.tenant && (c.tenant != "" || c.uid == other.uid)
}

const (
	maxRefusals = 64
	// refusalTime is how long after its denial something is asked for again.
	refusalTime = 30 * time.Second
	// maxRefusedID is longer than the ids that engines and clients make.
	maxRefusedID = 128
)

// add remembers that what has this id was denied to this client in this
// request. Where there is no place, whoever has most of them loses his oldest.
func (r *refusals) add(id string, who refusedClient, request string) {
	if id == "" || len(id) > maxRefusedID {
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
	r.all[place] = refusal{id: id, who: who, request: request, until: now.Add(refusalTime)}
	r.some.Store(true)
}

// find returns the request in which what has this id was denied to this
// client, "" when it was not, and forgets it if it is the last question.
func (r *refusals) find(id string, who refusedClient, last bool) (request string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, left := time.Now(), false
	for i := range r.all {
		e := &r.all[i]
		if now.After(e.until) {
			*e = refusal{}
		}
		if e.id == id && id != "" && e.who == who {
			request = e.request
			if last {
				*e = refusal{}
			}
		}
		left = left || e.id != ""
	}
	r.some.Store(left)
	return request
}

// who is the client of the exchange.
func (x *exchange) who() refusedClient {
	var uid []byte
	if facts := x.info.Client.Facts; facts != nil {
		uid, _ = facts.Fact("peer\x00uid")
	}
	return refusedClient{tenant: x.info.Client.Tenant, uid: string(uid)}
}
