//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// TestBypassCorpusOnARealEngine sends every case of testdata/bypass to a real engine, twice. Straight to its socket the trick has to work,
// as the case claims of this engine: a case that the engine would not act on proves nothing. Then through a gateway with the corpus' policy: each request
// has to be answered as the case says, and in the engine nothing may be that the policy forbids.
func TestBypassCorpusOnARealEngine(t *testing.T) {
	s := startSandbox(t)
	policy, err := os.ReadFile(filepath.Join(root(t), "testdata", "bypass", "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, s.address, "\n"+string(policy))
	for _, c := range hosttest.BypassCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			s.TB = t
			if c.ActsOn(s.version) {
				s.restore(c.Setting == "swarm")
				answers, err := sendAll(t, s.address, c)
				if err != nil {
					t.Fatalf("the engine's own socket: %v", err)
				}
				if seen, _ := s.seen(answers); !strings.Contains(seen, c.Effect) {
					t.Errorf("without a gateway the engine does not do this, so the case proves nothing; want %q in\n%.1000s", c.Effect, seen)
				}
			}
			s.restore(c.Setting == "swarm")
			answers, err := sendAll(t, g.address, c)
			if err != nil {
				t.Errorf("the gateway: %v", err)
			}
			s.check(c, answers)
		})
	}
	s.TB = t
}

// TestFiltersSeeWhatTheEngineGets sends the corpus through a gateway without any policy to an engine that records it. A filter says which
// path and which body it has seen: they have to be the engine's to the byte, and what the case says, and nothing may be left in them that
// could be read in another way.
func TestFiltersSeeWhatTheEngineGets(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := startGateway(t, engine.Address(), fmt.Sprintf(`
  - name: saw
    module: %s
`, filepath.Join(root(t), "host", "e2e", "testdata", "saw.wasm")))
	for _, c := range hosttest.BypassCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			before := len(engine.Requests())
			bodies := make(chan []byte, len(c.Steps))
			record := func(x *hosttest.Exchange) bool {
				body, err := io.ReadAll(x.Body)
				if err != nil {
					t.Error(err)
				}
				bodies <- body
				return x.Write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			}
			calls := make([]dockerapi.Call, len(c.Steps))
			for i, step := range c.Steps {
				if step.Outcome == hosttest.Refused {
					continue
				}
				var err error
				if calls[i], err = dockerapi.Classify(step.Method, step.Target); err != nil || calls[i].Target() != step.Target {
					t.Fatalf("%s %s is no canonical form: it is %s, %v", step.Method, step.Target, calls[i].Target(), err)
				}
				engine.Handle(step.Method+" "+calls[i].RoutePath, record)
			}
			answers, err := sendAll(t, g.address, c)
			if err != nil {
				t.Fatal(err)
			}
			requests := engine.Requests()[before:]
			for i, step := range c.Steps {
				if step.Outcome == hosttest.Refused {
					if answers[i].status != step.Status || !answers[i].fromGateway() {
						t.Errorf("request %d got %.300s, want the gateway's own refusal: %d", i+1, answers[i], step.Status)
					}
					continue
				}
				if len(requests) == 0 {
					t.Fatalf("request %d got %.300s and did not reach the engine", i+1, answers[i])
				}
				got := requests[0]
				requests = requests[1:]
				body := <-bodies
				if got.Method != step.Method || got.Target != step.Target || !bytes.Equal(body, step.Body) {
					t.Errorf("the engine got  %s %s %s\nwant %s %s %s", got.Method, got.Target, body, step.Method, step.Target, step.Body)
				}
				hash := fnv.New64a()
				_, _ = hash.Write(body)
				want := [2]string{got.Target, fmt.Sprintf("%016x%08x", hash.Sum64(), len(body))}
				if saw := [2]string{got.Header.Get("X-Saw-Path"), got.Header.Get("X-Saw-Body")}; saw != want {
					t.Errorf("the filter saw %q, the engine %q", saw, want)
				}
				if again, changed, err := dockerapi.CanonicalBody(&calls[i], body, dockerapi.JSONLimits{}); err != nil || changed || !bytes.Equal(again, body) {
					t.Errorf("the body that was forwarded is not its own canonical form: %s, %v", again, err)
				}
			}
			if len(requests) > 0 {
				t.Errorf("the engine got what was to be refused: %v", requests)
			}
		})
	}
}

// check compares what the gateway answered with what the case says, and looks for what may not be in the engine.
func (s *sandbox) check(c hosttest.BypassCase, answers []answer) {
	s.Helper()
	seen, after := s.seen(answers)
	harmless, through := true, false
	for i, step := range c.Steps {
		if i >= len(answers) {
			if last := len(answers) - 1; last >= 0 && answers[last].status == 101 && answers[last].denied() {
				harmless = false // told on the stream that the client asked for, which ends with it: the rest is not read
				break
			}
			s.Errorf("request %d was not answered", i+1)
			continue
		}
		got := answers[i]
		switch step.Outcome {
		case hosttest.Refused:
			if harmless = false; got.status != step.Status || !got.fromGateway() || got.denied() || !strings.Contains(got.body, step.Message) {
				s.Errorf("request %d got %.300s, want the gateway's own refusal: %d %q", i+1, got, step.Status, step.Message)
			}
		case hosttest.Denied:
			// A filter says that something does not exist in the engine's words.
			absent := step.Status == 404 && strings.Contains(got.body, "No such ")
			if harmless = false; got.status != step.Status || !got.denied() && !absent {
				s.Errorf("request %d got %.300s, want the denial of a filter with %d", i+1, got, step.Status)
			}
		case hosttest.Forwarded, hosttest.Narrowed:
			if got.fromGateway() {
				s.Errorf("request %d got %.300s, want the engine's answer", i+1, got)
			}
			through = true
			harmless = harmless && step.Outcome == hosttest.Forwarded
		}
	}
	for _, fact := range after.forbidden() {
		s.Errorf("behind the gateway there is: %s", fact)
	}
	for _, change := range s.before.diff(after) {
		if strings.Contains(change, " other: ") || strings.Contains(change, " theirs: ") || strings.Contains(change, "theirs-") || strings.Contains(change, "[theirs:1]") {
			s.Errorf("what is another owner's is not what it was: %s", change)
		}
		if !through {
			s.Errorf("a request that was not let through has changed the engine: %s", change)
		}
	}
	if !harmless && c.Effect != "" && strings.Contains(seen, c.Effect) {
		s.Errorf("through the gateway as well there is %q in\n%.1000s", c.Effect, seen)
	}
}

// seen is how an engine shows what has been done: its answers, and the changes of its state.
func (s *sandbox) seen(answers []answer) (text string, after facts) {
	s.Helper()
	var b strings.Builder
	for i, a := range answers {
		fmt.Fprintf(&b, "answer %d: %s\n", i+1, a)
	}
	s.now = s.facts()
	for _, change := range s.before.diff(s.now) {
		b.WriteString(change + "\n")
	}
	return b.String(), s.now
}

// An answer is one response on a connection.
type answer struct {
	status int
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// fromGateway tells whether the gateway itself, or one of its filters, has answered.
func (a answer) fromGateway() bool {
	return a.denied() || strings.Contains(a.body, `"message":"sluice: `) || strings.Contains(a.body, `(request `)
}

// denied tells whether a filter has, in an answer or on the stream that was to begin.
func (a answer) denied() bool {
	return strings.Contains(a.body, `{"message":"denied by filter \"`) || a.status == 101 && strings.Contains(a.body, `denied by filter "`)
}

// settingsFrame is the type of the frame that begins a connection of HTTP/2.
const settingsFrame = 4

// sendAll writes all requests of a case on one connection, without waiting for answers, and reads the answers.
func sendAll(t testing.TB, address string, c hosttest.BypassCase) (answers []answer, err error) {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for _, step := range c.Steps {
			// A refused upload is not read to its end.
			if _, err := conn.Write(step.Request); err != nil {
				return
			}
		}
	}()
	in := bufio.NewReader(conn)
	for _, step := range c.Steps {
		method, _, _ := bytes.Cut(step.Request, []byte(" "))
		if head, err := in.Peek(4); err == nil && head[0] == 0 && head[3] == settingsFrame {
			answers = append(answers, answer{0, "HTTP/2"})
			break
		}
		response, err := http.ReadResponse(in, &http.Request{Method: string(method)})
		if err != nil {
			return answers, fmt.Errorf("after %d answers: %w", len(answers), err)
		}
		var body []byte
		// A hijacked connection is a stream from here on, with nothing in it.
		if kind := response.Header.Get("Content-Type"); response.StatusCode >= 300 || !strings.HasPrefix(kind, "application/vnd.docker.raw-stream") {
			if body, err = io.ReadAll(response.Body); err != nil {
				return answers, fmt.Errorf("answer %d breaks off: %w", len(answers)+1, err)
			}
		}
		if response.StatusCode == 101 {
			// What comes now is a stream; the engine's goes on, and the gateway's denial ends it.
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			body, _ = io.ReadAll(in)
		}
		answers = append(answers, answer{response.StatusCode, strings.TrimSpace(string(body))})
		if response.StatusCode == 101 {
			break
		}
	}
	_ = conn.Close()
	<-written
	return answers, nil
}
