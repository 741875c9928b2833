package plugin

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

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
