package host_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// However a client writes two requests so that they could be one, or one so that it could be two: the engine gets what the corpus says and nothing
// else, and the connections to it, which other clients use next, are where they should be.
func TestNothingIsSmuggledPastTheFilters(t *testing.T) {
	for _, c := range hosttest.SmugglingCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			var reached recording
			engine.HandleRest(reached.answer404)
			g := hosttest.StartGateway(t, engine.Address(), "")
			conn, in := g.Dial()
			// Where the gateway has had enough it does not read on.
			_, _ = conn.Write(c.Raw)
			for i, want := range c.Statuses {
				method := "GET"
				if i == 0 && bytes.HasPrefix(c.Raw, []byte("HEAD ")) {
					method = "HEAD"
				}
				response, err := http.ReadResponse(in, &http.Request{Method: method})
				if err != nil {
					t.Fatalf("answer %d: %v", i+1, err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				if response.StatusCode != want {
					t.Errorf("answer %d is %s, want %d", i+1, response.Status, want)
				}
			}
			if c.Closed {
				if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
					t.Errorf("behind the last answer there is %q, %v; want the end", rest, err)
				}
				conn, in = g.Dial()
			}
			// On the same connection, if it is still there, and on the engine's that was used last.
			write(t, conn, "GET /v1.41/containers/probe/json HTTP/1.1\r\nHost: docker\r\n\r\n")
			if code, body := status(t, in); code != 404 {
				t.Errorf("the request behind them got %d %s", code, body)
			}
			probe := hosttest.SmuggledRequest{Method: "GET", Target: "/v1.41/containers/probe/json"}
			if diff := cmp.Diff(append(c.Engine, probe), reached.all()); diff != "" {
				t.Errorf("the engine got something else (-want +got):\n%s", diff)
			}
		})
	}
}

// What the corpus lets reach the engine is what net/http makes of the same bytes, request by request: where that refuses, nothing may pass.
func TestTheSmugglingCorpusIsNeverLaxerThanNetHTTP(t *testing.T) {
	for _, c := range hosttest.SmugglingCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			theirs := readByNetHTTP(c.Raw)
			for _, want := range c.Engine {
				i := slices.IndexFunc(theirs, func(r hosttest.SmuggledRequest) bool { return cmp.Equal(r, want) })
				if i < 0 {
					t.Fatalf("%s %s reaches the engine, and is no request for net/http, or is not in its turn", want.Method, want.Target)
				}
				theirs = theirs[i+1:]
			}
		})
	}
}

// readByNetHTTP reads requests until there is one that net/http refuses. Their targets are in the form in which the engine would get them.
func readByNetHTTP(raw []byte) (requests []hosttest.SmuggledRequest) {
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return requests
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return requests
		}
		r := hosttest.SmuggledRequest{Method: request.Method, Target: request.URL.RequestURI()}
		if call, err := dockerapi.Classify(r.Method, r.Target); err == nil {
			r.Target = call.Target()
		}
		// The gateway drops the bodies of these, which the engine would not read.
		dropped := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete
		if len(body) > 0 && !dropped {
			r.Body = body
		}
		requests = append(requests, r)
		if request.Close {
			return requests
		}
	}
}

// A recording is of all that reaches an engine.
type recording struct {
	mu       sync.Mutex
	requests []hosttest.SmuggledRequest
}

func (r *recording) answer404(x *hosttest.Exchange) bool {
	body, err := io.ReadAll(x.Body)
	if err != nil {
		body = append(body, " (broken off)"...)
	}
	request := hosttest.SmuggledRequest{Method: x.Method, Target: x.Target}
	if len(body) > 0 {
		request.Body = body
	}
	r.mu.Lock()
	r.requests = append(r.requests, request)
	r.mu.Unlock()
	return x.Write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
}

func (r *recording) all() []hosttest.SmuggledRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}
