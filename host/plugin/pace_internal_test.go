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
			if got, ok := p.take(acquireWait); !ok || got.wait != want {
				t.Errorf("got a turn in %v, %v; want %v", got.wait, ok, want)
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
			p.take(acquireWait)
		}
		if got, ok := p.take(acquireWait); ok {
			t.Errorf("got a turn in %v, which is longer than anybody waits", got.wait)
		}
		if _, ok := p.take(time.Minute); !ok {
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

// Clients that leave do not keep those waiting who come: the turns of the last go to the next.
func TestATurnOfWhomHasGoneIsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rest = 10 * time.Millisecond
		var p pace
		take := func(want time.Duration) turn {
			t.Helper()
			got, ok := p.take(acquireWait)
			if !ok || got.wait != want {
				t.Errorf("got a turn in %v, %v; want %v", got.wait, ok, want)
			}
			return got
		}
		p.crashed(rest)
		take(rest)
		second, third := take(2*rest), take(3*rest)
		p.giveBack(third)
		p.giveBack(second) // which is the last one now
		second, third = take(2*rest), take(3*rest)
		p.giveBack(second) // third has been told his, and comes no sooner
		take(4 * rest)
		p.giveBack(third)
		last := take(5 * rest)
		p.giveBack(last)
		take(5 * rest)

		// There is a rest behind a crash, whoever leaves.
		time.Sleep(10 * rest)
		p.crashed(rest)
		first := take(rest)
		time.Sleep(rest / 2)
		p.crashed(rest)
		p.giveBack(first)
		take(rest)
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
