package hostcall_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/store"
	"github.com/sluice-gateway/sluice/host/vm"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

// caller is an instance as host calls see it: a real guest, and one context
// that remembers what was asked of it.
type caller struct {
	vm         *vm.Instance
	version    abi.Version
	level      abi.LogLevel
	restricted bool
	allocated  []block // by the guest, for host calls
	context    testContext
	store      *store.Memory
	shared     sharedSpace
	callouts   testCallouts
	metrics    *metrics.Filter
	log        func(format string, args ...any) // an effect, for the transcript
}

type block struct{ at, size uint32 }

var _ hostcall.Caller = (*caller)(nil)

func (c *caller) Deadline() (time.Time, bool)    { return time.Time{}, false }
func (c *caller) Done() <-chan struct{}          { return nil }
func (c *caller) Err() error                     { return nil }
func (c *caller) Value(any) any                  { return nil }
func (c *caller) Current() hostcall.Context      { return &c.context }
func (c *caller) LogLevel() abi.LogLevel         { return c.level }
func (c *caller) ABIVersion() abi.Version        { return c.version }
func (c *caller) Restricted() bool               { return c.restricted }
func (c *caller) Rest()                          {}
func (c *caller) Log(l abi.LogLevel, msg string) { c.log("log %v %.60q", l, msg) }

func (c *caller) Shared() hostcall.Shared   { return c.shared }
func (c *caller) Metrics() hostcall.Metrics { return c.metrics }

func (c *caller) Charge(units int64) bool { return c.vm.Charge(units) }

func (c *caller) SetEffective(id uint32) abi.Status {
	if id != 1 {
		return abi.StatusBadArgument
	}
	c.log("effective context %d", id)
	return abi.StatusOK
}

func (c *caller) Allocate(size uint32) (uint32, bool) {
	before := c.restricted
	c.restricted = true
	defer func() { c.restricted = before }()
	ptr, err := c.vm.Func("proxy_on_memory_allocate").Call(uint64(size))
	c.allocated = append(c.allocated, block{uint32(ptr), size})
	return uint32(ptr), err == nil && ptr != 0
}

// testContext has the request headers and the request body for reading and
// writing, the response headers for reading, and nothing else yet.
type testContext struct {
	caller     *caller
	request    abi.HeaderMap
	response   abi.HeaderMap
	body       abi.Buffer
	config     abi.Buffer
	properties map[string]string
	writable   bool // every map is the response's, for writing too
}

func (x *testContext) HeaderMap(t abi.MapType, a hostcall.Access) (*abi.HeaderMap, abi.Status) {
	switch {
	case x.writable:
		return &x.response, abi.StatusOK
	case t == abi.MapTypeHTTPRequestHeaders:
		return &x.request, abi.StatusOK
	case t == abi.MapTypeHTTPResponseHeaders && !a.Write:
		return &x.response, abi.StatusOK
	case a.Write || !t.Valid():
		return nil, abi.StatusBadArgument
	}
	return nil, abi.StatusNotFound
}

func (x *testContext) SetHeaderMap(t abi.MapType, pairs []abi.Pair) abi.Status {
	fields, status := x.HeaderMap(t, hostcall.Access{Write: true})
	if status == abi.StatusOK {
		fields.SetPairs(pairs)
	}
	return status
}

func (x *testContext) Buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status) {
	switch {
	case t == abi.BufferTypeHTTPRequestBody:
		return &x.body, abi.StatusOK
	case t == abi.BufferTypePluginConfiguration && !write:
		return &x.config, abi.StatusOK
	case write || !t.Valid():
		return nil, abi.StatusBadArgument
	}
	return nil, abi.StatusNotFound
}

func (x *testContext) BufferLimit() int { return 32 }

func (x *testContext) Property(path string) ([]byte, abi.Status) {
	value, ok := x.properties[path]
	switch {
	case !ok:
		return nil, abi.StatusNotFound
	case value == tooMuch:
		return nil, abi.StatusInternalFailure
	}
	return []byte(value), abi.StatusOK
}

// tooMuch is the value of a property that there is, and that cannot be told.
const tooMuch = "too much"

func (x *testContext) SetProperty(path string, value []byte) abi.Status {
	x.caller.log("property %q = %q", path, value)
	return abi.StatusOK
}

func (x *testContext) SendLocalResponse(r abi.LocalResponse) abi.Status {
	x.caller.log("local response %d, details %q, body %q, headers %q, gRPC %d", r.StatusCode, r.Details, r.Body, r.Headers, r.GRPCStatus)
	return abi.StatusOK
}

func (x *testContext) ContinueStream(t abi.StreamType) abi.Status {
	x.caller.log("continue %v", t)
	return abi.StatusOK
}

func (x *testContext) CloseStream(t abi.StreamType) abi.Status {
	x.caller.log("close %v", t)
	return abi.StatusOK
}

func (x *testContext) ContextDone() abi.Status {
	x.caller.log("done")
	return abi.StatusNotFound
}

func (x *testContext) SetTickPeriod(milliseconds uint32) abi.Status {
	x.caller.log("tick every %d ms", milliseconds)
	return abi.StatusOK
}

// CallForeignFunction knows echo, and broken, whose result is not to be seen.
func (x *testContext) CallForeignFunction(name string, arguments []byte, fuel hostcall.Fuel) ([]byte, abi.Status) {
	x.caller.log("function %.20q(%.60q)", name, arguments)
	switch {
	case !fuel.Charge(1000):
		return nil, abi.StatusInternalFailure
	case name == "echo":
		return bytes.Clone(arguments), abi.StatusOK
	case name == "broken":
		return []byte("half a result"), abi.StatusBrokenConnection
	}
	return nil, abi.StatusNotFound
}

// driver calls host functions from the guest of that name, and writes down what
// happens.
type driver struct {
	*caller
	t          testing.TB
	transcript strings.Builder
}

func newDriver(t testing.TB, guest string) *driver {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", guest+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	module, err := engine.Compile(t.Context(), guest, code)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{caller: &caller{version: abi.V0_2_1, level: abi.LogLevelInfo}, t: t}
	d.caller.context = testContext{caller: d.caller, properties: map[string]string{
		"plugin_name":              "demo",
		"docker\x00resource\x00id": "web",
		"empty":                    "",
	}}
	d.store = store.NewMemory(store.Limits{Keys: 3, Bytes: 64, Queues: 2, QueueItems: 2, QueueBytes: 16})
	d.shared = sharedSpace{d.store.Space(store.Namespace{VMID: "vm"})}
	d.callouts = testCallouts{caller: d.caller, ended: true, code: 11, message: "timeout"}
	d.metrics = metrics.New(metrics.Options{Series: 5}).Filter("demo")
	d.caller.log = func(format string, args ...any) { fmt.Fprintf(&d.transcript, "    "+format+"\n", args...) }
	d.context.request.Reset([]abi.Pair{
		{Key: ":path", Value: "/_ping"},
		{Key: "X-Tag", Value: "a"},
		{Key: "x-tag", Value: "b"},
		{Key: "Empty", Value: ""},
	})
	d.context.response.Reset([]abi.Pair{{Key: ":status", Value: "200"}})
	d.context.body.Reset([]byte("0123456789"))
	d.context.config.Reset([]byte("{}"))
	if d.vm, err = module.Instantiate(vm.InstanceOptions{Context: d.caller}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.vm.Close() })
	memory, _ := d.vm.Memory().Read(0, d.vm.Memory().Size())
	for i := range memory {
		memory[i] = '?'
	}
	return d
}

// What a driver's call is given beside uint32 and uint64 values, strings, which are
// put into the guest's memory, and serialized maps ([]abi.Pair).
type (
	out32   struct{}                  // an output of 4 bytes
	out64   struct{}                  // an output of 8 bytes
	outData struct{}                  // an output of allocated data
	raw     struct{ at, size uint32 } // any address and length
	at      uint32                    // an address
)

const (
	argsAt    = 256   // the driver's arguments
	inputsAt  = 1024  // where strings are put
	outputsAt = 8192  // where outputs are put
	heapAt    = 32768 // where the driver's allocator begins
)

// call makes the guest call a function, writes it down, and fails the test when
// memory changed that is no output.
func (d *driver) call(name string, args ...any) abi.Status {
	d.t.Helper()
	number := slices.Index(importOrder, name)
	if number < 0 {
		d.t.Fatalf("the driver does not know %s", name)
	}
	memory := d.vm.Memory()
	var words []uint32
	var shown []string
	var outputs []func() string
	var writable []block
	in, out := uint32(inputsAt), uint32(outputsAt)
	put := func(data string) {
		memory.WriteString(in, data)
		words = append(words, in, uint32(len(data)))
		in += uint32(len(data)) + 16
	}
	fixed := func(size uint32) {
		address := out
		memory.WriteString(address, strings.Repeat("?", int(size)))
		writable = append(writable, block{address, size})
		words = append(words, address)
		outputs = append(outputs, func() string {
			view, _ := memory.Read(address, size)
			return number32(view)
		})
		out += size + 16
	}
	for _, arg := range args {
		switch arg := arg.(type) {
		case int:
			words = append(words, uint32(arg))
			shown = append(shown, fmt.Sprint(arg))
		case uint64:
			words = append(words, uint32(arg), uint32(arg>>32))
			shown = append(shown, fmt.Sprint(arg))
		case string:
			put(arg)
			shown = append(shown, fmt.Sprintf("%q", arg))
		case []abi.Pair:
			put(string(abi.AppendPairs(nil, arg)))
			shown = append(shown, fmt.Sprintf("%q", arg))
		case raw:
			words = append(words, arg.at, arg.size)
			shown = append(shown, fmt.Sprintf("[%d+%d]", arg.at, arg.size))
		case at:
			words = append(words, uint32(arg))
			shown = append(shown, fmt.Sprintf("@%d", arg))
		case out32:
			fixed(4)
		case out64:
			fixed(8)
		case outData:
			fixed(4)
			fixed(4)
			outputs = outputs[:len(outputs)-2]
			ptrAt, sizeAt := words[len(words)-2], words[len(words)-1]
			outputs = append(outputs, func() string {
				ptr, _ := memory.ReadUint32Le(ptrAt)
				size, _ := memory.ReadUint32Le(sizeAt)
				switch {
				case ptr == 0x3f3f3f3f && size == 0x3f3f3f3f:
					return "untouched"
				case ptr == 0 && size == 0:
					return "0, 0"
				}
				data, _ := memory.Read(ptr, size)
				return fmt.Sprintf("%q", data)
			})
		default:
			d.t.Fatalf("unknown kind of argument %T", arg)
		}
	}
	for i := range 12 {
		word := uint32(0x3f3f3f3f)
		if i < len(words) {
			word = words[i]
		}
		memory.WriteUint32Le(argsAt+4*uint32(i), word)
	}
	fmt.Fprintf(&d.transcript, "%s(%s)\n", name, strings.Join(shown, ", "))
	view, _ := memory.Read(0, memory.Size())
	before := bytes.Clone(view)
	d.allocated = nil
	result, err := d.vm.Func("call").Call(uint64(number))
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	status := abi.Status(result)
	if contract, _ := hostcall.ContractOf(name); !contract.Answers(name, status) {
		d.t.Errorf("%s answers %v, which its contract does not tell of", name, status)
	}
	fmt.Fprintf(&d.transcript, "  = %v", status)
	for _, output := range outputs {
		fmt.Fprintf(&d.transcript, ", %s", output())
	}
	d.transcript.WriteByte('\n')
	d.unchanged(before, append(writable, d.allocated...))
	if status != abi.StatusOK && len(d.allocated) > 0 {
		d.t.Errorf("%s: %v, but guest memory was allocated", name, status)
	}
	return status
}

// unchanged compares the guest's memory with what it was, but for some blocks.
func (d *driver) unchanged(before []byte, but []block) {
	d.t.Helper()
	view, _ := d.vm.Memory().Read(0, d.vm.Memory().Size())
	after := bytes.Clone(view)
	for _, b := range but {
		copy(after[b.at:b.at+b.size], before[b.at:])
	}
	if bytes.Equal(before, after) {
		return
	}
	for i := range before {
		if before[i] != after[i] {
			d.t.Errorf("the byte at %d changed from %#x to %#x", i, before[i], after[i])
			return
		}
	}
}

// number32 shows an output: untouched when it is still filled with '?'.
func number32(view []byte) string {
	if strings.Trim(string(view), "?") == "" {
		return "untouched"
	}
	if len(view) == 8 {
		return fmt.Sprint(binary.LittleEndian.Uint64(view))
	}
	return fmt.Sprint(binary.LittleEndian.Uint32(view))
}

// golden compares the transcript with a file.
func (d *driver) golden(name string) {
	d.t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got := d.transcript.String()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	if got != string(want) {
		d.t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// importOrder is the order of the imports in testdata/guests/driver.wat.
var importOrder = []string{
	abi.ImportLog, abi.ImportGetLogLevel, abi.ImportGetCurrentTimeNanoseconds, abi.ImportSetTickPeriodMilliseconds,
	abi.ImportSetEffectiveContext, abi.ImportDone, abi.ImportGetBufferBytes, abi.ImportSetBufferBytes, abi.ImportGetBufferStatus,
	abi.ImportGetHeaderMapSize, abi.ImportGetHeaderMapPairs, abi.ImportSetHeaderMapPairs, abi.ImportGetHeaderMapValue,
	abi.ImportAddHeaderMapValue, abi.ImportReplaceHeaderMapValue, abi.ImportRemoveHeaderMapValue, abi.ImportContinueStream,
	abi.ImportCloseStream, abi.ImportGetStatus, abi.ImportSendLocalResponse, abi.ImportHTTPCall, abi.ImportGRPCCall,
	abi.ImportGRPCStream, abi.ImportGRPCSend, abi.ImportGRPCCancel, abi.ImportGRPCClose, abi.ImportGetSharedData,
	abi.ImportSetSharedData, abi.ImportRegisterSharedQueue, abi.ImportResolveSharedQueue, abi.ImportEnqueueSharedQueue,
	abi.ImportDequeueSharedQueue, abi.ImportDefineMetric, abi.ImportRecordMetric, abi.ImportIncrementMetric, abi.ImportGetMetric,
	abi.ImportGetProperty, abi.ImportSetProperty, abi.ImportCallForeignFunction,
	abi.ImportGetConfiguration, abi.ImportContinueRequest, abi.ImportContinueResponse, abi.ImportClearRouteCache,
}
