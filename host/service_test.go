package host_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// ticks counts the ticks of a service of that name.
func ticks(g *hosttest.Gateway, name string) int {
	return strings.Count(g.Log.String(), `"msg":"tick of `+name+`"`)
}

// waitTicks waits until a service of that name has ticked n times more.
func waitTicks(t *testing.T, g *hosttest.Gateway, name string, n int) {
	t.Helper()
	want := ticks(g, name) + n
	for deadline := time.Now().Add(time.Minute); ticks(g, name) < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has ticked %d times, want %d", name, ticks(g, name), want)
		}
	}
}

func serviceFilter(t *testing.T, name, role string) string {
	t.Helper()
	return sdkFilter(t, name, role, ", kind: service")
}

// The module panics when it gets a request, as SDKs do for what has a root only.
func TestAServiceTicksAndSeesNoRequest(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"filters:\n"+serviceFilter(t, "clock", "'ticker:one'")+sdkFilter(t, "counter", "counter", ""))
	waitTicks(t, g, "one", 2)
	for n := range 4 {
		counts(t, g, n+1)
	}
	if n := g.Stats().Instances; n < 2 {
		t.Errorf("%d instances", n)
	}
	_, body := askAdmin(t, g, "/filters")
	if !strings.Contains(body, `"name": "clock",`+"\n"+`      "kind": "service"`) {
		t.Errorf("filters: %s", body)
	}
	series(t, g, `sluice_filter_instances{filter="clock"} 1`)
}

// Of an old and a new generation one ticks at a time: the new one comes up beside the
// old, and takes over when it is served.
func TestAServiceIsHandedOver(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "filters:\n"+serviceFilter(t, "clock", "'ticker:one'"))
	waitTicks(t, g, "one", 1)
	names := []string{"one", "two", "three", "four"}
	for i, name := range names[1:] {
		g.Write("filters:\n" + serviceFilter(t, "clock", "'ticker:"+name+"'"))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := ticks(g, names[i])
		waitTicks(t, g, name, 3)
		if after := ticks(g, names[i]); after != before {
			t.Errorf("%s has ticked %d times after it was replaced", names[i], after-before)
		}
	}
	// In the order of the log no tick of one follows one of its successor.
	log := g.Log.String()
	for i := range names[1:] {
		if last, first := strings.LastIndex(log, "tick of "+names[i]+`"`), strings.Index(log, "tick of "+names[i+1]+`"`); last > first {
			t.Errorf("%s ticked after %s did", names[i], names[i+1])
		}
	}

	g.Write("filters:\n" + serviceFilter(t, "clock", "'ticker:five'") + "  - {name: broken, module: " + hosttest.Guest(t, "start-trap") + ", kind: service}\n")
	if err := g.Reload(t.Context()); err == nil {
		t.Error("a service that cannot start was taken")
	}
	waitTicks(t, g, "four", 2)
	if n := ticks(g, "five"); n > 0 {
		t.Errorf("a service of a configuration that was refused ticked %d times", n)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := ticks(g, "four")
	time.Sleep(30 * time.Millisecond)
	if after := ticks(g, "four"); after != before {
		t.Errorf("%d ticks after the end", after-before)
	}
}

func TestAServiceTakesWhatFiltersSend(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "filters:\n"+serviceFilter(t, "receiver", "receiver")+sdkFilter(t, "sender", "sender", ""))
	for n := range 5 {
		request(t, g, "X-Job", fmt.Sprint("job", n))
	}
	for n := range 5 {
		g.Log.Wait(t, fmt.Sprintf(`"msg":"received job%d"`, n))
	}
}

func TestAServiceThatCrashesIsReplacedAndThenLeftAlone(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+"filters:\n"+
		sdkFilter(t, "clock", "'ticker:crash'", ", kind: service, crash_budget: 3")+sdkFilter(t, "counter", "counter", ""))
	g.Log.Wait(t, "is in quarantine")
	counts(t, g, 1)
	series(t, g, `sluice_filter_traps_total{filter="clock",reason="crash"} 4`, `sluice_filter_quarantined{filter="clock"} 1`)
	time.Sleep(50 * time.Millisecond)
	series(t, g, `sluice_filter_traps_total{filter="clock",reason="crash"} 4`)
}

// To validate a service is to start it, and not to have it do its work.
func TestAServiceIsValidatedAtRest(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "")
	g.Write("filters:\n" + serviceFilter(t, "clock", "'ticker:crash'") +
		fmt.Sprintf("  - {name: idle, module: %q, kind: service}\n  - {name: bad, module: %q, kind: service}\n", hosttest.Guest(t, "noop"), hosttest.Guest(t, "refuse")))
	cfg, err := config.Load(config.Options{Files: []string{g.File}})
	if err != nil {
		t.Fatal(err)
	}
	report, err := host.Validate(t.Context(), host.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	clock, idle, bad := report.Filters[0], report.Filters[1], report.Filters[2]
	if clock.Err != nil || clock.Kind != "service" || clock.Stages != "" || len(clock.Warnings) != 0 {
		t.Errorf("clock: %+v", clock)
	}
	if idle.Err != nil || len(idle.Warnings) != 1 || !strings.Contains(idle.Warnings[0], "exports neither proxy_on_tick nor proxy_on_queue_ready") {
		t.Errorf("idle: %+v", idle)
	}
	if bad.Err == nil || !strings.Contains(bad.Err.Error(), "refused its configuration") {
		t.Errorf("bad: %+v", bad)
	}
}
