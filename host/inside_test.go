package host_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// relayed is a request that the guest relay makes a call of, through n calls.
func relayed(n int, head string) string {
	return fmt.Sprintf("%s\nHost: docker\nX-Relay: %d", head, n)
}

const throughChain = "upstreams: [{name: docker, through: chain, timeout: 60s}]\n"

func TestACallToTheEngineGoesThroughTheChainWhereItIsToldTo(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), throughChain+
		filters(t, "relay callouts: [docker]", "header-adder", "deny match: {operations: [SystemVersion]}"))
	code, body := ask(t, "unix", g.Socket, relayed(1, "GET /v1.41/version HTTP/1.1"))
	if code != 403 || !strings.Contains(body, "deny") {
		t.Errorf("got %d %q, want what the filters say of the call", code, body)
	}
	if code, body = ask(t, "unix", g.Socket, relayed(1, "GET /v1.41/info HTTP/1.1")); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	// The call alone reached the engine, with what the chain made of it.
	requests := engine.Requests()
	if len(requests) != 1 || requests[0].Target != "/v1.41/info" || requests[0].Header.Get("X-Added-By") != "header-adder" {
		t.Errorf("the engine got %+v", requests)
	}
	// It is a request like any in the log, and says whose it is.
	g.Log.Wait(t, `"listener":"inside","peer":"filter=relay-1","op":"SystemVersion","api_version":"1.41","method":"GET","path":"/v1.41/version","status":403,"verdict":"deny","parent":"`)
}

func TestACallThatIsStraightIsBroughtIntoItsCanonicalForm(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "callout callouts: [docker]"))
	for path, want := range map[string]string{ // the guest's have eight bytes
		"/./info?": "the path has a dot segment", "/inf?a;b": "semicolon", "/v1.00/x": "client version 1.0 is too old",
	} {
		_, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "Dp", "x-path": path, "x-then-1": "d"})
		if !strings.Contains(body, want) {
			t.Errorf("%s: got %q, want %q", path, body, want)
		}
	}
	for _, r := range engine.Requests() {
		t.Errorf("%s %s reached the engine", r.Method, r.Target)
	}
}

// A filter that asks about every request asks about its own question too.
func TestCallsInsideOfCallsComeToAnEnd(t *testing.T) {
	for _, tt := range []struct {
		config string
		most   int
	}{{throughChain, 1}, {"upstreams: [{name: docker, through: chain, depth: 3, timeout: 60s}]\n", 3}} {
		engine := infoEngine(t)
		text := "admin: {address: 'tcp://127.0.0.1:0'}\n" + tt.config
		g := hosttest.StartGateway(t, engine.Address(), text+filters(t, "relay callouts: [docker]"))
		for n := range tt.most {
			if code, body := ask(t, "unix", g.Socket, relayed(n+1, "GET /info HTTP/1.1")); code != 200 {
				t.Errorf("%d calls: got %d %q", n+1, code, body)
			}
		}
		code, body := ask(t, "unix", g.Socket, relayed(9, "GET /info HTTP/1.1"))
		if code != 508 || !strings.Contains(body, "too many calls inside of each other") {
			t.Errorf("at most %d: got %d %q", tt.most, code, body)
		}
		g.Log.Wait(t, `is itself a call through the chain; it may make none of its own (upstreams, docker: depth: `)
		series(t, g, `sluice_filter_refused_total{filter="relay-1",limit="depth"} 1`)
		if got := len(engine.Requests()); got != tt.most {
			t.Errorf("at most %d: the engine got %d requests", tt.most, got)
		}
	}
}

// A filter that puts each request into a queue, and asks the engine about each, does so of its own questions too.
func TestCallsInsideOfCallsThroughAQueueComeToAnEnd(t *testing.T) {
	for _, tt := range []struct {
		config string
		most   int
	}{{throughChain, 1}, {"upstreams: [{name: docker, through: chain, depth: 3, timeout: 60s}]\n", 3}} {
		engine := infoEngine(t)
		g := hosttest.StartGateway(t, engine.Address(), tt.config+filters(t, "queue-loop instances: 1, callouts: [docker]"))
		for round := range 2 { // what is taken next is as deep as it is itself
			if code, body := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker"); code != 200 {
				t.Errorf("got %d %q", code, body)
			}
			eventually(t, "end of the loop", func() bool { return strings.Count(g.Log.String(), `"msg":"answer:`) == (round+1)*(tt.most+1) })
			if n := strings.Count(g.Log.String(), `"msg":"answer:too many calls inside of each other"`); n != round+1 {
				t.Errorf("at most %d: %d calls were refused, want one of each request", tt.most, n)
			}
		}
		g.Log.Wait(t, "what the filter took from a queue was put there in a request that is itself a call through the chain")
		if got := len(engine.Requests()); got != 2*(1+tt.most) {
			t.Errorf("at most %d: the engine got %d requests, want each client's and %d calls of each", tt.most, got, tt.most)
		}
	}
}

// Whose request a call is, and that it is one, can be told by properties: no request
// and no filter can say so of itself.
func TestACallIsItsCallersAndSaysSo(t *testing.T) {
	engine := infoEngine(t)
	dir := shortDir(t)
	socket := filepath.Join(dir, "ci")
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("listeners: [{address: 'unix://%[1]s'}]\ntenants: [{name: ci, match: {listeners: ['unix://%[1]s']}}]\n", socket)+
		throughChain+filters(t, "relay callouts: [docker]", "property"))
	_ = g
	own := func(property string) string {
		code, body := ask(t, "unix", socket, "GET /info HTTP/1.1\nHost: docker\nX-Property: "+property)
		return fmt.Sprint(code, " ", body)
	}
	inside := func(property string) string {
		code, body := ask(t, "unix", socket, relayed(1, "GET /info HTTP/1.1")+"\nX-Set: "+property+"\nX-Property: "+property)
		return fmt.Sprint(code, " ", body)
	}
	for _, property := range []string{"peer.tenant", "peer.uid", "listener.address"} {
		if got, want := inside(property), own(property); got != want || !strings.HasPrefix(want, "200 ") {
			t.Errorf("%s of the call is %q, of its caller %q", property, got, want)
		}
	}
	for property, want := range map[string]string{"sluice.callout_depth": "200 1", "sluice.callout_filter": "200 relay-1", "request.parent": "200 "} {
		if got := inside(property); !strings.HasPrefix(got, want) || strings.Contains(got, "forged") {
			t.Errorf("%s of the call is %q, want %q", property, got, want)
		}
	}
	for _, property := range []string{"sluice.callout_depth", "sluice.callout_filter"} {
		_, body := ask(t, "unix", socket, "GET /info HTTP/1.1\nHost: docker\nSluice-Callout-Depth: 1\nX-Set: "+property+"\nX-Property: "+property)
		if strings.Contains(body, "forged") || strings.Contains(body, "1\n") {
			t.Errorf("%s of a client's own request is %q", property, body)
		}
	}
}

// Straight it would be the tenant's way around the operator's filters.
func TestTheCallsOfTenantsFiltersGoThroughTheChainWhateverIsConfigured(t *testing.T) {
	engine := infoEngine(t)
	socket := filepath.Join(shortDir(t), "ci")
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}]
tenants: [{name: ci, match: {listeners: ['unix://%[1]s']}, capabilities: {callouts: [docker], request_headers: all, properties: all, local_response: true}}]
upstreams: [{name: docker, through: straight, timeout: 60s}]
filters:
  - {name: of-ci, module: %[2]s, tenant: ci, capabilities: all}
  - {name: deny, module: %[3]s, match: {operations: [SystemVersion]}}
`, socket, hosttest.Guest(t, "relay"), hosttest.Guest(t, "deny")))
	code, body := ask(t, "unix", socket, relayed(1, "GET /version HTTP/1.1"))
	if code != 403 || !strings.Contains(body, "not today") {
		t.Errorf("got %d %q, want what the operator's filter says", code, body)
	}
	if code, body := ask(t, "unix", socket, relayed(1, "GET /info HTTP/1.1")); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	if code, body := ask(t, "unix", socket, relayed(9, "GET /info HTTP/1.1")); code != 508 {
		t.Errorf("got %d %q, want the end of calls inside of calls", code, body)
	}
	g.Log.Wait(t, `"peer":"filter=of-ci"`)
	if n := len(engine.Requests()); n != 1 {
		t.Errorf("the engine got %d requests, want the one that may pass", n)
	}
}

// A call ends with the stream that made it, wherever it is on its way.
func TestACallInsideEndsWithItsStream(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	arrived, gone := make(chan struct{}, 2), make(chan struct{}, 2)
	engine.Handle("GET /info", func(x *hosttest.Exchange) bool {
		arrived <- struct{}{}
		_, _ = x.Conn.Read(make([]byte, 1))
		gone <- struct{}{}
		return false
	})
	g := hosttest.StartGateway(t, engine.Address(), throughChain+filters(t, "relay callouts: [docker]"))
	conn, _ := g.Dial()
	write(t, conn, "%s\r\n\r\n", strings.ReplaceAll(relayed(1, "GET /info HTTP/1.1"), "\n", "\r\n"))
	within(t, "the call", arrived)
	conn.Close()
	within(t, "the end of the call", gone)
	eventually(t, "no stream", func() bool { s := g.Stats(); return s.Streams == 0 && s.Contexts == 0 && s.Connections == 0 })
}
