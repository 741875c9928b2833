package host_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const fullID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// inspected is a container as an engine describes it, shortened.
const inspected = `{"Id":"` + fullID + `","Name":"/web","HostConfig":{"Privileged":true},"Config":{"Labels":{"sluice.owner":"me"}}}`

// inspections are the requests by which the engine was asked what something is: those of the gateway's own.
func inspections(engine *hosttest.FakeDocker) (targets []string) {
	for _, r := range engine.Requests() {
		if r.Header.Get("User-Agent") == "sluice" && r.Target != "/_ping" {
			targets = append(targets, r.Target)
		}
	}
	return targets
}

// served is the last request that was a client's.
func served(engine *hosttest.FakeDocker) hosttest.Request {
	requests := engine.Requests()
	for i := len(requests) - 1; i >= 0; i-- {
		if requests[i].Header.Get("User-Agent") != "sluice" {
			return requests[i]
		}
	}
	return hosttest.Request{}
}

func TestFiltersOfAStreamAskTheEngineOnce(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/web/json", hosttest.JSON(200, inspected))
	engine.Handle("GET /containers/web/top", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "foreign", "foreign", "foreign"))
	for range 2 {
		status, result, answer := call(t, g, engine, "/v1.41/containers/web/top", "sluice.resolve", `{"kind":"container","ref":"web"}`)
		if want := `{"found":true,"kind":"container","id":"` + fullID + `","name":"web","labels":{"sluice.owner":"me"},"owner":"me"}`; status != "00" || result != want || answer != 200 {
			t.Fatalf("a filter is told %s %s, the client %d; want 00 %s and 200", status, result, answer, want)
		}
		if n := len(served(engine).Header.Values("x-result")); n != 3 {
			t.Errorf("%d filters were told, want 3", n)
		}
	}
	if got := inspections(engine); len(got) != 2 {
		t.Errorf("the engine was asked for %q, want one question for each of two streams", got)
	}
}

// A name may mean something else a moment later. What was judged is what the engine is told to act upon.
func TestARequestIsForwardedByTheIDThatWasJudged(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/a/al/json", hosttest.JSON(200, inspected))
	engine.Handle("POST /containers/*/kill", hosttest.JSON(204, ""))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "foreign", "wants-resource"))
	resp, _ := g.Do("POST", "/v1.41/containers/a/al/kill?signal=TERM", "", "")
	if resp.StatusCode != 404 || served(engine).Target != "/v1.41/containers/a/al/kill?signal=TERM" {
		t.Errorf("without a word of a filter the engine gets %s", served(engine).Target)
	}
	status, result := post(t, g, engine, "/v1.41/containers/a%2Fal/kill?signal=TERM", "sluice.pin", "")
	if status != "00" || !strings.Contains(result, `"pinned":true`) {
		t.Fatalf("the filter is told %s %s", status, result)
	}
	last := served(engine)
	if want := "/v1.41/containers/" + fullID + "/kill?signal=TERM"; last.Target != want {
		t.Errorf("the engine gets %s, want %s", last.Target, want)
	}
	// The filter behind it knows that this is the same, and asks nobody.
	if got := last.Header.Get("x-id"); got != fullID {
		t.Errorf("the next filter reads the id %q", got)
	}
	if got := inspections(engine); len(got) != 2 {
		t.Errorf("the engine was asked for %q, want one question a stream", got)
	}
}

// post is call for a POST.
func post(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker, path, function, arguments string) (status, result string) {
	t.Helper()
	conn, r := g.Dial()
	if _, err := conn.Write([]byte("POST " + path + " HTTP/1.1\r\nHost: d\r\nx-function: " + function + "\r\nx-arguments: " + arguments +
		"\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	readHead(t, r)
	header := served(engine).Header
	return header.Get("x-status"), header.Get("x-result")
}

func TestAFilterIsToldWhenTheEngineDoesNotAnswer(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	engine.Handle("GET /containers/broken/json", hosttest.JSON(500, `{"message":"layer does not exist"}`))
	engine.Handle("GET /containers/gone/json", hosttest.JSON(404, `{"message":"No such container: gone"}`))
	silence := make(chan struct{})
	engine.Handle("GET /containers/silent/json", hosttest.Silent(silence))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "foreign"))
	impatient := hosttest.StartGateway(t, engine.Address(), "limits: {resolve: 50ms}\n"+filters(t, "foreign"))
	for _, test := range []struct{ arguments, status, result string }{
		{`{"kind":"container","ref":"gone"}`, "00", `"problem":"not_found"`},
		{`{"kind":"container","ref":".."}`, "00", `"problem":"bad_reference"`},
		{`{"kind":"container","ref":"broken"}`, "11", ""},
		{`{"kind":"nonsense","ref":"gone"}`, "02", ""},
		{``, "02", ""}, // the request names nothing
	} {
		status, result, _ := call(t, g, engine, "/info", "sluice.resolve", test.arguments)
		if status != test.status || !strings.Contains(result, test.result) {
			t.Errorf("%s: told %s %s, want %s %s", test.arguments, status, result, test.status, test.result)
		}
	}
	g.Log.Wait(t, "layer does not exist")
	if status, result, _ := call(t, impatient, engine, "/info", "sluice.resolve", `{"kind":"container","ref":"silent"}`); status != "11" || result != "" {
		t.Errorf("of silence, told %s %s, want 11", status, result)
	}
	<-silence
	impatient.Log.Wait(t, "limits.resolve")
}

// What a filter asked for beforehand is found out before its instance is entered: a slow answer holds up its own request only.
func TestWhatIsAskedForBeforehandHoldsNobodyElseUp(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	asked, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	engine.Handle("GET /containers/web/json", func(x *hosttest.Exchange) bool {
		close(asked)
		<-release
		return hosttest.JSON(200, inspected)(x)
	})
	engine.Handle("GET /containers/web/top", hosttest.JSON(200, "{}"))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "wants-resource instances: 1"))
	slow := make(chan int)
	go func() {
		resp, _ := g.Do("GET", "/v1.41/containers/web/top", "", "")
		slow <- resp.StatusCode
	}()
	<-asked
	if resp, _ := g.Do("GET", "/info", "", ""); resp.StatusCode != 200 {
		t.Errorf("another request got %d", resp.StatusCode)
	}
	if header := served(engine).Header; header.Get("x-id") != "" || header.Get("x-owner") != "" {
		t.Errorf("a request without a resource has the id %q and the owner %q: a filter's own word was taken for the host's", header.Get("x-id"), header.Get("x-owner"))
	}
	free()
	if status := <-slow; status != 200 {
		t.Errorf("the slow request got %d", status)
	}
	if header := served(engine).Header; header.Get("x-id") != fullID || header.Get("x-owner") != "me" {
		t.Errorf("the filter read the id %q and the owner %q", header.Get("x-id"), header.Get("x-owner"))
	}
}

func TestTheOwnerLabelIsConfigured(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /volumes/data", hosttest.JSON(200, `{"Name":"data","Labels":{"com.example.owner":"them","sluice.owner":"me"}}`))
	g := hosttest.StartGateway(t, engine.Address(), "owner_label: com.example.owner\n"+filters(t, "wants-resource"))
	if g.Do("GET", "/volumes/data", "", ""); served(engine).Header.Get("x-owner") != "them" {
		t.Errorf("the owner is %q, want them", served(engine).Header.Get("x-owner"))
	}
}
