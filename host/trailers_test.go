package host_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

const (
	requestTrailers  = "trailers stages: [request_body, request_trailers]"
	responseTrailers = "trailers stages: [response_body, response_trailers]"
	// bodyAlone is a filter beside it that has not asked.
	bodyAlone = "trailers stages: [request_body]"
)

// framed is the request's body as it came: its framing, and behind it its chunks and
// trailers, line by line.
func framed(x *hosttest.Exchange) (text string, ok bool) {
	var came strings.Builder
	if x.Header.Get("Content-Length") != "" {
		body, err := io.ReadAll(x.Body)
		if err != nil {
			return "", false
		}
		came.WriteString("length " + string(body))
	} else {
		came.WriteString("chunks")
		for last := false; ; {
			line, err := x.Reader.ReadString('\n')
			line = strings.TrimSuffix(line, "\r\n")
			if err != nil {
				return "", false
			}
			if last && line == "" {
				break
			}
			last = last || line == "0"
			came.WriteString(" " + line)
		}
	}
	return came.String(), true
}

// repeatBody answers with the request's body as it came.
func repeatBody(x *hosttest.Exchange) bool {
	body, ok := framed(x)
	if ok {
		x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	return false
}

// loads sends a body in one chunk with trailers behind it, and returns the answer. fields
// are lines of the head.
func loads(t *testing.T, g *hosttest.Gateway, target, body, trailers string, fields ...string) (status int, answer string) {
	t.Helper()
	conn, r := g.Dial()
	defer conn.Close()
	load(t, conn, target, body, trailers, fields...)
	return answered(t, r)
}

// load is the sending half of loads.
func load(t *testing.T, conn net.Conn, target, body, trailers string, fields ...string) {
	t.Helper()
	if body != "" {
		body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	}
	// In one piece, which comes as one: what filters are called with depends on it.
	write(t, conn, "POST %s HTTP/1.1\r\nHost: d\r\n%sContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n%s\r\n",
		target, strings.Join(fields, ""), body, trailers)
}

// answered reads an answer; status 0 is none.
func answered(t *testing.T, r *bufio.Reader) (status int, body string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, string(text) + " (cut)"
	}
	if len(resp.Trailer) > 0 {
		trailer, err := json.Marshal(resp.Trailer)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, ' '), trailer...)
	}
	return resp.StatusCode, string(text)
}

// trailerStory is a message on its way through some filters, and what comes of it.
type trailerStory struct {
	body, trailers string
	chain          []string
	status         int
	answer         string   // a part of it
	told           []string // what the filters say that they were called with; nil for anything
}

func (c *trailerStory) check(t *testing.T, g *hosttest.Gateway, status int, answer string) {
	t.Helper()
	if status != c.status || !strings.Contains(answer, c.answer) {
		t.Errorf("got %d %q, want %d with %q", status, answer, c.status, c.answer)
	}
	g.Log.Wait(t, `"msg":"request"`)
	if got := told(g.Log); c.told != nil && !slices.Equal(got, c.told) {
		t.Errorf("the filters saw\n\t%q\nwant\n\t%q", got, c.told)
	}
}

func TestRequestTrailersPassTheFiltersThatAskForThem(t *testing.T) {
	const notes = "X-Note: mine\r\nX-Gone: soon\r\n"
	for name, c := range map[string]trailerStory{
		"one that looks on": {
			"body", notes,
			[]string{requestTrailers},
			200, "chunks 4 body 0 X-Note: mine X-Gone: soon",
			[]string{"1 request body 4 0", "1 request trailers 2"},
		},
		"no trailers": {"body", "", []string{requestTrailers}, 200, "body", []string{"1 request body 4 1"}},
		"nobody asked": {
			"body", "X-Do: d\r\n", []string{bodyAlone}, 200, "length body", []string{"1 request body 4 1"},
		},
		"one that edits": {
			"body", "X-Do: e\r\n" + notes, []string{requestTrailers}, 200, "chunks 4 body 0 X-Do: e X-Note: edited", nil,
		},
		"one that denies": {"body", "X-Do: d\r\n", []string{requestTrailers}, 403, "not with this trailer", nil},
		"one that holds the body until then and denies": {
			"held", "X-Do: d\r\n",
			[]string{requestTrailers},
			403, "not with this trailer",
			[]string{"1 request body 4 0", "1 request trailers 1"},
		},
		"one that closes": {"body", "X-Do: c\r\n", []string{requestTrailers}, 0, "", nil},
		"one that traps":  {"body", "X-Do: t\r\n", []string{requestTrailers}, 503, "failed", nil},
		"one that traps and need not": {
			"held", "X-Do: t\r\n", []string{requestTrailers + ", on_failure: allow"}, 200, "chunks 4 held 0 X-Do: t", nil,
		},
		"one that pauses": {
			"body", "X-Do: p\r\n", []string{requestTrailers}, 200, "chunks 4 body 0 X-Do: p", nil,
		},
		"one that holds the body until then and pauses": {
			"held", "X-Do: p\r\n", []string{requestTrailers}, 200, "chunks 4 held 0 X-Do: p", nil,
		},
		"one that replaces the body that it holds": {
			"held", "X-Do: r\r\n", []string{requestTrailers}, 200, "chunks 8 replaced 0 X-Do: r", nil,
		},
		"one that adds what cannot be a trailer": {"body", "X-Do: f\r\n", []string{requestTrailers}, 500, "authorization cannot be a trailer", nil},
		"one that adds too many":                 {"body", "X-Do: m\r\n", []string{requestTrailers}, 500, "more than 64 fields", nil},
		"a client that sends what cannot be one": {"body", "Authorization: me\r\n", []string{requestTrailers}, 400, "Authorization cannot be a trailer", nil},
		"no body":                                {"", notes, []string{requestTrailers}, 200, "chunks 0 X-Note: mine X-Gone: soon", []string{"1 request trailers 2"}},
		"one that looks at nothing else": {
			"body", notes,
			[]string{"trailers stages: [request_trailers]"},
			200, "chunks 4 body 0 X-Note: mine X-Gone: soon",
			[]string{"1 request trailers 2"},
		},
		"beside others that did not ask": {
			"held", "X-Do: e\r\nX-Note: mine\r\n",
			[]string{bodyAlone, requestTrailers, bodyAlone},
			200, "chunks 4 held 0 X-Do: e X-Note: edited",
			[]string{"1 request body 4 1", "2 request body 4 0", "2 request trailers 2", "3 request body 4 1"},
		},
		"two that asked": {
			"held", "X-Do: e\r\nX-Gone: soon\r\n",
			[]string{requestTrailers, requestTrailers},
			200, "chunks 4 held 0 X-Do: e x-note: edited",
			[]string{"1 request body 4 0", "1 request trailers 2", "2 request body 4 0", "2 request trailers 2"},
		},
		"one that adds some": {
			"1234", "", []string{requestTrailers}, 200, "chunks 4 1234 0 x-note: edited", []string{"1 request body 4 1"},
		},
		"one that adds some, before one that asked and one that did not": {
			"1234", "",
			[]string{requestTrailers, bodyAlone, requestTrailers},
			200, "chunks 4 1234 0 x-note: edited",
			[]string{"1 request body 4 1", "2 request body 4 1", "3 request body 4 0", "3 request trailers 1"},
		},
		"one that adds some, and holds the body": {"4321", "", []string{requestTrailers}, 200, "chunks 4 4321 0 x-note: edited", nil},
		"one that adds some, and did not ask":    {"1234", "", []string{bodyAlone}, 200, "length 1234", nil},
		"one that adds what cannot be one":       {"2143", "", []string{requestTrailers}, 500, "authorization cannot be a trailer", nil},
		"one that adds some, and traps":          {"3214", "", []string{requestTrailers}, 503, "failed", nil},
		"one that adds some, traps and need not": {
			"3214", "",
			[]string{requestTrailers + ", on_failure: allow", requestTrailers + ", on_failure: allow"},
			200, "length 3214",
			[]string{"1 request body 4 1", "2 request body 4 1"},
		},
		"one that adds some, without a grant": {
			"1234", "", []string{requestTrailers + ", capabilities: {request_headers: {read: all}, request_body: all}"}, 200, "length 1234", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			engine.Handle("POST /images/load", repeatBody)
			g := hosttest.StartGateway(t, engine.Address(), filters(t, c.chain...))
			status, answer := loads(t, g, "/images/load", c.body, c.trailers)
			c.check(t, g, status, answer)
		})
	}
}

// A JSON body is read whole before anybody sees it: its trailers come behind the whole.
func TestTrailersComeBehindABodyThatIsReadWhole(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", repeatBody)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, requestTrailers))
	if status, answer := loads(t, g, "/containers/create", `{"image": ""}`, "X-Do: e\r\n"); status != 200 || answer != "chunks d {\"Image\": \"\"} 0 X-Do: e x-note: edited" {
		t.Errorf("got %d %q, want the body in one form and what the filter left of the trailers", status, answer)
	}
	if status, answer := loads(t, g, "/containers/create", `{"image": ""}`, "X-Do: d\r\n"); status != 403 {
		t.Errorf("got %d %q, want 403", status, answer)
	}
	if n := len(engine.Requests()); n != 1 {
		t.Errorf("the engine got %d requests, want 1: the other one was denied", n)
	}
}

func TestResponseTrailersPassTheFiltersThatAskForThem(t *testing.T) {
	for name, c := range map[string]trailerStory{
		"one that looks on": {
			"body", "X-Note: mine\r\n",
			[]string{responseTrailers},
			200, `body {"X-Note":["mine"]}`,
			[]string{"1 response body 4 0", "1 response trailers 1"},
		},
		"no trailers":     {"body", "", []string{responseTrailers}, 200, "body", []string{"1 response body 4 1"}},
		"nobody asked":    {"body", "X-Do: d\r\n", []string{"trailers stages: [response_body]"}, 200, "body", []string{"1 response body 4 1"}},
		"one that edits":  {"body", "X-Do: e\r\nX-Gone: soon\r\n", []string{responseTrailers}, 200, `body {"X-Do":["e"],"X-Note":["edited"]}`, nil},
		"one that pauses": {"body", "X-Do: p\r\n", []string{responseTrailers}, 200, `body {"X-Do":["p"]}`, nil},
		"one that holds the body until then and replaces it": {
			"held", "X-Do: r\r\n", []string{responseTrailers}, 200, `replaced {"X-Do":["r"]}`, nil,
		},
		"beside others that did not ask": {
			"held", "X-Do: e\r\n",
			[]string{"trailers stages: [response_body]", responseTrailers},
			200, `held {"X-Do":["e"],"X-Note":["edited"]}`,
			[]string{"2 response body 4 0", "2 response trailers 1", "1 response body 4 1"},
		},
		"one that holds the body until then and denies": {"held", "X-Do: d\r\n", []string{responseTrailers}, 403, "not with this trailer", nil},
		"one that adds some": {
			"1234", "",
			[]string{responseTrailers, "trailers stages: [response_body]", responseTrailers},
			200, `1234 {"X-Note":["edited"]}`,
			[]string{"3 response body 4 1", "2 response body 4 1", "1 response body 4 0", "1 response trailers 1"},
		},
		"one that adds some, and holds the body":  {"4321", "", []string{responseTrailers}, 200, `4321 {"X-Note":["edited"]}`, nil},
		"one that adds what cannot be one":        {"2143", "", []string{responseTrailers}, 502, "authorization cannot be a trailer", nil},
		"an engine that sends what cannot be one": {"held", "Content-Type: x\r\n", []string{responseTrailers}, 502, "Content-Type cannot be a trailer", nil},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			engine.Handle("GET /info", func(x *hosttest.Exchange) bool {
				return x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n",
					len(c.body), c.body, c.trailers)
			})
			g := hosttest.StartGateway(t, engine.Address(), filters(t, c.chain...))
			conn, r := g.Dial()
			write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
			status, answer := answered(t, r)
			conn.Close()
			c.check(t, g, status, answer)
		})
	}
}

// Of an answer whose head is out a filter can only keep back the end, and the client can tell.
func TestAStreamsTrailersPassTheFilters(t *testing.T) {
	for do, want := range map[string]string{
		"e": `{} {"X-Do":["e"],"X-Note":["edited"]}`, "p": `{} {"X-Do":["p"]}`, "d": "(cut)", "c": "(cut)", "t": "(cut)", "f": "(cut)",
	} {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
			return x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Do: %s\r\n\r\n", do)
		})
		g := hosttest.StartGateway(t, engine.Address(), filters(t, responseTrailers))
		conn, r := g.Dial()
		write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
		if status, answer := answered(t, r); status != 200 || !strings.Contains(answer, want) {
			t.Errorf("%s: got %d %q, want %q", do, status, answer, want)
		}
	}
}

// Behind a stream, and behind each record of it, it is as behind a body; behind a local
// response nothing can be added, which is sent with its length.
func TestTrailersAreAddedBehindStreamsAndNotBehindLocalResponses(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n123\n\r\n0\r\n\r\n"))
	for name, c := range map[string]struct{ chain, answer string }{
		"a stream": {responseTrailers, "123\n {\"X-Note\":[\"edited\"]}"},
		"records":  {responseTrailers + ", config: x", "123\n {\"X-Note\":[\"edited\"]}"},
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, c.chain))
		conn, r := g.Dial()
		write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
		if status, answer := answered(t, r); status != 200 || answer != c.answer {
			t.Errorf("%s: got %d %q, want %q", name, status, answer, c.answer)
		}
		conn.Close()
	}

	d := hosttest.NewDriver(t)
	added := make(chan abi.Status, 1)
	d.Next = func(c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name == "request_headers" && n == 0:
			return d.Call(abi.ImportSendLocalResponse, 200, "", "1234", "", -1)
		case c.Name == "response_body" && n == 0:
			return d.Call(abi.ImportAddHeaderMapValue, int(abi.MapTypeHTTPResponseTrailers), "x-note", "mine")
		case c.Name == "response_body":
			added <- c.Last.Status
		}
		return nil
	}
	g := hosttest.StartGatewayWith(t, engine.Address(), "filters: [{name: driver, module: "+d.Module(t, abi.V0_2_1)+", instances: 1, stages: [request_headers, response_body, response_trailers]}]\n", d.Functions())
	conn, r := g.Dial()
	defer conn.Close()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	if status, answer := answered(t, r); status != 200 || answer != "1234" {
		t.Errorf("a local response: got %d %q, want it as it was sent", status, answer)
	}
	if status := <-added; status != abi.StatusBadArgument {
		t.Errorf("behind a local response a trailer is added with %v, want BAD_ARGUMENT", status)
	}
}

// The maps of trailers are granted with those of the head.
func TestTrailersAreGrantedAsFieldsAre(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", repeatBody)
	for grants, want := range map[string]string{
		"{request_headers: all, request_body: all}":                     "chunks 4 body 0 X-Do: e X-Note: edited",
		"{request_headers: {read: all}, request_body: all}":             "chunks 4 body 0 X-Do: e X-Note: mine X-Gone: soon",
		"{request_headers: {read: [x-note]}, request_body: all}":        "chunks 4 body 0 X-Do: e X-Note: mine X-Gone: soon",
		"{request_headers: {read: all, write: [x-gone]}, timers: true}": "chunks 4 body 0 X-Do: e X-Note: mine",
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, requestTrailers+", capabilities: "+grants))
		if status, answer := loads(t, g, "/images/load", "body", "X-Do: e\r\nX-Note: mine\r\nX-Gone: soon\r\n"); status != 200 || answer != want {
			t.Errorf("granted %s: got %d %q, want %q", grants, status, answer, want)
		}
	}
}

// A filter that pauses because it wanted to deny, and may not, is nobody's consent.
func TestADenialInTrailersThatIsNotGrantedFails(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", repeatBody)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, requestTrailers+", capabilities: {request_headers: all, request_body: all}"))
	if status, answer := loads(t, g, "/images/load", "held", "X-Do: d\r\n"); status != 503 {
		t.Errorf("got %d %q, want 503", status, answer)
	}
}

// What a filter holds the filters behind it do not see, in no callback.
func TestTrailersAreSeenOnceTheFiltersBeforeHaveLetGo(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", repeatBody)
	called, first, second := make(chan struct{}, 2), make(chan struct{}), make(chan struct{})
	answers := []chan struct{}{first, second} // what the calls wait for
	var mu sync.Mutex
	engine.Handle("GET /_ping", func(x *hosttest.Exchange) bool {
		mu.Lock()
		wait := answers[0]
		answers = answers[1:]
		mu.Unlock()
		called <- struct{}{}
		<-wait
		return hosttest.JSON(200, "OK")(x)
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t, probing+", config: 8", probing+", config: 6"))
	conn, r := g.Dial()
	defer conn.Close()
	write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n")
	<-called // by the second filter, with the head
	write(t, conn, "4\r\nmore\r\n0\r\nx-t: 1\r\n\r\n")
	<-called // by the first one, which holds the trailers
	close(first)
	g.Log.Wait(t, "http_call_response/6")
	close(second)
	if status, answer := answered(t, r); status != 200 || !strings.Contains(answer, "0 x-t: 1 ") {
		t.Errorf("got %d %q, want the trailers passed on", status, answer)
	}
	g.Log.Wait(t, `"op":"ImageLoad"`)
	seen := make(map[string]string)
	for filter, phase := range map[string]string{"probe-1": "http_call_response/8", "probe-2": "http_call_response/6"} {
		for _, p := range probesOf(g.Log, filter) {
			if p[0] == phase || filter == "probe-2" && (p[0] == "request_trailers/-" || p[0] == "response_headers/0" || p[0] == "log/-") {
				seen[filter+" "+p[0]] = cell(p[1][2:4])
			}
		}
	}
	want := map[string]string{
		"probe-1 http_call_response/8": "rw", "probe-2 http_call_response/6": "–",
		"probe-2 request_trailers/-": "rw", "probe-2 response_headers/0": "r", "probe-2 log/-": "r",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("of the request's trailers the filters see (-want +got):\n%s", diff)
	}
}
