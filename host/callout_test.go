package host_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// service is a service that filters may call. It answers by the path.
type service struct {
	Address string
	// arrived gets the path of each call, ended that of each call that is
	// answered or was given up.
	arrived, ended chan string
	// release lets go of calls to /blocked.
	release chan struct{}
	calls   atomic.Int32
}

func startService(t testing.TB, network string) *service {
	t.Helper()
	s := &service{arrived: make(chan string, 100), ended: make(chan string, 100), release: make(chan struct{})}
	s.Address = serveHTTP(t, network, s)
	return s
}

// serveHTTP starts a server and returns its address.
func serveHTTP(t testing.TB, network string, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	if network == "unix" {
		server.Listener.Close()
		l, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
		if err != nil {
			t.Fatal(err)
		}
		server.Listener = l
	}
	server.Start()
	t.Cleanup(server.Close)
	return network + "://" + server.Listener.Addr().String()
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.calls.Add(1)
	s.arrived <- r.URL.Path
	defer func() { s.ended <- r.URL.Path }()
	switch r.URL.Path {
	case "/blocked":
		select {
		case <-s.release:
		case <-r.Context().Done():
			return
		}
		fmt.Fprint(w, "released")
	case "/counted":
		fmt.Fprintf(w, "answer %d", n)
	case "/oversize"[:8]: // the guest's paths have 8 bytes
		_, _ = io.WriteString(w, strings.Repeat("x", 2<<20))
	case "/hangsup":
		panic(http.ErrAbortHandler)
	case "/created":
		fmt.Fprint(w, `{"image":"from-the-service"}`)
	default:
		fmt.Fprint(w, "fine")
	}
}

// upstream is the part of a configuration that lets filters call the service.
func (s *service) upstream() string {
	return fmt.Sprintf("upstreams: [{name: svc, address: '%s', timeout: 20s}]\n", s.Address)
}

// asks is a request with scripts for the guest callout.
func asks(t *testing.T, g *hosttest.Gateway, method, target, body string, scripts map[string]string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://docker"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		req.Header.Set(name, script)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return resp.StatusCode, resp.Header, string(text)
}

// within waits for something that another goroutine is to say.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("%s: nothing within a minute", what)
		panic("unreachable")
	}
}

const caller = "callout instances: 1, callouts: [svc]"

func TestAFilterAsksAServiceBeforeItLetsARequestGo(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		s := startService(t, network)
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("GET /info", hosttest.JSON(200, "{}"))
		g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
		for range 3 {
			if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-then-1": "h0"}); code != 200 {
				t.Fatalf("got %d %q", code, body)
			}
		}
		for _, r := range engine.Requests() {
			if got := r.Header.Get("X-Answer"); got != "fine" {
				t.Errorf("the engine got x-answer %q, want the service's", got)
			}
		}
		g.Log.Wait(t, "http 3 4 4 0 200 fine 0 ")
		if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-then-1": "d"}); code != 403 || !strings.Contains(body, `denied by filter \"callout-1\": fine (request `) {
			t.Errorf("got %d %q, want a denial in the service's words", code, body)
		}
		if n := len(engine.Requests()); n != 3 {
			t.Errorf("the engine got %d requests, want 3", n)
		}
	}
}

func TestCallsRunAtTheSameTime(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	done := make(chan int, 1)
	go func() {
		code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cccp", "x-path": "/blocked", "x-then-3": "h0"})
		done <- code
	}()
	for range 3 {
		within(t, "calls", s.arrived)
	}
	// And a stream that calls nobody passes the same instance meanwhile.
	if code, _, body := asks(t, g, "GET", "/info", "", nil); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	close(s.release)
	if code := within(t, "the answer", done); code != 200 {
		t.Errorf("got %d", code)
	}
	if got := engine.Requests()[1].Header.Get("X-Answer"); got != "released" {
		t.Errorf("x-answer %q", got)
	}
}

func TestACallMayFollowACall(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {callouts: 1, stream_callouts: 1}\n"+s.upstream()+filters(t, caller))
	code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-path": "/counted", "x-then-1": "c", "x-then-2": "c", "x-then-3": "h0"})
	if code != 200 || engine.Requests()[0].Header.Get("X-Answer") != "answer 3" {
		t.Errorf("got %d %q, x-answer %q", code, body, engine.Requests()[0].Header.Get("X-Answer"))
	}
}

func TestAFailedCallTellsTheFilterWhy(t *testing.T) {
	s := startService(t, "tcp")
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	dead := hosttest.StartGateway(t, engine.Address(), "upstreams: [{name: svc, address: 'unix:///nowhere/s'}]\n"+filters(t, caller))
	for name, c := range map[string]struct {
		g        *hosttest.Gateway
		do, path string
		want     string
	}{
		"too slow":     {g, "tp", "/blocked", "timeout"},
		"too large":    {g, "cp", "/oversiz", "answer too large"},
		"hangs up":     {g, "cp", "/hangsup", "reset"},
		"nobody there": {dead, "cp", "/counted", "no connection"},
	} {
		code, _, body := asks(t, c.g, "GET", "/info", "", map[string]string{"x-do": c.do, "x-path": c.path, "x-then-1": "d"})
		if code != 403 || !strings.Contains(body, ": "+c.want+" (request") {
			t.Errorf("%s: got %d %q, want %q", name, code, body, c.want)
		}
		c.g.Log.Wait(t, " 0 0 0   11 "+c.want)
	}
	dead.Log.Wait(t, `a call of the filter to an upstream failed","filter":"callout-1","upstream":"svc","error":"no connection: dial unix`)
}

// A name that is not granted is one that does not exist.
func TestAFilterCallsWhatItMayOnly(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	for _, keys := range []string{"", " callouts: []", " callouts: [docker]", " callouts: [other]"} {
		g := hosttest.StartGateway(t, engine.Address(), strings.Replace(s.upstream(), "]", ", {name: other, address: 'unix:///x'}]", 1)+filters(t, "callout"+keys))
		asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cgG"})
		for _, status := range []string{`"refused 2"`, `"refused 4"`} { // BAD_ARGUMENT, PARSE_FAILURE
			g.Log.Wait(t, status)
		}
	}
	if s.calls.Load() != 0 {
		t.Error("the service was called")
	}
}

func TestOnlySoManyCallsAreUnderWay(t *testing.T) {
	for name, limits := range map[string]string{"of a stream": "limits: {stream_callouts: 2}\n", "of a filter": "limits: {callouts: 2}\n"} {
		s := startService(t, "unix")
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("GET /info", hosttest.JSON(200, "{}"))
		g := hosttest.StartGateway(t, engine.Address(), limits+s.upstream()+filters(t, caller))
		done := make(chan int, 1)
		go func() {
			code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cccp", "x-path": "/blocked", "x-then-2": "c", "x-then-3": "0"})
			done <- code
		}()
		g.Log.Wait(t, `"refused 10"`)
		g.Log.Wait(t, "too many calls")
		close(s.release)
		if code := within(t, name, done); code != 200 || s.calls.Load() != 3 { // there is room again after an answer
			t.Errorf("%s: status %d, %d calls", name, code, s.calls.Load())
		}
	}
}

// Those of an old generation's streams count, too.
func TestAReloadBringsAFilterNoMoreCalls(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	text := longDrain + "limits: {callouts: 2}\n" + s.upstream() + filters(t, caller)
	g := hosttest.StartGateway(t, engine.Address(), text)
	done := make(chan int, 1)
	go func() {
		code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "ccp", "x-path": "/blocked", "x-then-2": "0"})
		done <- code
	}()
	for range 2 {
		within(t, "the calls", s.arrived)
	}
	reloaded(t, g, text, 1)
	if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "c"}); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	g.Log.Wait(t, `"refused 10"`)
	close(s.release)
	if code := within(t, "the answer", done); code != 200 {
		t.Errorf("the old generation's request got %d", code)
	}
	if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-then-1": "h0"}); code != 200 || s.calls.Load() != 3 {
		t.Errorf("with room again: got %d %q, and %d calls", code, body, s.calls.Load())
	}
}

// One filter of the operator's judges the requests of two tenants, and one of these keeps it waiting.
func TestATenantsOpenCallsLeaveCallsToOthers(t *testing.T) {
	for name, field := range map[string]string{"of requests": "X-Do", "of requests that have ended": "X-Do-Log"} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, "unix")
			text, sockets := twoTenants(t, "callout", "")
			text, _, _ = strings.Cut(text, "filters:")
			g := hosttest.StartGateway(t, infoEngine(t).Address(), "limits: {callouts: 4}\n"+text+s.upstream()+filters(t, caller))
			from := func(tenant, script string) int {
				code, _ := ask(t, "unix", sockets[tenant], "GET /info HTTP/1.1\nHost: docker\n"+script)
				return code
			}
			done := make(chan int, 1)
			go func() { done <- from("ci", field+": cccp\nX-Path: /blocked\nX-Then-2: 0") }()
			for range 2 {
				within(t, "a call of the first tenant's", s.arrived)
			}
			g.Log.Wait(t, `"refused 10"`)
			g.Log.Wait(t, `"limit":"limits.callouts","value":4,"for_tenant":"ci"`)
			if code := from("dev", "X-Do: cp\nX-Then-1: 0"); code != http.StatusOK {
				t.Errorf("the other tenant got %d", code)
			}
			within(t, "its call", s.arrived)
			if code := from("dev", "X-Do-Log: c"); code != http.StatusOK {
				t.Errorf("then it got %d", code)
			}
			within(t, "its call at the end", s.arrived)
			close(s.release)
			if code := within(t, "the first one's answer", done); code != http.StatusOK {
				t.Errorf("the first tenant got %d", code)
			}
		})
	}
}

func TestAClientThatGoesAwayCancelsTheCallsOfItsStream(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	conn, _ := g.Dial()
	fmt.Fprint(conn, "GET /info HTTP/1.1\r\nHost: d\r\nx-do: cp\r\nx-path: /blocked\r\nx-then-1: 0\r\n\r\n")
	within(t, "the call", s.arrived)
	conn.Close()
	within(t, "the end of the call", s.ended)
	g.Log.Wait(t, "the client went away")
	g.Log.Wait(t, "http 1 0 0 0   11 cancelled") // SDKs keep something until they are told
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests", n)
	}
}

func TestAStreamWhoseInstanceIsLostFailsAtOnce(t *testing.T) {
	for policy, want := range map[string]int{"deny": 503, "allow": 200} {
		s := startService(t, "unix")
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /images/load", echo)
		g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller+", on_failure: "+policy))
		got := make(chan string, 3)
		ask := func(scripts map[string]string) {
			code, _, body := asks(t, g, "POST", "/images/load", "the body", scripts)
			got <- fmt.Sprint(code, " ", body)
		}
		for _, stage := range []string{"x-do", "x-do-body"} {
			go ask(map[string]string{stage: "cp", "x-path": "/blocked", "x-then-1": "h0"})
			within(t, "the call", s.arrived)
		}
		// The callback that crashes changes its stream first, which nobody must see.
		ask(map[string]string{"x-do-body": "cp", "x-path": "/counted", "x-then-1": "hb0x"})
		for range 3 {
			if answer := within(t, "the held streams", got); !strings.HasPrefix(answer, fmt.Sprint(want)) || want == 200 && answer != "200 the body" {
				t.Errorf("%s: got %q, want %d", policy, answer, want)
			}
		}
		for _, r := range engine.Requests() {
			if r.Header.Get("X-Answer") != "" {
				t.Errorf("%s: the engine got what a crashed callback left behind: %q", policy, r.Header)
			}
		}
		for range 3 {
			within(t, "the ends of the calls", s.ended)
		}
	}
}

func TestAnswersComeWhileTheirGenerationRetires(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	done := make(chan int, 1)
	go func() {
		code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-path": "/blocked", "x-then-1": "c", "x-then-2": "h0"})
		done <- code
	}()
	within(t, "the call", s.arrived)
	g.Write(s.upstream() + filters(t, "noop"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "d"}); code != 200 {
		t.Errorf("the new generation answers %d", code)
	}
	close(s.release)
	if code := within(t, "the answer", done); code != 200 || engine.Requests()[1].Header.Get("X-Answer") != "released" {
		t.Errorf("got %d, x-answer %q", code, engine.Requests()[1].Header.Get("X-Answer"))
	}
	eventually(t, "the old generation's end", func() bool { return g.Stats().Retiring == 0 })
}

func TestADrainTimeThatIsOverEndsCalls(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), "reload: {watch: false, drain: 50ms}\n"+s.upstream()+filters(t, caller))
	done := make(chan int, 1)
	go func() {
		code, _, _ := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-path": "/blocked"})
		done <- code
	}()
	within(t, "the call", s.arrived)
	g.Write("reload: {watch: false, drain: 50ms}\n" + s.upstream() + filters(t, "noop"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := within(t, "the answer", done); code != 503 {
		t.Errorf("got %d, want 503: its filter is gone", code)
	}
	within(t, "the end of the call", s.ended)
}

func TestATickMayCall(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller+", config: [c]"))
	for range 3 {
		within(t, "calls", s.arrived)
	}
	g.Log.Wait(t, "http 3 4 4 0 200 fine 0 ")
}

func TestAnAnswerMayChangeWhatTheFilterHolds(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("POST /containers/create", echo)
	engine.Handle("GET /info", hosttest.JSON(200, `{"ID":"x"}`))
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	for name, c := range map[string]struct {
		method, target, body string
		scripts              map[string]string
		want                 string
	}{
		"a raw body":           {"POST", "/images/load", "tar", map[string]string{"x-do-body": "cp", "x-then-1": "b0"}, "fine"},
		"a JSON body":          {"POST", "/containers/create", `{"Image":"a"}`, map[string]string{"x-do-body": "cp", "x-path": "/created", "x-then-1": "b0"}, `{"Image":"from-the-service"}`},
		"a response's body":    {"GET", "/info", "", map[string]string{"x-do-response-body": "cp", "x-then-1": "BH1"}, "fine"},
		"a response's head":    {"GET", "/info", "", map[string]string{"x-do-response": "cp", "x-then-1": "H1"}, `{"ID":"x"}`},
		"the head from a body": {"POST", "/images/load", "tar", map[string]string{"x-do-body": "cp", "x-then-1": "h0"}, "tar"},
	} {
		code, header, body := asks(t, g, c.method, c.target, c.body, c.scripts)
		if code != 200 || body != c.want {
			t.Errorf("%s: got %d %q, want %q", name, code, body, c.want)
		}
		if strings.Contains(c.scripts["x-then-1"], "H") && header.Get("X-Answer") != "fine" {
			t.Errorf("%s: the response has x-answer %q", name, header.Get("X-Answer"))
		}
	}
	// What it does not hold, it cannot change: BAD_ARGUMENT.
	g = hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	if code, _, body := asks(t, g, "POST", "/images/load", "tar", map[string]string{"x-do": "cp", "x-then-1": "bHB0"}); code != 200 || body != "tar" {
		t.Errorf("got %d %q", code, body)
	}
	if n := strings.Count(g.Log.String(), `"refused 2"`); n != 3 {
		t.Errorf("%d changes were refused, want 3", n)
	}
}

// A filter that let a request go may still learn that it should not have.
func TestAnAnswerMayDenyWhatIsWithTheEngine(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	gone := make(chan struct{}, 10)
	engine.Handle("POST /containers/c/wait", func(x *hosttest.Exchange) bool {
		_, _ = io.Copy(io.Discard, x.Conn)
		gone <- struct{}{}
		return false
	})
	engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
		x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
		_, _ = io.Copy(io.Discard, x.Conn)
		gone <- struct{}{}
		return false
	})
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	for script, want := range map[string]int{"d": 403, "s": 0} {
		before := len(engine.Requests())
		done := make(chan string, 1)
		go func() {
			code, _, body := asks(t, g, "POST", "/containers/c/wait", "", map[string]string{"x-do": "c", "x-path": "/blocked", "x-then-1": script})
			done <- fmt.Sprint(code, " ", body)
		}()
		within(t, "the call", s.arrived)
		eventually(t, "the request to the engine", func() bool { return len(engine.Requests()) > before })
		s.release <- struct{}{}
		if got := within(t, "the answer", done); !strings.HasPrefix(got, fmt.Sprint(want, " ")) || want == 403 && !strings.Contains(got, "released") {
			t.Errorf("%s: got %q, want %d", script, got, want)
		}
		within(t, "the engine's side", gone)
	}
	// A response that is on its way is cut.
	done := make(chan string, 1)
	go func() {
		code, _, body := asks(t, g, "GET", "/events", "", map[string]string{"x-do-response": "c", "x-path": "/blocked", "x-then-1": "d"})
		done <- fmt.Sprint(code, " ", body)
	}()
	within(t, "the call", s.arrived)
	s.release <- struct{}{}
	if got := within(t, "the answer", done); !strings.Contains(got, "unexpected EOF") {
		t.Errorf("got %q, want a response that breaks off", got)
	}
	within(t, "the engine's side", gone)
	// So is a connection that has left HTTP.
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "hello"))
	conn, r := g.Dial()
	fmt.Fprint(conn, "POST /containers/c/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nx-do: c\r\nx-path: /blocked\r\nx-then-1: d\r\n\r\n")
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("got %q", head)
	}
	within(t, "the call", s.arrived)
	s.release <- struct{}{}
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the connection was not cut: %v", err)
	}
}

func TestCallsAtTheEndOfAStreamBelongToTheRoot(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, caller))
	asks(t, g, "GET", "/info", "", map[string]string{"x-do-log": "c"})
	g.Log.Wait(t, "http 1 4 4 0 200 fine 0 ")
	// One that asked for more time is called back, says that it is done, and is
	// asked for its log.
	asks(t, g, "GET", "/info", "", map[string]string{"x-do-done": "cp", "x-do-log": "c"})
	g.Log.Wait(t, "http 2 4 4 0 200 fine 0 ")
	g.Log.Wait(t, "http 3 4 4 0 200 fine 0 ")
}

func TestCallsLeaveNothingBehind(t *testing.T) {
	var s *service
	t.Cleanup(func() { // when the service is closed, and tells nobody any more
		close(s.arrived)
		close(s.ended)
	})
	s = startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {callouts: 1000}\n"+s.upstream()+filters(t, "callout callouts: [svc]"))
	go func() { // an account that nobody reads would block the service
		for range s.arrived {
		}
	}()
	go func() {
		for range s.ended {
		}
	}()
	settled := func() int {
		n := 0
		eventually(t, "an idle gateway", func() bool {
			time.Sleep(20 * time.Millisecond)
			before := n
			n = runtime.NumGoroutine()
			return n == before && g.Stats().Streams == 0
		})
		return n
	}
	client := g.Client()
	one := func(scripts ...string) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://docker/info", nil)
		for i := 0; i < len(scripts); i += 2 {
			req.Header.Set(scripts[i], scripts[i+1])
		}
		resp, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	round := func() {
		var wait sync.WaitGroup
		for range 20 {
			for _, scripts := range [][]string{
				{"x-do", "ccp", "x-then-2", "h0"},
				{"x-do", "tp", "x-path", "/blocked", "x-then-1", "d"},
				{"x-do", "cp", "x-path", "/counted", "x-then-1", "x"},
				{"x-do", "c", "x-path", "/blocked"},
			} {
				wait.Add(1)
				go func() { defer wait.Done(); one(scripts...) }()
			}
		}
		wait.Wait()
	}
	round()
	before := settled()
	for range 6 {
		round()
	}
	// Up to 16 connections to the service rest, with three goroutines each; 480
	// calls were made.
	if after := settled(); after > before+100 {
		buf := make([]byte, 1<<20)
		t.Errorf("there were %d goroutines, and are %d\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}

// The head of a request stays with a body that is held, whatever wakes the stream.
func TestAStreamThatIsClosedWhileItsBodyIsHeldReachesNobody(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "close-body-from-tick instances: 1", "header-adder"))
	conn, _ := g.Dial()
	fmt.Fprint(conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	if text, _ := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("got %q, want the connection cut", text)
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

// Nothing is left of an isolated stream's instance, but what it asked for at its end
// is done.
func TestAnIsolatedStreamMayCall(t *testing.T) {
	s := startService(t, "unix")
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), s.upstream()+filters(t, "callout instances: 1, isolation: stream, callouts: [svc]"))
	for range 10 {
		code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-path": "/counted", "x-then-1": "h0", "x-do-log": "cG"})
		if code != 200 {
			t.Fatalf("got %d %q", code, body)
		}
		// The same path in both: the one of the log is blocked until the stream is gone.
		for range 2 {
			within(t, "calls", s.arrived)
		}
	}
	for i, r := range engine.Requests() {
		if got := r.Header.Get("X-Answer"); !strings.HasPrefix(got, "answer ") {
			t.Errorf("request %d has x-answer %q", i, got)
		}
	}
	if got := strings.Count(g.Log.String(), `"http `); got != 10 {
		t.Errorf("the guests heard of %d answers, want those of the ten streams", got)
	}
}

func TestAServiceBehindTLSIsKnownAndKnowsTheGateway(t *testing.T) {
	dir := certificates(t)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s by HTTP/%d", r.TLS.PeerCertificates[0].Subject.CommonName, r.ProtoMajor)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientTLS(t, dir).RootCAs}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	engine := infoEngine(t)
	address := "tcp://" + server.Listener.Addr().String()
	for keys, want := range map[string]string{
		"ca: DIR/ca.pem, cert: DIR/alice.pem, key: DIR/alice-key.pem": "alice by HTTP/2",
		"ca: DIR/ca.pem": "no connection or reset", // what the service has against it may come too late
		"cert: DIR/alice.pem, key: DIR/alice-key.pem":                                          "no connection",
		"ca: DIR/ca.pem, cert: DIR/alice.pem, key: DIR/alice-key.pem, server_name: other.test": "no connection",
	} {
		text := fmt.Sprintf("upstreams: [{name: svc, address: '%s', tls: {%s}}]\n", address, strings.ReplaceAll(keys, "DIR", dir))
		g := hosttest.StartGateway(t, engine.Address(), text+filters(t, caller))
		_, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "cp", "x-then-1": "d"})
		if !slices.ContainsFunc(strings.Split(want, " or "), func(want string) bool { return strings.Contains(body, ": "+want+" (request") }) {
			t.Errorf("%s: got %q, want %q", keys, body, want)
		}
	}
}

// The engine is called straight, where the filter may, and as its own address says.
func TestAFilterMayAskTheEngineItself(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /version", hosttest.JSON(200, `"the engine's"`))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	scripts := map[string]string{"x-do": "Dp", "x-path": "/version", "x-then-1": "h0"}
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "callout callouts: [docker]", "deny match: {operations: [SystemVersion]}"))
	if code, _, body := asks(t, g, "GET", "/info", "", scripts); code != 200 {
		t.Fatalf("got %d %q", code, body)
	}
	requests := engine.Requests()
	if len(requests) != 2 || requests[0].Target != "/version" || requests[1].Header.Get("X-Answer") != `"the engine's"` {
		t.Errorf("the engine got %+v", requests)
	}
	// Its bounds can be set like any other's.
	g = hosttest.StartGateway(t, engine.Address(), "upstreams: [{name: docker, body: 4}]\n"+filters(t, "callout callouts: [docker]"))
	scripts["x-then-1"] = "d"
	if _, _, body := asks(t, g, "GET", "/info", "", scripts); !strings.Contains(body, "answer too large") {
		t.Errorf("got %q, want an answer that is too large", body)
	}
}
