package plugin

import (
	"sync"
	"sync/atomic"
)

// entrance is the lock of an instance. Those who wait for it take turns by party, like
// those who compute at length (see vm.InstanceOptions.Party): of each party one stands at
// the lock, and the others behind it, so that nobody waits for more than one callback
// of each other party, however many streams they have. Who finds nobody there
// does not come to that.
//
// At the lock itself they are served in the order in which they came, once one has
// waited for a millisecond (see sync.Mutex); as long as callbacks are shorter, whoever
// runs already goes first, which costs nobody the time to be woken.
type entrance struct {
	// queue counts who holds mu or waits for it; see pick.
	queue atomic.Int32
	mu    sync.Mutex

	crowd   sync.Mutex // guards what follows
	waiting map[string]*line
}

// line is where those of one party wait who do not stand at the lock.
type line struct {
	mu      sync.Mutex
	waiting int
}

// enter takes the lock; queue has been counted.
func (e *entrance) enter(party string) {
	if e.mu.TryLock() {
		return
	}
	e.crowd.Lock()
	l := e.waiting[party]
	if l == nil {
		if e.waiting == nil {
			e.waiting = make(map[string]*line)
		}
		l = new(line)
		e.waiting[party] = l
	}
	l.waiting++
	e.crowd.Unlock()

	l.mu.Lock()
	e.mu.Lock()
	l.mu.Unlock()

	e.crowd.Lock()
	if l.waiting--; l.waiting == 0 {
		delete(e.waiting, party)
	}
	e.crowd.Unlock()
}

// lock is what everybody enters the instance by, on behalf of a party. New streams look
// at the queue to choose an instance.
func (i *Instance) lock(party string) {
	i.queue.Add(1)
	i.enterFor(party)
}

// enterFor is lock for whom pick has given a place in the queue.
func (i *Instance) enterFor(party string) {
	i.enter(party)
	i.party, i.waited = party, 0
	if i.vm != nil { // nil while it is being made
		i.vm.SetParty(party)
	}
}

func (i *Instance) unlock() {
	if i.spent {
		i.plugin.fresh.discard(i)
	}
	i.mu.Unlock()
	i.queue.Add(-1)
}

// party is whose turn it is when filters compute at length, or wait for an instance: the
// tenant's whose the request is, and otherwise the tenant's whose the filter is, or the filter's own.
func (p *Plugin) party(tenant string) string {
	if tenant != "" {
		return tenant
	}
	return p.ownParty
}

// ownParty is the party of what is no request's. What stands before an operator's filter's name cannot be in one.
func ownParty(o *Options) string {
	if tenant := o.Tenant.Name(); tenant != "" {
		return tenant
	}
	return "filter " + o.Name
}
