package hosttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// A Driver makes the guest "driver" call what a test says, in every callback of a
// gateway's own, with any arguments and any memory; and holds against each call that it
// changed nothing of the guest's memory but what it may.
//
// The guest asks the foreign function of Functions, showing it all of its memory, in
// which the Driver writes the next call. (A function must not do that; this one is the
// test's hand in the guest.)
type Driver struct {
	// Next says what the guest is to do next in a callback: n counts its calls, from 0,
	// and last is the one before. Nil ends the callback, which then answers Answer. It
	// is called on any goroutine, one call at a time.
	Next func(c *Callback, n int) *HostCall
	// Wrong is told of what must not be. Nothing is judged where it is nil.
	Wrong func(format string, args ...any)

	functions []driverFunction
	mu        sync.Mutex
	running   map[uintptr]*driverCallback // by where an instance's memory is, or was: nothing is to be read there
}

// driverCallback is a callback that an instance is in.
type driverCallback struct {
	Callback
	n      int
	before []byte // the guest's memory at the call
}

// A Callback of the guest.
type Callback struct {
	// Name is the callback's without "proxy_on_", Context the one that it is for, and
	// About its second argument: a call, a queue.
	Name           string
	Context, About uint32
	// Last is the call before, with its status; nil at first.
	Last *HostCall
	// Memory is the guest's while Next runs, and nil afterwards: it moves when it grows, and its pages go with
	// the instance.
	Memory []byte
	// Answer is what the callback is to answer: an action; or for vm_start, configure
	// and done 0 for yes.
	Answer uint32
}

// A HostCall is what a guest calls, and what comes of it.
type HostCall struct {
	// Function is the place of a function in Driver.Names.
	Function int
	// Args are its parameters, those of 64 bits in two words, the lower one first.
	Args [12]uint32
	// Put is written to the guest's memory first, from DriverInput on.
	Put []byte
	// Times is how often it is called, one time after the other; 0 is once.
	Times uint32
	// Status is what the function answered, the last time.
	Status abi.Status
}

// Where the guest "driver" has what.
const (
	DriverMemory = 2 << 16 // its size in bytes
	DriverInput  = 1024    // where HostCall.Put goes; there is room up to DriverHeap
	DriverOutput = 16 << 10
	DriverHeap   = 32 << 10 // where its allocator begins

	driverControl = 224 // up to its arguments
	driverArgs    = 256
)

type driverFunction struct {
	module, name string
	params       int // in words
}

// driverCallbacks are the guest's callbacks by their numbers.
var driverCallbacks = []string{
	"vm_start", "configure", "context_create", "tick", "queue_ready", "request_headers", "request_body", "request_trailers",
	"response_headers", "response_body", "response_trailers", "new_connection", "downstream_data", "upstream_data",
	"downstream_connection_close", "upstream_connection_close", "http_call_response", "grpc_receive_initial_metadata", "grpc_receive",
	"grpc_receive_trailing_metadata", "grpc_close", "foreign_function", "done", "log", "delete",
}

// NewDriver makes a driver.
func NewDriver(t testing.TB) *Driver {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(Guest(t, "driver"), ".wasm") + ".wat")
	if err != nil {
		t.Fatal(err)
	}
	d := new(Driver)
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, `  (import "`)
		if !ok {
			continue
		}
		var f driverFunction
		f.module, rest, _ = strings.Cut(rest, `" "`)
		f.name, rest, _ = strings.Cut(rest, `"`)
		if _, params, ok := strings.Cut(rest, "(param "); ok {
			params, _, _ = strings.Cut(params, ")")
			f.params = strings.Count(params, "i32") + 2*strings.Count(params, "i64")
		}
		d.functions = append(d.functions, f)
	}
	return d
}

// Module is the path of the guest, built for a version of the ABI.
func (d *Driver) Module(t testing.TB, v abi.Version) string {
	t.Helper()
	path := Guest(t, "driver")
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(code, []byte(abi.ExportABIVersion021)); n != 1 {
		t.Fatalf("%s has %d markers of its version, want 1", path, n)
	}
	other := filepath.Join(t.TempDir(), "driver.wasm")
	if err := os.WriteFile(other, bytes.ReplaceAll(code, []byte(abi.ExportABIVersion021), []byte(v.Marker())), 0o600); err != nil {
		t.Fatal(err)
	}
	return other
}

// Functions are to be given to StartGatewayWith.
func (d *Driver) Functions() map[string]foreign.Function {
	return map[string]foreign.Function{"drive.it": d.next}
}

// Names are the functions that the guest can call, by their numbers.
func (d *Driver) Names() (names []string) {
	for _, f := range d.functions {
		names = append(names, f.name)
	}
	return names
}

// Params is how many words a function takes.
func (d *Driver) Params(function int) int { return d.functions[function].params }

// next is the foreign function.
func (d *Driver) next(c foreign.Call) ([]byte, abi.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	memory := c.Arguments
	if len(memory) != DriverMemory {
		return nil, abi.StatusBadArgument // a fuzzed guest calls it as well
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(memory[at:]) }
	at := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	running := d.running[at]
	switch status := word(240); {
	case running == nil:
		if len(d.running) > 8 || d.running == nil { // they are of instances that are gone
			d.running = make(map[uintptr]*driverCallback)
		}
		running = new(driverCallback)
		d.running[at] = running
		fallthrough
	case status == 1<<32-1:
		running.Callback, running.n = Callback{Name: driverCallbacks[word(236)], Context: word(228), About: word(224)}, 0
	default:
		running.Last.Status = abi.Status(status)
		d.check(running, min(word(232), DriverMemory), memory)
	}
	running.Memory = memory
	call := d.Next(&running.Callback, running.n)
	running.Memory = nil
	running.n++
	if call == nil {
		binary.LittleEndian.PutUint32(memory[244:], running.Answer)
		return nil, abi.StatusEmpty
	}
	running.Last = call
	binary.LittleEndian.PutUint32(memory[248:], uint32(call.Function))
	binary.LittleEndian.PutUint32(memory[252:], call.Times)
	for i, arg := range call.Args {
		binary.LittleEndian.PutUint32(memory[driverArgs+4*i:], arg)
	}
	copy(memory[DriverInput:DriverHeap], call.Put)
	running.before = append(running.before[:0], memory...)
	return nil, abi.StatusOK
}

// check compares the guest's memory after a call with what it was. What may have
// changed is what the guest's allocator lent, the places that the arguments name for
// results, and what the guest itself writes to ask for the next call.
func (d *Driver) check(c *driverCallback, heap uint32, memory []byte) {
	call, before := c.Last, c.before
	f := d.functions[call.Function]
	if d.Wrong == nil || !strings.HasPrefix(f.name, "proxy_") {
		return
	}
	if contract, ok := hostcall.ContractOf(f.name); !ok || !contract.Answers(f.name, call.Status) {
		d.Wrong("%s answers %v, which its contract does not tell of", f.name, call.Status)
	}
	accept := func(from, size uint32) {
		if uint64(from)+uint64(size) <= DriverMemory {
			copy(before[from:from+size], memory[from:])
		}
	}
	accept(driverControl, driverArgs-driverControl)
	if heap > DriverHeap {
		accept(DriverHeap, heap-DriverHeap)
	}
	if call.Status == abi.StatusOK { // else there are no results
		for param, size := range hostcall.Results(f.name) {
			accept(call.Args[param], size)
		}
	}
	if !bytes.Equal(before, memory) {
		at := 0
		for before[at] == memory[at] {
			at++
		}
		d.Wrong("%s with %#x answers %v, and the byte at %d of the guest's memory is changed", f.name, call.Args[:f.params], call.Status, at)
	}
}

// Call makes a HostCall of an ABI function: numbers as they are, texts put into the
// guest's memory, and "→" for a place of its own for a result.
func (d *Driver) Call(name string, args ...any) *HostCall {
	call := &HostCall{Function: -1}
	for i, f := range d.functions {
		if f.name == name {
			call.Function = i
		}
	}
	if call.Function < 0 {
		panic("the guest \"driver\" does not know " + name)
	}
	n, out := 0, uint32(DriverOutput)
	word := func(w uint32) { call.Args[n] = w; n++ }
	for _, arg := range args {
		switch arg := arg.(type) {
		case int:
			word(uint32(arg))
		case uint64:
			word(uint32(arg))
			word(uint32(arg >> 32))
		case Result:
			word(out)
			out += 16
		case string:
			word(DriverInput + uint32(len(call.Put)))
			word(uint32(len(arg)))
			call.Put = append(call.Put, arg...)
		default:
			panic(fmt.Sprintf("an argument is a %T", arg))
		}
	}
	return call
}

// Result is an address of a result among the arguments of Driver.Call.
type Result struct{}
