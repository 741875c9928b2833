package vm_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm"
	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// The benchmarks of this file and of package hostcall are the table "Inside the
// engine" of PERFORMANCE.md, as far as it is about running guests.

// BenchmarkCall is one call of an export that does nothing.
func BenchmarkCall(b *testing.B) {
	i := instantiate(b, "noop", vm.InstanceOptions{})
	f := i.Func("proxy_on_request_headers")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Call(2, 10, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLife is the whole life of a request in a filter that does nothing:
// create, four stages, done, log, delete.
func BenchmarkLife(b *testing.B) {
	i := instantiate(b, "noop", vm.InstanceOptions{})
	create := i.Func("proxy_on_context_create")
	stages := []*vm.Func{
		i.Func("proxy_on_request_headers"), i.Func("proxy_on_request_body"),
		i.Func("proxy_on_response_headers"), i.Func("proxy_on_response_body"),
	}
	end := []*vm.Func{i.Func("proxy_on_done"), i.Func("proxy_on_log"), i.Func("proxy_on_delete")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := create.Call(2, 1); err != nil {
			b.Fatal(err)
		}
		for _, f := range stages {
			if _, err := f.Call(2, 10, 1); err != nil {
				b.Fatal(err)
			}
		}
		for _, f := range end {
			if _, err := f.Call(2); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkFind is finding an export by its name, with the first call.
func BenchmarkFind(b *testing.B) {
	module := wazeroModule(b, wazero.NewRuntimeConfig())
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := module.ExportedFunction("proxy_on_request_headers").Call(ctx, 2, 10, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory is reading and writing guest memory.
func BenchmarkMemory(b *testing.B) {
	memory := instantiate(b, "noop", vm.InstanceOptions{}).Memory()
	data := make([]byte, 2300)
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			if view, ok := memory.Read(4096, 2300); !ok || len(view) != 2300 {
				b.Fatal("unreadable")
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		for b.Loop() {
			view, _ := memory.Read(4096, 2300)
			copy(data, view)
		}
	})
	b.Run("write30", func(b *testing.B) {
		for b.Loop() {
			if !memory.Write(4096, data[:30]) {
				b.Fatal("unwritable")
			}
		}
	})
}

func BenchmarkInstantiate(b *testing.B) {
	module := compile(b, newEngine(b, vm.Options{}), "noop")
	b.ReportAllocs()
	for b.Loop() {
		i, err := module.Instantiate(vm.InstanceOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if err := i.Start(); err != nil {
			b.Fatal(err)
		}
		_ = i.Close()
	}
}

// BenchmarkCompile compiles, or finds compiled in a directory, a filter built by
// TinyGo.
func BenchmarkCompile(b *testing.B) {
	code, err := os.ReadFile("../../filters/redact-env.wasm")
	if err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, options vm.Options) {
		engine := newEngine(b, options)
		b.SetBytes(int64(len(code)))
		for b.Loop() {
			module, err := engine.Compile(context.Background(), "redact-env", code)
			if err != nil {
				b.Fatal(err)
			}
			_ = module.Close(context.Background())
		}
	}
	b.Run("anew", func(b *testing.B) { run(b, vm.Options{}) })
	b.Run("cached", func(b *testing.B) { run(b, vm.Options{CacheDir: b.TempDir()}) })
}

// BenchmarkWazero is what wazero's own ways of calling cost, to compare with
// BenchmarkCall.
func BenchmarkWazero(b *testing.B) {
	plain := wazeroModule(b, wazero.NewRuntimeConfig()).ExportedFunction("proxy_on_request_headers")
	closing := wazeroModule(b, wazero.NewRuntimeConfig().WithCloseOnContextDone(true)).ExportedFunction("proxy_on_request_headers")
	ctx := context.Background()
	deep := ctx
	for n := range 8 {
		deep = context.WithValue(deep, depth(n), n)
	}
	withStack := func(f api.Function, ctx context.Context) func(*testing.B) {
		return func(b *testing.B) {
			var stack [3]uint64
			b.ReportAllocs()
			for b.Loop() {
				if err := f.CallWithStack(ctx, stack[:]); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("CallWithStack", withStack(plain, ctx))
	b.Run("CallWithStack/deep context", withStack(plain, deep))
	b.Run("CallWithStack/close on done", withStack(closing, ctx))
	b.Run("Call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := plain.Call(ctx, 2, 10, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Call/timeout context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			timeout, cancel := context.WithTimeout(ctx, time.Second)
			if _, err := closing.Call(timeout, 2, 10, 1); err != nil {
				b.Fatal(err)
			}
			cancel()
		}
	})
}

type depth int

// wazeroModule is the guest noop on wazero alone.
func wazeroModule(b *testing.B, config wazero.RuntimeConfig) api.Module {
	b.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	b.Cleanup(func() { _ = runtime.Close(ctx) })
	module, err := runtime.Instantiate(ctx, guest(b, "noop"))
	if err != nil {
		b.Fatal(err)
	}
	return module
}

// BenchmarkFuel is what giving a call its fuel costs.
func BenchmarkFuel(b *testing.B) {
	metered, err := meter.Instrument(guest(b, "noop"), meter.Options{})
	if err != nil {
		b.Fatal(err)
	}
	runtime := wazero.NewRuntime(b.Context())
	defer runtime.Close(context.Background())
	module, err := runtime.Instantiate(b.Context(), metered.Code)
	if err != nil {
		b.Fatal(err)
	}
	tank := module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	for b.Loop() {
		tank.Set(vm.DefaultFuel)
	}
}

// BenchmarkGrow is an instance that grows to so many megabytes, page by page, and is closed.
func BenchmarkGrow(b *testing.B) {
	for _, megabytes := range []int{1, 4, 64} {
		b.Run(fmt.Sprintf("to=%dMiB", megabytes), func(b *testing.B) {
			module := compile(b, newEngine(b, vm.Options{}), "grow-by")
			b.SetBytes(int64(megabytes) << 20)
			b.ReportAllocs()
			for b.Loop() {
				i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1 << 40})
				if err != nil {
					b.Fatal(err)
				}
				call(b, i, "grow", uint64(megabytes<<20/page-1))
				_ = i.Close()
			}
		})
	}
}

// BenchmarkInstantiateLarge is an instance that has much memory from the start.
func BenchmarkInstantiateLarge(b *testing.B) {
	for _, name := range []string{"large-grower", "large-memory"} {
		b.Run(name, func(b *testing.B) {
			module := compile(b, newEngine(b, vm.Options{}), name)
			b.ReportAllocs()
			for b.Loop() {
				i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1 << 40})
				if err != nil {
					b.Fatal(err)
				}
				_ = i.Close()
			}
		})
	}
}
