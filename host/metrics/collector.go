package metrics

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
)

// desc describes a series of the gateway's own.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_"+name, help, labels, nil)
}

// ofFilter describes a series about filters: without the label tenant, for the operator's
// own, and with it.
type ofFilter struct{ operators, tenants *prometheus.Desc }

func owned(name, help string, labels ...string) ofFilter {
	return ofFilter{desc(name, help, labels...), desc(name, help, append(labels[:len(labels):len(labels)], "tenant")...)}
}

// of is the description for a tenant's filter, with its labels' values.
func (d ofFilter) of(tenant string, values ...string) (*prometheus.Desc, []string) {
	if tenant == "" {
		return d.operators, values
	}
	return d.tenants, append(values, tenant)
}

// The gateway's own series.
var (
	descBuild = desc("build_info", "What is running; always 1.", "version", "goversion")

	descRequests     = desc("requests_total", "Requests that ended, by Docker's operation, how the filters decided, and the class of the status.", "operation", "verdict", "code")
	descTenants      = desc("tenant_requests_total", "Requests that ended, by tenant and how the filters decided.", "tenant", "verdict")
	descSeconds      = desc("request_seconds", "Time from a request's head to the end of its answer, by the way its bytes travel.", "transport")
	descBytes        = desc("transferred_bytes_total", "Bytes of bodies and hijacked connections, counted when a request ends.", "direction")
	descRefused      = desc("refused_connections_total", "Connections that were refused before there was a request.", "reason")
	descAccepted     = desc("connections_accepted_total", "Connections of clients that were accepted.")
	descDroppedLines = desc("log_lines_dropped_total", "Lines of the log about requests that came to no filter that were not written because there were too many.")
	descYielded      = desc("connections_yielded_total", "Connections that were closed to make room for others: idle ones, or such as had been answered for the last time, or whose request did not come, or whose client did not read.")
	descSeats        = desc("tenant_connections", "Connections of clients whose last request was the tenant's.", "tenant")
	descUnseated     = desc("tenant_connections_refused_total", "Connections that were refused because the tenant had all that it may have.", "tenant")
	descConns        = desc("connections", "Connections of clients that are open.")
	descStreams      = desc("streams", "Requests that are being served.")
	descHijacked     = desc("hijacked_connections", "Connections that carry a stream of bytes: attach, exec, BuildKit.")
	descReloads      = desc("reloads_total", "Reloads of the configuration, by result.", "result")
	descNumber       = desc("generation", "The number of the configuration that is served, from 1.")
	descRetiring     = desc("retiring_generations", "Old configurations whose requests have not ended.")

	descFilterSeconds = owned("filter_seconds", "Time that a filter computed for one callback.", "filter", "stage")
	descFilterFuel    = owned("filter_fuel_seconds", "Fuel that a filter's callbacks used, in the seconds that limits are written in.", "filter")
	descFilterRefused = owned("filter_refused_total", "Times that a filter was refused something, by the limit that it had come to.", "filter", "limit")
	descFilterTicks   = owned("filter_ticks_skipped_total", "Ticks of a filter that were left out: one took longer than the period, or the filter may not compute.", "filter")
	descFilterMemory  = owned("filter_memory_bytes", "Memory that the instances of a filter have.", "filter")
	descInstances     = owned("filter_instances", "Running instances of a filter.", "filter")
	descTraps         = owned("filter_traps_total", "Instances that were lost, by reason.", "filter", "reason")
	descQuarantined   = owned("filter_quarantined", "1 while a filter that crashed too often, or could not be started, is not asked.", "filter")
	descDropped       = owned("filter_log_lines_dropped_total", "Log lines of a filter that were not written because there were too many.", "filter")
	descLost          = owned("filter_metrics_refused_total", "Definitions of metrics for which there was no room.", "filter")
	descCapability    = owned("capability_refusals_total", "Host calls of a filter that its capabilities do not grant.", "filter", "capability")

	descKeys       = owned("shared_data_keys", "Keys that the filters of a vm_id share.", "vm_id")
	descDataBytes  = owned("shared_data_bytes", "Bytes of these keys and their values.", "vm_id")
	descItems      = owned("shared_queue_items", "Items in the queues of a vm_id.", "vm_id")
	descItemBytes  = owned("shared_queue_bytes", "Bytes of these items.", "vm_id")
	descStoreFails = owned("shared_refused_total", "Changes of shared data and queues that were refused: over a limit, or not to be kept.", "vm_id")
)

// Gatherer returns what can be asked for all series: those of the gateway, those
// that filters define, and those of the process. snapshot is called each time.
func (r *Registry) Gatherer(g *Gateway, snapshot func() Snapshot) prometheus.Gatherer {
	all := prometheus.NewRegistry()
	all.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gatewayCollector{g, snapshot},
		filterCollector{r},
		guestCollector{r},
	)
	return all
}

// gatewayCollector shows what a Gateway counts and what a snapshot has.
type gatewayCollector struct {
	counted  *Gateway
	snapshot func() Snapshot
}

// Describe describes nothing, and the library checks each time instead: only the
// series of tenants' filters have the label tenant.
func (gatewayCollector) Describe(chan<- *prometheus.Desc) {}

func (c gatewayCollector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	version, goVersion := build()
	gauge(descBuild, 1, version, goVersion)

	g := c.counted
	g.collectRequests(count)
	g.tenants.Range(func(name, of any) bool {
		for verdict := range verdicts {
			count(descTenants, of.(*tenant).requests[verdict].Load(), name.(string), verdictNames[verdict])
		}
		count(descUnseated, of.(*tenant).unseated.Load(), name.(string))
		return true
	})
	for i := range g.times {
		var total cumulative
		g.times[i].addTo(&total)
		ch <- prometheus.MustNewConstHistogram(descSeconds, total.count, total.sum, total.buckets, transportNames[i])
	}
	count(descBytes, uint64(g.in.Load()), "in")
	count(descBytes, uint64(g.out.Load()), "out")
	for i := range g.refused {
		count(descRefused, g.refused[i].Load(), refusalNames[i])
	}
	count(descAccepted, g.accepted.Load())
	count(descYielded, g.yielded.Load())
	count(descDroppedLines, g.dropped.Load())
	gauge(descHijacked, float64(g.hijacked.Load()))
	count(descReloads, g.reloads.Load(), "ok")
	count(descReloads, g.failedReloads.Load(), "failed")

	s := c.snapshot()
	gauge(descConns, float64(s.Connections))
	for tenant, n := range s.Seats {
		gauge(descSeats, float64(n), tenant)
	}
	gauge(descStreams, float64(s.Streams))
	gauge(descNumber, float64(s.Generation))
	gauge(descRetiring, float64(s.Retiring))
	owned := func(series ofFilter, value float64, tenant, name string) {
		d, labels := series.of(tenant, name)
		gauge(d, value, labels...)
	}
	for _, f := range s.Filters {
		quarantined := 0.0
		if f.Quarantined {
			quarantined = 1
		}
		owned(descInstances, float64(f.Instances), f.Tenant, f.Name)
		owned(descFilterMemory, float64(f.Memory), f.Tenant, f.Name)
		owned(descQuarantined, quarantined, f.Tenant, f.Name)
	}
	for _, space := range s.Spaces {
		owned(descKeys, float64(space.Keys), space.Tenant, space.VMID)
		owned(descDataBytes, float64(space.Bytes), space.Tenant, space.VMID)
		owned(descItems, float64(space.Items), space.Tenant, space.VMID)
		owned(descItemBytes, float64(space.Queued), space.Tenant, space.VMID)
		d, labels := descStoreFails.of(space.Tenant, space.VMID)
		count(d, space.Refused, labels...)
	}
}

// collectRequests shows those that there were, not all that there could be.
func (g *Gateway) collectRequests(count func(*prometheus.Desc, uint64, ...string)) {
	classes := [statusClasses]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
	at := 0
	for _, operation := range g.operations {
		for _, verdict := range verdictNames {
			for _, class := range classes {
				if n := g.requests[at].Load(); n > 0 {
					count(descRequests, n, operation, verdict, class)
				}
				at++
			}
		}
	}
}

func build() (version, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	return info.Main.Version, info.GoVersion
}

// filterCollector shows what the gateway counts of each filter.
type filterCollector struct{ registry *Registry }

// Describe describes nothing; see gatewayCollector's.
func (filterCollector) Describe(chan<- *prometheus.Desc) {}

func (c filterCollector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.registry.all() {
		for stage := range stages {
			var total cumulative
			for shard := range f.times {
				f.times[shard][stage].addTo(&total)
			}
			if total.count > 0 { // not all filters have all stages
				d, labels := descFilterSeconds.of(f.tenant, f.name, stage.String())
				ch <- prometheus.MustNewConstHistogram(d, total.count, total.sum, total.buckets, labels...)
			}
		}
		var fuel cumulative
		for shard := range f.fuel {
			f.fuel[shard].addTo(&fuel)
		}
		if fuel.count > 0 {
			d, labels := descFilterFuel.of(f.tenant, f.name)
			ch <- prometheus.MustNewConstHistogram(d, fuel.count, fuel.sum, fuel.buckets, labels...)
		}
		count := func(series ofFilter, value uint64, labels ...string) {
			d, labels := series.of(f.tenant, append([]string{f.name}, labels...)...)
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
		}
		for why := range f.traps {
			count(descTraps, f.traps[why].Load(), trapNames[why])
		}
		for what := range f.refused {
			if n := f.refused[what].Load(); n > 0 {
				count(descFilterRefused, n, limitNames[what])
			}
		}
		if n := f.ticks.Load(); n > 0 {
			count(descFilterTicks, n)
		}
		count(descDropped, f.dropped.Load())
		count(descLost, f.lost.Load())
		for c := range f.notGranted {
			if n := f.notGranted[c].Load(); n > 0 {
				count(descCapability, n, capability.Capability(c).String())
			}
		}
	}
}

// guestCollector shows what filters define. What that will be is not known before,
// so it describes nothing, and the library checks it each time instead.
type guestCollector struct{ registry *Registry }

func (guestCollector) Describe(chan<- *prometheus.Desc) {}

func (c guestCollector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.registry.all() {
		for _, m := range *f.byID.Load() {
			if m != nil && m.family != nil {
				ch <- m.show(f)
			}
		}
	}
}

// show is the metric as the library has it.
func (m *metric) show(f *Filter) prometheus.Metric {
	names, values := []string{"filter"}, []string{f.name}
	if f.tenant != "" {
		names, values = append(names, "tenant"), append(values, f.tenant)
	}
	for _, l := range m.labels {
		names, values = append(names, l.name), append(values, l.value)
	}
	// One name has one help, whoever defines it.
	d := prometheus.NewDesc(m.family.name, "A "+kindName(m.kind)+" that filters define.", names, nil)
	var shown prometheus.Metric
	var err error
	switch m.kind {
	case abi.MetricTypeCounter:
		shown, err = prometheus.NewConstMetric(d, prometheus.CounterValue, float64(uint64(m.value.Load())), values...)
	case abi.MetricTypeGauge:
		shown, err = prometheus.NewConstMetric(d, prometheus.GaugeValue, float64(m.value.Load()), values...)
	default:
		buckets := make(map[float64]uint64, len(valueBounds))
		var below uint64
		for i := range m.histogram.buckets {
			below += m.histogram.buckets[i].Load()
			if i < len(valueBounds) {
				buckets[valueBounds[i]] = below
			}
		}
		shown, err = prometheus.NewConstHistogram(d, below, float64(m.histogram.sum.Load()), buckets, values...)
	}
	if err != nil {
		return prometheus.NewInvalidMetric(d, err) // said where the page is asked for; the others are shown
	}
	return shown
}
