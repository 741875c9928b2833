package host_test

import (
	"fmt"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// A gateway that is swapped again and again, while a stream goes on and requests come, holds no more than in the beginning.
func TestSwapsLeaveNothingBehind(t *testing.T) {
	engine := infoEngine(t)
	text := func(n int) string {
		return filters(t, "header-adder config: "+fmt.Sprint(n), "transcript", "noop isolation: stream")
	}
	g := hosttest.StartGateway(t, engine.Address(), text(0))
	swap := func(n int) {
		g.Write(text(n))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code, err := visit(t.Context(), g.Socket); code != 200 {
			t.Fatalf("swap %d: got %d, %v", n, code, err)
		}
	}
	settle := func() {
		eventually(t, "end of the old generations", func() bool { return g.Stats().Retiring == 0 })
		g.Log.Reset()
		engine.Forget()
	}
	swaps := 60
	if isLong {
		swaps = 10_000
	}
	for n := range swaps / 5 {
		swap(n + 1)
	}
	settle()
	before := measure()
	for n := swaps / 5; n < swaps; n++ {
		swap(n + 1)
	}
	settle()
	t.Logf("%d swaps: %+v, then %+v", swaps, before, measure())
	settles(t, before)
}

// So it is with filters that crash.
func TestCrashesOfStreamsLeaveNothingBehind(t *testing.T) {
	for _, isolation := range []string{"shared", "stream"} {
		t.Run(isolation, func(t *testing.T) {
			engine := infoEngine(t)
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header instances: 2, isolation: "+isolation))
			client := g.Client()
			crash := func() {
				if code, body := getWith(t, client, "/info", "x-trap"); code != 503 {
					t.Fatalf("got %d %q, want 503", code, body)
				}
				if code, body := getWith(t, client, "/info", ""); code != 200 { // one that serves is replaced at once
					t.Fatalf("got %d %q, want 200", code, body)
				}
			}
			crashes := 100
			if isLong {
				crashes = 1000
			}
			for range crashes / 5 {
				crash()
			}
			g.Log.Reset()
			before := measure()
			for range crashes - crashes/5 {
				crash()
			}
			g.Log.Reset()
			t.Logf("%d crashes: %+v, then %+v", crashes, before, measure())
			settles(t, before)
		})
	}
}
