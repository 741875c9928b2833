package plugin_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// ofATenant are the options of a filter whose tenant may compute for a tenth of each second.
func ofATenant() plugin.Options {
	return plugin.Options{
		Name: "start-loop", Instances: 1, StartTimeout: 500 * time.Millisecond,
		Tenant: plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: 100 * time.Millisecond}),
	}
}

// A start may use seconds of fuel. That of a tenant's filter gets them as they come in, so
// that whoever uploads a loop has no processor for himself.
func TestTheStartOfATenantsFilterTakesNoMoreThanItsAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, options := newEngine(t), ofATenant()
		options.Code = guest(t, "start-loop")
		begin := time.Now()
		var failed *plugin.StartError
		if _, err := plugin.New(t.Context(), engine, options); !errors.As(err, &failed) {
			t.Fatalf("got %v, want it out of fuel", err)
		}
		// Half a second's fuel: two fifths of it come in within a second, and then a tenth
		// of the allowance does.
		if took := time.Since(begin); took < 29900*time.Millisecond || took > 30200*time.Millisecond {
			t.Errorf("it took %v, want thirty seconds", took)
		}
		// And it is paid: nothing is owed that others of the tenant would wait for.
		begin = time.Now()
		options.Code = guest(t, "noop")
		p, err := plugin.New(t.Context(), engine, options)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		if took := time.Since(begin); took != 0 {
			t.Errorf("the next start waited %v", took)
		}
	})
}

// What waits for its allowance can be called off: nobody who reloads or shuts down waits for it.
func TestAStartThatWaitsForItsAllowanceCanBeCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, options := newEngine(t), ofATenant()
		options.Code = guest(t, "start-loop")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := plugin.New(ctx, engine, options); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of its context", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it was called off after %v, want a second", took)
		}
	})
}

// Whoever only wants to know whether it comes up does not wait.
func TestAFreeStartWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, options := newEngine(t), ofATenant()
		options.Code, options.FreeStart = guest(t, "start-loop"), true
		begin := time.Now()
		var failed *plugin.StartError
		if _, err := plugin.New(t.Context(), engine, options); !errors.As(err, &failed) {
			t.Fatalf("got %v, want it out of fuel", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it waited %v", took)
		}
	})
}

// An operator's filter is his own affair: it starts as fast as it can.
func TestTheStartOfAnOperatorsFilterDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, options := newEngine(t), ofATenant()
		options.Code, options.Tenant, options.Allowance = guest(t, "start-loop"), nil, plugin.NewAllowance(time.Millisecond)
		begin := time.Now()
		var trap *vm.TrapError
		if _, err := plugin.New(t.Context(), engine, options); !errors.As(err, &trap) || !trap.OutOfFuel {
			t.Fatalf("got %v, want it out of fuel", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it waited %v", took)
		}
	})
}

// drained returns a tenant whose starts have used up what they may take at once, and more.
func drained(t *testing.T, engine *vm.Engine, cpu time.Duration) *plugin.Tenant {
	t.Helper()
	tenant := plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: cpu})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := plugin.New(ctx, engine, plugin.Options{Name: "start-loop", Code: guest(t, "start-loop"), Instances: 1, Tenant: tenant}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want it still starting", err)
	}
	return tenant
}

// Other people's reloads start a filter once more that came up before. However little there is
// for starts, that is no reason to have it wait: it did nothing.
func TestAFilterThatCameUpBeforeStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		options := plugin.Options{Name: "slow-start", Code: guest(t, "slow-start"), Instances: 16, Tenant: drained(t, engine, 500*time.Millisecond)}
		starts := func(history *plugin.History) time.Duration {
			options.History = history
			options.Tenant = options.Tenant.Next(plugin.TenantLimits{Name: "ci", CPU: 500 * time.Millisecond})
			begin := time.Now()
			p, err := plugin.New(t.Context(), engine, options)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(begin)
			defer p.Close(context.Background())
			for range 3 { // as fast as they may come, beside the starts of the other instances
				if err := serve(t, p); err != nil {
					t.Errorf("a request: %v", err)
				}
			}
			return took
		}
		history := new(plugin.History)
		if took := starts(history); took < 500*time.Millisecond {
			t.Errorf("its first start took %v, want what starts may take", took)
		}
		for n := range 10 {
			if took := starts(history); took != 0 {
				t.Errorf("start %d beside others' reloads waited %v", n, took)
			}
			time.Sleep(400 * time.Millisecond) // behind a reload there is a rest of four times as long as it took
		}
		options.Tenant = drained(t, engine, 500*time.Millisecond)
		if took := starts(new(plugin.History)); took < 500*time.Millisecond {
			t.Errorf("another filter's start took %v, want what starts may take", took)
		}
	})
}

// What came up before, and loops the next time, has its tenant's credit, and no more than that
// beside what starts may take; and the next time nothing.
func TestAFilterThatCameUpBeforeHasNoMoreThanACredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		tenant := drained(t, engine, 100*time.Millisecond)
		options := plugin.Options{Name: "changing", StartTimeout: 500 * time.Millisecond, Instances: 1, History: new(plugin.History), Tenant: tenant}
		options.Code = guest(t, "noop")
		p, err := plugin.New(t.Context(), engine, options)
		if err != nil {
			t.Fatal(err)
		}
		p.Close(context.Background())
		options.Code = guest(t, "start-loop") // as if it had learned something since
		takes := func() time.Duration {
			options.Tenant = options.Tenant.Next(plugin.TenantLimits{Name: "ci", CPU: 100 * time.Millisecond})
			begin := time.Now()
			var failed *plugin.StartError
			if _, err := plugin.New(t.Context(), engine, options); !errors.As(err, &failed) {
				t.Fatalf("got %v, want it out of fuel", err)
			}
			return time.Since(begin)
		}
		// Of half a second's fuel, 50 milliseconds are its credit.
		if took := takes(); took < 44*time.Second || took > 46*time.Second {
			t.Errorf("it took %v, want 45 seconds", took)
		}
		if took := takes(); took < 49*time.Second || took > 51*time.Second {
			t.Errorf("then it took %v, want 50 seconds", took)
		}
	})
}

// A tenant's filter serves as soon as one instance has come up; the others follow, as fast as
// starts may.
func TestATenantsFilterServesWithItsFirstInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		options := plugin.Options{Name: "slow-start", Code: guest(t, "slow-start"), Instances: 4, Tenant: plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: 20 * time.Millisecond})}
		p, err := plugin.New(t.Context(), engine, options)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		if n := p.Instances(); n != 1 {
			t.Errorf("%d instances serve at once, want one", n)
		}
		begin := time.Now()
		for p.Instances() < 4 && time.Since(begin) < time.Hour {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 2*time.Minute {
			t.Errorf("the others took %v, want about a minute", took)
		}
	})
}

// A start that is called off has used what it has used, and not all that it could have.
func TestAStartThatIsCalledOffLeavesNoDebt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		options := plugin.Options{Name: "noop", Code: guest(t, "noop"), Instances: 1, Tenant: drained(t, engine, 100*time.Millisecond)}
		begin := time.Now()
		p, err := plugin.New(t.Context(), engine, options)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		if took := time.Since(begin); took > time.Second {
			t.Errorf("another start of the tenant's waited %v", took)
		}
	})
}
