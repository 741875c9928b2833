//go:build unix

package vm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/vm"
)

// What is charged for an instance, and for what becomes of it, beside the processors' time,
// which is that of the garbage collector too: units/op must not be less than cpu-ns/op.
func BenchmarkCost(b *testing.B) {
	hostile := func(name string) []byte {
		code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", name+".wasm"))
		if err != nil {
			b.Fatal(err)
		}
		return code
	}
	measure := func(name, guest string, options vm.InstanceOptions, work func(*vm.Instance) int64) {
		b.Run(name, func(b *testing.B) {
			module, err := newEngine(b, vm.Options{}).Compile(b.Context(), guest, hostile(guest))
			if err != nil {
				b.Fatal(err)
			}
			defer module.Close(b.Context())
			b.ReportAllocs()
			units := int64(0)
			since := hosttest.ProcessorTime(b)
			for b.Loop() {
				i, err := module.Instantiate(options)
				if err != nil {
					b.Fatal(err)
				}
				if err := i.Start(); err != nil {
					b.Fatal(err)
				}
				units += i.StartUsed()
				if work != nil {
					units += work(i)
				}
				units += i.Owed()
				_ = i.Close()
			}
			b.ReportMetric(float64(hosttest.ProcessorTime(b)-since)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(units)/float64(b.N), "units/op")
		})
	}
	measure("instance", "many-deep", vm.InstanceOptions{}, nil)
	measure("instance of 32 MiB", "large-memory", vm.InstanceOptions{}, nil)
	deep := func(functions int, depth uint64) func(*vm.Instance) int64 {
		return func(i *vm.Instance) (units int64) {
			for n := range functions {
				_, _ = i.Func(fmt.Sprintf("deep%d", n)).Call(depth)
				units += i.Used()
			}
			return units
		}
	}
	measure("1 function", "many-deep", vm.InstanceOptions{Fuel: 1 << 40}, deep(1, 1))
	measure("14 functions", "many-deep", vm.InstanceOptions{Fuel: 1 << 40}, deep(14, 1))
	for _, pages := range []uint64{1, 31, 32, 1023} { // 32 are one more than a chunk, and another chunk is made
		measure(fmt.Sprintf("growth by %d pages", pages), "grow-by", vm.InstanceOptions{Fuel: 1 << 40}, func(i *vm.Instance) int64 {
			_, _ = i.Func("at-once").Call(pages)
			return i.Used()
		})
	}
	for _, depth := range []uint64{300, 1000, 3000, 1 << 20} {
		measure(fmt.Sprintf("recursion of %d", depth), "many-deep", vm.InstanceOptions{Fuel: 1 << 40}, deep(1, depth))
	}
}
