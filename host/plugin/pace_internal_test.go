package plugin

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsComeOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		turn := func(want time.Duration) {
			t.Helper()
			if got, ok := p.turn(acquireWait); !ok || got != want {
				t.Errorf("got a turn in %v, %v; want %v", got, ok, want)
			}
		}
		p.crashed(0) // as of an operator's filter
		turn(0)
		turn(0)
		p.crashed(10 * time.Millisecond)
		p.crashed(10 * time.Millisecond) // at the same time: one rest
		for n := range 5 {
			turn(time.Duration(n+1) * 10 * time.Millisecond)
		}
		for range 95 {
			p.turn(acquireWait)
		}
		if got, ok := p.turn(acquireWait); ok {
			t.Errorf("got a turn in %v, which is longer than anybody waits", got)
		}
		if _, ok := p.turn(time.Minute); !ok {
			t.Error("who has the patience got none")
		}
		// It is forgotten that it crashed, though not who has a turn.
		time.Sleep(restFor)
		turn(20 * time.Millisecond)
		time.Sleep(time.Second)
		turn(0)
		turn(0)
	})
}

func TestRestsAreAsLongAsCrashesAreDear(t *testing.T) {
	tenants := &Plugin{options: Options{Tenant: NewTenant(TenantLimits{Name: "ci"})}}
	operators := &Plugin{}
	for _, c := range []struct {
		of         *Plugin
		made, paid int64
		want       time.Duration
	}{
		{tenants, 100_000, 50_000, 600 * time.Microsecond},
		{tenants, 100_000, 100_000_000, restMost},
		{operators, 100_000, 100_000_000, 0},
	} {
		if got := c.of.rest(&Instance{made: c.made, paid: c.paid}); got != c.want {
			t.Errorf("%d and %d units: it rests %v, want %v", c.made, c.paid, got, c.want)
		}
	}
}
