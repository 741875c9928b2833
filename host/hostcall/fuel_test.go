package hostcall_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/store"
	"github.com/sluice-gateway/sluice/host/vm"
)

// broke is a caller whose guest has no fuel left.
type broke struct{ *caller }

func (broke) Charge(int64) bool { return false }

func TestNothingIsDoneWithoutFuel(t *testing.T) {
	for _, name := range hostcall.Names() {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, "driver")
			d.caller.log = func(format string, args ...any) { t.Errorf("has the effect "+format, args...) }
			d.vm.Memory().WriteString(inputsAt, "x-tag")
			// Arguments that all functions like, whatever they are to them.
			stack := make([]uint64, 12)
			for i := range stack {
				stack[i] = inputsAt
			}
			switch signature := signatures[name]; {
			case strings.HasPrefix(signature, "v"):
				stack[0] = 0
				stack[2] = 5
			case strings.HasPrefix(signature, "b"):
				stack[1] = 5
			}
			fn, _ := hostcall.Lookup("env", name, hostcall.Signature(name), []api.ValueType{api.ValueTypeI32})
			fn(broke{d.caller}, module{memory: d.vm.Memory()}, stack)
			if got := abi.Status(stack[0]); got != abi.StatusInternalFailure {
				t.Errorf("got %v", got)
			}
			if d.context.request.Modified() || d.context.body.Modified() {
				t.Error("fields or body changed")
			}
			if view, _ := d.vm.Memory().Read(inputsAt, 16); string(view) != "x-tag???????????" || len(d.allocated) > 0 {
				t.Errorf("memory changed: %q", view)
			}
		})
	}
}

// What a host call costs the host, it costs the guest.
func TestCallsCostWhatTheyMove(t *testing.T) {
	const kib = 1 << 10
	long := strings.Repeat("x", 4*kib)
	d := newDriver(t, "driver")
	d.context.config.Reset([]byte(strings.Repeat("c", 16*kib)))
	cost := func(name string, args ...any) int64 {
		t.Helper()
		if status := d.call(name, args...); status != abi.StatusOK {
			t.Fatalf("%s: %v", name, status)
		}
		return d.vm.Used()
	}
	for _, test := range []struct {
		name         string
		cheap, dear  int64
		atLeast      int64
		whatIsLarger string
	}{
		{"a log line", cost(abi.ImportLog, 2, "x"), cost(abi.ImportLog, 2, long), kib, "message"},
		{"a property", cost(abi.ImportSetProperty, "a", ""), cost(abi.ImportSetProperty, "a", long), 4 * kib, "value"},
		{"a foreign function", cost(abi.ImportCallForeignFunction, "echo", "", outData{}), cost(abi.ImportCallForeignFunction, "echo", long, outData{}), 2 * kib, "argument and result"},
		{"a buffer", cost(abi.ImportGetBufferBytes, 7, 0, 1, outData{}), cost(abi.ImportGetBufferBytes, 7, 0, all, outData{}), 4*kib - 1, "part"},
	} {
		if test.dear-test.cheap < test.atLeast {
			t.Errorf("%s costs %d units, and %d with a large %s", test.name, test.cheap, test.dear, test.whatIsLarger)
		}
		if test.cheap < 200 {
			t.Errorf("%s costs %d units, want at least 200", test.name, test.cheap)
		}
	}

	d.context.properties["request\x00headers\x00absent"] = ""
	calls := map[string]func() int64{
		"get":      func() int64 { return cost(abi.ImportGetHeaderMapValue, request, "x-tag", outData{}) },
		"add":      func() int64 { return cost(abi.ImportAddHeaderMapValue, request, "x-new", "") },
		"replace":  func() int64 { return cost(abi.ImportReplaceHeaderMapValue, request, "x-tag", "z") },
		"remove":   func() int64 { return cost(abi.ImportRemoveHeaderMapValue, request, "absent") },
		"set":      func() int64 { return cost(abi.ImportSetHeaderMapPairs, request, "") },
		"property": func() int64 { return cost(abi.ImportGetProperty, "request\x00headers\x00absent", outData{}) },
	}
	for name, call := range calls {
		d.context.request.Reset([]abi.Pair{{Key: "x-tag", Value: "a"}})
		few := call()
		d.context.request.Reset([]abi.Pair{{Key: "x-tag", Value: "a"}, {Key: "x-long", Value: long}})
		if many := call(); many-few < 4*kib {
			t.Errorf("%s costs %d units in a map of few bytes, and %d in one of many", name, few, many)
		}
	}
}

// What a request names is looked for in its target too, each time that a guest asks.
func TestALongTargetIsPaidForWhereItIsSearched(t *testing.T) {
	d := newDriver(t, "driver")
	d.context.properties["docker\x00references"] = "[]"
	cost := func(target string) int64 {
		t.Helper()
		d.context.properties["request\x00path"] = target
		if status := d.call(abi.ImportGetProperty, "docker\x00references", outData{}); status != abi.StatusOK {
			t.Fatal(status)
		}
		return d.vm.Used()
	}
	if few, many := cost("/build"), cost("/build?cachefrom="+strings.Repeat("x", 64<<10)); many-few < 64<<10 {
		t.Errorf("docker.references costs %d units, and %d with a target of 64 KiB", few, many)
	}
}

// So is what is told of what was found, and that it is too much to be told.
func TestWhatIsToldOfReferencesIsPaidFor(t *testing.T) {
	d := newDriver(t, "driver")
	d.context.properties["request\x00path"] = "/build"
	cost := func(want abi.Status) int64 {
		t.Helper()
		if status := d.call(abi.ImportGetProperty, "docker\x00references", outData{}); status != want {
			t.Fatalf("got %v, want %v", status, want)
		}
		return d.vm.Used()
	}
	d.context.properties["docker\x00references"] = "[]"
	few := cost(abi.StatusOK)
	d.context.properties["docker\x00references"] = strings.Repeat("x", 1<<10)
	if many := cost(abi.StatusOK); many-few < 20<<9 {
		t.Errorf("two bytes cost %d units, 1024 %d", few, many)
	}
	d.context.properties["docker\x00references"] = tooMuch
	if refused := cost(abi.StatusInternalFailure); refused-few < 1_000_000 {
		t.Errorf("too many references cost %d units", refused)
	}
}

// A body that has to move is paid for, one that is appended to is not paid for
// as a whole each time.
func TestMovingABodyCosts(t *testing.T) {
	const size = 64 << 10
	d := newDriver(t, "driver")
	content := make([]byte, size, 2*size)
	cost := func(start, replaced int) int64 {
		d.context.body.Reset(content)
		d.call(abi.ImportSetBufferBytes, body, start, replaced, "x")
		return d.vm.Used()
	}
	if got := cost(0, 0); got < size/8 {
		t.Errorf("to prepend costs %d units", got)
	}
	if got := cost(all, 0); got > 1000 {
		t.Errorf("to append costs %d units", got)
	}
	if got := cost(0, 1); got > 1000 {
		t.Errorf("to change a byte costs %d units", got)
	}
	content = content[:size:size]
	if got := cost(all, 0); got < size/8 {
		t.Errorf("to append where there is no room costs %d units", got)
	}
}

// The guest hands 30 MB to the host a thousand times.
func TestExpensiveCallsRunOutOfFuel(t *testing.T) {
	d := newDriver(t, "expensive-calls")
	d.caller.log = func(string, ...any) {}
	d.vm.SetFuel(100_000_000) // 100 ms
	_, err := d.vm.Func("proxy_on_request_headers").Call(2, 1, 1)
	var trap *vm.TrapError
	if !errors.As(err, &trap) || !trap.OutOfFuel {
		t.Errorf("got %v, want that the guest ran out of fuel", err)
	}
}

// What is longer than it may be is refused before it is copied.
func TestLongArgumentsAreRefusedUncopied(t *testing.T) {
	d := newDriver(t, "driver")
	d.caller.log = func(format string, args ...any) { t.Errorf("has the effect "+format, args...) }
	memory := d.vm.Memory()
	memory.Grow(512)
	memory.WriteString(inputsAt, "key")
	const far = 1 << 20
	most := memory.Size() - far // 32 MiB and more
	for _, test := range []struct {
		name string
		args []uint32
		want abi.Status
	}{
		{abi.ImportSetProperty, []uint32{inputsAt, 3, far, hostcall.MaxPropertyBytes + 1}, abi.StatusBadArgument},
		{abi.ImportSetProperty, []uint32{inputsAt, 3, far, most}, abi.StatusBadArgument},
		{abi.ImportSetProperty, []uint32{far, abi.MaxPathBytes + 1, inputsAt, 3}, abi.StatusBadArgument},
		{abi.ImportSetProperty, []uint32{far, most, inputsAt, 3}, abi.StatusBadArgument},
		{abi.ImportGetProperty, []uint32{far, most, outputsAt, outputsAt}, abi.StatusNotFound},
		{abi.ImportSendLocalResponse, []uint32{403, far, hostcall.MaxDetailsBytes + 1, 0, 0, 0, 0, 0}, abi.StatusBadArgument},
		{abi.ImportSendLocalResponse, []uint32{403, far, most, 0, 0, 0, 0, 0}, abi.StatusBadArgument},
		{abi.ImportSendLocalResponse, []uint32{403, 0, 0, far, 33, 0, 0, 0}, abi.StatusBadArgument}, // BufferLimit is 32
		{abi.ImportSendLocalResponse, []uint32{403, 0, 0, far, most, 0, 0, 0}, abi.StatusBadArgument},
		{abi.ImportSendLocalResponse, []uint32{403, 0, 0, 0, 0, far, most, 0}, abi.StatusBadArgument},
		{abi.ImportGetHeaderMapValue, []uint32{0, far, most, outputsAt, outputsAt}, abi.StatusNotFound},
		{abi.ImportRemoveHeaderMapValue, []uint32{0, far, most}, abi.StatusOK},
		{abi.ImportAddHeaderMapValue, []uint32{0, far, most, inputsAt, 3}, abi.StatusBadArgument},
		{abi.ImportReplaceHeaderMapValue, []uint32{0, inputsAt, 3, far, most}, abi.StatusBadArgument},
		{abi.ImportSetHeaderMapPairs, []uint32{0, far, most}, abi.StatusBadArgument},
	} {
		fn, _ := hostcall.Lookup("env", test.name, hostcall.Signature(test.name), []api.ValueType{api.ValueTypeI32})
		stack := make([]uint64, len(test.args))
		for i, arg := range test.args {
			stack[i] = uint64(arg)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fn(d.caller, module{memory: memory}, stack)
		runtime.ReadMemStats(&after)
		if got := abi.Status(stack[0]); got != test.want {
			t.Errorf("%s %d: got %v, want %v", test.name, test.args, got, test.want)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s %d: the host allocated %d bytes", test.name, test.args, got)
		}
	}
}

// To look for a name is paid for, whether anything of that name is found or the guest may have it.
func TestLookingForANameIsPaidFor(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportClearRouteCache)
	nothing := d.vm.Used()
	for _, call := range []struct {
		name string
		args []any
	}{
		{abi.ImportGetSharedData, []any{"a", outData{}, out32{}}},
		{abi.ImportRegisterSharedQueue, []any{"a", out32{}}},
		{abi.ImportResolveSharedQueue, []any{"", "a", out32{}}},
		{abi.ImportGetProperty, []any{"a", outData{}}},
		{abi.ImportSetProperty, []any{"a", ""}},
		{abi.ImportCallForeignFunction, []any{"a", "", outData{}}},
	} {
		d.call(call.name, call.args...)
		if got := d.vm.Used() - nothing; got < 100 {
			t.Errorf("%s costs %d units more than a call that does nothing, want 100", call.name, got)
		}
	}
}

// A byte that is sent has to be read by somebody, too; and fields are more than their bytes.
func TestWhatIsSentIsPaidFor(t *testing.T) {
	const size = 4 << 10
	d := newDriver(t, "driver")
	cost := func(name string, args ...any) int64 {
		t.Helper()
		d.context.body.Reset(make([]byte, 0, 2*size))
		if status := d.call(name, args...); status != abi.StatusOK {
			t.Fatalf("%s: %v", name, status)
		}
		return d.vm.Used()
	}
	if got := cost(abi.ImportSetBufferBytes, body, 0, 0, strings.Repeat("x", 32)) - cost(abi.ImportSetBufferBytes, body, 0, 0, ""); got < 3*32 {
		t.Errorf("32 bytes of a body cost %d units, want 96", got)
	}
	fields := make([]abi.Pair, 100)
	if got := cost(abi.ImportSendLocalResponse, 200, "", "", string(abi.AppendPairs(nil, fields)), 0) - cost(abi.ImportSendLocalResponse, 200, "", "", "", 0); got < 100*100 {
		t.Errorf("100 fields of an answer cost %d units, want 10000", got)
	}
}

// What goes to a disk, too, is paid for with what that takes, so that a tenant's allowance is used up before the disk is.
func TestWhatGoesToAFileCostsMore(t *testing.T) {
	const size = 16 << 10
	costs := func(s store.Store) (set, enqueued int64) {
		d := newDriver(t, "driver")
		d.caller.shared = sharedSpace{s.Space(store.Namespace{VMID: "v"})}
		queue, status := d.caller.shared.RegisterQueue("q")
		if status != abi.StatusOK {
			t.Fatal(status)
		}
		value := strings.Repeat("x", size)
		if status := d.call(abi.ImportSetSharedData, "k", value, 0); status != abi.StatusOK {
			t.Fatal(status)
		}
		set = d.vm.Used()
		if status := d.call(abi.ImportEnqueueSharedQueue, int(queue), value); status != abi.StatusOK {
			t.Fatal(status)
		}
		return set, d.vm.Used()
	}
	set, enqueued := costs(store.NewMemory(store.Limits{}))
	file, err := store.OpenFile(store.FileOptions{Dir: t.TempDir()}, store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	setInFile, enqueuedInFile := costs(file)
	if more := setInFile - set; more != 4*(size+1) {
		t.Errorf("a value costs %d units more, want %d", more, 4*(size+1))
	}
	if more := enqueuedInFile - enqueued; more != 4*size {
		t.Errorf("an item costs %d units more, want %d", more, 4*size)
	}
}
