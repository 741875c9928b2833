package metrics_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/metrics"
)

const (
	counter   = abi.MetricTypeCounter
	gauge     = abi.MetricTypeGauge
	histogram = abi.MetricTypeHistogram
)

// page is what Prometheus is shown, without the series whose names begin otherwise.
func page(t *testing.T, r *metrics.Registry, g *metrics.Gateway, s metrics.Snapshot, names ...string) string {
	t.Helper()
	if g == nil {
		g = metrics.NewGateway(nil)
	}
	families, err := r.Gatherer(g, func() metrics.Snapshot { return s }).Gather()
	if err != nil {
		t.Errorf("gather: %v", err)
	}
	var lines []string
	for _, family := range families {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(family.GetName(), name) }) {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			value := fmt.Sprint(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			if h := m.GetHistogram(); h != nil {
				value = fmt.Sprintf("%d values, sum %g", h.GetSampleCount(), h.GetSampleSum())
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %s", family.GetName(), strings.Join(labels, ","), value))
		}
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// define defines a metric and fails the test unless that has the status.
func define(t *testing.T, f *metrics.Filter, kind abi.MetricType, name string, want abi.Status) uint32 {
	t.Helper()
	id, status := f.DefineMetric(kind, []byte(name))
	if status != want {
		t.Fatalf("define %v %q: got %v, want %v", kind, name, status, want)
	}
	return id
}

func TestWhatFiltersCountIsShown(t *testing.T) {
	r := metrics.New(metrics.Options{})
	a, b := r.Filter("a"), r.Filter("b")
	requests := define(t, a, counter, `requests_total{method="GET"}`, abi.StatusOK)
	for range 3 {
		a.IncrementMetric(requests, 2)
	}
	a.RecordMetric(requests, 10) // adds, in a counter
	other := define(t, b, counter, "requests_total", abi.StatusOK)
	b.IncrementMetric(other, 1)
	level := define(t, b, gauge, "level", abi.StatusOK)
	b.RecordMetric(level, 5)
	b.IncrementMetric(level, -7)
	sizes := define(t, a, histogram, "sizes", abi.StatusOK)
	for _, size := range []uint64{0, 1, 2, 1000, 1 << 40} {
		a.RecordMetric(sizes, size)
	}
	expect(t, page(t, r, nil, metrics.Snapshot{}, "requests", "level", "sizes"),
		`level{filter="b"} -2`,
		`requests_total{filter="b"} 1`,
		`requests_total{filter="a",method="GET"} 16`,
		`sizes{filter="a"} 5 values, sum 1.099511628779e+12`,
	)
	if err := testutil.GatherAndCompare(r.Gatherer(metrics.NewGateway(nil), func() metrics.Snapshot { return metrics.Snapshot{} }), strings.NewReader(`
# HELP sizes A histogram that filters define.
# TYPE sizes histogram
sizes_bucket{filter="a",le="1"} 2
sizes_bucket{filter="a",le="2"} 3
sizes_bucket{filter="a",le="5"} 3
sizes_bucket{filter="a",le="10"} 3
sizes_bucket{filter="a",le="25"} 3
sizes_bucket{filter="a",le="50"} 3
sizes_bucket{filter="a",le="100"} 3
sizes_bucket{filter="a",le="250"} 3
sizes_bucket{filter="a",le="500"} 3
sizes_bucket{filter="a",le="1000"} 4
sizes_bucket{filter="a",le="2500"} 4
sizes_bucket{filter="a",le="5000"} 4
sizes_bucket{filter="a",le="10000"} 4
sizes_bucket{filter="a",le="25000"} 4
sizes_bucket{filter="a",le="50000"} 4
sizes_bucket{filter="a",le="100000"} 4
sizes_bucket{filter="a",le="250000"} 4
sizes_bucket{filter="a",le="500000"} 4
sizes_bucket{filter="a",le="1e+06"} 4
sizes_bucket{filter="a",le="1e+07"} 4
sizes_bucket{filter="a",le="1e+08"} 4
sizes_bucket{filter="a",le="1e+09"} 4
sizes_bucket{filter="a",le="+Inf"} 5
sizes_sum{filter="a"} 1.099511628779e+12
sizes_count{filter="a"} 5
`), "sizes"); err != nil {
		t.Error(err)
	}
}

func TestValuesFollowTheRulesOfTheirTypes(t *testing.T) {
	f := metrics.New(metrics.Options{}).Filter("a")
	c, g, h := define(t, f, counter, "c", abi.StatusOK), define(t, f, gauge, "g", abi.StatusOK), define(t, f, histogram, "h", abi.StatusOK)
	const ok, bad, unknown = abi.StatusOK, abi.StatusBadArgument, abi.StatusNotFound
	for _, test := range []struct {
		what      string
		got, want abi.Status
	}{
		{"a counter that grows", f.IncrementMetric(c, 1<<40), ok},
		{"a counter that does not grow", f.IncrementMetric(c, 0), bad},
		{"a counter that shrinks", f.IncrementMetric(c, -1), bad},
		{"a gauge that shrinks", f.IncrementMetric(g, -1<<40), ok},
		{"a histogram that is incremented", f.IncrementMetric(h, 1), bad},
		{"an unknown number", f.IncrementMetric(h+4, 1), unknown},
		{"a number of another type", f.IncrementMetric(c|1, 1), unknown},
		{"a number that is far off", f.IncrementMetric(1<<31, 1), unknown},
		{"number 0", f.IncrementMetric(0, 1), unknown},
		{"to record an unknown number", f.RecordMetric(h+4, 1), unknown},
		{"to record in a histogram", f.RecordMetric(h, 1<<63), ok},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.what, test.got, test.want)
		}
	}
	for _, test := range []struct {
		id     uint32
		value  uint64
		status abi.Status
	}{{c, 1 << 40, ok}, {g, 1<<64 - 1<<40, ok}, {h, 0, bad}, {h + 4, 0, unknown}} {
		if value, status := f.Metric(test.id); value != test.value || status != test.status {
			t.Errorf("metric %d: got %d, %v, want %d, %v", test.id, value, status, test.value, test.status)
		}
	}
}

func TestANameHasOneTypeInAllFilters(t *testing.T) {
	var log bytes.Buffer
	r := metrics.New(metrics.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	a, b := r.Filter("a"), r.Filter("b")
	first := define(t, a, counter, "jobs.total", abi.StatusOK)
	if again := define(t, a, counter, "jobs.total", abi.StatusOK); again != first {
		t.Errorf("defined again it has the number %d, not %d", again, first)
	}
	if same := define(t, a, counter, "jobs_total", abi.StatusOK); same != first {
		t.Errorf("another spelling has the number %d, not %d", same, first)
	}
	if labelled := define(t, a, counter, `jobs_total{kind="x"}`, abi.StatusOK); labelled == first {
		t.Error("with a label it is the same series")
	}
	define(t, a, gauge, "jobs.total", abi.StatusBadArgument)
	define(t, b, gauge, "jobs_total", abi.StatusBadArgument)
	if !strings.Contains(log.String(), `filter=b name=jobs_total type=gauge`) {
		t.Errorf("the log says %s", log.String())
	}
	define(t, b, histogram, "sizes", abi.StatusOK)
	define(t, b, histogram, "sizes", abi.StatusOK)
	for _, taken := range []string{"sizes_sum", "sizes_count", "sizes_bucket"} {
		define(t, a, counter, taken, abi.StatusBadArgument)
	}
	define(t, a, gauge, "rates_sum", abi.StatusOK)
	define(t, a, histogram, "rates", abi.StatusBadArgument)
	for _, ours := range []string{"sluice_requests_total", "go_goroutines", "process_cpu_seconds_total", "promhttp_x"} {
		define(t, a, counter, ours, abi.StatusBadArgument)
	}
	define(t, a, 3, "unknown", abi.StatusBadArgument)

	// What nobody has any more is free.
	a.Release()
	define(t, b, gauge, "jobs_total", abi.StatusOK)
	expect(t, page(t, r, nil, metrics.Snapshot{}, "jobs", "sizes", "rates"),
		`jobs_total{filter="b"} 0`, `sizes{filter="b"} 0 values, sum 0`)
}

// What one tenant names first, with a type, label or value of his choice, is another
// name's to the next.
func TestATenantTakesNoNameFromAnother(t *testing.T) {
	var log bytes.Buffer
	r := metrics.New(metrics.Options{Series: 2, Shown: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	evil, good, operators := r.TenantFilter("evil", "a"), r.TenantFilter("good.one", "a"), r.Filter("a")
	define(t, evil, gauge, "jobs_total", abi.StatusOK)
	define(t, evil, gauge, "good_one:jobs_total", abi.StatusOK)
	define(t, evil, gauge, "one_too_many", abi.StatusOK)
	good.IncrementMetric(define(t, good, counter, `jobs_total{tenant="evil"}`, abi.StatusOK), 3)
	operators.IncrementMetric(define(t, operators, counter, "jobs_total", abi.StatusOK), 5)
	define(t, good, gauge, "jobs_total", abi.StatusBadArgument)
	good.Used(0, 2_000_000)
	good.Used(1, 3_000_000)
	expect(t, page(t, r, nil, metrics.Snapshot{Filters: []metrics.FilterSnapshot{{Name: "a", Tenant: "good.one", Instances: 2}, {Name: "a", Instances: 1}}},
		"jobs", "evil", "good", "sluice_filter_instances", "sluice_filter_fuel", "sluice_filter_metrics"),
		`evil:good_one_jobs_total{filter="a",tenant="evil"} 0`,
		`evil:jobs_total{filter="a",tenant="evil"} 0`,
		`good_one:jobs_total{exported_tenant="evil",filter="a",tenant="good.one"} 3`,
		`jobs_total{filter="a"} 5`,
		`sluice_filter_fuel_seconds{filter="a",tenant="good.one"} 2 values, sum 0.005`,
		`sluice_filter_instances{filter="a"} 1`,
		`sluice_filter_instances{filter="a",tenant="good.one"} 2`,
		`sluice_filter_metrics_refused_total{filter="a"} 0`,
		`sluice_filter_metrics_refused_total{filter="a",tenant="evil"} 1`,
		`sluice_filter_metrics_refused_total{filter="a",tenant="good.one"} 0`,
	)
	if total, most := good.Fuel(); total != 5_000_000 || most != 3_000_000 {
		t.Errorf("got fuel %d, at most %d, want 5000000 and 3000000", total, most)
	}
	if !strings.Contains(log.String(), "filter=a tenant=evil limit=metrics.series value=2") {
		t.Errorf("the log says %s", log.String())
	}
}

// Its author chooses how often.
func TestAFilterThatWantsATakenNameIsNamedOnce(t *testing.T) {
	var log strings.Builder
	r := metrics.New(metrics.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	define(t, r.Filter("a"), counter, "requests", abi.StatusOK)
	b := r.Filter("b")
	for range 100 {
		define(t, b, gauge, "requests", abi.StatusBadArgument)
	}
	if got := strings.Count(log.String(), "name that is taken"); got != 1 {
		t.Errorf("got %d lines, want 1: %s", got, log.String())
	}
}

func TestAFilterKeepsItsSeriesFromGenerationToGeneration(t *testing.T) {
	r := metrics.New(metrics.Options{})
	old := r.Filter("a")
	id := define(t, old, counter, "c", abi.StatusOK)
	old.IncrementMetric(id, 1)
	next := r.Filter("a")
	old.Release()
	if again := define(t, next, counter, "c", abi.StatusOK); again != id {
		t.Errorf("got the number %d, want %d", again, id)
	}
	next.IncrementMetric(id, 1)
	expect(t, page(t, r, nil, metrics.Snapshot{}, "c"), `c{filter="a"} 2`)
	next.Release()
	expect(t, page(t, r, nil, metrics.Snapshot{}, "c"), ``)
}

// Names are often made of what clients send, and a filter's SDK takes a status for a
// reason to crash.
func TestWhatIsTooMuchIsCountedInVain(t *testing.T) {
	var log bytes.Buffer
	r := metrics.New(metrics.Options{Series: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	f := r.Filter("a")
	for i := range 10 {
		for _, kind := range []abi.MetricType{counter, gauge, histogram} {
			id := define(t, f, kind, fmt.Sprintf("%v{n=\"%d\"}", kind, i), abi.StatusOK)
			if got := f.RecordMetric(id, 1); got != abi.StatusOK {
				t.Fatal(got)
			}
		}
	}
	long := define(t, f, counter, strings.Repeat("x", 513), abi.StatusOK)
	if got := f.IncrementMetric(long, 1); got != abi.StatusOK {
		t.Error(got)
	}
	expect(t, page(t, r, nil, metrics.Snapshot{}, "COUNTER", "GAUGE", "HISTOGRAM", "xxx", "sluice_filter_metrics"),
		`COUNTER{filter="a",n="0"} 1`, `GAUGE{filter="a",n="0"} 1`, `sluice_filter_metrics_refused_total{filter="a"} 29`)
	if n := strings.Count(log.String(), "too many metrics"); n != 1 {
		t.Errorf("the log has %d lines:\n%s", n, log.String())
	}
	// What is there goes on.
	define(t, f, counter, `COUNTER{n="0"}`, abi.StatusOK)
}

func TestTheGatewaysOwnSeries(t *testing.T) {
	r := metrics.New(metrics.Options{Shown: true})
	g := metrics.NewGateway([]string{"ContainerCreate", "SystemInfo"})
	f := r.Filter("guard")
	for i, d := range []time.Duration{0, 5 * time.Microsecond, 5*time.Microsecond + 1, time.Millisecond, time.Hour} {
		f.Took(i-1, metrics.RequestBody, d)
	}
	f.Trapped(metrics.Fuel)
	f.Dropped()
	g.Request(metrics.Request{Operation: "SystemInfo", Verdict: metrics.Allow, Status: 200, In: 1, Out: 2, Took: time.Second})
	g.Request(metrics.Request{Operation: "SystemInfo", Verdict: metrics.Allow, Status: 200, In: 1, Out: 2, Took: time.Second})
	g.Request(metrics.Request{Operation: "ContainerCreate", Verdict: metrics.Deny, Status: 403, Tenant: "ci"})
	g.Request(metrics.Request{Operation: "/made/up", Verdict: metrics.Fail, Status: 999, Transport: 2})
	g.Request(metrics.Request{Status: -1, Transport: 7})
	g.Refused(metrics.Malformed)
	g.Accepted()
	g.Hijacked()()
	ended := g.Hijacked()
	g.Reloaded(true)
	g.Reloaded(false)
	g.Yielded()
	g.LineDropped()
	g.Unseated("ci")
	s := metrics.Snapshot{
		Generation: 3, Retiring: 1, Connections: 4, Streams: 2, Seats: map[string]int{"ci": 3},
		Filters: []metrics.FilterSnapshot{{Name: "guard", Memory: 4096, Instances: 2, Quarantined: true}},
		Spaces:  []metrics.SpaceSnapshot{{VMID: "vm", Keys: 1, Bytes: 10, Items: 2, Queued: 20, Refused: 3}},
	}
	expect(t, page(t, r, g, s, "sluice_request", "sluice_conn", "sluice_filter", "sluice_hij", "sluice_log", "sluice_gen", "sluice_re", "sluice_sh", "sluice_st", "sluice_t"),
		`sluice_connections{} 4`,
		`sluice_connections_accepted_total{} 1`,
		`sluice_connections_yielded_total{} 1`,
		`sluice_filter_instances{filter="guard"} 2`,
		`sluice_filter_log_lines_dropped_total{filter="guard"} 1`,
		`sluice_filter_memory_bytes{filter="guard"} 4096`,
		`sluice_filter_metrics_refused_total{filter="guard"} 0`,
		`sluice_filter_quarantined{filter="guard"} 1`,
		`sluice_filter_seconds{filter="guard",stage="request_body"} 5 values, sum 3600.001010001`,
		`sluice_filter_traps_total{filter="guard",reason="crash"} 0`,
		`sluice_filter_traps_total{filter="guard",reason="fuel"} 1`,
		`sluice_filter_traps_total{filter="guard",reason="panic"} 0`,
		`sluice_generation{} 3`,
		`sluice_hijacked_connections{} 1`,
		`sluice_log_lines_dropped_total{} 1`,
		`sluice_refused_connections_total{reason="malformed"} 1`,
		`sluice_refused_connections_total{reason="peer"} 0`,
		`sluice_reloads_total{result="failed"} 1`,
		`sluice_reloads_total{result="ok"} 1`,
		`sluice_request_seconds{transport="hijack"} 1 values, sum 0`,
		`sluice_request_seconds{transport="stream"} 0 values, sum 0`,
		`sluice_request_seconds{transport="unary"} 3 values, sum 2`,
		// none is what nobody made up.
		`sluice_requests_total{code="2xx",operation="SystemInfo",verdict="allow"} 2`,
		`sluice_requests_total{code="4xx",operation="ContainerCreate",verdict="deny"} 1`,
		`sluice_requests_total{code="none",operation="none",verdict="allow"} 1`,
		`sluice_requests_total{code="none",operation="none",verdict="fail"} 1`,
		`sluice_retiring_generations{} 1`,
		`sluice_shared_data_bytes{vm_id="vm"} 10`,
		`sluice_shared_data_keys{vm_id="vm"} 1`,
		`sluice_shared_queue_bytes{vm_id="vm"} 20`,
		`sluice_shared_queue_items{vm_id="vm"} 2`,
		`sluice_shared_refused_total{vm_id="vm"} 3`,
		`sluice_streams{} 2`,
		`sluice_tenant_connections{tenant="ci"} 3`,
		`sluice_tenant_connections_refused_total{tenant="ci"} 1`,
		`sluice_tenant_requests_total{tenant="ci",verdict="allow"} 0`,
		`sluice_tenant_requests_total{tenant="ci",verdict="deny"} 1`,
		`sluice_tenant_requests_total{tenant="ci",verdict="fail"} 0`,
		`sluice_transferred_bytes_total{direction="in"} 2`,
		`sluice_transferred_bytes_total{direction="out"} 4`,
	)
	ended()
	if err := testutil.GatherAndCompare(r.Gatherer(g, func() metrics.Snapshot { return s }), strings.NewReader(`
# HELP sluice_filter_seconds Time that a filter computed for one callback.
# TYPE sluice_filter_seconds histogram
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="5e-06"} 2
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="1e-05"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="2e-05"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="4e-05"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="8e-05"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00016"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00032"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00064"} 3
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00128"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00256"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.00512"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.01024"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.02048"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.04096"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.08192"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.16384"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.32768"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="0.65536"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="1.31072"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="2.62144"} 4
sluice_filter_seconds_bucket{filter="guard",stage="request_body",le="+Inf"} 5
sluice_filter_seconds_sum{filter="guard",stage="request_body"} 3600.001010001
sluice_filter_seconds_count{filter="guard",stage="request_body"} 5
`), "sluice_filter_seconds"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(r.Gatherer(g, func() metrics.Snapshot { return s }))
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

func TestAGatewayThatCountsNothing(t *testing.T) {
	var g *metrics.Gateway
	g.Request(metrics.Request{})
	g.Refused(metrics.Peer)
	g.Accepted()
	g.Hijacked()()
	g.Reloaded(true)
	var f *metrics.Filter
	if f.Timed() || metrics.New(metrics.Options{}).Filter("a").Timed() {
		t.Error("times are taken that nobody sees")
	}
}

// Everything at once: what was counted is what is shown in the end.
func TestCountingUnderHammering(t *testing.T) {
	r := metrics.New(metrics.Options{Shown: true, Series: 50})
	g := metrics.NewGateway([]string{"SystemInfo"})
	gatherer := r.Gatherer(g, func() metrics.Snapshot { return metrics.Snapshot{} })
	const workers, rounds = 8, 500
	last := r.Filter("a")
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for round := range rounds {
				f := r.Filter("a")
				id, status := f.DefineMetric(counter, []byte("shared"))
				if status != abi.StatusOK || f.IncrementMetric(id, 1) != abi.StatusOK {
					t.Error("cannot count")
				}
				f.DefineMetric(gauge, fmt.Appendf(nil, "own_%d_%d", worker, round))
				f.Took(worker, metrics.Tick, time.Microsecond)
				g.Request(metrics.Request{Operation: "SystemInfo", Status: 200})
				other := r.Filter(fmt.Sprint("filter-", worker))
				other.DefineMetric(histogram, []byte("comes_and_goes"))
				if round%100 == 0 {
					if _, err := gatherer.Gather(); err != nil {
						t.Error(err)
					}
				}
				other.Release()
				f.Release()
			}
		})
	}
	all.Wait()
	expect(t, page(t, r, g, metrics.Snapshot{}, "shared", "comes", "sluice_filter_seconds", "sluice_requests"),
		fmt.Sprintf(`shared{filter="a"} %d`, workers*rounds),
		fmt.Sprintf(`sluice_filter_seconds{filter="a",stage="tick"} %d values, sum 0.004`, workers*rounds),
		fmt.Sprintf(`sluice_requests_total{code="2xx",operation="SystemInfo",verdict="allow"} %d`, workers*rounds),
	)
	last.Release()
}
