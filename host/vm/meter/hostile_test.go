package meter_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

func left(m api.Module) (fuel, stack int64) {
	return int64(m.ExportedGlobal(meter.FuelGlobal).Get()), int64(m.ExportedGlobal(meter.StackGlobal).Get())
}

// Each export of hostile.wat says by its first word what it must run out of.
func TestHostileGuestsRunOut(t *testing.T) {
	code := instrument(t, read(t, "testdata/hostile.wasm"), meter.Options{}).Code
	functions := instantiate(t, code).ExportedFunctionDefinitions()
	for name, definition := range functions {
		t.Run(name, func(t *testing.T) {
			m := instantiate(t, code)
			const budget = 10_000_000
			refuel(m, budget, meter.DefaultStack)
			_, err := m.ExportedFunction(name).Call(t.Context(), make([]uint64, len(definition.ParamTypes()))...)
			fuel, stack := left(m)
			switch want, _, _ := strings.Cut(name, " "); want {
			case "fuel":
				if reason(err) != "wasm error: unreachable" || fuel >= 0 || stack < 0 {
					t.Errorf("got %v with %d units and %d bytes left", err, fuel, stack)
				}
				if over := int64(60_000 << 16); fuel < -over {
					t.Errorf("%d units over the budget", -fuel)
				}
			case "stack":
				if reason(err) != "wasm error: unreachable" || fuel < 0 || stack >= 0 {
					t.Errorf("got %v with %d units and %d bytes left", err, fuel, stack)
				}
			default:
				if err != nil || fuel < 0 || stack != meter.DefaultStack {
					t.Errorf("got %v with %d units and %d bytes left", err, fuel, stack)
				}
			}
		})
	}
}

// A function without any loop that fills memory again and again.
func TestStraightLineOfFillsRunsOut(t *testing.T) {
	fill := []byte{0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 0x04, 0xfc, 11, 0} // 64 KiB
	code := instrument(t, function(nil, slices.Repeat(fill, 500)), meter.Options{}).Code
	m := instantiate(t, code)
	refuel(m, 1_000_000, meter.DefaultStack)
	_, err := m.ExportedFunction("f").Call(t.Context())
	if fuel, _ := left(m); reason(err) != "wasm error: unreachable" || fuel >= 0 {
		t.Errorf("got %v with %d units left", err, fuel)
	}
}

// wazero makes something of the host's memory whenever a ref.func is carried out, and keeps it: without a rewriting of
// them this takes 40 bytes of the host for five units of fuel, hundreds of megabytes a callback.
func TestReferencesTakeNoneOfTheHostsMemory(t *testing.T) {
	code := instrument(t, read(t, "testdata/hostile.wasm"), meter.Options{}).Code
	m := instantiate(t, code)
	refuel(m, 10_000, meter.DefaultStack)
	got, err := m.ExportedFunction("ends with a reference that is called").Call(t.Context())
	if err != nil || got[0] != 2 {
		t.Fatalf("the function that is referred to: got %d, %v; want 2", got, err)
	}
	refuel(m, 10_000_000, meter.DefaultStack)
	f := m.ExportedFunction("fuel references in a loop")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = f.Call(t.Context())
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("it came back")
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("ten million units took %d KiB of the host", used>>10)
	}
}

// The stack that the guest may use is small compared with the 50 MB and more that
// wazero would give it.
func TestRecursionEndsWithLittleMemory(t *testing.T) {
	code := instrument(t, read(t, "testdata/hostile.wasm"), meter.Options{}).Code
	m := instantiate(t, code)
	for _, name := range []string{"stack recursion", "stack recursion with many values"} {
		refuel(m, 1<<40, meter.DefaultStack)
		f := m.ExportedFunction(name)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := f.Call(t.Context(), make([]uint64, len(f.Definition().ParamTypes()))...)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Fatal("it came back")
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s allocated %d KiB", name, used>>10)
		} else {
			t.Logf("%s allocated %d KiB", name, used>>10)
		}
	}
}
