package plugin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// crash is a field by which the guest trap-on-header traps.
var crash = abi.Pair{Key: "x-trap", Value: "1"}

// A crash costs more than making another instance: its functions have to be made as well, and
// what it trapped by is found out; and a stack that grew was copied again and again. Its tenant pays.
func TestACrashIsPaidForWithAllThatItCosts(t *testing.T) {
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", "hostile", "everywhere.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	engine := newEngine(t)
	costs := func(config string) int64 {
		tenant := plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: time.Second})
		tenant.Till()
		p, err := plugin.New(t.Context(), engine, plugin.Options{
			Name: "everywhere", Code: code, Config: []byte(config), Isolation: plugin.PerStream, Instances: 1, Tenant: tenant,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		const streams = 5
		_ = serve(t, p) // what is made for the first stream is kept for others
		before := tenant.Spent()
		for range streams {
			if err := serve(t, p); (err == nil) != (config == "--") {
				t.Fatalf("%s: %v", config, err)
			}
		}
		return (tenant.Spent() - before) / streams
	}
	// BenchmarkCrash: 90,000 and 2,000,000 ns of the processors.
	none, trap, recursion := costs("--"), costs("th"), costs("rh")
	if none > 60_000 { // it may find a second instance, which is started at the same time
		t.Errorf("a stream that ends well costs %d units", none)
	}
	if trap < 90_000 {
		t.Errorf("a crash costs %d units, want what it takes the host", trap)
	}
	if recursion < 2_000_000 {
		t.Errorf("a crash by recursion costs %d units, want what it takes the host", recursion)
	}
}

// Whoever crashes a tenant's filter with every request, on as many connections as he likes,
// has the host make instances for a fifth of one processor's time.
func TestATenantsFilterThatCrashesAllTheTimeRestsBetween(t *testing.T) {
	const clients, streams = 8, 100
	takes := func(tenant *plugin.Tenant, isolation plugin.Isolation) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := start(t, "trap-on-header", plugin.Options{Instances: 1, Isolation: isolation, Tenant: tenant})
			begin := time.Now()
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					for range streams / clients {
						if err := serve(t, p, crash); err == nil || errors.Is(err, plugin.ErrNoInstance) {
							t.Errorf("got %v, want a trap", err)
						}
					}
				})
			}
			all.Wait()
			took = time.Since(begin)
			if err := serve(t, p); err != nil {
				t.Errorf("who does nothing of the kind: %v", err)
			}
		})
		return took
	}
	tenant := plugin.NewTenant(plugin.TenantLimits{Name: "ci"})
	if took := takes(tenant, plugin.PerStream); took < 30*time.Millisecond || took > time.Second {
		t.Errorf("%d crashes at once took %v, want four times what they cost", streams, took)
	}
	// Nobody is kept waiting for an operator's filter, which serves everybody.
	if took := takes(nil, plugin.PerStream); took != 0 {
		t.Errorf("crashes of an operator's filter took %v", took)
	}
}

// A good stream between any two crashes has a shared instance replaced at once; for a tenant's filter that is a
// rest later.
func TestASharedInstanceOfATenantRestsThoughItServed(t *testing.T) {
	takes := func(tenant *plugin.Tenant) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := start(t, "trap-on-header", plugin.Options{Instances: 1, Tenant: tenant})
			begin := time.Now()
			for range 50 {
				if err := serve(t, p); err != nil {
					t.Fatal(err)
				}
				if err := serve(t, p, crash); err == nil {
					t.Fatal("no trap")
				}
			}
			took = time.Since(begin)
		})
		return took
	}
	if took := takes(plugin.NewTenant(plugin.TenantLimits{Name: "ci"})); took < 15*time.Millisecond || took > time.Second {
		t.Errorf("50 crashes took %v, want four times what they cost", took)
	}
	if took := takes(nil); took != 0 {
		t.Errorf("crashes of an operator's filter took %v", took)
	}
}
