package host_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
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
  - {name: ci, capabilities: all, match: {listeners: ['unix://%[1]s']}, limits: {%[3]s}}
  - {name: dev, capabilities: all, match: {listeners: ['unix://%[2]s']}}
filters:
  - {name: of-ci, module: %[4]s, capabilities: all, tenant: ci}
  - {name: of-dev, module: %[4]s, capabilities: all, tenant: dev}
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
	for _, broken := range []struct{ old, new, want, quarantined string }{
		{
			old: "instances: 4", new: "instances: 5",
			quarantined: `memory: 5 instances are to be started, with 65536 bytes each: it needs 320 KiB of memory, and of tenant_limits.memory of tenant ci, which is 256 KiB, 0 KiB are in use`,
		},
		{
			old: "filters:", new: "limits: {total_memory: 512MiB, filter_memory: 192KiB}\nfilters:",
			quarantined: `it needs 256 KiB of memory, and of limits.filter_memory, which is 192 KiB, 0 KiB are in use`,
		},
		{
			old: "filters:", new: "limits: {total_memory: 257MiB}\nfilters:\n  - {name: mine, instances: 17, module: " + hosttest.Guest(t, "hungry") + "}",
			want: `it needs 1088 KiB of memory, and of what tenants' filters leave of limits.total_memory, which is 768 KiB, 0 KiB are in use`,
		},
	} {
		g.Write(strings.Replace(text, broken.old, broken.new, 1))
		err := g.Reload(t.Context())
		if broken.quarantined != "" { // a tenant's own affair
			if err != nil {
				t.Error(err)
			}
			g.Log.Wait(t, broken.quarantined)
			continue
		}
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

// counted takes as much as it can of something, and returns how often it got it.
func counted(t *testing.T, socket, what string) int {
	t.Helper()
	status, body := hungry(t, socket, what)
	n, err := strconv.Atoi(body)
	if status != 200 || err != nil {
		t.Fatalf("%s: got %d %s", what, status, body)
	}
	return n
}

func TestWhatATenantUsesUpIsMissingToNoOther(t *testing.T) {
	for _, limit := range []struct {
		limits, what string
		want         int // for the one who is limited
		log          string
	}{
		{"shared_keys: 10", "k200", 10, `"tenant_limits.shared_keys":10`},
		{"shared_bytes: 1KiB", "k200", 9, `"tenant_limits.shared_bytes":1024`},
		{"queue_items: 5", "q200", 5, `"tenant_limits.queue_items":5`},
		{"queue_bytes: 1KiB", "q200", 10, `"tenant_limits.queue_bytes":1024`},
	} {
		t.Run(limit.limits, func(t *testing.T) {
			engine := infoEngine(t)
			text, sockets := twoTenants(t, "hungry", limit.limits)
			text = strings.ReplaceAll(text, "tenant: ci}", "tenant: ci, match: {paths: [info]}}")
			// Who has several vm_ids has no more for it.
			text += "  - {name: more-of-ci, module: " + hosttest.Guest(t, "hungry") + ", capabilities: all, tenant: ci, match: {paths: [version]}}\n"
			g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
			if got := counted(t, sockets["ci"], limit.what); got != limit.want {
				t.Errorf("it got %d, want %d", got, limit.want)
			}
			if got := counted(t, sockets["dev"], limit.what); got != 200 {
				t.Errorf("the other tenant got %d, want 200", got)
			}
			if status, _ := ask(t, "unix", sockets["ci"], "GET /version HTTP/1.1\nHost: docker\nX-Hungry: "+limit.what); status != 200 {
				t.Errorf("got %d", status)
			}
			g.Log.Wait(t, limit.log)
			series(t, g, fmt.Sprintf(`sluice_filter_refused_total{filter="of-ci",limit="shared",tenant="ci"} %d`, 200-limit.want),
				`sluice_filter_refused_total{filter="more-of-ci",limit="shared",tenant="ci"} 200`)
		})
	}
}

func TestATenantThatLogsALotHidesNobodysLines(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "log_lines: 2")
	g := hosttest.StartGateway(t, engine.Address(), text)
	counted(t, sockets["ci"], "l200")
	counted(t, sockets["dev"], "l200")
	lines := map[string]int{}
	for line := range strings.Lines(g.Log.String()) {
		if strings.Contains(line, "one hundred bytes") {
			for _, filter := range []string{"of-ci", "of-dev"} {
				if strings.Contains(line, `"filter":"`+filter+`"`) {
					lines[filter]++
				}
			}
		}
	}
	if lines["of-ci"] < 10 || lines["of-ci"] > 100 || lines["of-dev"] != 200 {
		t.Errorf("lines: %v, want about 10 and 200", lines)
	}
	g.Log.Wait(t, `"tenant_limits.log_lines":2`)
}

func TestATenantsSeriesAreBounded(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "series: 7")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	for _, socket := range sockets {
		if got := counted(t, socket, "d50"); got != 50 {
			t.Errorf("got %d definitions: one that cannot be kept is no error", got)
		}
	}
	page := series(t, g, `sluice_filter_metrics_refused_total{filter="of-ci",tenant="ci"} 43`, `sluice_filter_metrics_refused_total{filter="of-dev",tenant="dev"} 0`)
	for tenant, want := range map[string]int{"ci": 7, "dev": 50} {
		if got := strings.Count(page, "\n"+tenant+":hungry_"); got != want {
			t.Errorf("%s has %d series, want %d", tenant, got, want)
		}
	}
}

func TestATenantsCallsAreBounded(t *testing.T) {
	engine := infoEngine(t)
	// Connections are taken by the kernel, and nobody answers.
	silent, err := net.Listen("unix", filepath.Join(shortDir(t), "silent"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	text, sockets := twoTenants(t, "hungry", "callouts: 3")
	text = strings.ReplaceAll(text, "module:", "callouts: [svc], module:") + fmt.Sprintf("upstreams: [{name: svc, address: %q}]\n", "unix://"+silent.Addr().String())
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	if got := counted(t, sockets["ci"], "h10"); got != 3 {
		t.Errorf("it made %d calls, want 3", got)
	}
	if got := counted(t, sockets["dev"], "h10"); got != 10 {
		t.Errorf("the other tenant made %d calls, want 10", got)
	}
	g.Log.Wait(t, `"limit":"tenant_limits.callouts","value":3`)
	series(t, g, `sluice_filter_refused_total{filter="of-ci",limit="callouts",tenant="ci"} 7`)
}

func TestATenantsQuestionsToTheEngineAreBounded(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	released := make(chan struct{})
	web := hosttest.JSON(200, `{"Id":"0123456789abcdef","Name":"/web","Config":{}}`)
	engine.Handle("GET /containers/web/json", web)
	engine.Handle("GET /containers/slow/json", func(x *hosttest.Exchange) bool {
		select {
		case <-released:
		case <-x.Stopped:
		}
		return web(x)
	})
	engine.Handle("GET /info", func(x *hosttest.Exchange) bool { // what the filter was told
		return hosttest.JSON(200, x.Header.Get("X-Status"))(x)
	})
	text, sockets := twoTenants(t, "foreign", "resolves: 2")
	text = strings.ReplaceAll(text, "module:", "isolation: stream, module:")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"limits: {resolve: 1m}\n"+text)
	what := func(tenant, ref string) string {
		status, body := ask(t, "unix", sockets[tenant], "GET /info HTTP/1.1\nHost: docker\nX-Function: sluice.resolve\nX-Arguments: "+
			`{"kind":"container","ref":"`+ref+`"}`)
		return fmt.Sprintf("%d %s", status, body)
	}
	asked := func() (n int) {
		for _, r := range engine.Requests() {
			if strings.HasSuffix(r.Target, "/containers/slow/json") {
				n++
			}
		}
		return n
	}
	var asking sync.WaitGroup
	slowly := func(tenant string, times int) {
		for range times {
			asking.Go(func() {
				if got := what(tenant, "slow"); got != "200 00" {
					t.Errorf("%s: got %s, want an answer", tenant, got)
				}
			})
		}
	}
	slowly("ci", 2)
	eventually(t, "questions of ci", func() bool { return asked() == 2 })
	if got, want := what("ci", "web"), fmt.Sprintf("200 %02d", abi.StatusBrokenConnection); got != want {
		t.Errorf("ci: got %s, want %s", got, want)
	}
	g.Log.Wait(t, `"filter":"of-ci","tenant":"ci","limit":"tenant_limits.resolves","value":2`)
	slowly("dev", 8)
	eventually(t, "questions of dev", func() bool { return asked() == 10 })
	close(released)
	asking.Wait()
	if got := what("ci", "web"); got != "200 00" { // what is over counts no more
		t.Errorf("ci: got %s, want an answer", got)
	}
	series(t, g, `sluice_filter_refused_total{filter="of-ci",limit="resolves",tenant="ci"} 1`)
}

func TestATenantsStreamsAreBounded(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hold", "contexts: 2")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	for _, socket := range sockets {
		for range 2 { // that are never let go of, until the test ends
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
		}
	}
	eventually(t, "streams", func() bool { return g.Stats().Contexts == 4 })
	status, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `filter \"of-ci\" failed`) {
		t.Errorf("got %d %s, want it refused", status, body)
	}
	g.Log.Wait(t, `"reason":"the filters of the tenant have as many streams as they may (tenant ci, tenant_limits.contexts: 2)"`)
	conn, err := net.Dial("unix", sockets["dev"])
	if err != nil {
		t.Fatal(err)
	}
	write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	eventually(t, "stream of the other tenant", func() bool { return g.Stats().Contexts == 5 })
	// What is over counts no more.
	conn.Close()
	eventually(t, "end of that stream", func() bool { return g.Stats().Contexts == 4 })
}

func TestATenantsHeldBytesAreBounded(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	text, sockets := twoTenants(t, "pause-in-body", "held: 8KiB")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	// load sends the first half of a body, and the other one once that may have come.
	load := func(tenant string, size int) (int, string) {
		conn, err := net.Dial("unix", sockets[tenant])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		half := strings.Repeat("x", size/2)
		write(t, conn, "POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n%s", size, half)
		if size <= 8<<10 || tenant != "ci" {
			eventually(t, "stream", func() bool { return g.Stats().Contexts > 0 })
			write(t, conn, "%s", half)
		}
		return status(t, bufio.NewReader(conn))
	}
	for range 3 { // what was let go of counts no more
		if status, body := load("ci", 6<<10); status != 200 {
			t.Fatalf("got %d %s", status, body)
		}
		eventually(t, "end of that stream", func() bool { return g.Stats().Contexts == 0 })
	}
	status, body := load("ci", 24<<10)
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `filter \"of-ci\" cannot hold the request`) || !strings.Contains(body, "tenant_limits.held: 8192") {
		t.Errorf("got %d %s, want it refused", status, body)
	}
	if status, body := load("dev", 24<<10); status != 200 {
		t.Errorf("the other tenant got %d %s", status, body)
	}
	series(t, g, `sluice_filter_refused_total{filter="of-ci",limit="held",tenant="ci"} 1`)
}

// The same module for two tenants, who even chose the same vm_id.
func TestTheSameModuleForTwoTenantsIsTwo(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "hungry", "")
	text = strings.ReplaceAll(text, "module:", "vm_id: same, instances: 1, module:")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	for _, take := range []struct{ put, get string }{{"k5", "g5"}, {"q3", "w3"}} {
		n := counted(t, sockets["ci"], take.put)
		if got := counted(t, sockets["dev"], take.get); got != 0 {
			t.Errorf("%s: it got %d of what another tenant put there", take.get, got)
		}
		if got := counted(t, sockets["ci"], take.get); got != n {
			t.Errorf("%s: it got %d of its own, want %d", take.get, got, n)
		}
	}
	counted(t, sockets["ci"], "d2")
	counted(t, sockets["ci"], "m9") // an instance's memory: ten pages
	counted(t, sockets["ci"], "l1")
	counted(t, sockets["dev"], "d1")
	page := series(t, g,
		`sluice_filter_memory_bytes{filter="of-ci",tenant="ci"} 655360`, `sluice_filter_memory_bytes{filter="of-dev",tenant="dev"} 65536`,
		`sluice_filter_instances{filter="of-ci",tenant="ci"} 1`, `sluice_filter_instances{filter="of-dev",tenant="dev"} 1`,
		`sluice_shared_data_keys{tenant="ci",vm_id="same"} 5`, `sluice_shared_data_keys{tenant="dev",vm_id="same"} 0`,
		`ci:hungry_aaaa{filter="of-ci",tenant="ci"} 0`, `dev:hungry_aaaa{filter="of-dev",tenant="dev"} 0`)
	if strings.Contains(page, "dev:hungry_aaab") {
		t.Error("a metric of one tenant is another's")
	}
	for line := range strings.Lines(g.Log.String()) {
		if strings.Contains(line, "one hundred bytes") && (!strings.Contains(line, `"filter":"of-ci","tenant":"ci"`) || strings.Contains(line, "dev")) {
			t.Errorf("a line of ci's: %s", line)
		}
	}
	// A crash is its tenant's too.
	if status, _ := hungry(t, sockets["ci"], "B100000000"); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want a trap", status)
	}
	if got := counted(t, sockets["dev"], "b1"); got != 1 {
		t.Errorf("got %d", got)
	}
	series(t, g, `sluice_filter_traps_total{filter="of-ci",reason="fuel",tenant="ci"} 1`, `sluice_filter_traps_total{filter="of-dev",reason="fuel",tenant="dev"} 0`)
}

func TestTicksThatOverrunAreLeftOutAndCounted(t *testing.T) {
	engine := infoEngine(t)
	module := hosttest.Guest(t, "slow-tick")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"limits: {tick: 1ms}\nfilters: [{name: slow, kind: service, module: "+module+"}]\n")
	eventually(t, "skipped tick", func() bool {
		_, page := askAdmin(t, g, "/metrics")
		return strings.Contains(page, `sluice_filter_ticks_skipped_total{filter="slow"} `)
	})
	g.Log.Wait(t, `"msg":"ticks of the filter are left out","filter":"slow","reason":"a tick took longer than its period"`)
}

func TestATickPeriodIsNoShorterThanItsLimit(t *testing.T) {
	engine := infoEngine(t)
	module := hosttest.Guest(t, "slow-tick")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"limits: {tick: 1h}\nfilters: [{name: slow, kind: service, module: "+module+"}, {name: noop, module: "+hosttest.Guest(t, "noop")+"}]\n")
	get(t, g, "/info", "")
	series(t, g, `sluice_filter_instances{filter="slow"} 1`)
	if _, page := askAdmin(t, g, "/metrics"); strings.Contains(page, `sluice_filter_fuel_seconds_count{filter="slow"}`) {
		t.Error("a tick came before its time")
	}
}
