package plugin_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// hungry asks the guest of that name to take something so many times.
func hungry(what string) abi.Pair { return abi.Pair{Key: "x-hungry", Value: what} }

// long is a stream in which the guest goes round a loop a million times, each time
// that it is asked.
func long(t *testing.T, p *plugin.Plugin) *state {
	t.Helper()
	var s state
	s.fields.Add("x-hungry", "B1000000")
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stream.Done() })
	return &s
}

func ask(s *state) error {
	_, err := s.stream.RequestHeaders(1, true)
	return err
}

func TestAStreamMayComputeSoMuchAndInEachMinuteAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "hungry", plugin.Options{Instances: 1, CallTimeout: time.Second, StreamTimeout: 200 * time.Millisecond})
		first, other := long(t, p), long(t, p)
		n := 0
		var err error
		for ; err == nil; n++ {
			if n > 1000 {
				t.Fatal("it may compute for ever")
			}
			err = ask(first)
		}
		if n < 2 {
			t.Fatalf("refused at call %d", n)
		}
		if !errors.Is(err, plugin.ErrStream) || !strings.Contains(err.Error(), "(limits.stream: 200ms)") {
			t.Errorf("got %v, want ErrStream with its limit", err)
		}
		if usage, high := first.stream.Usage(); !high || usage.StreamBudget != 200*time.Millisecond || usage.Stream < usage.StreamBudget {
			t.Errorf("its usage is %+v, %v", usage, high)
		}
		if err := ask(other); err != nil {
			t.Errorf("another stream on the same instance: %v", err)
		}
		time.Sleep(59 * time.Second)
		again := 0
		for err = nil; err == nil; again++ {
			err = ask(first)
		}
		if again < n/2 || again > n+1 {
			t.Errorf("a minute later it was asked %d times, at first %d times", again, n)
		}
		if p.Instances() != 1 || p.Traps() != 0 {
			t.Errorf("%d instances, %d traps: a budget that is used up costs no instance", p.Instances(), p.Traps())
		}
	})
}

// What is within limits.body can be judged, however long it is.
func TestBytesBringTheirOwnFuel(t *testing.T) {
	p := start(t, "hungry", plugin.Options{Instances: 1, CallTimeout: time.Millisecond, StreamTimeout: time.Millisecond})
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	defer s.stream.Done()
	for range 100 {
		if _, err := s.stream.RequestBody(1<<20, false); err != nil {
			t.Fatal(err)
		}
	}
	if usage, high := s.stream.Usage(); high {
		t.Errorf("its usage is %+v, though each byte paid for itself", usage)
	}
}

func TestWhatCallbacksUseIsCounted(t *testing.T) {
	r := metrics.New(metrics.Options{Shown: true})
	p := start(t, "hungry", plugin.Options{Instances: 1, CallTimeout: time.Second, Metrics: r, Tenant: plugin.NewTenant(plugin.TenantLimits{Name: "ci"})})
	if err := serve(t, p, hungry("B1000")); err != nil {
		t.Fatal(err)
	}
	little, _ := p.Fuel()
	s := long(t, p)
	if err := ask(s); err != nil {
		t.Fatal(err)
	}
	total, most := p.Fuel()
	if most < time.Millisecond || total < most || little <= 0 || little > most {
		t.Errorf("a thousand loops used %v, together with a million %v, one callback at most %v", little, total, most)
	}
	if usage, high := s.stream.Usage(); high {
		t.Errorf("its usage is %+v, far from its budgets", usage)
	}
}

func TestTheFiltersOfATenantShareOneAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := func(name string) *plugin.Tenant {
			return plugin.NewTenant(plugin.TenantLimits{Name: name, CPU: 20 * time.Millisecond})
		}
		ci, dev := tenant("ci"), tenant("dev")
		greedy := start(t, "loop-on-header", plugin.Options{Instances: 1, CallTimeout: 100 * time.Millisecond, Tenant: ci})
		poor := start(t, "noop", plugin.Options{Instances: 1, Tenant: ci})
		others := []*plugin.Plugin{
			start(t, "noop", plugin.Options{Instances: 1, Tenant: dev}),
			start(t, "noop", plugin.Options{Instances: 1}), // the operator's
		}
		begin := time.Now()
		if err := serve(t, greedy, loop); err == nil {
			t.Fatal("no trap")
		}
		for _, p := range others {
			if err := serve(t, p); err != nil {
				t.Errorf("tenant %q: %v", p.Tenant(), err)
			}
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("who has nothing to do with it waited %v", waited)
		}
		err := serve(t, poor)
		want := "the filter has used up what it may compute in a second (tenant ci, tenant_limits.cpu: 20ms)"
		if !errors.Is(err, plugin.ErrAllowance) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		time.Sleep(4 * time.Second)
		if err := serve(t, poor); err != nil {
			t.Errorf("once the debt is paid: %v", err)
		}
	})
}

// Whoever crashes his filter on purpose has its replacement started; what that takes is his,
// and it takes as long as it comes in.
func TestTheStartOfAReplacementIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: 20 * time.Millisecond})
		begin := time.Now()
		p := start(t, "slow-start", plugin.Options{Instances: 1, Tenant: tenant})
		first := time.Since(begin)
		if first < time.Second || first > 10*time.Second {
			t.Fatalf("the first start took %v, want some seconds", first)
		}
		time.Sleep(time.Minute)
		begin = time.Now()
		if err := serve(t, p, abi.Pair{Key: "x-trap", Value: "1"}); err == nil {
			t.Fatal("no trap")
		}
		for synctest.Wait(); p.Instances() == 0 && time.Since(begin) < time.Minute; synctest.Wait() {
			time.Sleep(time.Millisecond)
		}
		if again := time.Since(begin); again < first-100*time.Millisecond || again > first+200*time.Millisecond {
			t.Errorf("its replacement took %v, the first one %v", again, first)
		}
	})
}
