package hostcall

import "github.com/sluice-gateway/sluice/abi"

// MaxMetricName is how much of a metric's name is looked at. A longer one is cut
// off there, which leaves it longer than a name may be.
const MaxMetricName = 4 << 10

// Counters, gauges and histograms of a filter.
var metrics = []function{
	{name: abi.ImportDefineMetric, args: "vbw", body: defineMetric, charges: true},
	{name: abi.ImportRecordMetric, args: "vV", body: recordMetric},
	{name: abi.ImportIncrementMetric, args: "vV", body: incrementMetric},
	{name: abi.ImportGetMetric, args: "vW", body: getMetric},
}

// defineUnits is what it costs to define a metric that is not defined yet.
const defineUnits = 1000

// proxy_define_metric(type, name, *id): BAD_ARGUMENT for an unknown type, and for a
// name that is defined with another type.
func defineMetric(c call) abi.Status {
	name, ok := c.view(1)
	name = name[:min(len(name), MaxMetricName)]
	switch {
	case !c.charge(len(name), defineUnits):
		return abi.StatusInternalFailure
	case !ok || !c.writable(3, 4):
		return abi.StatusInvalidMemoryAccess
	}
	id, status := c.caller.Metrics().DefineMetric(abi.MetricType(c.u32(0)), name)
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(3, id)
}

// proxy_record_metric(id, value): sets a gauge, adds to a counter, counts in a
// histogram. NOT_FOUND.
func recordMetric(c call) abi.Status {
	return c.caller.Metrics().RecordMetric(c.u32(0), c.stack[1])
}

// proxy_increment_metric(id, delta): NOT_FOUND; BAD_ARGUMENT where a counter would
// not grow, and for a histogram.
func incrementMetric(c call) abi.Status {
	return c.caller.Metrics().IncrementMetric(c.u32(0), int64(c.stack[1]))
}

// proxy_get_metric(id, *value): NOT_FOUND; BAD_ARGUMENT for a histogram.
func getMetric(c call) abi.Status {
	if !c.writable(1, 8) {
		return abi.StatusInvalidMemoryAccess
	}
	value, status := c.caller.Metrics().Metric(c.u32(0))
	if status != abi.StatusOK {
		return status
	}
	return c.putU64(1, value)
}
