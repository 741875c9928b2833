package plugin_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// Many streams find the allowance not empty at the same moment, and wait for one instance.
func TestThoseWhoWaitForAnInstanceDoNotOverdrawTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = 20 * time.Millisecond
		p := start(t, "hungry", plugin.Options{
			Instances: 1, CallTimeout: time.Second, Allowance: plugin.NewAllowance(second), Metrics: metrics.New(metrics.Options{Shown: true}),
		})
		var streams []*state
		for range 10 {
			streams = append(streams, long(t, p))
		}
		begun, _ := p.Fuel()
		begin := time.Now()
		var served, refused int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, s := range streams {
			all.Go(func() {
				err := ask(s)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					served++
				case errors.Is(err, plugin.ErrAllowance):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		took := time.Since(begin)
		total, one := p.Fuel()
		if served+refused != len(streams) || served == 0 {
			t.Errorf("%d were served and %d refused", served, refused)
		}
		// What there was, what came in since, and what the last one left as a debt.
		if most := second + time.Duration(float64(second)*took.Seconds()) + one; total-begun > most {
			t.Errorf("they used %v in %v, want %v at most", total-begun, took, most)
		}
	})
}

// What a stream may compute bounds its end too.
func TestTheEndOfAStreamHasABudget(t *testing.T) {
	ends := func(call, stream time.Duration) (traps uint64, used, one time.Duration) {
		p := start(t, "farewell", plugin.Options{
			Instances: 1, CallTimeout: call, StreamTimeout: stream, Metrics: metrics.New(metrics.Options{Shown: true}),
		})
		before, _ := p.Fuel()
		if err := serve(t, p); err != nil {
			t.Fatal(err)
		}
		used, one = p.Fuel()
		return p.Traps(), used - before, one
	}
	traps, all, one := ends(10*time.Second, 0)
	if traps != 0 || all < 3*one-one/2 {
		t.Fatalf("without limits the end used %v, once %v, and crashed %d instances", all, one, traps)
	}
	for name, c := range map[string]struct {
		call, stream time.Duration
		traps        uint64
	}{
		"each within its callback's":                        {2 * one, 0, 0},
		"all within the stream's":                           {2 * one, 2 * one, 0},
		"all within one callback's, of a stream at its end": {4 * one, 1, 0},
		"more than that":                                    {2*one + one/2, 1, 1},
	} {
		if traps, used, _ := ends(c.call, c.stream); traps != c.traps {
			t.Errorf("%s: %d instances lost, want %d; the end used %v", name, traps, c.traps, used)
		}
	}
}

// The end of a stream waits for its turn like what was before it, and comes in any case.
func TestTheEndOfAStreamWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := plugin.NewAllowance(100 * time.Millisecond)
		var log logged
		p := start(t, "transcript", plugin.Options{Instances: 1, Allowance: shared, Logger: log.logger()})
		options := plugin.Options{Instances: 1, CallTimeout: 150 * time.Millisecond, Allowance: shared}
		greedy := start(t, "loop-on-header", options)
		for _, c := range []struct{ loops, least, most time.Duration }{
			{1, 400 * time.Millisecond, 600 * time.Millisecond}, // half a second's worth is owed
			{4, 0, time.Second}, // more, perhaps than a second brings
		} {
			time.Sleep(time.Minute)
			var s state
			if err := p.Open(t.Context(), &s.stream, &s); err != nil {
				t.Fatal(err)
			}
			debtors := make([]state, c.loops)
			for n := range debtors {
				g := greedy
				if n > 0 { // at once, each on an instance that nobody else waits for
					g = start(t, "loop-on-header", options)
				}
				debtors[n].fields.Add(loop.Key, loop.Value)
				if err := g.Open(t.Context(), &debtors[n].stream, &debtors[n]); err != nil {
					t.Fatal(err)
				}
			}
			var all sync.WaitGroup
			for n := range debtors {
				all.Go(func() { _, _ = debtors[n].stream.RequestHeaders(1, true) })
			}
			all.Wait()
			begin, told := time.Now(), log.count("msg=done")
			s.stream.Done()
			if waited := time.Since(begin); waited < c.least || waited > c.most {
				t.Errorf("it waited %v, want %v to %v", waited, c.least, c.most)
			}
			if log.count("msg=done") != told+1 {
				t.Error("the filter was not told of the end")
			}
		}
	})
}

func TestWhatIsDoneAheadOfAFilterIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "noop", plugin.Options{Instances: 1, Tenant: plugin.NewTenant(plugin.TenantLimits{Name: "ci", CPU: 100 * time.Millisecond})})
		begin := time.Now()
		if !p.PayAhead(150e6) || time.Since(begin) != 0 {
			t.Errorf("with a full allowance it waited %v", time.Since(begin))
		}
		if !p.PayAhead(1000e6) {
			t.Error("it was refused")
		}
		if waited := time.Since(begin); waited < 400*time.Millisecond || waited > 600*time.Millisecond {
			t.Errorf("it waited %v, want about half a second", waited)
		}
		if p.PayAhead(1) {
			t.Error("with a debt of ten seconds it was not refused")
		}
	})
}

// Whoever closes a plugin speaks to the states of its streams: a stream whose end has come
// back is not among them any more, and may be used for another.
func TestAStreamThatHasEndedIsNotSpokenToByWhoeverClosesItsPlugin(t *testing.T) {
	for range 50 {
		p := start(t, "noop", plugin.Options{Instances: 1})
		streams := make([]state, 20)
		for n := range streams {
			if err := p.Open(t.Context(), &streams[n].stream, &streams[n]); err != nil {
				t.Fatal(err)
			}
		}
		var both sync.WaitGroup
		both.Go(func() { p.Close(t.Context()) })
		both.Go(func() {
			for n := range streams {
				streams[n].stream.Done()
				streams[n].stream = plugin.Stream{}
			}
		})
		both.Wait()
	}
}

// Of two thousand lines the first five hundred come into the log, and then none: those are what costs more.
func TestALineThatIsWrittenCostsMoreThanOneThatIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "hostile/flood", plugin.Options{Instances: 1, Config: []byte("l"), Logger: new(logged).logger(), CallTimeout: time.Second, Metrics: metrics.New(metrics.Options{Shown: true})})
		cost := func() time.Duration {
			before, _ := p.Fuel()
			if err := serve(t, p); err != nil {
				t.Fatal(err)
			}
			after, _ := p.Fuel()
			return after - before
		}
		if written, dropped := cost(), cost(); written-dropped != 500*hostcall.WrittenUnits {
			t.Errorf("with 500 lines written it costs %v, with none %v, want %d units more", written, dropped, 500*hostcall.WrittenUnits)
		}
	})
}
