package host_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// ofTwo is a configuration of which ci's filter starts as fast as cpu lets it, and which
// nobody waits for.
func ofTwo(t *testing.T, guest, cpu string) (text string, sockets map[string]string) {
	t.Helper()
	text, sockets = twoTenants(t, "noop", "cpu: "+cpu)
	return "limits: {start: 1ms}\n" + strings.Replace(text, hosttest.Guest(t, "noop"), hosttest.Guest(t, guest), 1), sockets
}

// comes waits until a tenant's request is answered like this.
func comes(t *testing.T, what, socket string, want int, says string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		code, body := ask(t, "unix", socket, info)
		if code == want && strings.Contains(body, says) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %d %s, want %d with %q", what, code, body, want, says)
		}
	}
}

// A loop in a start, which takes hours here, keeps neither the gateway from starting nor
// anybody's change from taking effect, nor the gateway from being shut down.
func TestATenantsFilterThatLoopsInItsStartDelaysNobody(t *testing.T) {
	text, sockets := ofTwo(t, "start-loop", "1ms")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), adminYAML+text)
	g.Log.Wait(t, "the tenant's filter is still starting: it is not asked before it has, and its on_failure decides")
	comes(t, "the other tenant", sockets["dev"], 200, "")
	if code, body := ask(t, "unix", sockets["ci"], info); code != 503 || !strings.Contains(body, `filter \"of-ci\" is still starting, and a request that it did not judge is denied`) {
		t.Errorf("got %d %s, want it denied for now", code, body)
	}
	g.Log.Wait(t, `"reason":"the filter is still starting"`)
	if f := shownFilter(t, g, "of-ci"); !f.Quarantined || f.Problem != "the filter is still starting" || f.Instances != 0 {
		t.Errorf("shown as %+v", f)
	}
	for n, c := range []struct {
		guest string
		want  int
	}{{"deny", 403}, {"noop", 200}, {"deny", 403}} {
		before, after, _ := strings.Cut(text, "  - {name: of-dev")
		g.Write(adminYAML + before + fmt.Sprintf("  - {name: of-dev, module: %s, tenant: dev, capabilities: all}\n", hosttest.Guest(t, c.guest)))
		if _, rest, more := strings.Cut(after, "\n"); more && rest != "" {
			t.Fatalf("more filters than this test knows of: %s", rest)
		}
		if err := g.Reload(t.Context()); err != nil {
			t.Fatalf("reload %d: %v", n, err)
		}
		comes(t, fmt.Sprintf("the other tenant after reload %d", n), sockets["dev"], c.want, "")
	}
}

// A good filter that takes longer serves when it is ready, without another reload; and what
// is not good is in quarantine from then on, for its own reason.
func TestAFilterThatStartsLateServesFromThenOn(t *testing.T) {
	text, sockets := ofTwo(t, "slow-start", "40ms")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), adminYAML+text)
	g.Log.Wait(t, "the tenant's filter is still starting")
	g.Log.Wait(t, "the tenant's filter has started: it is asked from now on")
	comes(t, "the one that is late", sockets["ci"], 200, "")
	if f := shownFilter(t, g, "of-ci"); f.Quarantined || f.Problem != "" || f.Instances == 0 {
		t.Errorf("shown as %+v", f)
	}
	if n := g.Stats().Generation; n != 1 {
		t.Errorf("generation %d serves, want the first", n)
	}
}

func TestAFilterThatFailsLateIsInQuarantine(t *testing.T) {
	text, sockets := ofTwo(t, "slow-refuse", "20ms")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), adminYAML+text)
	g.Log.Wait(t, "the tenant's filter is still starting")
	g.Log.Wait(t, "the tenant's filter could not be started and is in quarantine")
	comes(t, "the one that fails", sockets["ci"], 503, `filter \"of-ci\" failed`)
	if f := shownFilter(t, g, "of-ci"); !f.Quarantined || !strings.Contains(f.Problem, "refused its configuration") {
		t.Errorf("shown as %+v", f)
	}
}

// Filters that start in time are in service when a reload takes effect: it costs nobody a request.
func TestAReloadOfGoodTenantsFiltersLosesNoRequest(t *testing.T) {
	text, sockets := twoTenants(t, "slow-start", "cpu: 1m")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for _, socket := range sockets {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if code, err := send(t.Context(), socket, menagerie.Get); code != 200 || err != nil {
					t.Errorf("%s got %d, %v", socket, code, err)
					return
				}
			}
		})
	}
	for n := range 5 {
		reloaded(t, g, text, n)
	}
	close(stop)
	clients.Wait()
}

// What one tenant uploads, be it slow to start, puts no other's filter out of service that did not
// change, however often, and however many instances that has: it came up before.
func TestReloadsPutNoFilterOutOfServiceThatDidNotChange(t *testing.T) {
	text, sockets := twoTenants(t, "noop", "")
	noop, slow := hosttest.Guest(t, "noop"), hosttest.Guest(t, "slow-start")
	text = "limits: {start: 30s}\n" + strings.Replace(text, noop, slow+", instances: 64", 1)
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	for n := range 8 {
		reloaded(t, g, text, n)
		if code, body := ask(t, "unix", sockets["ci"], info); code != 200 {
			t.Fatalf("after reload %d: %d %s", n, code, body)
		}
		time.Sleep(400 * time.Millisecond) // so much and more is behind each when a file has changed
	}
}

// By default a tenant's filter is waited for five seconds. Without it the gateway serves then,
// and after a reload too, and another tenant's filter that did not change as before.
func TestALateFilterIsWaitedForAsLongAsTheDefaultSays(t *testing.T) {
	text, sockets := twoTenants(t, "noop", "cpu: 1ms")
	good := "limits: {start: 5s}\n" + text
	late := strings.Replace(good, hosttest.Guest(t, "noop"), hosttest.Guest(t, "start-loop"), 1)
	g := hosttest.StartGateway(t, infoEngine(t).Address(), good)
	comes(t, "ci's at first", sockets["ci"], 200, "")
	comes(t, "dev's at first", sockets["dev"], 200, "")
	g.Write(late)
	begin := time.Now()
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 5*time.Second {
		t.Errorf("the reload took effect after %v, and had not waited", took)
	}
	if code, body := ask(t, "unix", sockets["ci"], info); code != 503 || !strings.Contains(body, `filter \"of-ci\" is still starting, and a request that it did not judge is denied`) {
		t.Errorf("got %d %s, want it denied for now", code, body)
	}
	comes(t, "dev's, which did not change,", sockets["dev"], 200, "")
	g.Write(good)
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	comes(t, "ci's, whose start was called off,", sockets["ci"], 200, "")
}
