package plugin_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// loop makes the guest use up the whole budget of its callback.
var loop = abi.Pair{Key: "x-loop", Value: "1"}

func TestWhoUsedUpItsAllowanceWaitsAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := plugin.NewAllowance(100 * time.Millisecond)
		options := plugin.Options{Instances: 1, CallTimeout: 150 * time.Millisecond, Allowance: shared}
		greedy := start(t, "loop-on-header", options)
		poor := start(t, "noop", plugin.Options{Instances: 1, Allowance: shared})
		other := start(t, "noop", plugin.Options{Instances: 1, Allowance: plugin.NewAllowance(100 * time.Millisecond)})

		begin := time.Now()
		if err := serve(t, greedy, loop); err == nil {
			t.Fatal("no trap")
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("with a full allowance it waited %v", waited)
		}
		// 150 ms were used of 100: half a second's worth is owed.
		if err := serve(t, other); err != nil || time.Since(begin) != 0 {
			t.Errorf("another's filter waited %v, %v", time.Since(begin), err)
		}
		if err := serve(t, poor); err != nil {
			t.Errorf("after its wait: %v", err)
		}
		if waited := time.Since(begin); waited < 400*time.Millisecond || waited > 600*time.Millisecond {
			t.Errorf("it waited %v, want about half a second", waited)
		}
	})
}

func TestADebtOfMoreThanASecondTurnsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "loop-on-header", plugin.Options{Instances: 1, CallTimeout: time.Second, Allowance: plugin.NewAllowance(100 * time.Millisecond)})
		_ = serve(t, p, loop)
		if err := serve(t, p); !errors.Is(err, plugin.ErrAllowance) {
			t.Errorf("got %v, want ErrAllowance", err)
		}
		time.Sleep(9 * time.Second)
		if err := serve(t, p); err != nil {
			t.Errorf("once the debt is paid: %v", err)
		}
	})
}
