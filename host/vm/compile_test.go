package vm_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

func TestCompileSaysWhatIsWrong(t *testing.T) {
	valid := guest(t, "noop")
	for _, test := range []struct {
		name string
		code []byte
		want string
	}{
		{"nothing", nil, `not a WebAssembly module: it does not begin with "\0asm"`},
		{"a script", []byte("#!/bin/sh\n"), `not a WebAssembly module: it does not begin with "\0asm"`},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), "a WebAssembly component, not a core module: build the filter for wasip1 (TinyGo: -target=wasi)"},
		{"another version", []byte("\x00asm\x02\x00\x00\x00"), "invalid module: not a WebAssembly module of version 1 (at offset 0x0)"},
		{"half of a module", valid[:len(valid)/2], "invalid module: *"},
		{"AssemblyScript without an SDK's options", guest(t, "assemblyscript-abort"), "unknown import env.abort (i32, i32, i32, i32): AssemblyScript's; compile with --use abort=abort_proc_exit, which the proxy-wasm SDKs for it have\n" +
			"unknown import env.seed () -> f64: AssemblyScript's; compile with the configuration of @assemblyscript/wasi-shim, or without Math.random"},
		{"unknown imports", guest(t, "unknown-import"), "unknown import env.proxy_make_coffee (i32, i32) -> i32\n" +
			"unknown import kitchen.boil (i64)\n" +
			"unknown import env.proxy_log (f32) -> i32"},
		{"an imported memory", guest(t, "import-memory"), "the module has no memory of its own|unknown import env.memory a memory"},
		{"no memory", guest(t, "no-memory"), "the module has no memory of its own"},
		{"too much memory", guest(t, "big-memory"), "the module needs at least 128 MiB of memory, more than the limit of 64 MiB"},
		{"a callback of another type", guest(t, "wrong-type"), "the module exports proxy_on_request_headers with the type (i64) -> f32, which is not proxy-wasm's"},
	} {
		t.Run(test.name, func(t *testing.T) {
			engine := newEngine(t, vm.Options{})
			_, err := engine.Compile(t.Context(), "guest", test.code)
			if err == nil {
				t.Fatal("compiled")
			}
			got, ok := strings.CutPrefix(err.Error(), "compile guest: ")
			if prefix, any := strings.CutSuffix(test.want, "*"); any {
				ok = ok && strings.HasPrefix(got, prefix)
			} else {
				ok = ok && slices.Contains(strings.Split(test.want, "|"), got)
			}
			if !ok {
				t.Errorf("got  %v\nwant %v", err, test.want)
			}
			if n := engine.Codes(); n != 0 {
				t.Errorf("%d compiled modules are kept", n)
			}
		})
	}
}

func TestCompileErrorsHaveTypes(t *testing.T) {
	engine := newEngine(t, vm.Options{MemoryLimit: 1 << 20})
	_, err := engine.Compile(t.Context(), "x", guest(t, "unknown-import"))
	var missing *vm.MissingImportError
	if !errors.As(err, &missing) || missing.Module != "env" || missing.Name != "proxy_make_coffee" {
		t.Errorf("got %#v", missing)
	}
	_, err = engine.Compile(t.Context(), "x", guest(t, "big-memory"))
	var memory *vm.MemoryError
	if !errors.As(err, &memory) || memory.Need != 128<<20 || memory.Limit != 1<<20 {
		t.Errorf("got %#v", memory)
	}
	_, err = engine.Compile(t.Context(), "x", []byte("text"))
	if !errors.Is(err, vm.ErrNotWasm) {
		t.Errorf("got %v", err)
	}
}

func TestModuleDescribesItself(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	m := compile(t, engine, "header-adder")
	if got, want := m.Imports(), []string{"env.proxy_add_header_map_value"}; !reflect.DeepEqual(got, want) {
		t.Errorf("imports: got %q, want %q", got, want)
	}
	if got, want := m.ABIMarkers(), []string{"proxy_abi_version_0_2_1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("markers: got %q, want %q", got, want)
	}
	if !m.HasExport("proxy_on_request_headers") || m.HasExport("memory") || m.HasExport("proxy_on_tick") {
		t.Errorf("exports: %q", m.ExportNames())
	}
	if params, results, ok := m.Shape("proxy_on_request_headers"); params != 3 || results != 1 || !ok {
		t.Errorf("shape: got %d, %d, %v", params, results, ok)
	}
	if _, _, ok := m.Shape("proxy_on_tick"); ok {
		t.Error("an export that is not there has a shape")
	}
	if len(m.Digest()) != 64 || m.Size() != len(guest(t, "header-adder")) || m.Name() != "header-adder" {
		t.Error(m.Digest(), m.Size(), m.Name())
	}
	if m.Asyncify() || !compile(t, engine, "asyncify").Asyncify() {
		t.Error("asyncify is not told")
	}
}

// A start section is turned into an export, which is nobody's business.
func TestStartSectionIsNotListed(t *testing.T) {
	m := compile(t, newEngine(t, vm.Options{}), "start-section")
	for _, name := range m.ExportNames() {
		if strings.HasPrefix(name, "sluice") {
			t.Errorf("exports %q", name)
		}
	}
}

// wazero would run an exported import without a memory, and crash outside of
// its own recovery.
func TestImportThatIsExportedIsNoCallback(t *testing.T) {
	i := instantiate(t, "lent-callback", vm.InstanceOptions{})
	if i.Func("proxy_on_tick") != nil {
		t.Error("an import can be called as a callback")
	}
	if i.Func("proxy_on_request_headers") == nil {
		t.Error("the module's own callback is gone too")
	}
}

func TestSameCodeIsCompiledOnce(t *testing.T) {
	ctx := context.Background()
	engine := newEngine(t, vm.Options{})
	first, err := engine.Compile(ctx, "first", guest(t, "noop"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := engine.Compile(ctx, "second", guest(t, "noop"))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := second.Instantiate(vm.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for step, close := range []func() error{
		func() error { return first.Close(ctx) },
		func() error { return first.Close(ctx) }, // counts once
		func() error { return second.Close(ctx) },
	} {
		if n := engine.Codes(); n != 1 {
			t.Fatalf("step %d: %d compiled modules, want 1", step, n)
		}
		if err := close(); err != nil {
			t.Fatal(err)
		}
	}
	// An instance outlives its module.
	if got := call(t, instance, "proxy_on_vm_start", 1, 0); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if _, err := second.Instantiate(vm.InstanceOptions{}); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("instantiate a closed module: %v", err)
	}
	if err := instance.Close(); err != nil {
		t.Fatal(err)
	}
	if n := engine.Codes(); n != 0 {
		t.Errorf("%d compiled modules are left", n)
	}
}

func TestCompiledCodeIsCachedInADirectory(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		engine := newEngine(t, vm.Options{CacheDir: dir})
		i, err := compile(t, engine, "noop").Instantiate(vm.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := call(t, i, "proxy_on_vm_start", 1, 0); got != 1 {
			t.Errorf("got %d, want 1", got)
		}
	}
}

func TestClosedEngineRefuses(t *testing.T) {
	ctx := context.Background()
	engine, err := vm.NewEngine(ctx, vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	module, err := engine.Compile(ctx, "noop", guest(t, "noop"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := engine.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := engine.Compile(ctx, "noop", guest(t, "noop")); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("compile: %v", err)
	}
	if _, err := module.Instantiate(vm.InstanceOptions{}); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("instantiate: %v", err)
	}
}

// Modules of strangers are compiled one at a time. Nobody else's waits for them.
func TestModulesOfStrangersAreCompiledInTurn(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	engine.TakeTurn()
	compile(t, engine, "noop")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the configuration is another by now")
	cancel(gone)
	if _, err := engine.CompileInTurn(ctx, "strange", guest(t, "driver"), vm.Stranger{}); !errors.Is(err, gone) || !strings.Contains(err.Error(), "compile strange") {
		t.Errorf("got %v, want that it is given up", err)
	}
	compiled := make(chan error)
	go func() {
		module, err := engine.CompileInTurn(t.Context(), "strange", guest(t, "driver"), vm.Stranger{})
		if err == nil {
			err = module.Close(t.Context())
		}
		compiled <- err
	}()
	select {
	case err := <-compiled:
		t.Errorf("it did not wait: %v", err)
		return
	case <-time.After(20 * time.Millisecond):
	}
	engine.LeaveTurn()
	if err := <-compiled; err != nil {
		t.Error(err)
	}
	engine.TakeTurn() // it was given back
}

// payer pays for what strangers have compiled.
type payer struct {
	paid, owed []int64
	err        error
}

func (p *payer) Pay(_ context.Context, units int64) error {
	p.paid = append(p.paid, units)
	return p.err
}

func (p *payer) Owe(units int64) { p.owed = append(p.owed, units) }

// What compiling takes is paid before, as far as it can be told: a hundred thousand functions are
// more than one, and what cannot be compiled is read all the same. What is compiled already is free.
func TestCodeOfStrangersIsPaidForBeforeItIsCompiled(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	inTurn := func(code []byte, p *payer) error {
		module, err := engine.CompileInTurn(t.Context(), "strange", code, vm.Stranger{Party: "ci", Payer: p})
		if err == nil {
			t.Cleanup(func() { module.Close(context.Background()) })
		}
		return err
	}
	price := func(name string) int64 {
		p := new(payer)
		if err := inTurn(guest(t, name), p); err != nil {
			t.Fatal(err)
		}
		if len(p.paid) != 2 || len(p.owed) != 1 || p.owed[0] < 0 {
			t.Fatalf("%s: paid %v and owed %v, want reading, compiling, and what it took beside", name, p.paid, p.owed)
		}
		return p.paid[1]
	}
	if small, large := price("noop"), price("hostile/heap"); small <= 0 || large < 20*small {
		t.Errorf("a small module costs %d, a large one %d", small, large)
	}
	again := new(payer)
	if err := inTurn(guest(t, "noop"), again); err != nil || len(again.paid)+len(again.owed) > 0 {
		t.Errorf("what is compiled already: %v, paid %v", err, again.paid)
	}
	broke := &payer{err: errors.New("nothing left")}
	codes := engine.Codes()
	if err := inTurn(guest(t, "driver"), broke); !errors.Is(err, broke.err) || engine.Codes() != codes {
		t.Errorf("who cannot pay: %v, and %d modules more", err, engine.Codes()-codes)
	}
	wrong := new(payer)
	code := guest(t, "driver")
	if err := inTurn(code[:len(code)-1], wrong); err == nil || len(wrong.paid) != 1 {
		t.Errorf("what is no module: %v, paid %v, want it read only", err, wrong.paid)
	}
}

// Of each party one stands in the queue, so that nobody waits for all modules of another one's.
func TestStrangersTakeTurnsByParty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t, vm.Options{})
		engine.TakeTurn()
		var order []string
		var all sync.WaitGroup
		for _, party := range []string{"noisy", "noisy", "noisy", "quiet"} {
			all.Go(func() {
				engine.InTurn(party, func() { order = append(order, party) })
			})
			synctest.Wait() // until it stands where it waits
		}
		engine.LeaveTurn()
		all.Wait()
		if want := []string{"noisy", "quiet", "noisy", "noisy"}; !slices.Equal(order, want) {
			t.Errorf("they came in the order %v, want %v", order, want)
		}
	})
}

// Compiling cannot be stopped, but who does not want it any more need not wait for it, nor who frees the engine. Others have what
// comes of it.
func TestNobodyWaitsForCodeThatNobodyWantsAnyMore(t *testing.T) {
	engine, err := vm.NewEngine(t.Context(), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the gateway is shut down")
	cancel(gone)
	if _, err := engine.Compile(ctx, "noop", guest(t, "noop")); !errors.Is(err, gone) || !strings.Contains(err.Error(), "compile noop") {
		t.Errorf("got %v, want that it is given up", err)
	}
	module := compile(t, engine, "noop")
	if _, err := module.Instantiate(vm.InstanceOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := engine.Compile(ctx, "traps", guest(t, "traps")); !errors.Is(err, gone) {
		t.Errorf("got %v, want that it is given up", err)
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
	engine.WaitFreed()
	if _, err := engine.Compile(t.Context(), "noop", guest(t, "noop")); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
