package store

import (
	"slices"
	"sync"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// queue is a queue of the namespace that registered it.
type queue struct {
	owner *space
	name  string
	id    QueueID

	mu        sync.Mutex // guards what follows
	items     deque
	bytes     int64
	changes   uint64
	listeners []*listener
}

type listener struct{ ready func() }

// Register implements Space.
func (s *space) Register(name string) (QueueID, error) {
	if len(name) > MaxNameBytes {
		return 0, ErrTooLong
	}
	limit := s.store.limits.Load().Queues
	s.mu.RLock()
	q, full := s.named[name], len(s.named) >= limit
	s.mu.RUnlock()
	switch {
	case q != nil:
		return q.id, nil
	case full: // queues stay: whoever asks for another again and again shuts nobody out meanwhile
		return 0, s.refuse(ErrFull)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.named[name]; q != nil {
		return q.id, nil
	}
	if len(s.named) >= limit {
		return 0, s.refuse(ErrFull)
	}
	return s.register(name).id, nil
}

// register makes a queue that is not there yet. The caller holds the lock.
func (s *space) register(name string) *queue {
	q := &queue{owner: s, name: name, id: QueueID(s.store.queues.Add(1))}
	s.named[name], s.known[q.id] = q, q
	return q
}

// Resolve implements Space.
func (s *space) Resolve(vmID, name string) (QueueID, error) {
	owner := s
	if vmID != "" && vmID != s.VMID {
		if owner = s.store.lookup(Namespace{Tenant: s.Tenant, VMID: vmID}); owner == nil {
			return 0, ErrNotFound
		}
	}
	owner.mu.RLock()
	q := owner.named[name]
	owner.mu.RUnlock()
	if q == nil {
		return 0, ErrNotFound
	}
	if owner != s {
		s.mu.Lock()
		s.known[q.id] = q
		s.mu.Unlock()
	}
	return q.id, nil
}

// queue is one that this namespace knows, or nil.
func (s *space) queue(id QueueID) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[id]
}

// Enqueue implements Space.
func (s *space) Enqueue(id QueueID, item []byte, depth int) error {
	q := s.queue(id)
	if q == nil {
		return ErrNotFound
	}
	limits := s.store.limits.Load()
	q.mu.Lock()
	if q.items.len() >= limits.QueueItems || q.bytes+int64(len(item)) > limits.QueueBytes ||
		!q.owner.total.reserveItems(1, int64(len(item)), limits.tenantLimits(s.Tenant)) {
		q.mu.Unlock()
		return s.refuse(ErrFull)
	}
	if err := s.store.journal.enqueue(q, item); err != nil {
		q.owner.total.item(-1, -int64(len(item)))
		q.mu.Unlock()
		return s.refuse(err)
	}
	q.items.pushBack(queued{pieces.Clone(item), depth})
	ready := q.came(len(item))
	q.mu.Unlock()
	if ready != nil {
		ready()
	}
	return nil
}

// came accounts for an item that came, and is whom to tell. The caller holds the
// lock.
func (q *queue) came(size int) (ready func()) {
	q.bytes += int64(size)
	q.changes++
	return q.toTell()
}

// toTell is the listener to be told that there are items, if there are.
func (q *queue) toTell() (ready func()) {
	if n := len(q.listeners); n > 0 && q.items.len() > 0 {
		return q.listeners[n-1].ready
	}
	return nil
}

// Dequeue implements Space.
func (s *space) Dequeue(id QueueID) ([]byte, int, error) {
	q := s.queue(id)
	if q == nil {
		return nil, 0, ErrNotFound
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len() == 0 {
		return nil, 0, ErrEmpty
	}
	if err := s.store.journal.dequeue(q); err != nil {
		return nil, 0, s.refuse(err)
	}
	taken := q.take()
	return taken.item, taken.depth, nil
}

// take removes the first item, which there is. The caller holds the lock.
func (q *queue) take() queued {
	taken := q.items.popFront()
	q.bytes -= int64(len(taken.item))
	q.owner.total.item(-1, -int64(len(taken.item)))
	q.changes++
	return taken
}

// Requeue implements Space.
func (s *space) Requeue(id QueueID, item []byte, depth int) error {
	q := s.queue(id)
	if q == nil {
		return ErrNotFound
	}
	q.mu.Lock()
	s.store.journal.requeue(q, item)
	q.items.pushFront(queued{item, depth})
	q.owner.total.item(1, int64(len(item)))
	ready := q.came(len(item))
	q.mu.Unlock()
	if ready != nil {
		ready()
	}
	return nil
}

// Depth implements Space.
func (s *space) Depth(id QueueID) (int, uint64, error) {
	q := s.queue(id)
	if q == nil {
		return 0, 0, ErrNotFound
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.len(), q.changes, nil
}

// Listen implements Space.
func (s *space) Listen(id QueueID, ready func()) (stop func(), err error) {
	q := s.queue(id)
	if q == nil {
		return nil, ErrNotFound
	}
	l := &listener{ready: ready}
	q.mu.Lock()
	q.listeners = append(q.listeners, l)
	tell := q.toTell()
	q.mu.Unlock()
	if tell != nil {
		tell()
	}
	return func() { q.forget(l) }, nil
}

// forget ends a listener. The one that follows it is told what is there.
func (q *queue) forget(l *listener) {
	q.mu.Lock()
	at := slices.Index(q.listeners, l)
	if at < 0 {
		q.mu.Unlock()
		return
	}
	q.listeners = slices.Delete(q.listeners, at, at+1)
	var tell func()
	if at == len(q.listeners) {
		tell = q.toTell()
	}
	q.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// keepRing is the largest ring that an empty queue keeps.
const keepRing = 64

// queued is an item, and how many filters' calls it comes from the inside of.
type queued struct {
	item  []byte
	depth int
}

// deque is a ring of items. The zero value is empty.
type deque struct {
	ring []queued
	head int
	n    int
}

func (d *deque) len() int { return d.n }

// at is the place of the ith item; i may be n, for the next one.
func (d *deque) at(i int) int { return (d.head + i) % len(d.ring) }

func (d *deque) pushBack(item queued) {
	d.grow()
	d.ring[d.at(d.n)] = item
	d.n++
}

func (d *deque) pushFront(item queued) {
	d.grow()
	d.head = d.at(len(d.ring) - 1)
	d.ring[d.head] = item
	d.n++
}

func (d *deque) popFront() queued {
	item := d.ring[d.head]
	d.ring[d.head] = queued{}
	d.head = d.at(1)
	d.n--
	if d.n == 0 && len(d.ring) > keepRing {
		*d = deque{} // what a burst needed is not kept
	}
	return item
}

func (d *deque) grow() {
	if d.n < len(d.ring) {
		return
	}
	larger := make([]queued, max(8, 2*len(d.ring)))
	for i := range d.n {
		larger[i] = d.ring[d.at(i)]
	}
	d.ring, d.head = larger, 0
}
