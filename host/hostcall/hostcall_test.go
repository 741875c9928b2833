package hostcall_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// Every address and length that a guest gives may be a lie. Each function is
// called with each of its addresses at the end of memory and beyond, and none
// may answer OK, have an effect, or change memory.
func TestEveryBadAddressIsRefused(t *testing.T) {
	const end = 2 << 16
	bad := []block{
		{end, 1},
		{end - 1, 2},
		{math.MaxUint32, 1},
		{math.MaxUint32, math.MaxUint32},
		{1, math.MaxUint32},
		{1 << 31, 1 << 31},
	}
	for _, name := range hostcall.Names() {
		for position, kind := range signatures[name] {
			if kind == 'v' || kind == 'V' {
				continue
			}
			t.Run(name, func(t *testing.T) {
				d := newDriver(t, "driver")
				d.caller.log = func(format string, args ...any) { t.Errorf("has the effect "+format, args...) }
				for _, b := range bad {
					if kind != 'b' && b.at < end-8 {
						continue // an output has an address alone, and this one is good
					}
					if status := d.call(name, lie(name, position, b)...); status != abi.StatusInvalidMemoryAccess {
						t.Errorf("argument %d at %d+%d: %v", position, b.at, b.size, status)
					}
				}
			})
		}
	}
}

// lie makes good arguments for a function but for the one at a position.
func lie(name string, position int, b block) []any {
	// Something that is there, so that the outputs are come to; no bytes are a
	// serialized map as well.
	there := map[string]string{abi.ImportGetHeaderMapValue: "x-tag", abi.ImportGetProperty: "plugin_name"}[name]
	var args []any
	for i, kind := range signatures[name] {
		switch {
		case i == position && kind == 'b':
			args = append(args, raw(b))
		case i == position && (kind == 'o' || kind == 'O'):
			args = append(args, at(outputsAt), at(b.at))
		case i == position:
			args = append(args, at(b.at))
		case kind == 'V':
			args = append(args, uint64(0))
		case kind == 'v':
			args = append(args, 0)
		case kind == 'b':
			args = append(args, there)
		case kind == 'w':
			args = append(args, out32{})
		case kind == 'W':
			args = append(args, out64{})
		default:
			args = append(args, outData{})
		}
	}
	return args
}

// signatures repeats ABI.md's table: v is an i32, V an i64, b bytes to read, w and W
// numbers to write, o data to hand over, O the same where 0 means unwanted.
var signatures = map[string]string{
	abi.ImportLog: "vb", abi.ImportGetLogLevel: "w", abi.ImportGetCurrentTimeNanoseconds: "W",
	abi.ImportSetTickPeriodMilliseconds: "v", abi.ImportSetEffectiveContext: "v", abi.ImportDone: "",
	abi.ImportGetBufferBytes: "vvvo", abi.ImportSetBufferBytes: "vvvb", abi.ImportGetBufferStatus: "vww",
	abi.ImportGetHeaderMapSize: "vw", abi.ImportGetHeaderMapPairs: "vo", abi.ImportSetHeaderMapPairs: "vb",
	abi.ImportGetHeaderMapValue: "vbo", abi.ImportAddHeaderMapValue: "vbb", abi.ImportReplaceHeaderMapValue: "vbb",
	abi.ImportRemoveHeaderMapValue: "vb", abi.ImportContinueStream: "v", abi.ImportCloseStream: "v",
	abi.ImportGetStatus: "wo", abi.ImportSendLocalResponse: "vbbbv",
	abi.ImportHTTPCall: "bbbbvw", abi.ImportGRPCCall: "bbbbbvw", abi.ImportGRPCStream: "bbbbw",
	abi.ImportGRPCSend: "vbv", abi.ImportGRPCCancel: "v", abi.ImportGRPCClose: "v",
	abi.ImportGetSharedData: "bow", abi.ImportSetSharedData: "bbv",
	abi.ImportRegisterSharedQueue: "bw", abi.ImportResolveSharedQueue: "bbw", abi.ImportEnqueueSharedQueue: "vb", abi.ImportDequeueSharedQueue: "vo",
	abi.ImportDefineMetric: "vbw", abi.ImportRecordMetric: "vV", abi.ImportIncrementMetric: "vV", abi.ImportGetMetric: "vW",
	abi.ImportGetProperty: "bo", abi.ImportSetProperty: "bb", abi.ImportCallForeignFunction: "bbO",
	abi.ImportGetConfiguration: "o", abi.ImportContinueRequest: "", abi.ImportContinueResponse: "", abi.ImportClearRouteCache: "",
}

func TestEveryFunctionIsThere(t *testing.T) {
	names := hostcall.Names()
	if len(names) != 39+4 || !slices.IsSorted(names) {
		t.Errorf("%d functions: %q", len(names), names)
	}
	for name, signature := range signatures {
		var want []api.ValueType
		for _, kind := range signature {
			switch kind {
			case 'V':
				want = append(want, api.ValueTypeI64)
			case 'b', 'o', 'O':
				want = append(want, api.ValueTypeI32, api.ValueTypeI32)
			default:
				want = append(want, api.ValueTypeI32)
			}
		}
		if got := hostcall.Signature(name); !slices.Equal(got, want) {
			t.Errorf("%s takes %v, want %v", name, got, want)
		}
	}
}

// Guests declare the types of their imports, and SDKs do not agree.
func TestLookupByTheGuestsTypes(t *testing.T) {
	i32, i64, f32 := api.ValueTypeI32, api.ValueTypeI64, api.ValueTypeF32
	types := func(types ...api.ValueType) []api.ValueType { return types }
	for _, test := range []struct {
		module, name    string
		params, results []api.ValueType
		want            bool
	}{
		{"env", "proxy_log", types(i32, i32, i32), types(i32), true},
		{"env", "proxy_log", types(i32, i32, i32), nil, true},
		{"env", "proxy_log", types(i32, i32, i32), types(i64), false},
		{"env", "proxy_log", types(i32, i32), types(i32), false},
		{"env", "proxy_log", types(i32, i32, f32), types(i32), false},
		{"wasi", "proxy_log", types(i32, i32, i32), types(i32), false},
		{"env", "proxy_make_coffee", nil, nil, false},
		{"env", "proxy_continue_request", nil, nil, true},
		{"env", "proxy_continue_request", nil, types(i32), true},
		{"env", "proxy_record_metric", types(i32, i64), types(i32), true},
		{"env", "proxy_grpc_send", types(i32, i32, i32, i32), types(i32), true},
		{"env", "proxy_grpc_send", types(i32, i32, i32), types(i32), true}, // AssemblyScript
		{"env", "emscripten_notify_memory_growth", types(i32), nil, true},
		{"env", "pthread_equal", types(i32, i32), types(i32), true},
		{"env", "pthread_equal", types(i32), types(i32), false},
	} {
		if _, ok := hostcall.Lookup(test.module, test.name, test.params, test.results); ok != test.want {
			t.Errorf("%s.%s %v -> %v: got %v, want %v", test.module, test.name, test.params, test.results, ok, test.want)
		}
	}
}

func TestPthreadEqual(t *testing.T) {
	i32 := api.ValueTypeI32
	equal, _ := hostcall.Lookup("env", "pthread_equal", []api.ValueType{i32, i32}, []api.ValueType{i32})
	for _, test := range []struct{ a, b, want uint64 }{{1, 1, 1}, {1, 2, 0}, {0xdead_00000001, 1, 1}} {
		stack := []uint64{test.a, test.b}
		if equal(t.Context(), nil, stack); stack[0] != test.want {
			t.Errorf("%#x, %#x: got %d", test.a, test.b, stack[0])
		}
	}
}

func TestClockTellsTheTime(t *testing.T) {
	d := newDriver(t, "driver")
	before := uint64(time.Now().UnixNano())
	d.call(abi.ImportGetCurrentTimeNanoseconds, out64{})
	got, _ := d.vm.Memory().ReadUint64Le(outputsAt)
	if after := uint64(time.Now().UnixNano()); got < before || got > after {
		t.Errorf("got %d, not between %d and %d", got, before, after)
	}
}

func TestLongLogLinesAreCut(t *testing.T) {
	d := newDriver(t, "driver")
	var got string
	long := &longest{caller: d.caller, message: &got}
	log := hostcall.MaxLogBytes
	d.vm.Memory().WriteString(4096, strings.Repeat("x", log+1))
	lookup, _ := hostcall.Lookup("env", abi.ImportLog, hostcall.Signature(abi.ImportLog), []api.ValueType{api.ValueTypeI32})
	stack := []uint64{uint64(abi.LogLevelError), 4096, uint64(log + 1)}
	lookup(long, module{memory: d.vm.Memory()}, stack)
	if stack[0] != 0 || len(got) != log {
		t.Errorf("status %d, %d bytes", stack[0], len(got))
	}
}

type longest struct {
	*caller
	message *string
}

func (l *longest) Log(_ abi.LogLevel, message string) { *l.message = message }

// module is a wazero module of which only the memory is used.
type module struct {
	api.Module
	memory api.Memory
}

func (m module) Memory() api.Memory { return m.memory }

// TinyGo leaves garbage in the upper half of an i32.
func TestArgumentsAreMasked(t *testing.T) {
	d := newDriver(t, "driver")
	d.vm.Memory().WriteString(4096, "x-tag")
	lookup, _ := hostcall.Lookup("env", abi.ImportRemoveHeaderMapValue, hostcall.Signature(abi.ImportRemoveHeaderMapValue), []api.ValueType{api.ValueTypeI32})
	const garbage = 0xdeadbeef << 32
	stack := []uint64{garbage, garbage | 4096, garbage | 5}
	lookup(d.caller, module{memory: d.vm.Memory()}, stack)
	if stack[0] != 0 {
		t.Errorf("status %d", stack[0])
	}
	if _, ok := d.context.request.Get("x-tag"); ok {
		t.Error("not removed")
	}
}

// A call that does not come from an instance of ours has nobody to act upon.
func TestCallWithoutACaller(t *testing.T) {
	lookup, _ := hostcall.Lookup("env", abi.ImportDone, nil, []api.ValueType{api.ValueTypeI32})
	stack := []uint64{7}
	lookup(t.Context(), nil, stack)
	if got := abi.Status(stack[0]); got != abi.StatusInternalFailure {
		t.Errorf("got %v", got)
	}
}

func TestGuestsAllocator(t *testing.T) {
	const property, outputs = "demo", 8
	for mode, test := range []struct {
		name   string
		status abi.Status
		trap   bool
	}{
		{"gives nothing", abi.StatusInvalidMemoryAccess, false},
		{"traps", abi.StatusInvalidMemoryAccess, true},
		{"gives an address outside", abi.StatusInvalidMemoryAccess, false},
		{"grows the memory", abi.StatusOK, false},
		{"calls the host", abi.StatusOK, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDriver(t, "bad-allocator")
			d.vm.Memory().WriteString(16, "name")
			d.context.properties["name"] = property
			if _, err := d.vm.Func("mode").Call(uint64(mode)); err != nil {
				t.Fatal(err)
			}
			got, err := d.vm.Func("property").Call()
			if (err != nil) != test.trap || d.vm.Poisoned() != test.trap {
				t.Fatalf("got %v, poisoned %v", err, d.vm.Poisoned())
			}
			if !test.trap && abi.Status(got) != test.status {
				t.Errorf("got %v, want %v", abi.Status(got), test.status)
			}
			view, _ := d.vm.Memory().Read(outputs, 8)
			if test.status != abi.StatusOK {
				if string(view) != "????????" {
					t.Errorf("the outputs were written: %q", view)
				}
				return
			}
			ptr, size := binary.LittleEndian.Uint32(view), binary.LittleEndian.Uint32(view[4:])
			if value, _ := d.vm.Memory().Read(ptr, size); string(value) != property {
				t.Errorf("got %q at %d", value, ptr)
			}
			if test.name == "calls the host" {
				inner, _ := d.vm.Memory().ReadUint32Le(128)
				log, _ := d.vm.Memory().ReadUint32Le(132)
				if abi.Status(inner) != abi.StatusInternalFailure || abi.Status(log) != abi.StatusOK {
					t.Errorf("inside of the allocator a property is %v and a log is %v", abi.Status(inner), abi.Status(log))
				}
			}
		})
	}
}

// A guest must not fill the host's memory with fields.
func TestFieldsAreBounded(t *testing.T) {
	d := newDriver(t, "driver")
	for d.context.request.Len() < abi.MaxPairs {
		if status := d.call(abi.ImportAddHeaderMapValue, request, "x", "1"); status != abi.StatusOK {
			t.Fatalf("field %d: %v", d.context.request.Len(), status)
		}
	}
	if status := d.call(abi.ImportAddHeaderMapValue, request, "x", "1"); status != abi.StatusBadArgument {
		t.Errorf("one more: %v", status)
	}
	d.context.request.Reset([]abi.Pair{{Key: "x", Value: strings.Repeat("x", abi.MaxMapBytes-20)}})
	if status := d.call(abi.ImportAddHeaderMapValue, request, "y", "0123456789"); status != abi.StatusBadArgument {
		t.Errorf("too long: %v", status)
	}
}

// A client may send as many fields as a map can have, or more.
func TestFieldsOfAFullMapCanBeReplaced(t *testing.T) {
	d := newDriver(t, "driver")
	full := make([]abi.Pair, abi.MaxPairs+10)
	for i := range full {
		full[i] = abi.Pair{Key: "X", Value: "1"}
	}
	full[7].Key = "Y"
	d.context.request.Reset(full)
	for _, test := range []struct {
		name string
		args []any
		want abi.Status
		len  int
	}{
		{abi.ImportReplaceHeaderMapValue, []any{request, "z", "2"}, abi.StatusBadArgument, len(full)},
		{abi.ImportReplaceHeaderMapValue, []any{request, "y", "2"}, abi.StatusOK, len(full)},
		{abi.ImportAddHeaderMapValue, []any{request, "y", "3"}, abi.StatusBadArgument, len(full)},
		{abi.ImportRemoveHeaderMapValue, []any{request, "y"}, abi.StatusOK, len(full) - 1},
		{abi.ImportReplaceHeaderMapValue, []any{request, "x", "2"}, abi.StatusOK, 1},
		{abi.ImportReplaceHeaderMapValue, []any{request, "z", "2"}, abi.StatusOK, 2},
	} {
		if got := d.call(test.name, test.args...); got != test.want || d.context.request.Len() != test.len {
			t.Errorf("%s %q: got %v and %d fields, want %v and %d", test.name, test.args, got, d.context.request.Len(), test.want, test.len)
		}
	}
}

// What a guest sees first of a head's pseudo-headers is all that there is.
func TestPseudoHeadersAreKnownAndSingle(t *testing.T) {
	const add, replace, set = abi.ImportAddHeaderMapValue, abi.ImportReplaceHeaderMapValue, abi.ImportSetHeaderMapPairs
	pairs := func(keys ...string) []abi.Pair {
		var pairs []abi.Pair
		for _, key := range keys {
			pairs = append(pairs, abi.Pair{Key: key, Value: "v"})
		}
		return pairs
	}
	for _, test := range []struct {
		name string
		args []any
		want abi.Status
		keys string // of the map, where it changes
	}{
		{add, []any{request, ":path", "/other"}, abi.StatusBadArgument, ""},
		{add, []any{request, ":PATH", "/other"}, abi.StatusBadArgument, ""},
		{add, []any{request, ":method", "GET"}, abi.StatusOK, ":path x :method"},
		{add, []any{request, ":Method", "GET"}, abi.StatusOK, ":path x :method"},
		{add, []any{request, ":status", "200"}, abi.StatusBadArgument, ""},
		{add, []any{request, ":protocol", "websocket"}, abi.StatusBadArgument, ""},
		{add, []any{request, ":", ""}, abi.StatusBadArgument, ""},
		{replace, []any{request, ":path", "/other"}, abi.StatusOK, ":path x"},
		{replace, []any{request, ":Scheme", "http"}, abi.StatusOK, ":path x :scheme"},
		{replace, []any{request, ":authority", "docker"}, abi.StatusOK, ":path x :authority"},
		{replace, []any{request, ":status", "200"}, abi.StatusBadArgument, ""},
		{replace, []any{request, ":pat", "/"}, abi.StatusBadArgument, ""},
		{set, []any{request, pairs(":METHOD", ":path", ":scheme", ":authority", "y", "y")}, abi.StatusOK, ":method :path :scheme :authority y y"},
		{set, []any{request, pairs(":path", "y", ":path")}, abi.StatusBadArgument, ""},
		{set, []any{request, pairs(":path", ":Path")}, abi.StatusBadArgument, ""},
		{set, []any{request, pairs(":path", ":status")}, abi.StatusBadArgument, ""},
		{abi.ImportRemoveHeaderMapValue, []any{request, ":path"}, abi.StatusOK, "x"},
		{abi.ImportRemoveHeaderMapValue, []any{request, ":other"}, abi.StatusOK, ":path x"},
	} {
		d := newDriver(t, "driver")
		d.context.request.Reset(pairs(":path", "x"))
		if got := d.call(test.name, test.args...); got != test.want {
			t.Errorf("%s %q: got %v, want %v", test.name, test.args, got, test.want)
		}
		if test.keys == "" {
			test.keys = ":path x"
		}
		var keys []string
		for _, pair := range d.context.request.Pairs() {
			keys = append(keys, pair.Key)
		}
		if got := strings.Join(keys, " "); got != test.keys {
			t.Errorf("%s %q: the map has %q, want %q", test.name, test.args, got, test.keys)
		}
	}
}

func TestPseudoHeadersOfResponsesAndTrailers(t *testing.T) {
	d := newDriver(t, "driver")
	d.context.writable = true
	for _, test := range []struct {
		of   abi.MapType
		key  string
		want abi.Status
	}{
		{abi.MapTypeHTTPResponseHeaders, ":status", abi.StatusOK},
		{abi.MapTypeHTTPResponseHeaders, ":path", abi.StatusBadArgument},
		{abi.MapTypeHTTPResponseTrailers, ":status", abi.StatusBadArgument},
		{abi.MapTypeHTTPRequestTrailers, ":path", abi.StatusBadArgument},
		{abi.MapTypeHTTPRequestTrailers, "path", abi.StatusOK},
	} {
		if got := d.call(abi.ImportReplaceHeaderMapValue, int(test.of), test.key, "v"); got != test.want {
			t.Errorf("replace %s in %v: got %v, want %v", test.key, test.of, got, test.want)
		}
		if got := d.call(abi.ImportSetHeaderMapPairs, int(test.of), []abi.Pair{{Key: test.key}}); got != test.want {
			t.Errorf("set %s in %v: got %v, want %v", test.key, test.of, got, test.want)
		}
	}
}

// The order in which the tests number the functions is that of the guest.
func TestDriverImportsEveryFunction(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", "driver.wat"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		if _, rest, ok := strings.Cut(line, `(import "env" "proxy_`); ok {
			name, _, _ := strings.Cut("proxy_"+rest, `"`)
			got = append(got, name)
		}
	}
	if !slices.Equal(got, importOrder) {
		t.Errorf("got  %q\nwant %q", got, importOrder)
	}
	for _, name := range hostcall.Names() {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not among them", name)
		}
	}
}
