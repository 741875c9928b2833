package vm

import (
	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// A Snapshot is the state of an instance at rest. It can be put into any instance
// of the same module.
type Snapshot struct {
	code    *code
	memory  []byte // up to the last byte that is not zero
	size    uint32 // of the memory
	globals []uint64
	pool    *MemoryPool // that it is taken from
	taken   int64
}

// Free gives back what the snapshot has taken of the instance's pool. It may be called more
// than once, and for nil.
func (s *Snapshot) Free() {
	if s != nil {
		s.pool.give(s.taken)
		s.taken = 0
	}
}

// Size is how many bytes the snapshot keeps.
func (s *Snapshot) Size() int { return len(s.memory) }

// Units is the fuel that putting the snapshot back costs. It is not the instance's to
// pay, whose call is over: whoever puts it back charges it to whom it is for.
func (s *Snapshot) Units() int64 { return resetUnits + unitsOf(uint64(s.size)) }

// resetUnits is what putting a snapshot back costs beside its memory.
const resetUnits = 500

// Snapshot takes the instance's state. It is nil where that is more than memory
// and numbers, as for the few modules that change their tables while they run,
// and for an instance that is poisoned or closed. It is taken from the pool of the
// instance's memory until it is freed; the error is a *PoolError where there is not as much.
func (i *Instance) Snapshot() (*Snapshot, error) {
	if i.code.stateful || i.closed || i.poisoned.Load() || i.depth > 0 {
		return nil, nil
	}
	s := &Snapshot{code: i.code, pool: i.pool}
	if i.memory != nil {
		s.size = i.memory.Size()
		content, _ := i.memory.Read(0, s.size)
		used := len(content)
		for used > 0 && content[used-1] == 0 {
			used--
		}
		taken := int64(pages(uint64(used)))
		if err := s.pool.take(taken); err != nil {
			return nil, err
		}
		s.taken = taken
		s.memory = make([]byte, used)
		pieces.Copy(s.memory, content)
	}
	i.findState()
	for _, global := range i.state {
		s.globals = append(s.globals, global.Get())
	}
	return s, nil
}

// Reset puts the instance into the state of a snapshot: nothing of what it did
// since is left in it. False means that it cannot be, and is as it was: its memory
// has grown, which it cannot be taken back, or it is poisoned or closed, or the
// snapshot is one of another module. A large memory is put back in turns with others that
// compute at length, so that it may take a while: see InstanceOptions.Party.
func (i *Instance) Reset(s *Snapshot) bool {
	if s == nil || s.code != i.code || i.closed || i.poisoned.Load() || i.depth > 0 {
		return false
	}
	if i.memory != nil {
		if i.memory.Size() != s.size {
			return false
		}
		content, ok := i.memory.Read(0, s.size)
		if !ok {
			return false
		}
		i.code.engine.toil(i.party, s.Units(), func(next func(int)) {
			pieces.CopyAnd(content, s.memory, next)
			pieces.ClearAnd(content[len(s.memory):], next)
		})
	}
	i.findState()
	for n, global := range i.state {
		global.Set(s.globals[n])
	}
	// What a start that ended by an exit has left unpaid.
	i.stack.Set(StackLimit)
	return true
}

// findState looks the mutable globals up, once.
func (i *Instance) findState() {
	if i.state != nil {
		return
	}
	for _, name := range i.code.state {
		i.state = append(i.state, i.module.ExportedGlobal(name).(api.MutableGlobal))
	}
}
