package plugin_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

var trap = abi.Pair{Key: "x-trap", Value: "1"}

func TestAFilterThatCrashesTooOftenIsAskedNoMore(t *testing.T) {
	for name, isolation := range map[string]plugin.Isolation{"shared": plugin.Shared, "per stream": plugin.PerStream} {
		t.Run(name, func(t *testing.T) {
			var log logged
			p := start(t, "trap-on-header", plugin.Options{
				Instances: 1, Isolation: isolation, Logger: log.logger(), CrashBudget: plugin.CrashBudget{Crashes: 3},
			})
			for n := range 4 {
				if err := serve(t, p); err != nil { // so that it is replaced at once
					t.Fatalf("before crash %d: %v", n+1, err)
				}
				if err := serve(t, p, trap); err == nil {
					t.Fatal("no trap")
				}
			}
			if err := serve(t, p); !errors.Is(err, plugin.ErrQuarantined) || !p.Quarantined() {
				t.Errorf("got %v, want ErrQuarantined", err)
			}
			if n := log.count("is in quarantine"); n != 1 {
				t.Errorf("the log says it %d times", n)
			}
		})
	}
}

func TestWithoutABudgetCrashesAreMadeGood(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 1})
	for range 50 {
		if err := serve(t, p); err != nil {
			t.Fatal(err)
		}
		_ = serve(t, p, trap)
	}
}

func TestAQuarantineEndsAndOldCrashesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "trap-on-header", plugin.Options{
			Instances: 1, CrashBudget: plugin.CrashBudget{Crashes: 2, Window: time.Minute, Quarantine: time.Hour},
		})
		crash := func() {
			t.Helper()
			if err := serve(t, p); err != nil {
				t.Fatal(err)
			}
			_ = serve(t, p, trap)
			synctest.Wait() // for the replacement
		}
		for range 10 {
			crash()
			time.Sleep(40 * time.Second) // two in a minute, never three
		}
		time.Sleep(time.Minute)
		for range 3 {
			crash()
		}
		time.Sleep(time.Hour - time.Second)
		if err := serve(t, p); !errors.Is(err, plugin.ErrQuarantined) {
			t.Fatalf("within the quarantine: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := serve(t, p); err != nil {
			t.Fatalf("after the quarantine: %v", err)
		}
		crash() // counts from one again
	})
}
