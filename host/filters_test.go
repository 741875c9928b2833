package host_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// echo answers with the body of the request.
func echo(x *hosttest.Exchange) bool {
	body, err := io.ReadAll(x.Body)
	if err != nil {
		return false
	}
	return x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// echoAll is echo, with a trailer behind the body where the target has quiet in it.
func echoAll(x *hosttest.Exchange) bool {
	if !strings.Contains(x.Target, "quiet") {
		return echo(x)
	}
	body, err := io.ReadAll(x.Body)
	if err != nil {
		return false
	}
	return x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Tag: t\r\n\r\n", len(body), body)
}

// filters writes the filters part of a configuration: a guest's name each, and
// perhaps further keys behind it.
func filters(t testing.TB, guests ...string) string {
	var b strings.Builder
	b.WriteString("filters:\n")
	for i, guest := range guests {
		name, keys, _ := strings.Cut(guest, " ")
		fmt.Fprintf(&b, "  - {name: %s-%d, module: %s", name, i+1, hosttest.Guest(t, name))
		if keys != "" {
			b.WriteString(", " + keys)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestBodiesPassTheChainForthAndBack(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body", "pause-in-body", "append-body", "noop"))
	_, body := g.Do("POST", "/v1.41/images/load", "application/x-tar", "body")
	if want := "body [seen] [seen] [seen] [seen]"; body != want {
		t.Errorf("body is %q, want %q", body, want)
	}
	if got := engine.Requests()[0].Header.Get("Content-Length"); got != "18" {
		t.Errorf("the engine got Content-Length %q, want 18: a whole body is sent with its length", got)
	}
	resp, body := g.Do("GET", "/info", "", "")
	if want := "{} [seen] [seen]"; body != want || resp.ContentLength != int64(len(want)) {
		t.Errorf("response is %q of Content-Length %d, want %q", body, resp.ContentLength, want)
	}
}

func TestWhatAFilterMakesOfAJSONBodyIsCheckedAgain(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	// append-body makes "{} [seen]" of it, which the engine might read as {}.
	for _, chain := range []string{"append-body", "append-body,pause-in-body", "append-body,noop"} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, strings.Split(chain, ",")...))
		resp, body := g.Do("POST", "/containers/create", "application/json", "{}")
		if resp.StatusCode != 500 || !strings.Contains(body, "a filter rewrote the request's body") {
			t.Errorf("%s: got %d %q, want 500 that says who is to blame", chain, resp.StatusCode, body)
		}
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

func TestTheEngineGetsTheCanonicalBody(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	engine.Handle("POST /containers/c/start", echo)
	engine.Handle("POST /containers/c/kill", echo)
	for name, chain := range map[string]string{"no filter": "", "a filter": filters(t, "noop"), "a whole body": filters(t, "pause-in-body")} {
		g := hosttest.StartGateway(t, engine.Address(), chain)
		for _, c := range []struct {
			target, contentType, body string
			status                    int
			want                      string
		}{
			{"/containers/create", "application/json", `{"hostconfig":{"PRIVILEGED":true}}`, 200, `{"HostConfig":{"Privileged":true}}`},
			{"/containers/create", "application/json", `{"Ho\u017ftConfig":{"Bind\u017f":["/:/h"]}}`, 200, `{"HostConfig":{"Binds":["/:/h"]}}`},
			{"/containers/create", "application/json", `{"Labels":{"a":"1","A":"2"}}`, 200, `{"Labels":{"a":"1","A":"2"}}`},
			{"/containers/create", "application/json", `{"HostConfig":{},"hostConfig":{"Privileged":true}}`, 400, "given before"},
			{"/containers/create", "application/json", `{"Privileged":true}`, 400, "HostConfig"},
			{"/containers/create", "application/json", `{} {}`, 400, "one"},
			{"/containers/create", "application/x-www-form-urlencoded", `name=evil`, 415, "form"},
			{"/v1.23/containers/create", "application/json", `{}`, 400, "1.24"},
			{"/containers/c/start", "application/json", `{"Binds":["/:/h"]}`, 400, "no body"},
			{"/containers/c/start", "application/json", `{}`, 200, ``},
			{"/containers/c/kill", "application/json", `{"signal":"KILL"}`, 200, ``},
		} {
			resp, body := g.Do("POST", c.target, c.contentType, c.body)
			if resp.StatusCode != c.status || c.status == 200 && body != c.want || !strings.Contains(body, c.want) {
				t.Errorf("%s: %s %s: got %d %q, want %d %q", name, c.target, c.body, resp.StatusCode, body, c.status, c.want)
			}
		}
	}
}

func TestHeadersPassTheChainAndKeepTheirSpellingAndOrder(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.Raw("HTTP/1.1 200 OK\r\nx-lower: 1\r\nX-UPPER: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\n{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "header-adder", "noop"))
	conn, r := g.Dial()
	fmt.Fprintf(conn, "GET /info HTTP/1.1\r\nhost: docker\r\nx-Odd: 1\r\nUser-Agent: t\r\n\r\n")
	got := readHead(t, r)
	want := "HTTP/1.1 200 OK\r\nx-lower: 1\r\nX-UPPER: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nx-added-by: header-adder\r\nContent-Length: 2\r\n\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	want = "GET /info HTTP/1.1\r\nHost: docker\r\nx-Odd: 1\r\nUser-Agent: t\r\nx-added-by: header-adder\r\n\r\n"
	if diff := cmp.Diff(want, engine.Requests()[0].Head); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestALocalResponsePassesItsSenderAndTheFiltersBeforeIt(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body", "header-adder", "deny", "header-adder", "header-adder"))
	resp, body := g.Do("POST", "/containers/create", "application/json", "{}")
	if resp.StatusCode != 403 {
		t.Errorf("status is %d, want 403", resp.StatusCode)
	}
	if got := len(resp.Header.Values("X-Added-By")); got != 1 {
		t.Errorf("%d filters saw the response's head, want the one before the sender", got)
	}
	if !strings.HasPrefix(body, `{"message":"denied by filter \"deny-3\": not today (request `) || !strings.HasSuffix(body, " [seen]") {
		t.Errorf("body is %q, want Docker's form of the reason, changed by the first filter", body)
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

func TestADeniedRequestLeavesItsConnectionUsable(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {operations: [ContainerCreate]}"))
	conn, r := g.Dial()
	fmt.Fprintf(conn, "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\n12345GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	for _, want := range []int{403, 200} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != want {
			t.Errorf("status is %d, want %d", resp.StatusCode, want)
		}
	}
}

func TestAFilterMayHoldARequestAndContinueItFromItsTick(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "pause-in-headers instances: 1"))
	for range 3 {
		if resp, body := g.Do("POST", "/containers/create", "application/json", "{}"); resp.StatusCode != 200 || body != "{}" {
			t.Errorf("got %d %q, want 200 {}", resp.StatusCode, body)
		}
	}
}

func TestAFilterCannotHoldARequestForEver(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), "limits: {pause: 50ms}\n"+filters(t, "hold"))
	resp, body := g.Do("GET", "/info", "", "")
	if resp.StatusCode != 503 || !strings.Contains(body, `filter \"hold-1\" failed`) {
		t.Errorf("got %d %q, want 503 naming the filter", resp.StatusCode, body)
	}
	g.Log.Wait(t, "limits.pause")
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

func TestABodyThatAFilterWantsWholeIsRefusedBeyondTheLimit(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("GET /info", hosttest.JSON(200, `"`+strings.Repeat("x", 2000)+`"`))
	for _, way := range []string{"length", "chunked"} {
		g := hosttest.StartGateway(t, engine.Address(), "limits: {body: 1KiB}\n"+filters(t, "pause-in-body"))
		body := func(n int) io.Reader {
			r := io.Reader(strings.NewReader(strings.Repeat("x", n)))
			if way == "chunked" {
				r = io.MultiReader(r) // hides its length
			}
			return r
		}
		for n, want := range map[int]int{1024: 200, 1025: 413, 100_000: 413} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://d/images/load", body(n))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := g.Client().Do(req)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", way, n, err)
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s, %d bytes: status %d %s, want %d", way, n, resp.StatusCode, text, want)
			}
		}
		if resp, body := g.Do("GET", "/info", "", ""); resp.StatusCode != 502 || !strings.Contains(body, "response body is larger than limits.body") {
			t.Errorf("%s: large response: got %d %q, want 502 that says why", way, resp.StatusCode, body)
		}
	}
}

func TestARewrittenPathIsWhatTheNextFilterAndTheEngineGet(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, `{"ID":"x"}`))
	engine.Handle("GET /version", hosttest.JSON(200, `{"Version":"x"}`))
	// rewrite makes /info of /version; the guard behind it is for /info only.
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite", "deny match: {operations: [SystemInfo]}"))
	if resp, body := g.Do("GET", "/v1.41/version", "", ""); resp.StatusCode != 403 {
		t.Errorf("got %d %q, want the guard of /info to deny what /version was rewritten to", resp.StatusCode, body)
	}
	g = hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite", "deny match: {operations: [SystemVersion]}"))
	if resp, body := g.Do("GET", "/v1.41/version", "", ""); resp.StatusCode != 200 || body != `{"ID":"x"}` {
		t.Errorf("got %d %q, want the answer of /info", resp.StatusCode, body)
	}
	if got := engine.Requests()[0].Target; got != "/info" {
		t.Errorf("the engine got %q, want /info", got)
	}
}

func TestMatchLimitsAFilterToItsRequests(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	engine.Handle("GET /containers/json", hosttest.JSON(200, "[]"))
	for _, c := range []struct {
		match  string
		target string
		want   int
	}{
		{"{operations: [SystemInfo]}", "/info", 403},
		{"{operations: [SystemInfo]}", "/containers/json", 200},
		{"{methods: [POST]}", "/info", 200},
		{"{methods: [GET]}", "/info", 403},
		{"{paths: ['^/v1\\.41/info$']}", "/v1.41/info", 403},
		{"{paths: ['^/v1\\.41/info$']}", "/info", 200},
		{"{operations: [SystemInfo], methods: [POST]}", "/info", 200},
		{"{operations: [ContainerList, SystemInfo], paths: ['json$', 'info$']}", "/v1.41/info", 403},
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: "+c.match))
		if resp, body := g.Do("GET", c.target, "", ""); resp.StatusCode != c.want {
			t.Errorf("match %s, %s: got %d %q, want %d", c.match, c.target, resp.StatusCode, body, c.want)
		}
	}
}

func TestStagesLimitAFilter(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body stages: [response_body]"))
	if _, body := g.Do("POST", "/images/load", "application/x-tar", "b"); body != "b [seen]" {
		t.Errorf("body is %q, want it changed on its way back only", body)
	}
}

func TestAGuestOfTheOldestABIIsServed(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "abi-0-1-0 config: {a: 1}"))
	if code, body := get(t, g, "/info", ""); code != 200 {
		t.Fatalf("got %d %q, want 200", code, body)
	}
	header := engine.Requests()[0].Header
	if got := header.Get("X-Config"); got != `{"a":1}` {
		t.Errorf("its configuration came as %q", got)
	}
	if got, there := header["X-Missing"]; !there || got[0] != "" {
		t.Errorf("a missing field reads as %q, want empty and no error", got)
	}
}
