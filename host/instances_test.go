package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// isolated is a filter with an instance for each stream.
func isolated(t *testing.T, keys string) string {
	return fmt.Sprintf("filters: [{name: guard, module: %s, isolation: stream, instances: 1, %s}]\n", hosttest.Guest(t, "noop"), keys)
}

// A tenant may hold streams open in an operator's filter for as long as it likes: there are
// instances for the other's.
func TestATenantsOpenStreamsLeaveInstancesToOthers(t *testing.T) {
	text, sockets := crowd(t, "instances: 6", "")
	g := hosttest.StartGateway(t, holding(t).Address(), text+isolated(t, ""))
	first, firstR := attachTo(t, sockets["ci"])
	attachTo(t, sockets["ci"])
	third, _ := attachTo(t, sockets["ci"])
	if code, body := ask(t, "unix", sockets["ci"], info); code != 503 || !strings.Contains(body, `filter \"guard\" failed`) {
		t.Errorf("the fourth of one tenant's got %d %s, want a denial", code, body)
	}
	g.Log.Wait(t, "the tenant's requests have as many instances of the filter as they may")
	g.Log.Wait(t, "(tenant ci, limits.instances: 6)")
	series(t, g, `sluice_filter_refused_total{filter="guard",limit="instances"} 1`)

	conn, r := attachTo(t, sockets["dev"])
	for range 3 {
		if code, body := ask(t, "unix", sockets["dev"], info); code != 200 {
			t.Errorf("the other tenant got %d %s", code, body)
		}
	}
	stillAttached(t, conn, r)

	stillAttached(t, first, firstR)
	third.Close()
	eventually(t, "room for the first again", func() bool {
		code, _ := ask(t, "unix", sockets["ci"], info)
		return code == 200
	})
}

// Where nobody else's requests come to a filter, one tenant may have all of its instances.
func TestATenantHasAllInstancesOfAFilterThatNobodyElseHas(t *testing.T) {
	for name, keys := range map[string]string{
		"its own filter": "tenant: ci, capabilities: all",
		"one for it":     "match: {tenants: [ci]}",
	} {
		t.Run(name, func(t *testing.T) {
			text, sockets := crowd(t, "instances: 3", "")
			text = strings.Replace(text, "{name: ci,", "{name: ci, capabilities: all,", 1)
			hosttest.StartGateway(t, holding(t).Address(), text+isolated(t, keys))
			for range 3 {
				attachTo(t, sockets["ci"])
			}
		})
	}
	t.Run("nobody else is there", func(t *testing.T) {
		g := hosttest.StartGateway(t, holding(t).Address(), "limits: {instances: 3}\n"+isolated(t, ""))
		for range 3 {
			attachTo(t, g.Socket)
		}
	})
}
