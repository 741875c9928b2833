package metrics_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/metrics"
)

func BenchmarkIncrement(b *testing.B) {
	f := metrics.New(metrics.Options{}).Filter("a")
	id, _ := f.DefineMetric(abi.MetricTypeCounter, []byte("c"))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.IncrementMetric(id, 1)
		}
	})
}

func BenchmarkDefineAgain(b *testing.B) {
	f := metrics.New(metrics.Options{}).Filter("a")
	name := []byte(`requests_total{method="GET"}`)
	b.ReportAllocs()
	for b.Loop() {
		f.DefineMetric(abi.MetricTypeCounter, name)
	}
}

// BenchmarkTook is what it costs to take a callback's time.
func BenchmarkTook(b *testing.B) {
	f := metrics.New(metrics.Options{Shown: true}).Filter("a")
	b.ReportAllocs()
	for b.Loop() {
		began := metrics.Now()
		f.Took(1, metrics.RequestHeaders, metrics.Now()-began)
	}
}

func BenchmarkRequest(b *testing.B) {
	g := metrics.NewGateway([]string{"ContainerCreate", "ContainerList", "SystemInfo"})
	b.ReportAllocs()
	for b.Loop() {
		g.Request(metrics.Request{Operation: "ContainerList", Status: 200, Out: 2300, Took: time.Millisecond})
	}
}

// BenchmarkPage is what Prometheus asks for: 10 filters with all they can define.
func BenchmarkPage(b *testing.B) {
	r := metrics.New(metrics.Options{})
	for i := range 10 {
		f := r.Filter(string(rune('a' + i)))
		for j := range metrics.DefaultSeries {
			f.DefineMetric(abi.MetricTypeCounter, []byte(`c{n="`+string(rune('a'+j))+`"}`))
		}
	}
	gatherer := r.Gatherer(metrics.NewGateway(nil), func() metrics.Snapshot { return metrics.Snapshot{} })
	for b.Loop() {
		if _, err := gatherer.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
