package hostcall

import (
	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

// call is one host call: who calls, the guest's memory, and the arguments. It
// is passed by value so that it stays on the stack. Package vm refuses modules
// that import functions and have no memory, so there always is one.
type call struct {
	caller Caller
	memory api.Memory
	stack  []uint64
}

// u32 is an i32 argument. TinyGo leaves garbage in the upper half.
func (c call) u32(i int) uint32 { return uint32(c.stack[i]) }

// view is the guest's memory that arguments i (address) and i+1 (length) name.
// It is valid until the guest runs again. A length of 0 reads nothing, whatever
// the address: guests pass garbage there.
func (c call) view(i int) ([]byte, bool) {
	ptr, size := c.u32(i), c.u32(i+1)
	if size == 0 {
		return nil, true
	}
	return c.memory.Read(ptr, size)
}

// writable tells whether size bytes can be written where argument i points to.
// Address 0 is memory like any other.
func (c call) writable(i int, size uint32) bool {
	_, ok := c.memory.Read(c.u32(i), size)
	return ok
}

// putU32 writes where argument i points to.
func (c call) putU32(i int, value uint32) abi.Status {
	if !c.memory.WriteUint32Le(c.u32(i), value) {
		return abi.StatusInvalidMemoryAccess
	}
	return abi.StatusOK
}

// putU64 writes where argument i points to.
func (c call) putU64(i int, value uint64) abi.Status {
	if !c.memory.WriteUint64Le(c.u32(i), value) {
		return abi.StatusInvalidMemoryAccess
	}
	return abi.StatusOK
}

// give hands data to the guest: in memory that the guest allocates, whose
// address and length are written where arguments i and i+1 point to. No data is
// 0, 0: the allocators of Go guests crash when asked for nothing.
func give[T []byte | string](c call, i int, data T) abi.Status {
	if ptr, status := c.lend(i, len(data)); status != abi.StatusOK || len(data) == 0 {
		return status
	} else if view, ok := c.memory.Read(ptr, uint32(len(data))); !ok {
		return abi.StatusInvalidMemoryAccess
	} else {
		pieces.Copy(view, data)
		return c.hand(i, ptr, len(data))
	}
}

// lend asks the guest for memory, or writes 0, 0 when there is no need of any.
// The outputs are checked first, so that a guest with bad addresses is not left
// with memory that nobody frees.
func (c call) lend(i, size int) (ptr uint32, status abi.Status) {
	if !c.writable(i, 4) || !c.writable(i+1, 4) {
		return 0, abi.StatusInvalidMemoryAccess
	}
	if size == 0 {
		return 0, c.hand(i, 0, 0)
	}
	ptr, ok := c.caller.Allocate(uint32(size))
	if !ok {
		return 0, abi.StatusInvalidMemoryAccess
	}
	return ptr, abi.StatusOK
}

// hand writes the two outputs. A fresh check: the guest ran since lend's.
func (c call) hand(i int, ptr uint32, size int) abi.Status {
	if status := c.putU32(i, ptr); status != abi.StatusOK {
		return status
	}
	return c.putU32(i+1, uint32(size))
}
