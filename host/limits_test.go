package host_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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

// The filter that has all the memory it may have is refused more, and nobody else.
func TestATenantsMemoryIsItsOwn(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "memory: 1MiB")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+strings.ReplaceAll(text, "module:", "instances: 2, module:"))
	got := 0
	for range 8 { // on two instances
		_, body := hungry(t, sockets["ci"], "m100")
		n, err := strconv.Atoi(body)
		if err != nil {
			t.Fatalf("got %q", body)
		}
		got += n
	}
	if got != 14 { // of 16 pages, two of which they began with
		t.Errorf("it got %d pages, want 14", got)
	}
	if _, body := hungry(t, sockets["dev"], "m100"); body != "100" {
		t.Errorf("the other tenant got %s pages, want 100", body)
	}
	g.Log.Wait(t, `"limit":"tenant_limits.memory of tenant ci","value":1048576`)
	series(t, g, `sluice_filter_memory_bytes{filter="of-ci",tenant="ci"} 1.048576e+06`, `sluice_filter_refused_total{filter="of-ci",limit="memory",tenant="ci"} 786`)
}

func TestFiltersThatDoNotFitAreNotLoaded(t *testing.T) {
	engine := infoEngine(t)
	text, _ := twoTenants(t, "hungry", "memory: 256KiB")
	text = strings.ReplaceAll(text, "module:", "instances: 4, module:")
	g := hosttest.StartGateway(t, engine.Address(), text)
	for _, broken := range []struct{ old, new, want string }{
		{
			"instances: 4", "instances: 5",
			`filter "of-ci": module ` + hosttest.Guest(t, "hungry") + `: memory: 5 instances are to be started, with 65536 bytes each: it needs 320 KiB of memory, and of tenant_limits.memory of tenant ci, which is 256 KiB, 0 KiB are in use`,
		},
		{
			"filters:", "limits: {total_memory: 512MiB, filter_memory: 192KiB}\nfilters:",
			`it needs 256 KiB of memory, and of limits.filter_memory, which is 192 KiB, 0 KiB are in use`,
		},
		{
			"filters:", "limits: {total_memory: 257MiB}\nfilters:\n  - {name: mine, instances: 17, module: " + hosttest.Guest(t, "hungry") + "}",
			`it needs 1088 KiB of memory, and of what tenants' filters leave of limits.total_memory, which is 768 KiB, 0 KiB are in use`,
		},
	} {
		g.Write(strings.Replace(text, broken.old, broken.new, 1))
		err := g.Reload(t.Context())
		if err == nil || !strings.Contains(err.Error(), broken.want) {
			t.Errorf("got %v, want %s", err, broken.want)
		}
	}
	// What a generation has is no part of the next one's: else who has all keeps the
	// operator from loading another.
	g.Write(text + "min_api_version: \"1.30\"\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Error(err)
	}
}
