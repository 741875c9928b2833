package vm

import (
	"errors"

	"github.com/tetratelabs/wazero/experimental"
)

// MemoryOptions bound an instance's memory. The zero value leaves it to the engine's
// limit.
type MemoryOptions struct {
	// Limit is how many bytes it may have, with what the host has for the instance where
	// that is much: its tables and the like, beyond 64 KiB. 0 means the engine's limit, which is never
	// exceeded.
	Limit uint64
	// Pool is what the memory is taken from, and what the instance keeps of native stacks
	// beyond 64 KiB: 16 KiB a function, and 128 KiB, at most. Nil is bounded by nothing.
	Pool *MemoryPool
	// Refused is told of memory that the guest asked for and did not get, for its
	// limit's sake or its pool's. It is called inside of the guest's call. Nil
	// is not told.
	Refused func(error)
}

// memory is an instance's memory, taken from its pool. Its owner guards it.
//
// It begins on Go's heap, where it is made and collected for next to nothing. The first time
// that it grows it moves, once, into address space that is reserved for all that it may ever
// have. To grow there is to be allowed more of it: nothing is moved, and nothing is left to the
// collector.
type memory struct {
	pool    *MemoryPool // nil: none but limit bounds it
	limit   uint64
	refused func(error) // nil, or told of what the guest did not get
	content []byte
	// space is the address space that content is the beginning of; nil while it is on Go's
	// heap, where it stays for good if heap is set: see move.go.
	space []byte
	heap  bool
	made  uint64 // how much of space has pages
	// taken is what was made for content, which may be more than it has, and host: what there
	// is beside it for the instance.
	taken int64
	host  uint64
	// most is what the module allows itself. instance is whose it is, once it may run; until
	// then next, unless it is nil, is told of what was done.
	most     uint64
	instance *Instance
	next     func(bytes int)
	since    int64 // units of work since others had their turn
}

var _ experimental.LinearMemory = (*memory)(nil)

// smallMemory is the largest memory whose pages are left to when the guest touches them.
const smallMemory = 1 << 20

// errUnpaid is why a guest gets no memory that has no fuel for it: it traps when it is back.
var errUnpaid = errors.New("not paid for")

// Allocate implements experimental.MemoryAllocator. A module has one memory.
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory. What the guest may have at its
// start was taken before.
func (m *memory) Reallocate(length uint64) []byte {
	switch {
	case m.instance == nil:
		m.begin(length)
		return m.content
	case m.instance.pauses():
		m.instance.pause()
		return nil // it was not memory that it needed
	case length > m.most:
		return nil // by the module's own word
	}
	err := m.grow(length)
	switch {
	case err != nil:
	case m.heap:
		err = m.move(length)
	default:
		err = m.extend(length)
	}
	switch {
	case err == nil:
		return m.content
	case m.refused != nil && err != errUnpaid:
		m.refused(err)
	}
	return nil
}

// begin makes what the instance has at its start. Go clears it in pieces, but where it has it of the system
// that comes when it is touched: see makePages.
func (m *memory) begin(length uint64) {
	m.content = make([]byte, length)
	if length > smallMemory {
		m.inTurns(m.content, touch)
	}
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

// spare takes what is missing to so many bytes, which it can do without.
func (m *memory) spare(length uint64) bool {
	more := int64(length+m.host) - m.taken
	if full, _ := m.pool.try(max(more, 0)); full != nil {
		return false
	}
	m.taken += max(more, 0)
	return true
}

// Free implements experimental.LinearMemory. It may be called more than once. Nothing may
// look at the memory any more: see forget.
func (m *memory) Free() {
	if m.space != nil {
		release(m.space, int(m.taken))
	}
	m.pool.give(m.taken)
	m.content, m.space, m.made, m.taken = nil, nil, 0, 0
}
