package spiffe_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/spiffe"
)

func TestOneSpellingIsValid(t *testing.T) {
	for _, id := range []string{
		"spiffe://example.org", "spiffe://example.org/ci", "spiffe://a-b_c.1/ns/default/sa/Runner-1.2", "spiffe://example.org/...",
		"spiffe://" + strings.Repeat("a", 255) + "/x",
	} {
		if !spiffe.Valid(id) {
			t.Errorf("%q is refused", id)
		}
	}
	for _, id := range []string{
		"", "example.org/ci", "https://example.org/ci", "SPIFFE://example.org/ci", "spiffe:///ci", "spiffe://", "spiffe://Example.org/ci",
		"spiffe://example.org/", "spiffe://example.org/ci/", "spiffe://example.org//ci", "spiffe://example.org/./ci", "spiffe://example.org/a/../b",
		"spiffe://example.org:443/ci", "spiffe://user@example.org/ci", "spiffe://example.org/ci?x", "spiffe://example.org/ci#x",
		"spiffe://example.org/%63i", "spiffe://example.org/c i", "spiffe://exämple.org/ci", "spiffe://example.org/*", "spiffe://example.org/ci\x00",
		"spiffe://" + strings.Repeat("a", 256) + "/x", "spiffe://a/" + strings.Repeat("a", 2048),
	} {
		if spiffe.Valid(id) {
			t.Errorf("%q is taken", id)
		}
	}
}

func TestAStarIsAllBelow(t *testing.T) {
	for _, c := range []struct {
		pattern, id string
		want        bool
	}{
		{"spiffe://example.org/ci", "spiffe://example.org/ci", true},
		{"spiffe://example.org/ci", "spiffe://example.org/ci/x", false},
		{"spiffe://example.org/ci/*", "spiffe://example.org/ci/x", true},
		{"spiffe://example.org/ci/*", "spiffe://example.org/ci/x/y", true},
		{"spiffe://example.org/ci/*", "spiffe://example.org/ci", false},
		{"spiffe://example.org/ci/*", "spiffe://example.org/cicada/x", false},
		{"spiffe://example.org/*", "spiffe://example.org.evil/x", false},
		{"spiffe://example.org/*", "spiffe://example.org", false},
	} {
		if !spiffe.ValidPattern(c.pattern) {
			t.Errorf("the pattern %q is refused", c.pattern)
		}
		if got := spiffe.Match(c.pattern, c.id); got != c.want {
			t.Errorf("%s stands for %s: got %v, want %v", c.pattern, c.id, got, c.want)
		}
	}
	for _, pattern := range []string{"spiffe://example.org/*/x", "spiffe://*/x", "spiffe://example.org/c*", "spiffe://example.org/**", "*"} {
		if spiffe.ValidPattern(pattern) {
			t.Errorf("the pattern %q is taken", pattern)
		}
	}
}
