package vm

import (
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// A MemoryPool bounds the memory of several instances together: those that are given
// it, and those of the pools in it. It is safe for concurrent use.
type MemoryPool struct {
	name   string
	limit  int64
	within *MemoryPool // nil for the outermost

	used    atomic.Int64
	refused atomic.Uint64
}

// NewMemoryPool returns an empty pool of so many bytes, which is part of another one
// unless that is nil. The name, in errors, is what the limit is called where it is
// written.
func NewMemoryPool(name string, limit uint64, within *MemoryPool) *MemoryPool {
	return &MemoryPool{name: name, limit: int64(min(limit, 1<<62)), within: within}
}

// Used is how many bytes the instances have, 0 for nil.
func (p *MemoryPool) Used() int64 {
	if p == nil {
		return 0
	}
	return p.used.Load()
}

// Refused counts how often there was not enough in the pool.
func (p *MemoryPool) Refused() uint64 { return p.refused.Load() }

// Check tells whether there is room for so many bytes in the pool, and in those that
// it is part of, without taking them.
func (p *MemoryPool) Check(need uint64) error {
	for ; p != nil; p = p.within {
		if used := p.used.Load(); need > uint64(max(p.limit-used, 0)) {
			return p.refuse(need, used)
		}
	}
	return nil
}

// take takes bytes out of the pool and out of those that it is part of, or out of none.
func (p *MemoryPool) take(bytes int64) error {
	full, used := p.try(bytes)
	if full == nil {
		return nil
	}
	full.refused.Add(1)
	return full.refuse(uint64(bytes), used)
}

// try is take for who can do without. full is the pool that has not as much, of which so
// many bytes are in use.
func (p *MemoryPool) try(bytes int64) (full *MemoryPool, used int64) {
	for at := p; at != nil; at = at.within {
		if used := at.used.Add(bytes); used > at.limit {
			at.used.Add(-bytes)
			for before := p; before != at; before = before.within {
				before.used.Add(-bytes)
			}
			return at, used - bytes
		}
	}
	return nil, 0
}

func (p *MemoryPool) refuse(need uint64, used int64) error {
	return &PoolError{Pool: p.name, Need: need, Used: uint64(max(used, 0)), Limit: uint64(p.limit)}
}

// give gives bytes back that were taken.
func (p *MemoryPool) give(bytes int64) {
	for ; p != nil; p = p.within {
		p.used.Add(-bytes)
	}
}

// A PoolError says that a pool has not as much memory as is needed. All but Pool are
// bytes.
type PoolError struct {
	Pool              string // what the limit is called
	Need, Used, Limit uint64
}

func (e *PoolError) Error() string {
	return fmt.Sprintf("it needs %s of memory, and of %s, which is %s, %s are in use", size(e.Need), e.Pool, size(e.Limit), size(e.Used))
}

// MemoryOptions bound an instance's memory. The zero value leaves it to the engine's
// limit.
type MemoryOptions struct {
	// Limit is how many bytes it may have, with what the host has for the instance where
	// that is much: its tables and the like, beyond 64 KiB. 0 means the engine's limit, which is never
	// exceeded.
	Limit uint64
	// Pool is what the memory is taken from, and what the instance keeps of native stacks
	// beyond 16 KiB a function: 128 KiB at most. Nil is bounded by nothing.
	Pool *MemoryPool
	// Refused is told of memory that the guest asked for and did not get, for its
	// limit's sake or its pool's. It is called inside of the guest's call. Nil
	// is not told.
	Refused func(error)
}

// memory is an instance's memory, taken from its pool. Its owner guards it.
type memory struct {
	pool    *MemoryPool // nil: none but limit bounds it
	limit   uint64
	refused func(error) // nil, or told of what the guest did not get
	content []byte
	// taken is the capacity of content, and host: what there is beside it for the instance.
	taken int64
	host  uint64
	// most is what the module allows itself. instance is whose it is, once it may run.
	most     uint64
	instance *Instance
}

var _ experimental.LinearMemory = (*memory)(nil)

// Allocate implements experimental.MemoryAllocator. A module has one memory.
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory. What the guest may have at its
// start was taken before.
func (m *memory) Reallocate(length uint64) []byte {
	if m.instance != nil && m.instance.pauses() {
		m.instance.pause()
		return nil // it was not memory that it needed
	}
	if length > m.most {
		return nil // by the module's own word
	}
	if length <= uint64(cap(m.content)) {
		m.content = m.content[:length] // nobody has written there yet
		return m.content
	}
	room := m.room(length)
	if err := m.grow(room); err != nil {
		if m.refused != nil {
			m.refused(err)
		}
		return nil
	}
	// Where a pool is nearly empty a guest that grows page by page has it all moved each
	// time, and pays for it.
	if m.instance != nil && !m.instance.Charge(unitsOf(uint64(len(m.content)))) {
		return nil
	}
	next := make([]byte, length, room)
	copyPieces(next, m.content, nil)
	m.content = next
	return m.content
}

// room is how much memory is made for so many bytes: twice what there was, if that may be
// and can be had, so that a guest that grows page by page does not have it all moved each
// time.
func (m *memory) room(length uint64) uint64 {
	room := min(2*uint64(cap(m.content)), m.limit-min(m.host, m.limit), m.most)
	if room <= length {
		return length
	}
	more := int64(room+m.host) - m.taken
	if full, _ := m.pool.try(more); full != nil {
		return length
	}
	m.taken += more
	return room
}

// grow takes what is missing to so many bytes.
func (m *memory) grow(length uint64) error {
	if length+m.host > m.limit {
		return &MemoryError{Need: length + m.host, Limit: m.limit}
	}
	more := int64(length+m.host) - m.taken
	if more <= 0 {
		return nil
	}
	if err := m.pool.take(more); err != nil {
		return err
	}
	m.taken += more
	return nil
}

// Free implements experimental.LinearMemory. It may be called more than once.
func (m *memory) Free() {
	m.pool.give(m.taken)
	m.content, m.taken = nil, 0
}
