package hostcall_test

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/store"
)

// sharedSpace is a real store's space, as host calls see it.
type sharedSpace struct{ store.Space }

var statuses = map[error]abi.Status{
	nil: abi.StatusOK, store.ErrNotFound: abi.StatusNotFound, store.ErrMismatch: abi.StatusCASMismatch,
	store.ErrEmpty: abi.StatusEmpty, store.ErrFull: abi.StatusInternalFailure, store.ErrTooLong: abi.StatusBadArgument,
}

func (s sharedSpace) GetData(key []byte) ([]byte, uint32, abi.Status) {
	value, cas, err := s.Get(key)
	return value, cas, statuses[err]
}

func (s sharedSpace) SetData(key, value []byte, cas uint32) abi.Status {
	return statuses[s.Set(key, value, cas)]
}

func (s sharedSpace) DeleteData(key []byte, cas uint32) abi.Status {
	return statuses[s.Delete(key, cas)]
}

func (s sharedSpace) RegisterQueue(name string) (uint32, abi.Status) {
	id, err := s.Register(name)
	return uint32(id), statuses[err]
}

func (s sharedSpace) ResolveQueue(vmID, name string) (uint32, abi.Status) {
	id, err := s.Resolve(vmID, name)
	return uint32(id), statuses[err]
}

func (s sharedSpace) Enqueue(queue uint32, item []byte) abi.Status {
	return statuses[s.Space.Enqueue(store.QueueID(queue), item, 0)]
}

func (s sharedSpace) Dequeue(queue uint32) ([]byte, abi.Status) {
	item, _, err := s.Space.Dequeue(store.QueueID(queue))
	return item, statuses[err]
}

func (s sharedSpace) Requeue(queue uint32, item []byte) {
	_ = s.Space.Requeue(store.QueueID(queue), item, 0)
}

var _ hostcall.Shared = (*sharedSpace)(nil)

const nowhere = at(1 << 30) // outside of the guest's memory

func TestSharedDataCalls(t *testing.T) {
	const get, set = abi.ImportGetSharedData, abi.ImportSetSharedData
	d := newDriver(t, "driver")
	d.call(get, "key", outData{}, out32{})
	d.call(set, "key", "value", 7) // there is nothing that has a number
	d.call(set, "key", "value", 0)
	d.call(get, "key", outData{}, out32{})
	d.call(set, "key", "other", 2)
	d.call(set, "key", "other", 1)
	d.call(get, "key", outData{}, out32{})
	d.call(set, "key", raw{inputsAt, 0}, 0) // an empty value
	d.call(get, "key", outData{}, out32{})
	d.call(set, "key", raw{0, 0}, 2) // deletes, if it has this number
	d.call(set, "key", raw{0, 0}, 3)
	d.call(get, "key", outData{}, out32{})
	d.call(set, "key", raw{0, 0}, 0) // there is nothing to delete
	d.call(set, "key", raw{0, 0}, 3)
	d.call(set, "key", "back", 3)
	d.call(set, "key", "back", 0)
	d.call(get, "key", outData{}, out32{})
	d.call(set, "", "the empty key", 0)
	d.call(get, "", outData{}, out32{})
	d.call(get, raw{1 << 30, 0}, outData{}, out32{})

	// Bounds.
	d.call(set, "third", "", 0)
	d.call(set, "fourth", "", 0)
	d.call(set, "third", strings.Repeat("x", 64), 0)
	d.call(set, raw{0, store.MaxNameBytes + 1}, "", 0)
	d.call(get, raw{0, store.MaxNameBytes + 1}, outData{}, out32{})

	// What lies outside of the memory.
	d.call(get, raw{uint32(nowhere), 1}, outData{}, out32{})
	d.call(get, raw{131071, 2}, outData{}, out32{})
	d.call(get, "key", nowhere, out32{}, out32{})
	d.call(get, "key", out32{}, nowhere, out32{})
	d.call(get, "key", outData{}, nowhere)
	d.call(get, "absent", outData{}, nowhere)
	d.call(get, "absent", nowhere, nowhere, out32{})
	d.call(set, raw{uint32(nowhere), 1}, "value", 0)
	d.call(set, "key", raw{uint32(nowhere), 1}, 0)
	d.call(set, "key", raw{1, 1<<32 - 1}, 0)
	d.call(get, "key", outData{}, out32{}) // is what it was
	d.golden("shared-data")
}

func TestSharedQueueCalls(t *testing.T) {
	const register, resolve = abi.ImportRegisterSharedQueue, abi.ImportResolveSharedQueue
	const enqueue, dequeue = abi.ImportEnqueueSharedQueue, abi.ImportDequeueSharedQueue
	d := newDriver(t, "driver")
	d.call(resolve, "vm", "jobs", out32{})
	d.call(enqueue, 1, "item")
	d.call(dequeue, 1, outData{})
	d.call(register, "jobs", out32{})
	d.call(register, "jobs", out32{})
	d.call(resolve, "vm", "jobs", out32{})
	d.call(resolve, "", "jobs", out32{})
	d.call(resolve, "other", "jobs", out32{})
	d.call(dequeue, 1, outData{})
	d.call(enqueue, 1, "first")
	d.call(enqueue, 1, "")
	d.call(enqueue, 1, "third") // over the bound
	d.call(dequeue, 1, outData{})
	d.call(dequeue, 1, outData{})
	d.call(dequeue, 1, outData{})
	d.call(enqueue, 1, strings.Repeat("x", 17))
	d.call(enqueue, 0, "item")
	d.call(enqueue, -1, "item")
	d.call(dequeue, 2, outData{})
	d.call(register, "", out32{})
	d.call(register, "third", out32{})
	d.call(register, raw{0, store.MaxNameBytes + 1}, out32{})

	// What lies outside of the memory. Nothing is lost by it.
	d.call(register, raw{uint32(nowhere), 1}, out32{})
	d.call(register, "jobs", nowhere)
	d.call(register, "new", nowhere)
	d.call(resolve, raw{uint32(nowhere), 1}, "jobs", out32{})
	d.call(resolve, "vm", raw{uint32(nowhere), 1}, out32{})
	d.call(resolve, "vm", "jobs", nowhere)
	d.call(enqueue, 1, raw{uint32(nowhere), 1})
	d.call(enqueue, 1, raw{1, 1<<32 - 1})
	d.call(enqueue, 1, "precious")
	d.call(dequeue, 1, nowhere, out32{})
	d.call(dequeue, 1, out32{}, nowhere)
	d.call(dequeue, 1, outData{})
	d.golden("shared-queues")
}

// A guest whose allocator has nothing to give does not lose what it asked for.
func TestAnItemThatCannotBeHandedOverStays(t *testing.T) {
	d := newDriver(t, "bad-allocator")
	id, _ := d.shared.RegisterQueue("jobs")
	for _, item := range []string{"first", "second"} {
		d.shared.Enqueue(id, []byte(item))
	}
	if _, err := d.vm.Func("mode").Call(0); err != nil {
		t.Fatal(err)
	}
	stack := []uint64{uint64(id), 8, 12}
	host(t, d, abi.ImportDequeueSharedQueue, stack)
	if got := abi.Status(stack[0]); got != abi.StatusInvalidMemoryAccess {
		t.Errorf("got %v", got)
	}
	for _, want := range []string{"first", "second"} {
		if item, _ := d.shared.Dequeue(id); string(item) != want {
			t.Errorf("got %q, want %q", item, want)
		}
	}
}

func TestSharedCallsCostWhatTheyMove(t *testing.T) {
	const kib = 1 << 10
	d := newDriver(t, "driver")
	d.shared = sharedSpace{store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "vm"})}
	long := strings.Repeat("x", 4*kib)
	cost := func(name string, args ...any) int64 {
		t.Helper()
		if status := d.call(name, args...); status != abi.StatusOK {
			t.Fatalf("%s: %v", name, status)
		}
		return d.vm.Used()
	}
	queue := int(d.queue("jobs"))
	for _, test := range []struct {
		name        string
		cheap, dear func() int64
		atLeast     int64
	}{
		{"to set", func() int64 { return cost(abi.ImportSetSharedData, "k", "v", 0) }, func() int64 { return cost(abi.ImportSetSharedData, "k", long, 0) }, 4*kib - 1},
		{"to get", func() int64 {
			cost(abi.ImportSetSharedData, "k", "v", 0)
			return cost(abi.ImportGetSharedData, "k", outData{}, out32{})
		}, func() int64 {
			cost(abi.ImportSetSharedData, "k", long, 0)
			return cost(abi.ImportGetSharedData, "k", outData{}, out32{})
		}, kib},
		{"to enqueue", func() int64 { return cost(abi.ImportEnqueueSharedQueue, queue, "v") }, func() int64 { return cost(abi.ImportEnqueueSharedQueue, queue, long) }, 4*kib - 1},
		{"to dequeue", func() int64 { return cost(abi.ImportDequeueSharedQueue, queue, outData{}) }, func() int64 { return cost(abi.ImportDequeueSharedQueue, queue, outData{}) }, kib - 1},
	} {
		cheap, dear := test.cheap(), test.dear()
		if cheap < 200 || dear-cheap < test.atLeast {
			t.Errorf("%s costs %d units, and %d with 4 KiB", test.name, cheap, dear)
		}
	}
}

// queue registers a queue.
func (d *driver) queue(name string) uint32 {
	id, status := d.shared.RegisterQueue(name)
	if status != abi.StatusOK {
		d.t.Fatal(status)
	}
	return id
}

// host calls a function with these arguments, as if the guest did. The status is
// left in the first of them.
func host(t *testing.T, d *driver, name string, stack []uint64) {
	t.Helper()
	fn, ok := hostcall.Lookup("env", name, hostcall.Signature(name), []api.ValueType{api.ValueTypeI32})
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	fn(d.caller, module{memory: d.vm.Memory()}, stack)
}
