package metrics

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sluice-gateway/sluice/abi"
)

// desc describes a series of the gateway's own.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_"+name, help, labels, nil)
}

// The gateway's own series.
var (
	descBuild = desc("build_info", "What is running; always 1.", "version", "goversion")

	descRequests = desc("requests_total", "Requests that ended, by Docker's operation, how the filters decided, and the class of the status.", "operation", "verdict", "code")
	descTenants  = desc("tenant_requests_total", "Requests that ended, by tenant and how the filters decided.", "tenant", "verdict")
	descSeconds  = desc("request_seconds", "Time from a request's head to the end of its answer, by the way its bytes travel.", "transport")
	descBytes    = desc("transferred_bytes_total", "Bytes of bodies and hijacked connections, counted when a request ends.", "direction")
	descRefused  = desc("refused_connections_total", "Connections that were refused before there was a request.", "reason")
	descAccepted = desc("connections_accepted_total", "Connections of clients that were accepted.")
	descConns    = desc("connections", "Connections of clients that are open.")
	descStreams  = desc("streams", "Requests that are being served.")
	descHijacked = desc("hijacked_connections", "Connections that carry a stream of bytes: attach, exec, BuildKit.")
	descReloads  = desc("reloads_total", "Reloads of the configuration, by result.", "result")
	descNumber   = desc("generation", "The number of the configuration that is served, from 1.")
	descRetiring = desc("retiring_generations", "Old configurations whose requests have not ended.")

	descFilterSeconds = desc("filter_seconds", "Time that a filter computed for one callback.", "filter", "stage")
	descInstances     = desc("filter_instances", "Running instances of a filter.", "filter")
	descTraps         = desc("filter_traps_total", "Instances that were lost, by reason.", "filter", "reason")
	descQuarantined   = desc("filter_quarantined", "1 while a filter that crashed too often is not asked.", "filter")
	descDropped       = desc("filter_log_lines_dropped_total", "Log lines of a filter that were not written because there were too many.", "filter")
	descLost          = desc("filter_metrics_refused_total", "Definitions of metrics for which there was no room.", "filter")

	descKeys       = desc("shared_data_keys", "Keys that the filters of a vm_id share.", "tenant", "vm_id")
	descDataBytes  = desc("shared_data_bytes", "Bytes of these keys and their values.", "tenant", "vm_id")
	descItems      = desc("shared_queue_items", "Items in the queues of a vm_id.", "tenant", "vm_id")
	descItemBytes  = desc("shared_queue_bytes", "Bytes of these items.", "tenant", "vm_id")
	descStoreFails = desc("shared_refused_total", "Changes of shared data and queues that were refused: over a limit, or not to be kept.", "tenant", "vm_id")
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

func (c gatewayCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBuild, descRequests, descTenants, descSeconds, descBytes, descRefused, descAccepted, descConns, descStreams, descHijacked, descReloads, descNumber,
		descRetiring, descInstances, descQuarantined, descKeys, descDataBytes, descItems, descItemBytes, descStoreFails,
	} {
		ch <- d
	}
}

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
	gauge(descHijacked, float64(g.hijacked.Load()))
	count(descReloads, g.reloads.Load(), "ok")
	count(descReloads, g.failedReloads.Load(), "failed")

	s := c.snapshot()
	gauge(descConns, float64(s.Connections))
	gauge(descStreams, float64(s.Streams))
	gauge(descNumber, float64(s.Generation))
	gauge(descRetiring, float64(s.Retiring))
	for _, f := range s.Filters {
		gauge(descInstances, float64(f.Instances), f.Name)
		quarantined := 0.0
		if f.Quarantined {
			quarantined = 1
		}
		gauge(descQuarantined, quarantined, f.Name)
	}
	for _, space := range s.Spaces {
		gauge(descKeys, float64(space.Keys), space.Tenant, space.VMID)
		gauge(descDataBytes, float64(space.Bytes), space.Tenant, space.VMID)
		gauge(descItems, float64(space.Items), space.Tenant, space.VMID)
		gauge(descItemBytes, float64(space.Queued), space.Tenant, space.VMID)
		count(descStoreFails, space.Refused, space.Tenant, space.VMID)
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

func (c filterCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descFilterSeconds, descTraps, descDropped, descLost} {
		ch <- d
	}
}

func (c filterCollector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.registry.all() {
		for stage := range stages {
			var total cumulative
			for shard := range f.times {
				f.times[shard][stage].addTo(&total)
			}
			if total.count > 0 { // not all filters have all stages
				ch <- prometheus.MustNewConstHistogram(descFilterSeconds, total.count, total.sum, total.buckets, f.name, stageNames[stage])
			}
		}
		count := func(d *prometheus.Desc, value uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), append([]string{f.name}, labels...)...)
		}
		for why := range f.traps {
			count(descTraps, f.traps[why].Load(), trapNames[why])
		}
		count(descDropped, f.dropped.Load())
		count(descLost, f.lost.Load())
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
				ch <- m.show(f.name)
			}
		}
	}
}

// show is the metric as the library has it.
func (m *metric) show(filter string) prometheus.Metric {
	names, values := []string{"filter"}, []string{filter}
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
