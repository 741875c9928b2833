package plugin

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/store"
)

// queues delivers proxy_on_queue_ready: for each queue that the plugin's guest
// registered to one of its instances, the one that registered it last.
//
// An event tells that there are items, not how many: a guest that takes them all at
// once is not called again for those, one that takes one at a time is called until
// none is left, and one that takes none is called again when another comes. So
// nothing waits because of an event that came while another was being delivered, or
// an instance that crashed.
type queues struct {
	plugin *Plugin

	mu      sync.Mutex // guards what follows; nothing else is locked under it
	active  bool       // this generation is the current one
	all     map[store.QueueID]*subscription
	running sync.WaitGroup // deliveries; added to only while active
	inside  sync.WaitGroup // callbacks that run, see onDuty; added to only while active
	// ctx ends when the deliveries do, and with it what callbacks of theirs wait for. Nil before activate.
	ctx  context.Context
	quit context.CancelFunc
}

// subscription is the plugin's part in one queue.
type subscription struct {
	id        store.QueueID
	instances []*Instance // that registered it, the last one last
	listening bool
	stop      func() // ends the listening
	// delivering is set while a goroutine delivers; again tells it that something
	// came meanwhile.
	delivering, again bool
	crashes           int // in a row, by events; of the goroutine that delivers
}

// The pause after an event that crashed its instance doubles from crashBase to
// crashMax. An item that crashes the filter, and is the first again, must not take
// down one instance after the other, and with them the streams.
const (
	crashBase = 50 * time.Millisecond
	crashMax  = 10 * time.Second
)

// quarantinePoll is how often it is looked whether a quarantine is over while there
// are items.
const quarantinePoll = time.Second

// register notes that an instance wants to know of a queue. One that belongs to a
// stream, or is kept for one, is not called for anything else.
func (q *queues) register(i *Instance, id store.QueueID) {
	if q.plugin.fresh != nil {
		return
	}
	q.mu.Lock()
	s := q.all[id]
	if s == nil {
		s = &subscription{id: id}
		if q.all == nil {
			q.all = make(map[store.QueueID]*subscription)
		}
		q.all[id] = s
	}
	s.instances = slices.DeleteFunc(s.instances, func(other *Instance) bool { return other == i || other.lost.Load() })
	s.instances = append(s.instances, i)
	listen := q.active && !s.listening
	s.listening = s.listening || listen
	q.mu.Unlock()
	if listen {
		q.listen(s)
	} else {
		q.ready(s) // items may have waited for an instance to come up
	}
}

// listen asks the store to be told. The caller has set listening.
func (q *queues) listen(s *subscription) {
	stop, err := q.plugin.options.Space.Listen(s.id, func() { q.ready(s) })
	if err != nil {
		return // cannot be: the queue was registered, and queues stay
	}
	q.mu.Lock()
	if q.active {
		s.stop, stop = stop, nil
	}
	q.mu.Unlock()
	if stop != nil {
		stop() // retired meanwhile
	}
}

// activate begins to deliver.
func (q *queues) activate() {
	q.mu.Lock()
	q.active = true
	q.ctx, q.quit = context.WithCancel(q.plugin.ctx)
	var listen []*subscription
	for _, s := range q.all {
		if !s.listening {
			s.listening = true
			listen = append(listen, s)
		}
	}
	q.mu.Unlock()
	for _, s := range listen {
		q.listen(s)
	}
}

// quiesce ends the deliveries. They do not begin again.
func (q *queues) quiesce() {
	q.mu.Lock()
	if q.active {
		q.quit()
	}
	q.active = false
	var stops []func()
	for _, s := range q.all {
		if s.stop != nil {
			stops = append(stops, s.stop)
			s.stop = nil
		}
	}
	q.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// onDuty calls the guest's root, unless quiesce came before. The caller holds the instance's lock.
func (q *queues) onDuty(i *Instance, c callback, args ...uint64) (called bool, err error) {
	q.mu.Lock()
	if !q.active {
		q.mu.Unlock()
		return false, nil
	}
	i.duty = q.ctx
	q.inside.Add(1)
	q.mu.Unlock()
	defer q.inside.Done()
	defer func() { i.duty = nil }()
	return true, i.callRoot(c, args...)
}

// ready is called when a queue may have items. It does not block, since it may be
// called by a host call, under the lock of an instance.
func (q *queues) ready(s *subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.active:
	case s.delivering:
		s.again = true
	default:
		s.delivering = true
		q.running.Add(1)
		go q.deliver(s)
	}
}

// deliver calls the guest while there are items that it takes.
func (q *queues) deliver(s *subscription) {
	defer q.running.Done()
	for {
		goOn := q.event(s)
		q.mu.Lock()
		if !q.active || !goOn && !s.again {
			s.delivering, s.again = false, false
			q.mu.Unlock()
			return
		}
		s.again = false
		q.mu.Unlock()
	}
}

// event delivers one event, and tells whether another is to follow.
func (q *queues) event(s *subscription) bool {
	space := q.plugin.options.Space
	items, before, err := space.Depth(s.id)
	if err != nil || items == 0 {
		return false
	}
	if q.plugin.Quarantined() {
		q.wait(quarantinePoll)
		return true
	}
	if empty, need := q.plugin.exhausted(); empty {
		q.wait(need)
		return true
	}
	i := q.pick(s)
	if i == nil {
		return false // its replacement registers anew
	}
	called, late := false, false
	serves := i.background(i.plugin.ownParty, func() error {
		if late, _ = q.plugin.exhausted(); late {
			return nil // to others, while it waited for the instance
		}
		var err error
		called, err = q.onDuty(i, onQueueReady, uint64(s.id))
		return err
	})
	switch {
	case late:
		return true
	case serves:
		s.crashes = 0
	case !called: // it was lost before, to somebody else
		return true
	default:
		q.wait(min(crashBase<<min(s.crashes, 20), crashMax))
		s.crashes++
		return true
	}
	_, after, _ := space.Depth(s.id)
	return after != before
}

// wait lets some time pass, or the deliveries end.
func (q *queues) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.ctx.Done():
	}
}

// pick is the instance to deliver to, if there is one.
func (q *queues) pick(s *subscription) *Instance {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.instances = slices.DeleteFunc(s.instances, func(i *Instance) bool { return i.lost.Load() })
	if n := len(s.instances); n > 0 {
		return s.instances[n-1]
	}
	return nil
}
