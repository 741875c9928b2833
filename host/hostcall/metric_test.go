package hostcall_test

import (
	"math"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

func TestMetricCalls(t *testing.T) {
	const define, record = abi.ImportDefineMetric, abi.ImportRecordMetric
	const increment, get = abi.ImportIncrementMetric, abi.ImportGetMetric
	const counter, gauge, histogram = int(abi.MetricTypeCounter), int(abi.MetricTypeGauge), int(abi.MetricTypeHistogram)
	minus := func(n uint64) uint64 { return -n }
	d := newDriver(t, "driver")
	d.call(define, counter, "requests", out32{})
	d.call(define, counter, "requests", out32{})
	d.call(define, gauge, "requests", out32{}) // of another type
	d.call(increment, 16, uint64(1)<<40)
	d.call(increment, 16, uint64(0))
	d.call(increment, 16, minus(1))
	d.call(record, 16, uint64(2)) // adds
	d.call(get, 16, out64{})

	d.call(define, gauge, `level{zone="a"}`, out32{})
	d.call(record, 21, uint64(7))
	d.call(increment, 21, minus(10))
	d.call(get, 21, out64{}) // the bits of -3
	d.call(record, 21, uint64(math.MaxUint64))

	d.call(define, histogram, "sizes", out32{})
	d.call(record, 26, uint64(1)<<63)
	d.call(increment, 26, uint64(1))
	d.call(get, 26, out64{})

	d.call(define, counter, "", out32{})
	d.call(define, 3, "requests", out32{})
	d.call(define, -1, "requests", out32{})
	d.call(define, counter, "sluice_requests_total", out32{})
	d.call(define, counter, raw{0, 5000}, out32{}) // too long, and not a reason to crash
	d.call(increment, 4, uint64(1))
	d.call(get, 4, out64{})

	// Numbers that are none.
	for _, id := range []int{0, 17, 20, 34, -1} {
		d.call(increment, id, uint64(1))
		d.call(record, id, uint64(1))
		d.call(get, id, out64{})
	}

	// What lies outside of the memory.
	d.call(define, counter, raw{uint32(nowhere), 1}, out32{})
	d.call(define, counter, raw{131071, 2}, out32{})
	d.call(define, counter, "other", nowhere)
	d.call(define, counter, "other", at(131069))
	d.call(get, 16, nowhere)
	d.call(get, 16, at(131065))
	d.call(get, 99, nowhere)
	d.golden("metrics")
}

func BenchmarkIncrementMetric(b *testing.B) {
	d := newDriver(b, "driver")
	id, _ := d.metrics.DefineMetric(abi.MetricTypeCounter, []byte("c"))
	run(b, d, step(b, d, abi.ImportIncrementMetric, id, 1, 0), abi.ImportIncrementMetric)
}

func BenchmarkDefineMetricAgain(b *testing.B) {
	d := newDriver(b, "driver")
	d.vm.Memory().WriteString(1024, "requests_total")
	run(b, d, step(b, d, abi.ImportDefineMetric, 0, 1024, 14, 8192), abi.ImportDefineMetric)
}

func TestALongMetricNameIsNotLookedAtWhole(t *testing.T) {
	d := newDriver(t, "driver")
	before := hostcall.MaxMetricName
	cost := func(size int) int64 {
		d.call(abi.ImportDefineMetric, 0, raw{0, uint32(size)}, out32{})
		return d.vm.Used()
	}
	if short, long := cost(before), cost(2*before); short != long {
		t.Errorf("%d bytes cost %d units, and %d cost %d", before, short, 2*before, long)
	}
}
