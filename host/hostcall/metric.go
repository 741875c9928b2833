package hostcall

import "github.com/sluice-gateway/sluice/abi"

// Counters, gauges and histograms of a filter.
var metrics = []function{
	later(abi.ImportDefineMetric, "vbw"),
	later(abi.ImportRecordMetric, "vV"),
	later(abi.ImportIncrementMetric, "vV"),
	later(abi.ImportGetMetric, "vW"),
}
