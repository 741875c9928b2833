package store

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is the Store in memory, and what is in memory of one in a file.
//
// Locks are taken in this order: mu, a space's, a queue's, the journal's.
type Memory struct {
	limits  atomic.Pointer[Limits]
	journal *journal      // nil: in memory only
	born    time.Time     // times to live are counted from it, by the monotonic clock
	queues  atomic.Uint32 // the last QueueID given

	mu     sync.RWMutex // guards what follows
	spaces map[Namespace]*space
	order  []*space // as they were made
	totals map[string]*total
}

var _ Store = (*Memory)(nil)

// NewMemory returns a store that is empty, and gone with the process.
func NewMemory(limits Limits) *Memory {
	m := &Memory{born: time.Now(), spaces: make(map[Namespace]*space)}
	m.Configure(limits)
	return m
}

// Configure implements Store.
func (m *Memory) Configure(limits Limits) { m.limits.Store(limits.withDefaults()) }

// Space implements Store.
func (m *Memory) Space(ns Namespace) Space { return m.space(ns) }

func (m *Memory) space(ns Namespace) *space {
	if s := m.lookup(ns); s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.spaces[ns]
	if s == nil {
		s = &space{
			store: m, Namespace: ns, total: m.total(ns.Tenant),
			data: make(map[string]*entry), named: make(map[string]*queue), known: make(map[QueueID]*queue),
		}
		m.spaces[ns] = s
		m.order = append(m.order, s)
	}
	return s
}

// total is what a tenant has, nil for the operator. The caller holds the lock.
func (m *Memory) total(tenant string) *total {
	if tenant == "" {
		return nil
	}
	t := m.totals[tenant]
	if t == nil {
		t = new(total)
		if m.totals == nil {
			m.totals = make(map[string]*total)
		}
		m.totals[tenant] = t
	}
	return t
}

// lookup is a space that is there, or nil.
func (m *Memory) lookup(ns Namespace) *space {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.spaces[ns]
}

// now is the time since the store was made.
func (m *Memory) now() time.Duration { return time.Since(m.born) }

// Stats implements Store.
func (m *Memory) Stats() []Stats {
	m.mu.RLock()
	all := slices.Clone(m.order)
	m.mu.RUnlock()
	stats := make([]Stats, len(all))
	for i, s := range all {
		stats[i] = s.stats()
	}
	slices.SortFunc(stats, func(a, b Stats) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.VMID, b.VMID))
	})
	return stats
}

// Close implements Store.
func (m *Memory) Close() error { return nil }

// space is one namespace's part.
type space struct {
	Namespace
	store   *Memory
	total   *total // of its tenant
	refused atomic.Uint64

	mu       sync.RWMutex // guards what follows
	data     map[string]*entry
	bytes    int64  // of keys and values
	floor    uint64 // no key that comes new gets a version below it
	expiring expiry
	named    map[string]*queue  // registered here
	known    map[QueueID]*queue // registered or resolved here
}

var _ Space = (*space)(nil)

// refuse counts what is turned away for a reason that an operator should know
// of, and passes the error on.
func (s *space) refuse(err error) error {
	if err == ErrFull || err == ErrUnavailable {
		s.refused.Add(1)
	}
	return err
}

func (s *space) stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := Stats{
		Namespace: s.Namespace, Keys: len(s.data), Bytes: s.bytes,
		Queues: len(s.named), Refused: s.refused.Load(),
	}
	for _, q := range s.named {
		q.mu.Lock()
		stats.Items += q.items.len()
		stats.Queued += q.bytes
		q.mu.Unlock()
	}
	return stats
}
