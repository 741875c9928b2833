package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// brokenFilters are filters of a tenant that cannot be started, each for its reason: the
// keys of their configuration, and what is said of them.
func brokenFilters(t *testing.T) map[string]struct{ keys, says string } {
	t.Helper()
	dir := t.TempDir()
	garbage, empty := filepath.Join(dir, "garbage.wasm"), filepath.Join(dir, "empty.wasm")
	for path, content := range map[string]string{garbage: "this is no module", empty: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipe := filepath.Join(dir, "pipe.wasm")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	noop := hosttest.Guest(t, "noop")
	guest := func(name string) string { return "module: " + hosttest.Guest(t, name) }
	return map[string]struct{ keys, says string }{
		"no module":           {"module: " + garbage, "not a WebAssembly module"},
		"an empty file":       {"module: " + empty, "empty.wasm is empty"},
		"a pipe":              {"module: " + pipe, "pipe.wasm is not a regular file"},
		"no file":             {"module: " + filepath.Join(dir, "missing.wasm"), "missing.wasm: no such file"},
		"a trap in its start": {guest("start-trap"), "start: "},
		"a loop in its start": {guest("start-loop"), "start: "},
		"a refusal":           {guest("refuse"), "refused its configuration"},
		"an unknown import":   {guest("unknown-import"), "unknown import"},
		"no allocator":        {guest("no-allocator"), "exports no allocator"},
		"too much memory":     {guest("hungry") + ", instances: 64, isolation: stream", "tenant_limits.memory of tenant ci"},
		"another digest":      {"module: " + noop + ", sha256: " + strings.Repeat("0", 64), "not the module that is pinned"},
		"no signature":        {"module: " + noop + ", version: 1.0.0", "has no signature that can be read"},
	}
}

// ofTenant is a configuration with a filter of ci's, and everybody's noop.
func ofTenant(t *testing.T, keys string) (text string, sockets map[string]string) {
	t.Helper()
	text, sockets = twoTenants(t, "noop", "memory: 1MiB, cpu: 1m") // for loops that are soon over
	before, _, _ := strings.Cut(text, "filters:")
	return fmt.Sprintf("%sverify: {keys: [RWTQEie2DiToCpjpFAwsONf6DNgwE78UaWDLIFmpcvPdyZ1bXIhZSE1d]}\nfilters:\n  - {name: mine, module: %s}\n  - {name: of-ci, tenant: ci, %s}\n",
		before, hosttest.Guest(t, "noop"), keys), sockets
}

func shownFilter(t *testing.T, g *hosttest.Gateway, name string) admin.Filter {
	t.Helper()
	_, body := askAdmin(t, g, "/filters")
	var shown admin.Filters
	if err := json.Unmarshal([]byte(body), &shown); err != nil {
		t.Fatal(err)
	}
	for _, f := range shown.Filters {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no filter %s in %s", name, body)
	return admin.Filter{}
}

const info = "GET /info HTTP/1.1\nHost: docker"

func TestABrokenFilterOfATenantStopsNobodyElse(t *testing.T) {
	for name, broken := range brokenFilters(t) {
		t.Run(name, func(t *testing.T) {
			engine := infoEngine(t)
			text, sockets := ofTenant(t, broken.keys)
			g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
			if code, body := ask(t, "unix", sockets["dev"], info); code != 200 {
				t.Errorf("the other tenant got %d %s", code, body)
			}
			if code, _ := ask(t, "unix", sockets["ci"], "GET /_ping HTTP/1.1\nHost: docker"); code != 200 {
				t.Errorf("a ping got %d", code)
			}
			before := len(engine.Requests())
			code, body := ask(t, "unix", sockets["ci"], info)
			if code != 503 || !strings.Contains(body, `filter \"of-ci\" failed, and a request that it did not judge is denied`) || strings.Contains(body, broken.says) {
				t.Errorf("got %d %s, want it denied, and nothing said of the module", code, body)
			}
			if n := len(engine.Requests()); n != before {
				t.Error("a request that the filter should have judged reached the engine")
			}
			g.Log.Wait(t, `"reason":"the filter could not be started and is in quarantine: `)
			g.Log.Wait(t, "the tenant's filter could not be started and is in quarantine")
			series(t, g, `sluice_filter_quarantined{filter="of-ci",tenant="ci"} 1`, `sluice_filter_quarantined{filter="mine"} 0`)
			if f := shownFilter(t, g, "of-ci"); !f.Quarantined || !strings.Contains(f.Problem, broken.says) || f.Instances != 0 {
				t.Errorf("got %+v, want a problem with %q", f, broken.says)
			}
			if code, body := askAdmin(t, g, "/readyz"); code != 200 {
				t.Errorf("not ready for one tenant's sake: %d %s", code, body)
			}
		})
	}
}

// What cannot be started with a reload is in quarantine, too, and the rest of what was
// changed takes effect; so it goes on with the next one.
func TestAReloadTakesEffectBesideABrokenFilter(t *testing.T) {
	engine := infoEngine(t)
	good, sockets := ofTenant(t, "module: "+hosttest.Guest(t, "noop"))
	g := hosttest.StartGateway(t, engine.Address(), good)
	for name, broken := range brokenFilters(t) {
		for socket, want := range map[string]int{"ci": 200, "dev": 200} {
			if code, body := ask(t, "unix", sockets[socket], info); code != want {
				t.Fatalf("before %s: %s got %d %s", name, socket, code, body)
			}
		}
		text := strings.Replace(good, "module: "+hosttest.Guest(t, "noop")+"}\n  - {name: of-ci, tenant: ci, module: "+hosttest.Guest(t, "noop"),
			"match: {tenants: [dev]}, module: "+hosttest.Guest(t, "deny")+"}\n  - {name: of-ci, tenant: ci, "+broken.keys, 1)
		g.Write(text)
		if err := g.Reload(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for socket, want := range map[string]int{"ci": 503, "dev": 403} {
			if code, body := ask(t, "unix", sockets[socket], info); code != want {
				t.Errorf("%s: %s got %d %s, want %d", name, socket, code, body, want)
			}
		}
		g.Write(good)
		if err := g.Reload(t.Context()); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
}

func TestTheFailurePolicyOfABrokenFilterDecides(t *testing.T) {
	for policy, want := range map[string]int{"deny": 503, "reload": 503, "allow": 200} {
		engine := infoEngine(t)
		text, sockets := ofTenant(t, "on_failure: "+policy+", module: "+hosttest.Guest(t, "start-trap"))
		hosttest.StartGateway(t, engine.Address(), text)
		if code, body := ask(t, "unix", sockets["ci"], info); code != want {
			t.Errorf("%s: got %d %s, want %d", policy, code, body, want)
		}
	}
}

func TestABrokenFilterIsTriedAgain(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := ofTenant(t, "capabilities: all, module: "+hosttest.Guest(t, "second-try"))
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text)
	g.Log.Wait(t, "refused its configuration: not yet")
	g.Log.Wait(t, "the tenant's filter was started: its quarantine is over")
	if code, body := ask(t, "unix", sockets["ci"], info); code != 200 {
		t.Errorf("got %d %s", code, body)
	}
	series(t, g, `sluice_filter_quarantined{filter="of-ci",tenant="ci"} 0`)
	if f := shownFilter(t, g, "of-ci"); f.Problem != "" || f.Instances == 0 || f.ABI == "" {
		t.Errorf("got %+v, want it serving", f)
	}
	if n := g.Stats().Generation; n != 1 {
		t.Errorf("generation %d serves, want the first: nobody else's filter is to be started anew", n)
	}
}

func TestABrokenFilterIsTriedWhenItsFileChanges(t *testing.T) {
	engine := infoEngine(t)
	module := filepath.Join(t.TempDir(), "module.wasm")
	install := func(guest string) {
		t.Helper()
		code, err := os.ReadFile(hosttest.Guest(t, guest))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(module+".new", code, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(module+".new", module); err != nil {
			t.Fatal(err)
		}
	}
	text, sockets := ofTenant(t, "capabilities: all, module: "+module)
	hosttest.StartGateway(t, engine.Address(), "reload: {debounce: 10ms, poll: 100ms}\n"+text)
	if code, _ := ask(t, "unix", sockets["ci"], info); code != 503 {
		t.Fatalf("without a file: got %d", code)
	}
	for _, step := range []struct {
		guest string
		want  int
	}{{"noop", 200}, {"unknown-import", 503}, {"deny", 403}} {
		install(step.guest)
		code, deadline := 0, time.Now().Add(time.Minute)
		for code != step.want && time.Now().Before(deadline) {
			if code, _ = ask(t, "unix", sockets["ci"], info); code != step.want {
				time.Sleep(10 * time.Millisecond)
			}
		}
		if code != step.want {
			t.Fatalf("%s: got %d, want %d", step.guest, code, step.want)
		}
	}
}

// The operator's own filters are his to mend before anything changes, and validate tells
// of everybody's.
func TestABrokenFilterIsAnErrorForValidate(t *testing.T) {
	for name, broken := range brokenFilters(t) {
		text, _ := ofTenant(t, broken.keys)
		file := filepath.Join(t.TempDir(), "sluice.yaml")
		if err := os.WriteFile(file, []byte("upstream: unix:///nowhere\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{Files: []string{file}})
		if err == nil {
			var report *host.Report
			if report, err = host.Validate(t.Context(), host.Options{Config: cfg}); err == nil {
				err = report.Err()
			}
		}
		if err == nil || !strings.Contains(err.Error(), broken.says) {
			t.Errorf("%s: got %v, want an error with %q", name, err, broken.says)
		}
		own := strings.Replace(text, "tenant: ci, ", "", 1)
		if err := os.WriteFile(file, []byte("upstream: unix:///nowhere\n"+own), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(broken.says, "tenant") {
			continue
		}
		if cfg, err = config.Load(config.Options{Files: []string{file}, Quarantine: true}); err == nil {
			_, err = host.New(t.Context(), host.Options{Config: cfg})
		}
		if err == nil || !strings.Contains(err.Error(), broken.says) {
			t.Errorf("%s, the operator's: got %v, want an error with %q", name, err, broken.says)
		}
	}
}

// Each crash has the gateway start an instance: a tenant's filter may cause that ten times
// in a minute unless its budget is written, and the operator's as often as it likes.
func TestATenantsFilterThatCrashesIsQuarantined(t *testing.T) {
	engine := infoEngine(t)
	text, sockets := twoTenants(t, "trap-on-header", "")
	text = strings.Replace(text, "tenant: dev}", "tenant: dev, crash_budget: 0}", 1)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+text+
		fmt.Sprintf("  - {name: mine, module: %s}\n", hosttest.Guest(t, "trap-on-header")))
	for _, tenant := range []string{"ci", "dev"} {
		for n := range 12 {
			if code, body := ask(t, "unix", sockets[tenant], info+"\nX-Trap: 1"); code != 503 || !strings.Contains(body, "of-"+tenant) {
				t.Fatalf("crash %d of %s: got %d %s", n, tenant, code, body)
			}
		}
	}
	if code, body := ask(t, "unix", sockets["ci"], info); code != 503 || !strings.Contains(body, "of-ci") {
		t.Errorf("behind its crashes: got %d %s, want its quarantine", code, body)
	}
	if code, body := ask(t, "unix", sockets["dev"], info); code != 200 {
		t.Errorf("behind the crashes of a filter that may: got %d %s", code, body)
	}
	series(t, g,
		`sluice_filter_quarantined{filter="of-ci",tenant="ci"} 1`, `sluice_filter_quarantined{filter="of-dev",tenant="dev"} 0`,
		`sluice_filter_traps_total{filter="of-ci",reason="crash",tenant="ci"} 11`, `sluice_filter_traps_total{filter="of-dev",reason="crash",tenant="dev"} 12`,
	)
	g.Log.Wait(t, "the filter crashed too often and is in quarantine")
}

func TestTheOperatorsFilterIsNotQuarantinedUnlessHeSaysSo(t *testing.T) {
	g := hosttest.StartGateway(t, infoEngine(t).Address(), filters(t, "trap-on-header"))
	for range 12 {
		if code, body := get(t, g, "/info", "X-Trap"); code != 503 {
			t.Fatalf("got %d %s", code, body)
		}
	}
	if code, body := get(t, g, "/info", ""); code != 200 {
		t.Errorf("got %d %s, want it asked", code, body)
	}
}
