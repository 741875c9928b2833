package vm

import (
	"fmt"
	"sync/atomic"
)

// A MemoryPool bounds the memory of several instances together: those that are given
// it, and those of the pools in it. It is safe for concurrent use.
type MemoryPool struct {
	name   string
	limit  atomic.Int64
	within *MemoryPool // nil for the outermost

	used    atomic.Int64
	refused atomic.Uint64
}

// NewMemoryPool returns an empty pool of so many bytes, which is part of another one
// unless that is nil. The name, in errors, is what the limit is called where it is
// written.
func NewMemoryPool(name string, limit uint64, within *MemoryPool) *MemoryPool {
	p := &MemoryPool{name: name, within: within}
	p.SetLimit(limit)
	return p
}

// SetLimit makes it a pool of so many bytes. What is taken out of it already stays taken, even
// if that is more.
func (p *MemoryPool) SetLimit(limit uint64) { p.limit.Store(int64(min(limit, 1<<62))) }

// Limit is how many bytes it is of.
func (p *MemoryPool) Limit() uint64 { return uint64(p.limit.Load()) }

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
		if used := p.used.Load(); need > uint64(max(p.limit.Load()-used, 0)) {
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
		if used := at.used.Add(bytes); used > at.limit.Load() {
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
	return &PoolError{Pool: p.name, Need: need, Used: uint64(max(used, 0)), Limit: uint64(p.limit.Load())}
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
