package chain_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// crash has a request crash the only instance of the filter.
func crash(t *testing.T, c *chain.Chain) {
	t.Helper()
	s := loading(t, c, abi.Pair{Key: "x-do", Value: "t"})
	defer s.Close()
	if l := s.Local(); c.Filters[0].OnFailure == chain.Deny && (l == nil || l.Status != 503) {
		t.Fatalf("the request that crashes is answered by %+v, want 503", l)
	}
}

// A crash costs the request that has brought it about. Another one on the same instance is judged by
// the next: its head and its body, neither of which has gone anywhere yet. That is so where requests
// that are not judged go on, too: nobody gets past a filter by somebody else's crash.
func TestARequestIsJudgedAnewWhenAnotherOneCrashesItsInstance(t *testing.T) {
	for _, policy := range []chain.OnFailure{chain.Deny, chain.Reload, chain.Allow} {
		c := toiling(t, "bystander", policy, plugin.Options{})
		s := loading(t, c)
		for range 2 {
			crash(t, c)
		}
		if out, ready := s.RequestBody([]byte("body"), true); !ready || string(out) != "h1" {
			t.Errorf("policy %v: it goes on with %q, %v: %+v; want a body of the instance that was called with its head", policy, out, ready, s.Local())
		}
		s.Close()
	}
}

// What a filter has seen of a body, or has done to a head, is not undone.
func TestARequestThatWasJudgedInPartIsLostWithItsInstance(t *testing.T) {
	c := toiling(t, "bystander", chain.Deny, plugin.Options{})
	for name, begin := range map[string]func() *chain.Stream{
		"a part of its body": func() *chain.Stream {
			s := loading(t, c)
			if _, ready := s.RequestBody([]byte("part"), false); ready {
				t.Fatal("it was not held")
			}
			return s
		},
		"another head": func() *chain.Stream { return loading(t, c, abi.Pair{Key: "x-do", Value: "c"}) },
	} {
		s := begin()
		crash(t, c)
		out, ready := s.RequestBody([]byte("body"), true)
		if l := s.Local(); ready || l == nil || l.Status != 503 || !strings.Contains(s.Outcome().Reason, plugin.ErrInstanceLost.Error()) {
			t.Errorf("%s: it goes on with %q, %v: %+v", name, out, ready, l)
		}
		s.Close()
	}
}
