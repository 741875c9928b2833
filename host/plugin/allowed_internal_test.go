package plugin

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// Who has used a quarter of what may be used at once is strained, until that is there again.
func TestWhoUsesMuchIsStrainedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := NewTenant(TenantLimits{Name: "ci", CPU: 100 * time.Millisecond})
		for _, options := range []Options{{Tenant: tenant}, {Allowance: NewAllowance(100 * time.Millisecond)}} {
			strained, p := options.strained(), &Plugin{options: options}
			for _, use := range []struct {
				units, rest time.Duration
				want        bool
			}{{20 * time.Millisecond, 0, false}, {10 * time.Millisecond, 0, true}, {0, 40 * time.Millisecond, true}, {0, 20 * time.Millisecond, false}} {
				p.exhausted() // as before each stream
				p.spend(vm.Fuel(use.units))
				time.Sleep(use.rest)
				p.exhausted()
				if got := strained(); got != use.want {
					t.Errorf("after %v more, and a rest of %v: got %t", use.units, use.rest, got)
				}
			}
		}
		if (&Options{}).strained() != nil {
			t.Error("a filter whose computing is not bounded can be strained")
		}
	})
}

// A start that failed may have cost seconds of fuel. The next one waits until the tenant may compute again.
func TestADebtIsPaidBeforeAnythingIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := NewTenant(TenantLimits{Name: "ci", CPU: 100 * time.Millisecond})
		options := Options{Tenant: tenant}
		if begin := time.Now(); !options.WaitAllowed(t.Context()) || time.Since(begin) != 0 {
			t.Error("it waits though nothing was used up")
		}
		tenant.allowance().spend(vm.Fuel(1100 * time.Millisecond))
		begin := time.Now()
		if !options.WaitAllowed(t.Context()) {
			t.Error("it gave up")
		}
		if waited := time.Since(begin); waited < 10*time.Second || waited > 11*time.Second {
			t.Errorf("a second of debt was paid in %v, want ten", waited)
		}
		tenant.allowance().spend(vm.Fuel(time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if options.WaitAllowed(ctx) {
			t.Error("it did not end with its context")
		}
	})
}
