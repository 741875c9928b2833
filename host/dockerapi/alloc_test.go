//go:build !race

// The race detector lets pools lose what was put into them. `.ci/test` runs these tests without it.

package dockerapi_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestACanonicalBodyCostsNoMemory(t *testing.T) {
	call := classify(t, create)
	for _, name := range []string{"create-20.10.json", "create-28.2.json"} {
		body := recorded(t, name)
		if n := testing.AllocsPerRun(100, func() {
			_, _, _ = dockerapi.CanonicalBody(call, body, dockerapi.JSONLimits{})
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
