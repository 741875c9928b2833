package store

import (
	"container/heap"
	"math"
	"time"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// entry is a key's value.
type entry struct {
	key     string
	value   []byte // never changed in place: readers hold it
	version uint64
	expires time.Duration // on the store's clock; 0 never
	place   int           // in the space's expiry, where it expires
}

// cas is a version as a guest sees it: never 0.
func cas(version uint64) uint32 { return uint32(version%math.MaxUint32) + 1 }

// Get implements Space.
func (s *space) Get(key []byte) ([]byte, uint32, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.data[string(key)]
	if e == nil || s.over(e) {
		return nil, 0, ErrNotFound
	}
	return e.value, cas(e.version), nil
}

// over tells whether the entry's time is over.
func (s *space) over(e *entry) bool { return e.expires != 0 && e.expires <= s.store.now() }

// Limits implements Space.
func (s *space) Limits() Limits {
	l := *s.store.limits.Load()
	l.Tenant, l.Tenants = *l.tenantLimits(s.Tenant), nil
	if s.Tenant == "" {
		l.Tenant = TenantLimits{}
	}
	return l
}

// Kept implements Space.
func (s *space) Kept() bool { return s.store.journal != nil }

// Set implements Space.
func (s *space) Set(key, value []byte, number uint32) error {
	if len(key) > MaxNameBytes {
		return ErrTooLong
	}
	limits := s.store.limits.Load()
	var expires time.Duration
	if ttl := limits.ttl(key); ttl > 0 {
		expires = s.store.now() + ttl
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	e := s.data[string(key)]
	if number != 0 && (e == nil || cas(e.version) != number) {
		return ErrMismatch
	}
	keys, size := 0, int64(len(value))
	if e == nil {
		keys, size = 1, size+int64(len(key))
	} else {
		size -= int64(len(e.value))
	}
	if !s.fits(limits, e, key, value) || !s.total.reserveData(keys, size, limits.tenantLimits(s.Tenant)) {
		return s.refuse(ErrFull)
	}
	if err := s.store.journal.set(s.Namespace, key, value, s.store.wall(expires)); err != nil {
		s.total.data(-keys, -size)
		return s.refuse(err)
	}
	s.put(e, key, value, expires)
	return nil
}

// fits tells whether the value can be written instead of e, which is nil for a
// new key. A change that adds nothing always can.
func (s *space) fits(limits *Limits, e *entry, key, value []byte) bool {
	if e == nil {
		return len(s.data) < limits.Keys && s.bytes+int64(len(key))+int64(len(value)) <= limits.Bytes
	}
	return len(value) <= len(e.value) || s.bytes-int64(len(e.value))+int64(len(value)) <= limits.Bytes
}

// put writes a copy of the value, which the tenant's total has in it already. The
// caller holds the lock.
func (s *space) put(e *entry, key, value []byte, expires time.Duration) {
	if e == nil {
		e = &entry{key: string(key), version: s.floor, place: -1}
		s.data[e.key] = e
		s.bytes += int64(len(key))
	} else {
		e.version++
	}
	s.bytes += int64(len(value)) - int64(len(e.value))
	e.value = pieces.Clone(value)
	s.expire(e, expires)
}

// Delete implements Space.
func (s *space) Delete(key []byte, number uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	e := s.data[string(key)]
	switch {
	case number != 0 && (e == nil || cas(e.version) != number):
		return ErrMismatch
	case e == nil:
		return nil
	}
	if err := s.store.journal.delete(s.Namespace, key); err != nil {
		return s.refuse(err)
	}
	s.remove(e)
	return nil
}

// remove forgets an entry. The caller holds the lock.
func (s *space) remove(e *entry) {
	s.expire(e, 0)
	delete(s.data, e.key)
	s.bytes -= int64(len(e.key) + len(e.value))
	s.total.data(-1, -int64(len(e.key)+len(e.value)))
	s.floor = max(s.floor, e.version+1)
}

// expire sets when the entry goes; 0 for never. The caller holds the lock.
func (s *space) expire(e *entry, at time.Duration) {
	before := e.expires
	e.expires = at
	switch {
	case before == 0 && at != 0:
		heap.Push(&s.expiring, e)
	case before != 0 && at == 0:
		heap.Remove(&s.expiring, e.place)
	case before != at:
		heap.Fix(&s.expiring, e.place)
	}
}

// sweep removes what has had its time. It is not written down: whoever reads the
// file sees the times too. The caller holds the lock.
func (s *space) sweep() {
	if len(s.expiring) == 0 {
		return
	}
	now := s.store.now()
	for len(s.expiring) > 0 && s.expiring[0].expires <= now {
		s.remove(s.expiring[0])
	}
}

// expiry is a heap of the entries that expire, the next one first.
type expiry []*entry

func (x expiry) Len() int           { return len(x) }
func (x expiry) Less(i, j int) bool { return x[i].expires < x[j].expires }

func (x expiry) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].place, x[j].place = i, j
}

func (x *expiry) Push(e any) {
	entry := e.(*entry)
	entry.place = len(*x)
	*x = append(*x, entry)
}

func (x *expiry) Pop() any {
	last := len(*x) - 1
	e := (*x)[last]
	(*x)[last] = nil
	*x = (*x)[:last]
	e.place = -1
	return e
}
