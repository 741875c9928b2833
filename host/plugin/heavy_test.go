package plugin_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// of opens a stream for a request of a tenant's, which computes so much when it is asked.
func of(t *testing.T, p *plugin.Plugin, tenant string, loops int) *state {
	t.Helper()
	s := &state{tenant: tenant}
	s.fields.Add("x-hungry", "B"+strconv.Itoa(loops))
	if err := p.Open(t.Context(), &s.stream, s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stream.Done() })
	return s
}

// Requests of one tenant that have an operator's filter compute at length do so on other
// instances than those of the others, who so do not wait for them; nor are they lost when
// an instance is.
func TestTheOthersAreNotOnTheInstancesOfWhoComputesAtLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes in between
		p := start(t, "hungry", plugin.Options{Instances: 2, CallTimeout: time.Second})
		quiet := of(t, p, "quiet", 1)
		if err := ask(quiet); err != nil {
			t.Fatal(err)
		}
		if err := ask(of(t, p, "noisy", 1_000_000)); err != nil {
			t.Fatal(err)
		}
		var quiets []*state
		for range 8 {
			quiets = append(quiets, of(t, p, "quiet", 1))
			noisy := of(t, p, "noisy", 1_000_000_000)
			if len(quiets) == 8 {
				if err := ask(noisy); err == nil {
					t.Fatal("it was not lost")
				}
			}
		}
		for _, s := range quiets {
			if err := ask(s); err != nil {
				t.Errorf("a quiet stream: %v", err)
			}
		}
	})
}

// Whoever has crashed an instance is kept to half of them as well, however short that was.
func TestTheOthersAreNotOnTheInstancesOfWhoCrashesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "trap-on-header", plugin.Options{Instances: 2})
		crashes := func(s *state) {
			s.fields.Add("x-trap", "1")
			if err := ask(s); err == nil {
				t.Error("it was not lost")
			}
		}
		if err := ask(of(t, p, "quiet", 1)); err != nil {
			t.Fatal(err)
		}
		crashes(of(t, p, "noisy", 1))
		synctest.Wait() // until there is another
		time.Sleep(time.Minute - time.Second)
		var quiets []*state
		for range 8 {
			quiets = append(quiets, of(t, p, "quiet", 1))
			crashes(of(t, p, "noisy", 1))
			synctest.Wait()
		}
		for _, s := range quiets {
			if err := ask(s); err != nil {
				t.Errorf("a quiet stream: %v", err)
			}
		}
	})
}
