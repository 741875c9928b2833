package host_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// twoTenants is the beginning of a configuration for the tenants ci and dev, who have a
// socket each, and one filter each of the same module. limits are ci's.
func twoTenants(t *testing.T, guest, limits string) (text string, sockets map[string]string) {
	t.Helper()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	sockets = map[string]string{"ci": filepath.Join(dir, "ci"), "dev": filepath.Join(dir, "dev")}
	return fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}]
tenants:
  - {name: ci, match: {listeners: ['unix://%[1]s']}, limits: {%[3]s}}
  - {name: dev, match: {listeners: ['unix://%[2]s']}}
filters:
  - {name: of-ci, module: %[4]s, tenant: ci}
  - {name: of-dev, module: %[4]s, tenant: dev}
`, sockets["ci"], sockets["dev"], limits, hosttest.Guest(t, guest)), sockets
}

// hungry has a tenant's filter take something, and returns the answer.
func hungry(t *testing.T, socket, what string) (status int, body string) {
	t.Helper()
	return ask(t, "unix", socket, "GET /info HTTP/1.1\nHost: docker\nX-Hungry: "+what)
}

func TestTheLogNamesWhoCameNearToItsBudget(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"limits: {callback: 10ms}\n"+text)
	for socket, what := range map[string]string{"ci": "B100000000", "dev": "B10"} {
		want := map[string]int{"ci": http.StatusServiceUnavailable, "dev": http.StatusOK}[socket]
		if status, body := hungry(t, sockets[socket], what); status != want {
			t.Errorf("%s: got %d %s, want %d", socket, status, body, want)
		}
	}
	g.Log.Wait(t, `"tenant":"dev"`)
	g.Log.Wait(t, `"fuel":"of-ci=callback 1`)
	for line := range strings.Lines(g.Log.String()) {
		if strings.Contains(line, `"msg":"request"`) && strings.Contains(line, `"tenant":"dev"`) && strings.Contains(line, `"fuel"`) {
			t.Errorf("a filter far from its budget is named: %s", line)
		}
	}
	_, body := askAdmin(t, g, "/filters")
	var shown admin.Filters
	if err := json.Unmarshal([]byte(body), &shown); err != nil {
		t.Fatal(err)
	}
	for i, want := range []admin.Filter{{Name: "of-ci", Tenant: "ci", Traps: 1}, {Name: "of-dev", Tenant: "dev"}} {
		got := shown.Filters[i]
		if got.Name != want.Name || got.Tenant != want.Tenant || got.Traps != want.Traps || got.Fuel <= 0 || got.FuelMost > got.Fuel {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if most := shown.Filters[0].FuelMost; most < 0.01 {
		t.Errorf("of-ci used %v s at most, and trapped for more than 10 ms", most)
	}
}

func TestATenantThatComputesTooMuchWaitsAlone(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "cpu: 1ms")
	g := hosttest.StartGateway(t, engine.Address(), text)
	if status, _ := hungry(t, sockets["ci"], "B100000"); status != 200 {
		t.Fatalf("got %d", status)
	}
	status, body := hungry(t, sockets["ci"], "B1")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `filter \"of-ci\" failed`) {
		t.Errorf("got %d %s, want it refused", status, body)
	}
	g.Log.Wait(t, `"filter":"of-ci","reason":"the filter has used up what it may compute in a second (tenant ci, tenant_limits.cpu: 1ms)"`)
	for range 10 {
		if status, body := hungry(t, sockets["dev"], "B1"); status != 200 {
			t.Errorf("the other tenant got %d %s", status, body)
		}
	}
}
