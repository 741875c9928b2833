package host_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
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

// Everything at once: hundreds of streams that wait for calls, for several, for one after the
// other, in every stage; calls from ticks and at the end of streams; answers that
// deny, change, crash the filter or come too late; calls of the engine through the
// very chain; events of a queue; clients that go away; and a new generation every few
// milliseconds. Afterwards nothing is left, no goroutine, no context, no byte, and
// every request that was answered was answered as its script says.
func TestCallsUnderHammering(t *testing.T) {
	open := atomic.Int32{}
	address := serveHTTP(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		select {
		case <-time.After(time.Duration(rand.IntN(10)) * time.Millisecond):
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "fine")
	}))
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("GET /default", hosttest.JSON(200, `"the engine's"`))
	leaks := goleak.IgnoreCurrent()
	configuration := func(n int) string {
		return fmt.Sprintf("reload: {watch: false, drain: 1m}\nlimits: {callouts: %d}\nupstreams: [{name: svc, address: '%s', timeout: 60s}, {name: docker, through: chain, timeout: 60s}]\n", 4000+n%2, address) +
			adminYAML + filters(t, "queue-worker config: 1, instances: 2", "relay instances: 2, callouts: [docker]", "callout instances: 4, callouts: [svc, docker]",
			"callout instances: 2, callouts: [svc, docker], isolation: stream",
			"callout config: [c, D], instances: 1, callouts: [svc, docker], match: {operations: [SystemInfo]}")
	}
	g := hosttest.StartGateway(t, engine.Address(), configuration(0))
	kinds := []struct {
		scripts string
		want    int // 0: it depends
		body    string
		crashes bool
	}{
		{"x-do: cp\r\nx-then-1: h0", 200, "body", false},
		{"x-do: cccp\r\nx-then-3: h0", 200, "body", false},
		{"x-do: cp\r\nx-then-1: c\r\nx-then-2: h0", 200, "body", false},
		{"x-do: cp\r\nx-then-1: d", 403, "fine", false},
		{"x-do-body: cp\r\nx-then-1: b0", 200, "fine", false},
		{"x-do-response: cp\r\nx-then-1: H1", 200, "body", false},
		{"x-do-response-body: cp\r\nx-then-1: B1", 200, "fine", false},
		{"x-do: c\r\nx-do-log: c", 200, "body", false},
		{"x-do-done: cp", 200, "body", false},
		{"x-do: Dp\r\nx-then-1: d", 403, "the engine's", false},
		{"x-do: cDp\r\nx-then-2: 0\r\nx-do-log: D", 200, "body", false},
		{"x-relay: 1", 200, "", false},
		{"x-relay: 9", 508, "too many calls inside of each other", false},
		{"x-do: cp\r\nx-then-1: x", 0, "", true},
		{"x-do: cp\r\nx-then-1: s", 0, "", false},
		{"x-do: c\r\nx-then-1: d", 0, "", false},
	}
	const workers = 120
	n := 0 // swaps
	served := make([]atomic.Int32, len(kinds))
	settled := func() {
		t.Helper()
		n := 0
		eventually(t, "an idle gateway", func() bool {
			time.Sleep(20 * time.Millisecond)
			before := n
			n = runtime.NumGoroutine()
			s := g.Stats()
			return n <= before && s.Streams == 0 && s.Retiring == 0 && s.Contexts == 0
		})
	}
	one := func(worker, n int) {
		at := (worker + n) % len(kinds)
		if kinds[at].crashes && worker%40 != 0 {
			return // others want to come to an end
		}
		kind := kinds[at]
		conn, err := net.Dial("unix", g.Socket)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\nX-Job: job\r\n%s\r\n\r\nbody", kind.scripts)
		if (worker+3*n)%7 == 6 { // it goes away
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			if kind.want != 0 {
				t.Errorf("%q: %v", kind.scripts, err)
			}
			return
		}
		text, err := io.ReadAll(resp.Body)
		switch {
		case kind.want == 0, resp.StatusCode == 503, err != nil, resp.StatusCode == 508 && kind.want != 508, strings.Contains(string(text), "did not judge"):
			// Its instance crashed for another, or that of its call did: then it is
			// denied, or cut where its head was out, and not let past.
		case resp.StatusCode != kind.want, !strings.Contains(string(text), kind.body):
			t.Errorf("%q: got %d %q", kind.scripts, resp.StatusCode, text)
		default:
			served[at].Add(1)
		}
	}
	round := func() {
		var wait sync.WaitGroup
		var done atomic.Int32
		swap := make(chan struct{}, 4*workers)
		for worker := range workers {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for n := range 3 {
					one(worker, n)
					if done.Add(1)%40 == 0 {
						swap <- struct{}{}
					}
				}
			}()
		}
		var swaps sync.WaitGroup
		swaps.Add(1)
		go func() {
			defer swaps.Done()
			for range swap {
				n++
				g.Write(configuration(n))
				if err := g.Reload(t.Context()); err != nil && !errors.Is(err, host.ErrUnchanged) {
					t.Error(err)
				}
			}
		}()
		wait.Wait()
		close(swap)
		swaps.Wait()
	}
	round()
	settled()
	before := heap()
	round()
	settled()
	// The log of this test's gateway stays in memory, and is some of it.
	eventually(t, "end of what the first round did not need", func() bool { return heap() < before+16<<20 })
	for at, kind := range kinds {
		if n := served[at].Load(); kind.want != 0 && n == 0 {
			t.Errorf("%q: none came to its end, want most", kind.scripts)
		}
	}
	series(t, g, `sluice_shared_queue_items{vm_id="queue-worker-1"} 0`, `sluice_streams 0`, `sluice_retiring_generations 0`)
	eventually(t, "end of all calls", func() bool { return open.Load() == 0 })
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

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
