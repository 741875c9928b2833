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

// A stream of its own instance leaves the host with 32 MiB to put back: that is paid for
// like what the filter computes, though no callback runs then.
func TestPuttingAnInstanceBackIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "large-memory", plugin.Options{Instances: 1, Isolation: plugin.PerStream, Allowance: plugin.NewAllowance(20 * time.Millisecond)})
		begin := time.Now()
		const streams = 50 // of 4 milliseconds each
		for n := range streams {
			if err := serve(t, p); err != nil {
				t.Fatalf("stream %d: %v", n, err)
			}
		}
		if waited := time.Since(begin); waited < 8*time.Second || waited > 12*time.Second {
			t.Errorf("%d streams waited %v, want about nine seconds", streams, waited)
		}
	})
}

// So is an instance that takes the place of one that crashed; and nobody starts one while
// there is nothing to pay it with.
func TestReplacingAnInstanceIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "trap-on-header", plugin.Options{Instances: 1, Isolation: plugin.PerStream, Allowance: plugin.NewAllowance(time.Millisecond)})
		begin := time.Now()
		for n := range 200 {
			if err := serve(t, p, abi.Pair{Key: "x-trap", Value: "1"}); err == nil || errors.Is(err, plugin.ErrAllowance) {
				t.Fatalf("stream %d: %v", n, err)
			}
			time.Sleep(time.Millisecond) // another is started
		}
		if waited := time.Since(begin) - 200*time.Millisecond; waited < time.Second {
			t.Errorf("200 crashes waited %v, want some seconds", waited)
		}
	})
}
