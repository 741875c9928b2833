package metrics

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

// metric is one series of a filter.
type metric struct {
	kind   abi.MetricType
	id     uint32
	family *family // nil for what is shown nowhere
	labels []label
	// value is a counter's, unsigned, or a gauge's.
	value     atomic.Int64
	histogram *valueHistogram
}

// valueBounds are the buckets for what filters record: any numbers, mostly
// milliseconds, bytes or counts.
var valueBounds = [...]float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 2.5e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 1e7, 1e8, 1e9}

// valueHistogram counts numbers.
type valueHistogram struct {
	buckets [len(valueBounds) + 1]atomic.Uint64
	sum     atomic.Uint64
}

func (h *valueHistogram) observe(value uint64) {
	at := 0
	for at < len(valueBounds) && float64(value) > valueBounds[at] {
		at++
	}
	h.buckets[at].Add(1)
	h.sum.Add(value)
}

// The number of a metric has its type in the last two bits, as in other hosts. The
// first of each type is the one that is shown nowhere.
const kindBits = 2

func newMetric(index int, kind abi.MetricType) *metric {
	m := &metric{kind: kind, id: uint32(index)<<kindBits | uint32(kind)}
	if kind == abi.MetricTypeHistogram {
		m.histogram = new(valueHistogram)
	}
	return m
}

// DefineMetric returns the number of a metric, and defines it where it is not. What
// would be one too many, or has too long a name, is counted in vain: see the package.
// BAD_ARGUMENT: an unknown type, a name that is the gateway's, or one that is
// defined with another type already.
func (f *Filter) DefineMetric(kind abi.MetricType, name []byte) (uint32, abi.Status) {
	if kind > abi.MetricTypeHistogram {
		return 0, abi.StatusBadArgument
	}
	f.mu.RLock()
	m := f.names[string(name)]
	f.mu.RUnlock()
	if m != nil && m.kind == kind {
		return m.id, abi.StatusOK
	}
	if len(name) > maxName {
		return f.lose(kind, "bytes of a name", maxName)
	}
	family, labels := parseName(string(name), f.registry.options.Load().Tags)
	if f.tenant != "" {
		family = tenantName(f.tenant, family)
	}
	return f.define(kind, string(name), family, labels)
}

func (f *Filter) define(kind abi.MetricType, written, name string, labels []label) (uint32, abi.Status) {
	r := f.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	key := seriesKey(name, labels)
	m := f.series[key]
	switch {
	case m != nil && m.kind != kind:
		return 0, abi.StatusBadArgument
	case m == nil && len(f.series) >= r.options.Load().Series:
		return f.lose(kind, "metrics.series", r.options.Load().Series)
	case m == nil && !r.hasRoom(f.tenant):
		return f.lose(kind, "tenant_limits.series", r.options.Load().TenantSeries(f.tenant))
	case m == nil:
		family := r.join(name, kind)
		if family == nil {
			if isDue(&f.nextTaken) {
				f.log.Warn("a filter's metric has a name that is taken", slog.String("name", name), slog.String("type", kindName(kind)))
			}
			return 0, abi.StatusBadArgument
		}
		old := *f.byID.Load()
		m = newMetric(len(old), kind)
		m.family, m.labels = family, labels
		f.series[key] = m
		if f.tenant != "" {
			r.series[f.tenant]++
		}
		all := append(old[:len(old):len(old)], m)
		f.byID.Store(&all)
	}
	// A name can be written in many ways, and not all of them are kept.
	if len(f.names) < 2*r.options.Load().Series {
		f.names[written] = m
	}
	return m.id, abi.StatusOK
}

// lose is the answer to a definition for which there is no room, by a limit and its value.
func (f *Filter) lose(kind abi.MetricType, limit string, value int) (uint32, abi.Status) {
	f.lost.Add(1)
	if isDue(&f.nextLost) {
		f.log.Warn("a filter defines too many metrics, or one with too long a name; what it counts there is not shown",
			slog.String("limit", limit), slog.Int("value", value))
	}
	return f.Nowhere(kind)
}

// isDue tells whether a line of the log is: one a minute, since the filter could have one written with each call.
func isDue(at *atomic.Int64) bool {
	now, next := time.Now().UnixNano(), at.Load()
	return now > next && at.CompareAndSwap(next, now+int64(time.Minute))
}

// Nowhere is the number of a metric that is counted and not shown. BAD_ARGUMENT: an
// unknown type.
func (f *Filter) Nowhere(kind abi.MetricType) (uint32, abi.Status) {
	if kind > abi.MetricTypeHistogram {
		return 0, abi.StatusBadArgument
	}
	return (*f.byID.Load())[1+kind].id, abi.StatusOK
}

// metric finds a metric by its number, or nil.
func (f *Filter) metric(id uint32) *metric {
	all := *f.byID.Load()
	if index := id >> kindBits; index < uint32(len(all)) {
		if m := all[index]; m != nil && m.id == id {
			return m
		}
	}
	return nil
}

// IncrementMetric adds to a counter or a gauge. NOT_FOUND; BAD_ARGUMENT: a counter
// only grows, and a histogram is recorded.
func (f *Filter) IncrementMetric(id uint32, delta int64) abi.Status {
	m := f.metric(id)
	switch {
	case m == nil:
		return abi.StatusNotFound
	case m.kind == abi.MetricTypeHistogram, m.kind == abi.MetricTypeCounter && delta <= 0:
		return abi.StatusBadArgument
	}
	m.value.Add(delta)
	return abi.StatusOK
}

// RecordMetric sets a gauge, adds to a counter, or counts a value in a histogram.
// NOT_FOUND.
func (f *Filter) RecordMetric(id uint32, value uint64) abi.Status {
	m := f.metric(id)
	if m == nil {
		return abi.StatusNotFound
	}
	switch m.kind {
	case abi.MetricTypeGauge:
		m.value.Store(int64(value))
	case abi.MetricTypeCounter:
		m.value.Add(int64(value))
	default:
		m.histogram.observe(value)
	}
	return abi.StatusOK
}

// Metric is the value of a counter, or the bits of a gauge's. NOT_FOUND;
// BAD_ARGUMENT: a histogram has no value.
func (f *Filter) Metric(id uint32) (uint64, abi.Status) {
	m := f.metric(id)
	switch {
	case m == nil:
		return 0, abi.StatusNotFound
	case m.kind == abi.MetricTypeHistogram:
		return 0, abi.StatusBadArgument
	}
	return uint64(m.value.Load()), abi.StatusOK
}

func kindName(kind abi.MetricType) string {
	return [...]string{"counter", "gauge", "histogram"}[kind]
}
