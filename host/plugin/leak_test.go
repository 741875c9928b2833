package plugin_test

import (
	"runtime"
	"testing"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// flat runs a step again and again and fails when memory or goroutines grow
// with it. An instance's memory alone is 64 KiB: what is kept of a hundred of
// them shows.
func flat(t *testing.T, times int, settle func(), step func()) {
	t.Helper()
	measure := func() (heap uint64, goroutines int) {
		settle()
		var m runtime.MemStats
		runtime.GC() // twice: the first one runs finalizers, and empties pools by half
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	for range times / 10 { // what is kept once, such as pools
		step()
	}
	heapBefore, goroutinesBefore := measure()
	for range times - times/10 {
		step()
	}
	heap, goroutines := measure()
	t.Logf("heap %d -> %d KiB, goroutines %d -> %d", heapBefore>>10, heap>>10, goroutinesBefore, goroutines)
	if heap > heapBefore+4<<20 {
		t.Errorf("the heap grew from %d to %d KiB", heapBefore>>10, heap>>10)
	}
	if goroutines > goroutinesBefore+2 {
		t.Errorf("there are %d goroutines, were %d", goroutines, goroutinesBefore)
	}
}

func TestCrashesLeaveNothingBehind(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 1})
	up := func() { eventually(t, "replacements", func() bool { return p.Instances() == 1 }) }
	flat(t, 1000, up, func() {
		for _, trap := range []bool{false, true} { // an instance that served is replaced at once
			var s state
			if trap {
				s.fields.Add("x-trap", "1")
			}
			if err := p.Open(t.Context(), &s.stream, &s); err != nil {
				t.Fatal(err)
			}
			if _, err := s.stream.RequestHeaders(1, true); (err != nil) != trap {
				t.Fatalf("with trap %v: %v", trap, err)
			}
			s.stream.Done()
		}
		up()
	})
}

func TestClosedPluginsLeaveNothingBehind(t *testing.T) {
	engine := newEngine(t)
	code := guest(t, "transcript") // with a tick, and a context that is pending at the end
	flat(t, 500, func() {}, func() {
		p, err := plugin.New(t.Context(), engine, plugin.Options{Name: "transcript", Code: code, Instances: 2})
		if err != nil {
			t.Fatal(err)
		}
		var s state
		if err := p.Open(t.Context(), &s.stream, &s); err != nil {
			t.Fatal(err)
		}
		s.stream.Done()
		p.Close(t.Context())
	})
}
