package host_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// sdkFilter is a filter of a configuration that runs sdk-shared in a role.
func sdkFilter(t *testing.T, name, role, more string) string {
	t.Helper()
	return fmt.Sprintf("  - {name: %s, module: %q, config: %s%s}\n", name, hosttest.Guest(t, "sdk-shared"), role, more)
}

// request sends GET /info with a header field.
func request(t *testing.T, g *hosttest.Gateway, key, value string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://docker/info", nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set(key, value)
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("got %s", resp.Status)
	}
	return resp
}

// counts sends a request and fails the test unless it is the nth that was counted.
func counts(t *testing.T, g *hosttest.Gateway, n int) {
	t.Helper()
	if got := request(t, g, "", "").Header.Get("X-Count"); got != strconv.Itoa(n) {
		t.Fatalf("counted %q, want %d", got, n)
	}
}

func TestSharedDataOutlivesAReload(t *testing.T) {
	engine := infoEngine(t)
	text := "filters:\n" + sdkFilter(t, "counter", "counter", "")
	g := hosttest.StartGateway(t, engine.Address(), text)
	for n := range 5 { // on whichever instance
		counts(t, g, n+1)
	}
	g.Write(text + "limits: {body: 1MiB}\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts(t, g, 6)
	request(t, g, "X-Forget", "1")
	counts(t, g, 1)
}

func TestCountsAreNotLostUnderLoad(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "filters:\n"+sdkFilter(t, "counter", "counter", ", instances: 4"))
	counts(t, g, 1) // a key that is not there has no number to compare with
	const clients, requests = 8, 25
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range requests {
				request(t, g, "", "")
			}
		})
	}
	all.Wait()
	counts(t, g, 1+clients*requests+1)
}

func TestFiltersShareByVMID(t *testing.T) {
	engine := infoEngine(t)
	// Responses pass the last filter first, so the first has the last word.
	for name, test := range map[string]struct {
		first, second string
		want          []int
	}{
		"each its own":      {"", "", []int{1, 2}},
		"both the same":     {", vm_id: quota", ", vm_id: quota", []int{1, 3}},
		"one that of other": {"", ", vm_id: first", []int{1, 3}},
	} {
		g := hosttest.StartGateway(t, engine.Address(), "filters:\n"+sdkFilter(t, "first", "counter", test.first)+sdkFilter(t, "second", "counter", test.second))
		for _, want := range test.want {
			if got := request(t, g, "", "").Header.Get("X-Count"); got != strconv.Itoa(want) {
				t.Errorf("%s: counted %s, want %d", name, got, want)
			}
		}
	}
}

func TestTenantsShareNothing(t *testing.T) {
	engine := infoEngine(t)
	me := os.Getuid()
	for name, test := range map[string]struct {
		first, second string
		want          []int
	}{
		"one tenant":             {"ci", "ci", []int{1, 3}},
		"a tenant and the other": {"ci", "dev", []int{1, 2}},
		"a tenant and nobody":    {"ci", "", []int{1, 2}},
	} {
		owned := func(tenant string) string {
			if tenant == "" {
				return ", vm_id: quota"
			}
			return ", vm_id: quota, capabilities: all, tenant: " + tenant
		}
		g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("tenants: [{name: ci, match: {uids: [%d]}, capabilities: all}, {name: dev, match: {uids: [%d]}, capabilities: all}]\nfilters:\n", me, me+1)+
			sdkFilter(t, "first", "counter", owned(test.first))+sdkFilter(t, "second", "counter", owned(test.second)))
		// A filter of another tenant is not asked.
		for _, want := range test.want {
			if got := request(t, g, "", "").Header.Get("X-Count"); got != strconv.Itoa(want) {
				t.Errorf("%s: counted %s, want %d", name, got, want)
			}
		}
	}
}

func TestSharedDataLivesAsLongAsConfigured(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "shared_data: {ttl: [{prefix: cou, ttl: 1ns}]}\nfilters:\n"+sdkFilter(t, "counter", "counter", ""))
	counts(t, g, 1)
	counts(t, g, 1)
}

func TestAStoreInADirectorySurvivesARestart(t *testing.T) {
	engine := infoEngine(t)
	text := fmt.Sprintf("store: {dir: %q}\nfilters:\n", filepath.Join(t.TempDir(), "store")) + sdkFilter(t, "counter", "counter", "")
	for n := range 3 {
		g := hosttest.StartGateway(t, engine.Address(), text)
		counts(t, g, n+1)

		// Another one cannot have it at the same time; to validate is no use of it.
		cfg, err := config.Load(config.Options{Files: []string{g.File}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := host.New(t.Context(), host.Options{Config: cfg}); err == nil || !strings.Contains(err.Error(), "another process has it open") {
			t.Errorf("a second gateway: %v", err)
		}
		report, err := host.Validate(t.Context(), host.Options{Config: cfg})
		if err != nil || report.Err() != nil {
			t.Errorf("validate: %v, %v", err, report.Err())
		}
		g.Write(text + "limits: {body: 1MiB}\n")
		if err := g.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		g.Write(strings.Replace(text, "store\"}", "store\", sync: 5s}", 1))
		if err := g.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "store cannot be changed while the gateway runs") {
			t.Errorf("a reload with another store: %v", err)
		}
		if err := g.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueueEventsReachTheReceiverOfTheCurrentGeneration(t *testing.T) {
	engine := infoEngine(t)
	text := "filters:\n" + sdkFilter(t, "receiver", "receiver", "") + sdkFilter(t, "sender", "sender", "")
	g := hosttest.StartGateway(t, engine.Address(), text)
	jobs := 0
	send := func(n int) {
		for range n {
			request(t, g, "X-Job", fmt.Sprint("job", jobs))
			jobs++
		}
	}
	send(10)
	for range 3 {
		text += "# more\n"
		g.Write(text + fmt.Sprintf("limits: {body: %dKiB}\n", 64+jobs))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		send(10)
	}
	for n := range jobs {
		want := fmt.Sprintf(`"msg":"received job%d"`, n)
		g.Log.Wait(t, want)
		if got := strings.Count(g.Log.String(), want); got != 1 {
			t.Errorf("job%d was received %d times", n, got)
		}
	}
}

// What is in a queue when the gateway stops is delivered by the next one.
func TestAQueueInADirectorySurvivesARestart(t *testing.T) {
	engine := infoEngine(t)
	text := fmt.Sprintf("store: {dir: %q}\nfilters:\n", filepath.Join(t.TempDir(), "store"))
	// The queue is registered, and nobody takes anything: a fresh instance gets no events.
	g := hosttest.StartGateway(t, engine.Address(), text+sdkFilter(t, "receiver", "receiver", ", isolation: stream")+sdkFilter(t, "sender", "sender", ""))
	request(t, g, "X-Job", "overnight")
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	g = hosttest.StartGateway(t, engine.Address(), text+sdkFilter(t, "receiver", "receiver", ""))
	g.Log.Wait(t, "received overnight")
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(g.Log.String(), "received overnight"); got != 1 {
		t.Errorf("received %d times", got)
	}
}

// Requests, shared data, queues, ticks, metrics and swaps at once: nothing is lost or
// done twice, and nothing is left over.
func TestSharingUnderHammering(t *testing.T) {
	engine := infoEngine(t)
	before := goleak.IgnoreCurrent()
	text := fmt.Sprintf("store: {dir: %q, sync: 10ms}\nshared_queues: {items: 100000}\n", filepath.Join(t.TempDir(), "store")) + adminYAML + "filters:\n" +
		sdkFilter(t, "meter", "meter", "") + sdkFilter(t, "counter", "counter", ", instances: 3") + sdkFilter(t, "sender", "sender", "") +
		serviceFilter(t, "receiver", "receiver") + serviceFilter(t, "clock", "'ticker:x'")
	g := hosttest.StartGateway(t, engine.Address(), text)
	counts(t, g, 1)

	const clients, rounds = 16, 20 // fewer than lines of a log are allowed
	client := g.Client()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for round := range rounds {
				req, err := http.NewRequestWithContext(t.Context(), "GET", "http://docker/info", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Job", fmt.Sprintf("%d-%d.", c, round))
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("got %s", resp.Status)
				}
			}
		})
	}
	for n := range 5 {
		g.Write(text + fmt.Sprintf("limits: {body: %dKiB}\n", 64+n))
		if err := g.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if status, body := askAdmin(t, g, "/metrics"); status != 200 {
			t.Errorf("metrics: %d %s", status, body)
		}
	}
	all.Wait()
	counts(t, g, 1+clients*rounds+1)
	for c := range clients {
		for round := range rounds {
			job := fmt.Sprintf(`"received %d-%d."`, c, round)
			g.Log.Wait(t, job)
			if n := strings.Count(g.Log.String(), job); n != 1 {
				t.Errorf("%s came %d times", job, n)
			}
		}
	}
	series(t, g, fmt.Sprintf(`custom_header_value_counts_value_none_reporter_wasmgosdk{filter="meter"} %d`, 2*(2+clients*rounds)),
		`under_way{filter="meter"} 0`, `sluice_shared_queue_items{vm_id="receiver"} 0`, `sluice_streams 0`, `sluice_retiring_generations 0`)
	client.CloseIdleConnections()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine.CloseIdle()
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("github.com/sluice-gateway/sluice/host/hosttest.(*FakeDocker).serve"))
}
