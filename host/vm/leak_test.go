package vm_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// A hot swap compiles, instantiates and closes; a gateway lives for months.
func TestThousandSwapsLeakNothing(t *testing.T) {
	ctx := context.Background()
	engine := newEngine(t, vm.Options{})
	names := []string{"noop", "header-adder", "exit-0", "start-trap", "traps", "unknown-import", "driver"}
	swap := func(n int) {
		name := names[n%len(names)]
		module, err := engine.Compile(ctx, name, guest(t, name))
		if err != nil {
			if name != "unknown-import" {
				t.Fatal(err)
			}
			return
		}
		instance, err := module.Instantiate(vm.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_ = instance.Start()
		if n%2 == 0 { // either may go first
			_ = instance.Close()
			_ = module.Close(ctx)
		} else {
			_ = module.Close(ctx)
			_ = instance.Close()
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // finalizers of the first
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	for n := range 100 {
		swap(n)
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	for n := range 1000 {
		swap(n)
	}
	if n := engine.Codes(); n != 0 {
		t.Errorf("%d compiled modules are left", n)
	}
	if n := engine.Users(); n != 0 {
		t.Errorf("%d users of modules are left", n)
	}
	// 64 KiB of memory an instance alone would be 64 MiB.
	if after := heap(); after > before+8<<20 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
	if n := runtime.NumGoroutine(); n > goroutines+3 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

func TestTrapsLeakNothing(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "traps")
	goroutines := runtime.NumGoroutine()
	for range 30 {
		i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1000})
		if err != nil {
			t.Fatal(err)
		}
		_, err = i.Func("spin").Call()
		trapped(t, err, "used up its fuel of 1000 units")
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := engine.Users(); n != 1 {
		t.Errorf("%d users of the module are left, want itself", n)
	}
	if n := runtime.NumGoroutine(); n > goroutines+3 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

func TestConcurrentUse(t *testing.T) {
	ctx := context.Background()
	engine := newEngine(t, vm.Options{})
	names := []string{"noop", "header-adder", "traps"}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			if err := useEngine(ctx, t, engine, names[worker%len(names)]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := engine.Codes() + engine.Users(); n != 0 {
		t.Errorf("%d modules and instances are left", n)
	}
}

func useEngine(ctx context.Context, t *testing.T, engine *vm.Engine, name string) error {
	for range 20 {
		module, err := engine.Compile(ctx, name, guest(t, name))
		if err != nil {
			return err
		}
		for n := range 3 {
			i, err := module.Instantiate(vm.InstanceOptions{})
			if err != nil {
				return err
			}
			if err := i.Start(); err != nil {
				return err
			}
			for range 10 {
				if got, err := i.Func("proxy_on_request_headers").Call(2, 0, 1); name != "header-adder" && (got != 0 || err != nil) {
					return fmt.Errorf("%s: got %d, %w", name, got, err)
				}
			}
			if name == "traps" && n == 0 {
				i.SetFuel(1000)
				if _, err := i.Func("spin").Call(); err == nil {
					return fmt.Errorf("an endless loop returned")
				}
			}
			if err := i.Close(); err != nil {
				return err
			}
		}
		if err := module.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Code is mapped into memory, where no collector sees it.
func TestModulesThatAreGoneLeaveNoCodeBehind(t *testing.T) {
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil && runtime.GOOS != "linux" {
			t.Skip("this system does not say what is mapped:", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(maps, []byte("\n"))
	}
	engine := newEngine(t, vm.Options{})
	code := guest(t, "traps")
	step := func(n int) {
		another := append(bytes.Clone(code), 0, 4, 1, 'x', byte(n), byte(n>>8)) // a section of no meaning
		module, err := engine.Compile(t.Context(), "traps", another)
		if err != nil {
			t.Fatal(err)
		}
		i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = i.Func("spin").Call()
		_ = i.Close()
		_ = module.Close(t.Context())
	}
	for n := range 20 {
		step(n)
	}
	before := mappings()
	for n := range 200 {
		step(100 + n)
	}
	if after := mappings(); after > before+20 {
		t.Errorf("%d mappings after 200 modules, before %d", after, before)
	}
}
