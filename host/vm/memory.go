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
	for at := p; at != nil; at = at.within {
		if used := at.used.Add(bytes); used > at.limit {
			at.used.Add(-bytes)
			for before := p; before != at; before = before.within {
				before.used.Add(-bytes)
			}
			at.refused.Add(1)
			return at.refuse(uint64(bytes), used-bytes)
		}
	}
	return nil
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
	// Limit is how many bytes it may have. 0 means the engine's limit, which is never
	// exceeded.
	Limit uint64
	// Pool is what the memory is taken from. Nil is bounded by nothing.
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
	taken   int64
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
	if err := m.grow(length); err != nil {
		if m.refused != nil {
			m.refused(err)
		}
		return nil
	}
	if length <= uint64(cap(m.content)) {
		m.content = m.content[:length] // nobody has written there yet
		return m.content
	}
	// A guest that grows page by page is not to have it all copied each time. What has
	// to be, is copied in pieces: in the middle of a copy nothing can be stopped.
	next := make([]byte, length, min(max(length, 2*uint64(cap(m.content))), m.limit))
	copyPieces(next, m.content, nil)
	m.content = next
	return m.content
}

// grow takes what is missing to so many bytes.
func (m *memory) grow(length uint64) error {
	if length > m.limit {
		return &MemoryError{Need: length, Limit: m.limit}
	}
	more := int64(length) - m.taken
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
