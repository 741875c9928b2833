package host_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// get sends a GET with one header field and returns the status and the body.
func get(t *testing.T, g *hosttest.Gateway, target, field string) (int, string) {
	t.Helper()
	return getWith(t, g.Client(), target, field)
}

func getWith(t *testing.T, client *http.Client, target, field string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a request that hangs fails
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://d"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if field != "" {
		req.Header.Set(field, "1")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 512)
	for err == nil {
		var n int
		n, err = resp.Body.Read(buf)
		b.Write(buf[:n])
	}
	return resp.StatusCode, b.String()
}

func infoEngine(t *testing.T) *hosttest.FakeDocker {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	return engine
}

func TestATrapDeniesItsRequestAndNoOther(t *testing.T) {
	engine := infoEngine(t)
	for _, instances := range []string{"instances: 1", "instances: 2"} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header "+instances))
		for range 20 {
			if status, body := get(t, g, "/info", "x-trap"); status != 503 || !strings.Contains(body, `filter \"trap-on-header-1\" failed`) {
				t.Fatalf("%s: got %d %q, want 503 naming the filter", instances, status, body)
			}
			if status, body := get(t, g, "/info", ""); status != 200 {
				t.Fatalf("%s: the next request got %d %q, want 200", instances, status, body)
			}
		}
		g.Log.Wait(t, "unreachable")
	}
}

func TestACallbackThatLoopsEnds(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "limits: {callback: 50ms}\n"+filters(t, "loop-on-header"))
	if status, body := get(t, g, "/info", "x-loop"); status != 503 {
		t.Errorf("got %d %q, want 503", status, body)
	}
	if status, body := get(t, g, "/info", ""); status != 200 {
		t.Errorf("the next request got %d %q, want 200", status, body)
	}
}

func TestOnFailureAllowLetsTheStreamGoOnWithoutTheFilter(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header on_failure: allow", "header-adder"))
	if status, body := get(t, g, "/info", "x-trap"); status != 200 {
		t.Errorf("got %d %q, want 200", status, body)
	}
	if got := engine.Requests()[0].Header.Get("X-Added-By"); got != "header-adder" {
		t.Errorf("the filter behind the one that failed did not see the request")
	}
	g.Log.Wait(t, "bypassed (on_failure: allow)")
}

func TestOnFailureReloadAsksAFreshInstanceOnceAndThenDenies(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header on_failure: reload, instances: 1"))
	if status, _ := get(t, g, "/info", "x-trap"); status != 503 {
		t.Errorf("a request that traps every instance got %d, want 503", status)
	}
	if n := strings.Count(g.Log.String(), "the filter crashed"); n != 2 {
		t.Errorf("%d instances crashed, want 2: the first and the fresh one", n)
	}
	// trap-once traps in the first header callback of an instance only when the
	// instance has seen a request before.
	g = hosttest.StartGateway(t, engine.Address(), filters(t, "trap-second on_failure: reload, instances: 1"))
	for i := range 6 {
		if status, body := get(t, g, "/info", ""); status != 200 {
			t.Errorf("request %d got %d %q, want 200 from a fresh instance", i, status, body)
		}
	}
}

// A filter that is at a limit still runs, and so does its instance: it is not asked again, and leaves no context behind that nobody ends.
func TestOnFailureReloadAsksNobodyAgainWhoIsAtALimit(t *testing.T) {
	engine := infoEngine(t)
	text := "limits: {stream: 1ms}\n" + filters(t, "slow-context on_failure: reload, instances: 1")
	g := hosttest.StartGateway(t, engine.Address(), text)
	for range 3 {
		if status, body := get(t, g, "/info", ""); status != 503 {
			t.Fatalf("got %d %q, want 503", status, body)
		}
	}
	g.Log.Wait(t, "limits.stream")
	// The instances are closed: what they still knew of streams that are over would be spoken to.
	g.Write("owner_label: changed\n" + text)
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if log := g.Log.String(); strings.Contains(log, "panicked") {
		t.Errorf("the gateway panicked:\n%s", log)
	}
}

func TestAnInstanceThatIsLostFailsItsOtherStreams(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	step := make(chan struct{})
	engine.Handle("GET /events", hosttest.Pieces(step, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{}\n\r\n", "3\r\n{}\n\r\n"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header-body instances: 1"))
	conn, r := g.Dial()
	if _, err := conn.Write([]byte("GET /events HTTP/1.1\r\nHost: d\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	step <- struct{}{}
	readHead(t, r)
	step <- struct{}{}
	if line, err := r.ReadString('}'); err != nil {
		t.Fatalf("first event: %q, %v", line, err)
	}
	if status, _ := get(t, g, "/info", "x-trap"); status != 503 {
		t.Errorf("the trap got %d, want 503", status)
	}
	step <- struct{}{}
	for {
		line, err := r.ReadString('\n')
		if strings.HasPrefix(line, "0\r\n") {
			t.Fatal("the stream ended as if it were complete")
		}
		if err != nil {
			break // cut, as it must be
		}
	}
}
