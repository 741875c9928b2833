package hostcall_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/vm"
)

// step makes the driver ready to call a function again and again.
func step(b *testing.B, d *driver, name string, args ...uint32) *vm.Func {
	b.Helper()
	for i, arg := range args {
		d.vm.Memory().WriteUint32Le(argsAt+4*uint32(i), arg)
	}
	d.caller.log = func(string, ...any) {}
	b.ReportAllocs()
	return d.vm.Func("call")
}

func run(b *testing.B, d *driver, f *vm.Func, name string) {
	b.Helper()
	number := uint64(0)
	for importOrder[number] != name {
		number++
	}
	for b.Loop() {
		if status, err := f.Call(number); err != nil || abi.Status(status) > abi.StatusNotFound {
			b.Fatal(abi.Status(status), err)
		}
		d.free(b)
	}
}

// free lets the guest's allocator begin anew, before it runs out of memory.
func (d *driver) free(b *testing.B) {
	if len(d.allocated) < 1000 {
		return
	}
	d.allocated = d.allocated[:0]
	if _, err := d.vm.Func("free").Call(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEmpty is a host call that has nothing to do; the rest is the call of
// the guest around it.
func BenchmarkEmpty(b *testing.B) {
	d := newDriver(b, "driver")
	run(b, d, step(b, d, abi.ImportClearRouteCache), abi.ImportClearRouteCache)
}

func BenchmarkReplaceHeader(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "x-added-by")
	d.vm.Memory().WriteString(1040, "header-adder")
	f := step(b, d, abi.ImportReplaceHeaderMapValue, 0, 1024, 10, 1040, 12)
	run(b, d, f, abi.ImportReplaceHeaderMapValue)
}

func BenchmarkMissingHeader(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "x-absent")
	f := step(b, d, abi.ImportGetHeaderMapValue, 0, 1024, 8, 8192, 8196)
	run(b, d, f, abi.ImportGetHeaderMapValue)
}

// BenchmarkScanBody reads a body of 2.3 KB into the guest, which looks at every
// byte.
func BenchmarkScanBody(b *testing.B) {
	d := newDriver(b, "scan-body")
	d.context.body.Reset([]byte(strings.Repeat("0123456789abcdef ", 138)[:2300]))
	f := d.vm.Func("proxy_on_request_body")
	b.ReportAllocs()
	for b.Loop() {
		if action, err := f.Call(2, 2300, 1); err != nil || action != 0 {
			b.Fatal(action, err)
		}
		d.allocated = d.allocated[:0]
	}
}

// BenchmarkAddHeader is a filter that adds a header.
func BenchmarkAddHeader(b *testing.B) {
	d := newDriver(b, "header-adder")
	fields := d.context.request.Pairs()
	f := d.vm.Func("proxy_on_request_headers")
	b.ReportAllocs()
	for b.Loop() {
		d.context.request.Reset(fields)
		if _, err := f.Call(2, 4, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode is the serialized form of a request's fields.
func BenchmarkEncode(b *testing.B) {
	d := newDriver(b, "driver")
	var fields []abi.Pair
	for _, name := range []string{"Host", "User-Agent", "Accept", "Content-Type", "X-Registry-Auth", "Content-Length"} {
		fields = append(fields, abi.Pair{Key: name, Value: strings.Repeat("v", 20)})
	}
	b.ReportAllocs()
	for b.Loop() {
		d.context.request.Reset(fields)
		if len(d.context.request.Encoded()) == 0 {
			b.Fatal("nothing")
		}
	}
}

func BenchmarkGetSharedData(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "session/0123456789")
	d.shared.SetData([]byte("session/0123456789"), make([]byte, 32), 0)
	f := step(b, d, abi.ImportGetSharedData, 1024, 18, 8192, 8196, 8200)
	run(b, d, f, abi.ImportGetSharedData)
}

func BenchmarkSetSharedData(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "session/0123456789")
	f := step(b, d, abi.ImportSetSharedData, 1024, 18, 2048, 32, 0)
	run(b, d, f, abi.ImportSetSharedData)
}

// BenchmarkCompareAndSet is a write that names a number, which fails: one that
// succeeds differs from BenchmarkSetSharedData by the comparison only.
func BenchmarkCompareAndSet(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "session/0123456789")
	f := step(b, d, abi.ImportSetSharedData, 1024, 18, 2048, 32, 7)
	for b.Loop() {
		if status, err := f.Call(27); err != nil || abi.Status(status) != abi.StatusCASMismatch {
			b.Fatal(abi.Status(status), err)
		}
	}
}

// BenchmarkQueue is an item that comes and goes.
func BenchmarkQueue(b *testing.B) {
	d := newDriver(b, "driver")
	enqueue := step(b, d, abi.ImportEnqueueSharedQueue, d.queue("jobs"), 2048, 16)
	for b.Loop() {
		if status, err := enqueue.Call(30); err != nil || status != 0 {
			b.Fatal(abi.Status(status), err)
		}
		d.vm.Memory().WriteUint32Le(argsAt+4, 8192)
		d.vm.Memory().WriteUint32Le(argsAt+8, 8196)
		if status, err := enqueue.Call(31); err != nil || status != 0 {
			b.Fatal(abi.Status(status), err)
		}
		d.vm.Memory().WriteUint32Le(argsAt+4, 2048)
		d.vm.Memory().WriteUint32Le(argsAt+8, 16)
		d.free(b)
	}
}
