package meter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func instrument(t testing.TB, code []byte, options meter.Options) *meter.Result {
	t.Helper()
	result, err := meter.Instrument(code, options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func instantiate(t testing.TB, code []byte) api.Module {
	t.Helper()
	r := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { r.Close(t.Context()) })
	m, err := r.InstantiateWithConfig(t.Context(), code, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// BenchmarkGuest runs loops and calls, plain and metered.
func BenchmarkGuest(b *testing.B) {
	plain := read(b, "testdata/bench.wasm")
	metered := instrument(b, plain, meter.Options{Fuel: plenty, Stack: plenty}).Code
	for _, c := range []struct {
		function string
		arg      uint64
	}{{"nothing", 1}, {"count", 10000}, {"scan", 10000}, {"nested", 9984}, {"calls", 10000}, {"fib", 18}} {
		for name, code := range map[string][]byte{"plain": plain, "metered": metered} {
			b.Run(c.function+"/"+name, func(b *testing.B) {
				m := instantiate(b, code)
				f := m.ExportedFunction(c.function)
				var stack [1]uint64
				ctx := b.Context()
				fuel, _ := m.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
				before := uint64(0)
				if fuel != nil {
					before = fuel.Get()
				}
				b.ResetTimer()
				for range b.N {
					stack[0] = c.arg
					if err := f.CallWithStack(ctx, stack[:]); err != nil {
						b.Fatal(err)
					}
				}
				if fuel != nil {
					b.ReportMetric(float64(before-fuel.Get())/float64(b.N), "units/op")
				}
			})
		}
	}
}

// BenchmarkInstrument rewrites the filters that come with the gateway.
func BenchmarkInstrument(b *testing.B) {
	filters, _ := filepath.Glob("../../../filters/*.wasm")
	if extra := os.Getenv("METER_BENCH"); extra != "" {
		filters = append(filters, extra)
	}
	for _, path := range filters {
		b.Run(strings.TrimSuffix(filepath.Base(path), ".wasm"), func(b *testing.B) {
			code := read(b, path)
			b.SetBytes(int64(len(code)))
			var result *meter.Result
			for range b.N {
				result = instrument(b, code, meter.Options{})
			}
			b.ReportMetric(100*float64(len(result.Code))/float64(len(code))-100, "%growth")
			b.ReportMetric(float64(result.Charges), "charges")
			b.ReportMetric(float64(result.Paying), "paying")
			b.ReportMetric(float64(result.Functions), "functions")
		})
	}
}

// BenchmarkBudget runs each guest that does not want to end until its fuel is
// used up: how long 50 million units last at worst.
func BenchmarkBudget(b *testing.B) {
	code := instrument(b, read(b, "testdata/hostile.wasm"), meter.Options{}).Code
	for name, definition := range instantiate(b, code).ExportedFunctionDefinitions() {
		if !strings.HasPrefix(name, "fuel") {
			continue
		}
		b.Run(name, func(b *testing.B) {
			args := make([]uint64, len(definition.ParamTypes()))
			for range b.N {
				b.StopTimer()
				m := instantiate(b, code)
				refuel(m, 50_000_000, meter.DefaultStack)
				b.StartTimer()
				if _, err := m.ExportedFunction(name).Call(b.Context(), args...); err == nil {
					b.Fatal("it came back")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/budget")
		})
	}
}
