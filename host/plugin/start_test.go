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
