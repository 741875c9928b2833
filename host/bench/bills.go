package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// A bill is what an attack cost in a slice of time, and what its tenant was charged for it.
type bill struct {
	requests  int64
	gateway   time.Duration // processor time of the gateway's
	elsewhere time.Duration // of the client's and the engine's, for what they sent and got
	charged   time.Duration // fuel of the tenant's filter; what instances cost is not among it
}

// bills prints, for each attack, the processor time of a request that is no filter's fault left out, what it costs and what is charged. Nobody is
// quiet beside it, and no allowance slows it down, so that there is enough to be measured.
func (b *bench) bills(ctx context.Context) error {
	wanted, engine, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n## What an attack costs the gateway, beyond what the same request costs it with a filter that does nothing, and what its tenant is charged; load %s\n\n", load())
	fmt.Printf("%-50s %10s %12s %12s %12s %8s %8s\n", "the filter does", "requests/s", "costs each", "elsewhere", "charged", "ratio", "with all")
	plain := make(map[string]bill)
	for _, a := range assaults() {
		if !wanted.MatchString(a.name) || a.Unstarted || a.swaps || a.clients != nil {
			continue
		}
		keys, _, _ := strings.Cut(a.Keys, "vm_config")
		kind := fmt.Sprint(keys, a.By, a.Cuts)
		if _, ok := plain[kind]; !ok {
			idle := assault{name: "idle", Attack: menagerie.Attack{Guest: idle, Config: idleConfig, Keys: keys, By: a.By, Cuts: a.Cuts}}
			if plain[kind], err = b.bill(ctx, idle, engine); err != nil {
				return err
			}
		}
		got, err := b.bill(ctx, a, engine)
		if err != nil {
			return err
		}
		less := plain[kind]
		each := func(d, without time.Duration) time.Duration {
			return (d/time.Duration(max(got.requests, 1)) - without/time.Duration(max(less.requests, 1))).Round(100 * time.Nanosecond)
		}
		costs, elsewhere, charged := each(got.gateway, less.gateway), each(got.elsewhere, less.elsewhere), each(got.charged, less.charged)
		fmt.Printf("%-50s %10.0f %12v %12v %12v %8.2f %8.2f\n", a.name, float64(got.requests)/b.slice.Seconds(), costs, elsewhere, charged,
			float64(costs)/float64(charged), float64(costs+elsewhere)/float64(charged))
	}
	return nil
}

// bill has an attack go on for a slice.
func (b *bench) bill(ctx context.Context, a assault, engine *peer) (bill, error) {
	if !strings.Contains(a.Limits, "cpu") {
		a.Limits = strings.TrimPrefix(a.Limits+", cpu: 17m", ", ")
	}
	at, err := b.startArena(ctx, a, engine.socket, "gateway")
	if err != nil {
		return bill{}, fmt.Errorf("%s: %w", a.name, err)
	}
	defer b.stop(at.noisy)
	if err := at.resume(); err != nil {
		return bill{}, err
	}
	noise, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	var requests atomic.Int64
	for range b.connections {
		all.Go(func() { pester(noise, at.noisy.socket, a.By, a.Cuts, &requests) })
	}
	time.Sleep(settling)
	self := &peer{process: at.noisy.process}
	read := func() (n bill, err error) {
		n.requests = requests.Load()
		n.gateway, _ = self.cpu()
		ours, _ := cpuOf(os.Getpid())
		theirs, _ := engine.cpu()
		n.elsewhere = ours + theirs
		n.charged, err = fuelOf(ctx, at.noisy.socket+".admin", "noisy")
		return n, err
	}
	before, err := read()
	if err == nil {
		time.Sleep(b.slice)
	}
	after, failed := read()
	stop()
	all.Wait()
	if err == nil {
		err = failed
	}
	return bill{after.requests - before.requests, after.gateway - before.gateway, after.elsewhere - before.elsewhere, after.charged - before.charged}, err
}

// fuelOf is what the callbacks of a filter have used.
func fuelOf(ctx context.Context, admin, filter string) (time.Duration, error) {
	var text strings.Builder
	if err := getAdmin(ctx, admin, "/metrics", &text); err != nil {
		return 0, err
	}
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "sluice_filter_fuel_seconds_sum") && strings.Contains(line, `filter="`+filter+`"`) {
			var seconds float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &seconds); err != nil {
				return 0, err
			}
			return time.Duration(seconds * 1e9), nil
		}
	}
	return 0, nil
}
