package host_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

//go:generate go test -run TestEachPhaseOffersWhatItMay -update
var update = flag.Bool("update", false, "write the tables of README.md, and the golden files")

// probed are the columns of the table of phases: what the guest "probe" tries, by
// the place of its two digits in the line.
var probed = []struct {
	name string
	at   int
}{
	{"request headers", 0},
	{"request body", 16},
	{"request trailers", 2},
	{"response headers", 4},
	{"response body", 18},
	{"response trailers", 6},
	{"client's data", 20},
	{"engine's data", 22},
	{"a call's headers, body", 12},
	{"VM, plugin configuration", 28},
	{"local response", 34},
}

// phases are the rows, by what the guest calls them.
var phases = []struct{ probe, name string }{
	{"vm_start/-", "`proxy_on_vm_start`"},
	{"configure/-", "`proxy_on_configure`"},
	{"tick/-", "`proxy_on_tick`"},
	{"queue_ready/-", "`proxy_on_queue_ready`"},
	{"effective/-", "… with a held stream as the effective context"},
	{"context_create/-", "`proxy_on_context_create` of a stream"},
	{"request_headers/", "`proxy_on_request_headers`"},
	{"request_body/", "`proxy_on_request_body`"},
	{"request_trailers/", "`proxy_on_request_trailers`, no body held"},
	{"response_headers/", "`proxy_on_response_headers`"},
	{"response_body/", "`proxy_on_response_body`"},
	{"response_trailers/", "`proxy_on_response_trailers`, no body held"},
	{"new_connection/-", "`proxy_on_new_connection`"},
	{"downstream_data/", "`proxy_on_downstream_data`"},
	{"upstream_data/", "`proxy_on_upstream_data`"},
	{"downstream_connection_close/-", "`proxy_on_downstream_connection_close`"},
	{"upstream_connection_close/-", "`proxy_on_upstream_connection_close`"},
	{"http_call_response/6", "an answer to a call, nothing held"},
	{"http_call_response/1", "… the request's headers held"},
	{"http_call_response/2", "… the request's body held"},
	{"http_call_response/3", "… the response's headers held"},
	{"http_call_response/4", "… the response's body held"},
	{"http_call_response/8", "… the request's trailers held, and no body"},
	{"http_call_response/9", "… the response's trailers held, and no body"},
	{"http_call_response/5", "… a new connection held"},
	{"done/-", "`proxy_on_done`"},
	{"log/-", "`proxy_on_log`"},
	{"delete/-", "`proxy_on_delete`"},
}

// cell writes two statuses: of reading and of writing.
func cell(digits string) string {
	switch digits {
	case "00":
		return "rw"
	case "02":
		return "r"
	case "?2":
		return "r, once they have come"
	case "0?":
		return "r, w until it goes on"
	case "1?", "10":
		return "w at the end"
	case "12":
		return "–"
	}
	return "(" + digits + ")"
}

// probes returns the lines of the first filter, a guest "probe": the phase and its
// digits.
func probes(log *hosttest.Log) (lines [][2]string) { return probesOf(log, "probe-1") }

func probesOf(log *hosttest.Log, filter string) (lines [][2]string) {
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Filter != filter {
			continue
		}
		if phase, digits, ok := strings.Cut(entry.Msg, ":"); ok && strings.Contains(phase, "/") {
			lines = append(lines, [2]string{phase, digits})
		}
	}
	return lines
}

const probing = "probe instances: 1, callouts: [docker], stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers, response_trailers]"

func TestEachPhaseOffersWhatItMay(t *testing.T) {
	engine := echoing(t)
	noted := make(chan struct{})
	var calls sync.Mutex // calls are answered while nobody has it
	engine.Handle("GET /_ping", func(x *hosttest.Exchange) bool {
		calls.Lock()
		defer calls.Unlock()
		return hosttest.JSON(200, "OK")(x)
	})
	engine.Handle("POST /images/load", echo)
	engine.Handle("POST /build", func(x *hosttest.Exchange) bool { // the request is here, with its trailers
		calls.Unlock()
		<-noted
		_, err := io.Copy(io.Discard, x.Body)
		return err == nil && x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-t: 1\r\n\r\n")
	})
	engine.Handle("GET /version", func(x *hosttest.Exchange) bool {
		<-noted
		return hosttest.JSON(200, "{}")(x)
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t, probing))
	engine.Handle("POST /containers/create", echo)
	for _, c := range [][2]string{
		{"0", "/images/load"},
		{"1", "/images/load"},
		{"2", "/images/load"},
		{"3", "/images/load"},
		{"4", "/images/load"},
		{"7", "/images/load"},
		{"4", "/containers/create"},
	} {
		hold, text := c[0], "{}"
		if hold == "0" {
			text = strings.Repeat("a body that comes in pieces", 1<<15)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://docker"+c[1], strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Hold", hold)
		req.Header.Set("Content-Type", "application/json")
		resp, err := g.Client().Do(req)
		if err != nil {
			t.Fatalf("held in phase %s: %v", hold, err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("held in phase %s: status %d", hold, resp.StatusCode)
		}
	}
	engine.Handle("GET /info", func(x *hosttest.Exchange) bool {
		return x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-t: 1\r\n\r\n")
	})
	for _, hold := range []string{"0", "3", "4", "8"} {
		if code, _ := loads(t, g, "/images/load", "body", "x-t: 1\r\n", "X-Hold: "+hold+"\r\n"); code != 200 {
			t.Errorf("with trailers, held in phase %s: status %d", hold, code)
		}
	}
	for _, hold := range []string{"0", "9"} {
		conn, r := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nX-Hold: %s\r\n\r\n", hold)
		if code, _ := answered(t, r); code != 200 {
			t.Errorf("with trailers of the response, held in phase %s: status %d", hold, code)
		}
		conn.Close()
	}
	for _, fields := range []string{"", "x-hold: 5\r\n"} {
		conn, r := hijack(t, g, fields)
		write(t, conn, "data")
		read(t, r, 4)
		conn.Close()
	}
	conn, r := g.Dial()
	write(t, conn, "GET /version HTTP/1.1\r\nHost: d\r\nX-Hold: 6\r\n\r\n")
	g.Log.Wait(t, "http_call_response/6")
	calls.Lock()
	late, rest := g.Dial()
	load(t, late, "/build", "body", "x-t: 1\r\n", "X-Hold: 6\r\n")
	eventually(t, "the answer behind the trailers", func() bool { return strings.Count(g.Log.String(), "http_call_response/6") == 2 })
	close(noted)
	status(t, r)
	status(t, rest)
	g.Log.Wait(t, "queue_ready")

	seen := make(map[string]string)
	for _, p := range probes(g.Log) {
		for _, phase := range phases {
			if strings.HasPrefix(p[0], phase.probe) {
				seen[phase.probe] = either(seen[phase.probe], p[1])
			}
		}
	}
	hosttest.Section(t, "README.md", "phases", phaseTable(t, seen))
}

// either is what is offered in the one or the other call of a phase: ? stands for
// what is in one of them only.
func either(a, b string) string {
	if a == "" {
		return b
	}
	both := []byte(a)
	for i := range both {
		if both[i] != b[i] {
			both[i] = '?'
		}
	}
	return string(both)
}

func phaseTable(t *testing.T, seen map[string]string) string {
	var b strings.Builder
	b.WriteString("| in |")
	for _, column := range probed {
		fmt.Fprintf(&b, " %s |", column.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(probed)) + "\n")
	for _, phase := range phases {
		digits, ok := seen[phase.probe]
		if !ok {
			t.Errorf("%s was not called", phase.name)
			continue
		}
		fmt.Fprintf(&b, "| %s |", phase.name)
		for _, column := range probed {
			switch column.name {
			case "local response":
				fmt.Fprintf(&b, " %s |", map[string]string{".": "yes", "2": "–"}[digits[34:]])
			case "VM, plugin configuration":
				fmt.Fprintf(&b, " %s, %s |", cell(digits[28:30]), cell(digits[30:32]))
			case "a call's headers, body":
				fmt.Fprintf(&b, " %s, %s |", cell(digits[12:14]), cell(digits[24:26]))
			default:
				fmt.Fprintf(&b, " %s |", cell(digits[column.at:column.at+2]))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The guest is told of an end where there is one: with the head of what has no body,
// and else once, with the last of it.
func TestEndOfStreamIsToldWhereItIs(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("POST /containers/c/kill", hosttest.Raw("HTTP/1.1 204 No Content\r\n\r\n"))
	engine.Handle("GET /info", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	engine.Handle("GET /version", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	engine.Handle("GET /events", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	engine.Handle("HEAD /containers/c/archive", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
	for _, c := range []struct{ request, want string }{
		{"POST /containers/c/kill HTTP/1.1\r\nHost: d\r\n\r\n", "request_headers/1 response_headers/1"},
		{"POST /containers/c/kill HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n", "request_headers/1 response_headers/1"},
		{"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\nab", "request_headers/0 request_body/1 response_headers/0 response_body/1"},
		{"POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "request_headers/0 request_body/1 response_headers/0 response_body/1"},
		{"POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "request_headers/0 request_body/1 response_headers/1"},
		{"GET /info HTTP/1.1\r\nHost: d\r\n\r\n", "request_headers/1 response_headers/0 response_body/1"},
		{"GET /version HTTP/1.1\r\nHost: d\r\n\r\n", "request_headers/1 response_headers/1"},
		{"GET /events HTTP/1.1\r\nHost: d\r\n\r\n", "request_headers/1 response_headers/0 response_body/1"},
		{"HEAD /containers/c/archive?path=/ HTTP/1.1\r\nHost: d\r\n\r\n", "request_headers/1 response_headers/1"},
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, probing))
		conn, r := g.Dial()
		write(t, conn, "%s", c.request)
		if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 20") {
			t.Errorf("%q: got %q", c.request, head)
		}
		g.Log.Wait(t, `"msg":"request"`)
		var got []string
		for _, p := range probes(g.Log) {
			if phase := p[0]; strings.HasPrefix(phase, "request_") || strings.HasPrefix(phase, "response_") {
				got = append(got, phase)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: the filter was called at %q, want %q", c.request, got, c.want)
		}
	}
}

// A second local response is refused, whatever is continued after the first one counts
// for nothing, and the guest's answer to the callback neither.
func TestTheFirstLocalResponseCounts(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	for _, c := range []struct {
		at       string
		reached  int    // requests that the engine got
		observed string // what the filter before it saw
	}{
		{"1", 0, "request_headers request_body response_headers response_body"},
		{"2", 0, "request_headers request_body response_headers response_body"},
		{"3", 1, "request_headers request_body response_headers response_body"},
		{"4", 1, "request_headers request_body response_headers response_body"},
	} {
		before := len(engine.Requests())
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "transcript", "answer-twice"))
		conn, r := g.Dial()
		write(t, conn, "POST /containers/create HTTP/1.1\r\nHost: d\r\nX-At: %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", c.at)
		if code, body := status(t, r); code != 403 || !strings.Contains(body, "first") || strings.Contains(body, "second") {
			t.Errorf("in phase %s: got %d %q, want the first response", c.at, code, body)
		}
		if n := len(engine.Requests()) - before; n != c.reached {
			t.Errorf("in phase %s: the engine got %d requests, want %d", c.at, n, c.reached)
		}
		g.Log.Wait(t, `"msg":"request"`)
		// OK, BAD_ARGUMENT; OK, OK, UNIMPLEMENTED; BAD_ARGUMENT twice.
		if !strings.Contains(g.Log.String(), `"msg":"acaamcc"`) {
			t.Errorf("in phase %s: the statuses are others:\n%s", c.at, g.Log.String())
		}
		var seen []string
		for line := range strings.SplitSeq(g.Log.String(), "\n") {
			var entry struct{ Msg, Filter string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Filter == "transcript-1" && strings.Contains(c.observed, entry.Msg) {
				seen = append(seen, entry.Msg)
			}
		}
		if got := strings.Join(seen, " "); c.at != "1" && got != c.observed || c.at == "1" && !strings.HasSuffix(got, "response_headers response_body") {
			t.Errorf("in phase %s: the filter before it saw %q, want %q", c.at, got, c.observed)
		}
	}
}

// A stream's callback asks for ticks as the root's does, and as with Envoy the root gets them.
func TestAStreamAsksForTicks(t *testing.T) {
	d := hosttest.NewDriver(t)
	ticks := make(chan uint32, 1)
	d.Next = func(c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name == "request_headers" && n == 0:
			return d.Call(abi.ImportSetTickPeriodMilliseconds, 1)
		case c.Name == "tick" && n == 0:
			select {
			case ticks <- c.Context:
			default:
			}
		}
		return nil
	}
	g := hosttest.StartGatewayWith(t, infoEngine(t).Address(), "filters: [{name: driver, module: "+d.Module(t, abi.V0_2_1)+", instances: 1}]\n", d.Functions())
	if resp, body := g.Do("GET", "/info", "", ""); resp.StatusCode != 200 {
		t.Fatalf("got %d %q", resp.StatusCode, body)
	}
	if context := <-ticks; context != 1 {
		t.Errorf("the tick is for the context %d, want the root's", context)
	}
}
