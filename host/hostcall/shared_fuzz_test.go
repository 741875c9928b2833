package hostcall_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// sharedFunctions are those for what filters share and count.
var sharedFunctions = []string{
	abi.ImportGetSharedData, abi.ImportSetSharedData, abi.ImportRegisterSharedQueue, abi.ImportResolveSharedQueue,
	abi.ImportEnqueueSharedQueue, abi.ImportDequeueSharedQueue, abi.ImportDefineMetric, abi.ImportRecordMetric,
	abi.ImportIncrementMetric, abi.ImportGetMetric,
}

// FuzzSharedCalls lets a guest call these functions with whatever the input says: a
// byte for the function, and four for each of six arguments. Nothing panics, each
// call has a status that the ABI knows, and what is shared stays within its bounds.
func FuzzSharedCalls(f *testing.F) {
	step := func(function byte, args ...uint32) []byte {
		b := []byte{function}
		for i := range 6 {
			arg := uint32(0)
			if i < len(args) {
				arg = args[i]
			}
			b = binary.LittleEndian.AppendUint32(b, arg)
		}
		return b
	}
	f.Add(slices.Concat(step(1, 1024, 3, 2048, 5, 0), step(0, 1024, 3, 8192, 8196, 8200), step(1, 1024, 3, 0, 0, 1)))
	f.Add(slices.Concat(step(2, 1024, 3, 8192), step(4, 1, 1024, 3), step(5, 1, 8192, 8196), step(3, 0, 0, 1024, 3, 8192)))
	f.Add(slices.Concat(step(6, 0, 1024, 3, 8192), step(8, 16, 1, 0), step(7, 16, 1<<31, 1<<31), step(9, 16, 8192)))
	f.Add(slices.Concat(step(0, 1<<31, 1<<31, 1<<32-1, 1<<32-1, 131069), step(5, 1, 131070, 131070)))
	d := newDriver(f, "driver")
	fn := d.vm.Func("call")
	f.Fuzz(func(t *testing.T, program []byte) {
		d.t = t
		memory := d.vm.Memory()
		for len(program) >= 25 {
			name := sharedFunctions[int(program[0])%len(sharedFunctions)]
			memory.Write(argsAt, program[1:25])
			program = program[25:]
			d.vm.SetFuel(10_000_000)
			result, err := fn.Call(uint64(slices.Index(importOrder, name)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch status := abi.Status(result); status {
			case abi.StatusOK, abi.StatusNotFound, abi.StatusBadArgument, abi.StatusInvalidMemoryAccess, abi.StatusEmpty,
				abi.StatusCASMismatch, abi.StatusInternalFailure:
			default:
				t.Fatalf("%s: %v", name, status)
			}
			d.allocated = d.allocated[:0]
			if _, err := d.vm.Func("free").Call(); err != nil {
				t.Fatal(err)
			}
			stats := d.store.Stats()[0]
			if stats.Keys > 3 || stats.Bytes > 64 || stats.Queues > 2 || stats.Items > 4 || stats.Queued > 32 {
				t.Fatalf("%s: %+v", name, stats)
			}
		}
	})
}
