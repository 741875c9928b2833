package host_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// A hammer counts what comes of the streams that it opens.
type hammer struct {
	t       *testing.T
	gateway *hosttest.Gateway
	// By kind: how many were opened, were left by their clients, and had each of the
	// outcomes that are wanted.
	opened, left []atomic.Int32
	outcomes     [][]atomic.Int32
	// gone is how many streams the gateway counts as failed because their client went
	// away while a filter held them.
	gone int
}

// Everything at once: hundreds of streams that wait for calls, for several, for one after the
// other, for gRPC, in every stage; trailers both ways; connections that leave HTTP, are held,
// changed, denied and cut; calls from ticks and at the end of streams; answers that
// deny, change, crash the filter or come too late; calls of the engine through the
// very chain; events of a queue; clients that go away; and a new generation every few
// milliseconds. Every stream ends as its kind says, those that nobody made to crash
// without a failure, which the gateway's own count confirms; afterwards nothing is left,
// no goroutine, no context, no byte.
func TestEverythingAtOnce(t *testing.T) {
	address, underWay := hammerService(t)
	engine := hammerEngine(t)
	leaks := goleak.IgnoreCurrent()
	configuration := func(n int) string {
		return "reload: {watch: false, drain: 1m}\n" +
			fmt.Sprintf("limits: {callouts: %d, instances: 2000}\n", 4000+n%2) +
			fmt.Sprintf("upstreams: [{name: svc, address: '%s', timeout: 60s}, {name: docker, through: chain, timeout: 60s}]\n", address) +
			adminYAML + filters(t, hammerFilters...)
	}
	g := hosttest.StartGateway(t, engine.Address(), configuration(0))
	h := &hammer{
		t: t, gateway: g,
		opened: make([]atomic.Int32, len(hammerKinds)), left: make([]atomic.Int32, len(hammerKinds)),
		outcomes: make([][]atomic.Int32, len(hammerKinds)),
	}
	for at := range hammerKinds {
		h.outcomes[at] = make([]atomic.Int32, len(hammerKinds[at].want))
	}
	swaps := 0
	round := func() {
		swap := make(chan struct{}, 100)
		swapped := make(chan struct{})
		go func() {
			defer close(swapped)
			for range swap {
				swaps++
				// One more old generation would be ended, and with it its streams.
				for g.Stats().Retiring >= 4 {
					time.Sleep(time.Millisecond)
				}
				g.Write(configuration(swaps))
				if err := g.Reload(t.Context()); err != nil && !errors.Is(err, host.ErrUnchanged) {
					t.Error(err)
				}
			}
		}()
		h.round(func() { swap <- struct{}{} })
		close(swap)
		<-swapped
		h.settled()
		h.gone += strings.Count(g.Log.String(), `"reason":"the client went away while the filter held its stream"`)
		g.Log.Reset()
		engine.Forget()
	}
	round()
	before := heap()
	round()
	eventually(t, "end of what the first round did not need", func() bool { return heap() < before+8<<20 })
	h.account()
	// Nobody who is alone has the excuse of others' crashes.
	for at := range hammerKinds {
		if k := &hammerKinds[at]; k.want[0].status == 200 {
			if got, err := k.ask(g.Socket, false); err != nil || k.match(got) != 0 && len(k.want) < 3 {
				t.Errorf("%q behind the storm: got %v, %v, want %v", k.request, got, err, k.want[0])
			}
		}
	}
	h.settled()
	series(t, g, `sluice_shared_queue_items{vm_id="queue-worker-1"} 0`, `sluice_shared_queue_bytes{vm_id="queue-worker-1"} 0`,
		`sluice_streams 0`, `sluice_hijacked_connections 0`, `sluice_retiring_generations 0`)
	eventually(t, "end of all calls", func() bool { return underWay.Load() == 0 })
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine.CloseIdle()
	eventually(t, "end of all goroutines", func() bool {
		err := goleak.Find(leaks, goleak.IgnoreTopFunction("github.com/sluice-gateway/sluice/host/hosttest.(*FakeDocker).serve"))
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
}

// round opens streams of all kinds, hundreds at once. swap is called now and then.
func (h *hammer) round(swap func()) {
	var wait sync.WaitGroup
	var done atomic.Int32
	for n := range 5 * len(hammerKinds) {
		wait.Go(func() {
			h.one(n%len(hammerKinds), n%7 == 6)
			if done.Add(1)%60 == 0 {
				swap()
			}
		})
	}
	wait.Wait()
}

// one opens a stream of a kind and sees to it that its end is one that the kind has.
func (h *hammer) one(at int, leaves bool) {
	k := &hammerKinds[at]
	leaves = leaves && !k.stays
	h.opened[at].Add(1)
	got, err := k.ask(h.gateway.Socket, leaves)
	switch match := k.match(got); {
	case err != nil:
		h.t.Errorf("%q: %v", k.request, err)
	case leaves:
		h.left[at].Add(1)
	case match < 0:
		h.t.Errorf("%q: got %v, want one of %v", k.request, got, k.want)
	default:
		h.outcomes[at][match].Add(1)
	}
}

// match is which of the wanted outcomes it is, -1 for none.
func (k *kind) match(got outcome) int {
	for i, want := range k.want {
		if got.status == want.status && got.cut == want.cut && strings.Contains(got.text, want.text) {
			return i
		}
	}
	return -1
}

// settled waits until nothing runs any more.
func (h *hammer) settled() {
	h.t.Helper()
	goroutines := 0
	eventually(h.t, "an idle gateway", func() bool {
		time.Sleep(20 * time.Millisecond)
		before := goroutines
		goroutines = runtime.NumGoroutine()
		s := h.gateway.Stats()
		return goroutines <= before && s.Streams == 0 && s.Retiring == 0 && s.Contexts == 0
	})
}

// account compares what clients saw with what the gateway counted.
func (h *hammer) account() {
	h.t.Helper()
	opened, left, fails := 0, 0, 0
	crashes := make(map[string]int)
	for at := range hammerKinds {
		k := &hammerKinds[at]
		all, away, ended := int(h.opened[at].Load()), int(h.left[at].Load()), 0
		for i, want := range k.want {
			came := int(h.outcomes[at][i].Load())
			ended += came
			if want.fails {
				fails += came
			}
		}
		if ended+away != all || ended == 0 {
			h.t.Errorf("%q: %d were opened, %d left and %d ended", k.request, all, away, ended)
		}
		opened, left = opened+all, left+away
		crashes[k.crashes] += ended
	}
	if h.gone > left {
		h.t.Errorf("the gateway missed %d clients, and %d went away", h.gone, left)
	}
	page := series(h.t, h.gateway, fmt.Sprintf("sluice_connections_accepted_total %d", opened))
	if got := sum(page, "sluice_requests_total{", `verdict="fail"`); got != fails+h.gone {
		h.t.Errorf("the gateway failed %d streams, want the %d that were made to fail and the %d whose clients went away", got, fails, h.gone)
	}
	for at, filter := range hammerFilters {
		name, _, _ := strings.Cut(filter, " ")
		name = fmt.Sprintf("%s-%d", name, at+1)
		got := sum(page, "sluice_filter_traps_total{", `filter="`+name+`"`)
		if want := crashes[name]; name != crashesShared && got != want {
			h.t.Errorf("%s lost %d instances, want %d", name, got, want)
		}
		if name == crashesShared && got == 0 {
			h.t.Errorf("%s lost no instance", name)
		}
	}
}

// sum adds up the values of a page's lines that begin so and have a label.
func sum(page, series, label string) (total int) {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, series) && strings.Contains(line, label) {
			var n int
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &n)
			total += n
		}
	}
	return total
}

// heap is how much memory is in use.
func heap() uint64 { return measure().heap }
