//go:build unix

package plugin_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// What a crash costs the host, in all: the callback that ends in it, what is made of its
// trap, and another instance. cpu-ns/op is the processors' time, with that of the garbage
// collector; units/op is what the filter's tenant pays for it, and it must not be less.
func BenchmarkCrash(b *testing.B) {
	for _, how := range []string{"--", "t", "r"} {
		for _, isolation := range []plugin.Isolation{plugin.Shared, plugin.PerStream} {
			b.Run(map[string]string{"--": "none", "t": "trap", "r": "recursion"}[how]+map[plugin.Isolation]string{plugin.Shared: "/shared", plugin.PerStream: "/stream"}[isolation], func(b *testing.B) {
				if how != "--" && isolation == plugin.Shared {
					b.Skip("replaced with a pause")
				}
				code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", "hostile", "everywhere.wasm"))
				if err != nil {
					b.Fatal(err)
				}
				tenant := plugin.NewTenant(plugin.TenantLimits{Name: "noisy", CPU: time.Second})
				tenant.Till()
				p, err := plugin.New(b.Context(), newEngine(b), plugin.Options{
					Name: "everywhere", Code: code, Config: []byte((how + "h")[:2]), Isolation: isolation, Instances: 1, Tenant: tenant,
					CallTimeout: 100 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
				})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close(context.Background())
				b.ReportAllocs()
				cpu, spent := hosttest.ProcessorTime(b), tenant.Spent()
				for b.Loop() {
					if err := serve(b, p); (err == nil) != (how == "--") {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(hosttest.ProcessorTime(b)-cpu)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(tenant.Spent()-spent)/float64(b.N), "units/op")
			})
		}
	}
}
