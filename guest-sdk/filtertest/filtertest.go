// Package filtertest tests a filter twice with one table of cases: natively, as plain Go that a debugger and the coverage
// tool can look into, and as the compiled WebAssembly module in the gateway's own chain. A filter's main_test.go is
//
//	func TestFilter(t *testing.T) {
//		filtertest.Run(t, filtertest.Suite{
//			Module: "../one-registry.wasm",
//			Config: `{"registry":"registry.example"}`,
//			Cases: []filtertest.Case{{
//				Name:    "an image from elsewhere",
//				Request: filtertest.Post("/v1.41/containers/create", `{"Image":"evil.example/x"}`),
//				Want:    filtertest.Want{Denied: "images must come from registry.example"},
//			}},
//		})
//	}
//
// A filter that resolves references is given an engine of Case.References, and one that calls other services their answers
// by Case.Calls: the compiled filter makes real calls.
//
// The docker.* properties of a case are those that the gateway itself derives from method and path. Bodies arrive in two
// pieces, as on a slow connection.
package filtertest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/record"
)

// Suite is a filter with its cases.
type Suite struct {
	// Module is the path of the compiled filter. Empty runs the cases natively only.
	Module string
	// Config is the configuration, JSON, of the cases that bring none of their own.
	Config string
	Cases  []Case
	// Functions are the foreign functions of a program that embeds the gateway, for filters that call them.
	Functions map[string]foreign.Function
	// Refused maps configurations to a part of the message they are to be refused with.
	Refused map[string]string
}

// Case is one request, with the engine's response to it, and what is to come of them.
type Case struct {
	Name     string
	Config   string // "" for the suite's
	Request  Request
	Response *Response // nil: the case ends when the request is sent to the engine
	// References are what there is in the engine, for filters that resolve references. What is not here does not exist.
	References []Reference
	// EngineSilent: the engine does not answer when it is asked what a reference names.
	EngineSilent bool
	// Calls are those to other services that the filter is to make, and no others, with their answers.
	Calls []Call
	Want  Want
}

// Request is what the client sends.
type Request struct {
	Method, Path string
	Headers      [][2]string
	Body         string
	// Properties are those of the connection, by their dotted names: source.address, peer.uid, peer.tenant. docker.buildkit is "mediated"
	// unless it is given here.
	Properties map[string]string
}

// Response is what the engine answers. Status 101, and 200 without a length to attach and exec, is a hijacked connection, of
// which Body is what the engine sends.
type Response struct {
	Status  int
	Headers [][2]string
	Body    string
	// Terminal says that the container has a terminal. It matters where the engine does not say how its output is framed:
	// up to API 1.41 always.
	Terminal bool
}

// Build is a gRPC call inside of a BuildKit connection, as a gateway that mediates them shows it: the path is its method, as in
// /moby.buildkit.v1.Control/Solve, and the body its message in JSON.
func Build(method, document string) Request { return Post(method, document) }

// Get is a GET request.
func Get(path string) Request { return Request{Method: "GET", Path: path} }

// Post is a POST request with a JSON body, which may be empty.
func Post(path, body string) Request {
	r := Request{Method: "POST", Path: path, Body: body}
	if body != "" {
		r.Headers = [][2]string{{"Content-Type", "application/json"}}
	}
	return r
}

// Frame is a part of the output of a process without a terminal, as it stands in the response to ContainerLogs, ContainerAttach and
// ExecStart. The stream is 1 for standard output and 2 for standard error.
func Frame(stream byte, text string) string {
	return string(record.AppendFrame(nil, record.Stream(stream), text))
}

// OK is a response with status 200 and a JSON body.
func OK(body string) *Response {
	return &Response{Status: 200, Headers: [][2]string{{"Content-Type", "application/json"}}, Body: body}
}

// Want is what is to come of a case. What is left empty is to stay as it was sent, but for headers: only the named ones
// are looked at.
type Want struct {
	// Denied is a part of the reason. Empty: the filter allows.
	Denied string
	// Status of the denial; 0 means 403.
	Status int
	// Path is the path and query that the engine is to get.
	Path string
	// RequestHeaders and ResponseHeaders are expected values by name, several joined by ", "; "" for a header that is
	// not to be there.
	RequestHeaders, ResponseHeaders map[string]string
	// RequestBody and ResponseBody are compared as JSON when they are JSON.
	RequestBody, ResponseBody string
}

// outcome is what came of a case.
type outcome struct {
	denied       bool
	status       int
	reason       string
	path         string
	request      map[string][]string
	requestBody  []byte
	response     map[string][]string
	responseBody []byte
}

// host runs one configured filter.
type host interface {
	// run plays a case.
	run(t *testing.T, c Case) outcome
}

// start configures the filter. The error is that of a refused configuration.
type start func(t *testing.T, config string, p *played) (host, error)

// Run runs the suite natively and, when it names a module, compiled.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if len(s.Cases) == 0 && len(s.Refused) == 0 {
		t.Fatal("the suite has no cases")
	}
	t.Run("native", func(t *testing.T) { s.run(t, startNative) })
	if s.Module == "" {
		return
	}
	code, err := os.ReadFile(s.Module)
	if err != nil {
		t.Fatalf("%v: build the filter first (make filters)", err)
	}
	t.Run("wasm", func(t *testing.T) { s.run(t, compiled(t, code)) })
}

func (s Suite) run(t *testing.T, start start) {
	for _, c := range s.Cases {
		t.Run(c.Name, func(t *testing.T) {
			config := c.Config
			if config == "" {
				config = s.Config
			}
			p := s.newPlayed(t)
			h, err := start(t, config, p)
			if err != nil {
				t.Fatalf("the configuration %s is refused: %v", config, err)
			}
			p.begin(t, c)
			c.check(t, h.run(t, c))
		})
	}
	for _, config := range slices.Sorted(maps.Keys(s.Refused)) {
		want := s.Refused[config]
		t.Run("refuses "+config, func(t *testing.T) {
			if _, err := start(t, config, s.newPlayed(t)); err == nil {
				t.Errorf("the configuration is accepted, want a refusal with %q", want)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("refused with %q, want %q", err, want)
			}
		})
	}
}

func (s Suite) newPlayed(t *testing.T) *played {
	p, err := newPlayed(s.Functions)
	if err != nil {
		t.Fatal(err)
	}
	p.services = s.services()
	return p
}

func (c Case) check(t *testing.T, got outcome) {
	t.Helper()
	w := c.Want
	if w.Denied != "" {
		status := w.Status
		if status == 0 {
			status = 403
		}
		switch {
		case !got.denied:
			t.Errorf("allowed, want it denied with %q", w.Denied)
		case !strings.Contains(got.reason, w.Denied):
			t.Errorf("denied with %q, want %q", got.reason, w.Denied)
		case got.status != status:
			t.Errorf("denied with status %d, want %d", got.status, status)
		}
		return
	}
	if got.denied {
		t.Errorf("denied with status %d, %q; want it allowed", got.status, got.reason)
		return
	}
	if want := or(w.Path, c.Request.Path); got.path != want {
		t.Errorf("the engine gets the path %s, want %s", got.path, want)
	}
	checkHeaders(t, "request", got.request, w.RequestHeaders)
	checkBody(t, "request", got.requestBody, or(w.RequestBody, c.Request.Body))
	if c.Response == nil {
		return
	}
	checkHeaders(t, "response", got.response, w.ResponseHeaders)
	checkBody(t, "response", got.responseBody, or(w.ResponseBody, c.Response.Body))
}

// format is how the response's body is made of records.
func (r *Response) format(call *dockerapi.Call) record.Format {
	a := record.Answer{Status: r.Status, Hijacked: call.Transport == dockerapi.Hijack && (r.Status == 101 || r.Status == 200)}
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], "content-type") {
			a.ContentType = h[1]
		}
	}
	format, byTerminal := record.Of(call, a)
	if byTerminal && !r.Terminal {
		format = record.Frames
	}
	return format
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

func checkHeaders(t *testing.T, what string, got map[string][]string, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have := strings.Join(got[strings.ToLower(name)], ", "); have != want[name] {
			t.Errorf("%s header %s is %q, want %q", what, name, have, want[name])
		}
	}
}

func checkBody(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if string(got) == want {
		return
	}
	// Compared as documents, so that a case need not know where an edit puts its comma; but an unedited body passed
	// byte for byte above or is not the same JSON.
	var a, b any
	if json.Unmarshal(got, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b) {
		return
	}
	t.Errorf("the %s body is\n\t%s\nwant\n\t%s", what, bytes.TrimSpace(got), strings.TrimSpace(want))
}
