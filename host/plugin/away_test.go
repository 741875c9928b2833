package plugin_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// Clients of a tenant whose filter judges nothing come again and again. They are answered so often
// in a second, whatever their number; nobody waits where the filter is the operator's.
func TestClientsAreTurnedAwayOnlySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, more = 1000, 500
		turnAway := func(p *plugin.Plugin, times int) time.Duration {
			begin := time.Now()
			for range times {
				p.TurnAway(t.Context())
			}
			return time.Since(begin)
		}
		theirs := plugin.Options{Tenant: plugin.NewTenant(plugin.TenantLimits{Name: "ci"})}
		p := start(t, "noop", theirs)
		if took := turnAway(p, most); took != 0 {
			t.Errorf("the first %d took %v", most, took)
		}
		if took := turnAway(p, more); took < 490*time.Millisecond || took > 510*time.Millisecond {
			t.Errorf("%d more took %v, want half a second", more, took)
		}
		// By a reload nobody gets more, and nobody waits for a client that has gone.
		theirs.Tenant = theirs.Tenant.Next(plugin.TenantLimits{Name: "ci"})
		p = start(t, "noop", theirs)
		if took := turnAway(p, more); took < 490*time.Millisecond {
			t.Errorf("after a reload %d more took %v", more, took)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		p.TurnAway(gone)
		if took := time.Since(begin); took != 0 {
			t.Errorf("somebody who has gone was waited for: %v", took)
		}
		if took := turnAway(start(t, "noop", plugin.Options{}), 5*most); took != 0 {
			t.Errorf("those of an operator's filter took %v", took)
		}
	})
}
