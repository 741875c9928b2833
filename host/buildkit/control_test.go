package buildkit_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestACallIsPassedOnWithAllThatBelongsToIt(t *testing.T) {
	type seen struct {
		path, document string
		header         http.Header
	}
	got := make(chan seen, 1)
	c := control(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.URL.Path, shown(t, solveRequest, body), r.Header}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Head", "h")
		_, _ = w.Write(frame([]byte("answer")))
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "9")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "said%20no")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status-Details-Bin", "AAE")
	})
	a := c.call(solve, msg(str(9, "network.host"), str(1, "r")), "Grpc-Timeout", "7S", "Buildkit-Controlapi-Buildid", "b", "X-Many", "1", "X-Many", "2",
		"Grpc-Accept-Encoding", "gzip")
	if a.err != nil || a.code != "9" || a.message != "said%20no" || a.trailer.Get("Grpc-Status-Details-Bin") != "AAE" {
		t.Errorf("the answer ended with %+v", a)
	}
	if string(a.body) != string(frame([]byte("answer"))) || a.header.Get("X-Head") != "h" || a.header.Get("Content-Type") != "application/grpc" {
		t.Errorf("the answer is %q, head %v", a.body, a.header)
	}
	s := <-got
	if want := `{"Ref":"r","Entitlements":["network.host"]}`; s.path != solve || s.document != want {
		t.Errorf("the engine got %s %s, want %s", s.path, s.document, want)
	}
	for key, want := range map[string][]string{
		"Grpc-Timeout": {"7S"}, "Buildkit-Controlapi-Buildid": {"b"}, "X-Many": {"1", "2"}, "Te": {"trailers"},
		"Content-Type": {"application/grpc"}, "Grpc-Accept-Encoding": nil, "Accept-Encoding": nil,
	} {
		if !slices.Equal(s.header[key], want) {
			t.Errorf("the engine got %s %q, want %q", key, s.header[key], want)
		}
	}
	record := c.recorded(1)[0]
	if record.Operation != dockerapi.BuildkitSolve || record.Path != solve || record.Code != 9 || record.ToClient || record.Outcome.Verdict != chain.VerdictAllow ||
		record.In != 22 || record.Out != 11 || record.Problem != "" {
		t.Errorf("the record is %+v", record)
	}
}

func TestCallsThatAreRefusedNeverReachTheEngine(t *testing.T) {
	tests := []struct {
		name, path    string
		body          []byte
		header        []string
		code, message string
	}{
		{"a method that is not listed", "/moby.buildkit.v1.Control/Shutdown", frame(nil), nil, "7", `the method "/moby.buildkit.v1.Control/Shutdown" is not among those that may be called on the engine`},
		{"a method of the other side", getSecret, frame(nil), nil, "7", "is not among those"},
		{"a service in another case", strings.ToLower(solve), frame(nil), nil, "7", "is not among those"},
		{"a query behind the method", solve + "?x", frame(nil), nil, "7", "is not among those"},
		{"an escape in the method", "/moby.buildkit.v1.Control/Solv%65", frame(nil), nil, "7", "is not among those"},
		{"another content type", solve, frame(nil), []string{"Content-Type", "application/json"}, "12", "only gRPC calls are passed on"},
		{"a field that nobody knows", solve, frame(str(77, "x")), nil, "3", "SolveRequest: field 77 is not known to this gateway"},
		{"a message that is none", solve, frame([]byte{0xff}), nil, "3", "SolveRequest: the message ends inside of a tag"},
		{"a compressed message", solve, compressed(str(1, "r")), nil, "12", "a compressed message cannot be looked into"},
		{"the announcement of one", solve, frame(str(1, "r")), []string{"Grpc-Encoding", "gzip"}, "12", "a compressed message cannot be looked into"},
		{"a compressed stream", process, frame(nil), []string{"Grpc-Encoding", "gzip"}, "12", "a compressed message"},
		{"a flag that nobody knows", solve, append([]byte{2}, frame(nil)[1:]...), nil, "3", "a gRPC message begins with 2"},
		{"no message", solve, nil, nil, "3", "the call ended without its message"},
		{"two messages", solve, append(frame(nil), frame(nil)...), nil, "3", "this method takes one message"},
		{"half a message", solve, frame(str(1, "r"))[:6], nil, "3", "the call ended inside of a message"},
		{"half a length", solve, []byte{0, 0}, nil, "3", "the call ended inside of a message"},
		{"a message that is too large", solve, frame(make([]byte, 1<<20+1)), nil, "8", "a message of 1048577 bytes is larger than limits.body (1048576 bytes)"},
		{"the announcement of one", solve, []byte{0, 0xff, 0xff, 0xff, 0xff}, nil, "8", "a message of 4294967295 bytes is larger"},
		{"one whose JSON is too large", solve, frame(slices.Repeat(str(9, ""), 400_000)), nil, "8", "its JSON exceeds limits.body"},
		{"too many fields", solve, frame(nil), slices.Repeat([]string{"X-Many", "x"}, 600), "8", "metadata fields are more than the 512"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := control(t, plain(), unreachable(t))
			a := c.raw(tt.path, tt.body, tt.header...)
			message := strings.ReplaceAll(strings.ReplaceAll(tt.message, "%", "%25"), "\n", "%0A")
			a.denied(t, tt.code, message)
			if !strings.HasPrefix(a.message, "sluice: ") || !strings.HasSuffix(a.message, "(request id-1)") {
				t.Errorf("%q does not say who speaks, and of which request", a.message)
			}
			if r := c.recorded(1)[0]; r.Outcome.Verdict != chain.VerdictDeny || r.Outcome.Reason == "" || strconv.Itoa(r.Code) != tt.code {
				t.Errorf("the record is %+v", r)
			}
		})
	}
}

func compressed(message []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(message)
	_ = w.Close()
	f := frame(b.Bytes())
	f[0] = 1
	return f
}

func TestUnknownFieldsPassWhereTheyAreShown(t *testing.T) {
	p := plain()
	p.ShowUnknown = true
	got := make(chan []byte, 1)
	c := control(t, p, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- body
		reply()(w, r)
	})
	if a := c.call(solve, str(77, "x")); a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
	if want := frame(str(77, "x")); !bytes.Equal(<-got, want) {
		t.Errorf("the engine did not get the field")
	}
}

func TestAnAnswerThatIsNothingButItsEnd(t *testing.T) {
	c := control(t, plain(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "12")
		w.Header().Set("Grpc-Message", "unknown service")
		w.Header().Set("X-Head", "h")
	})
	a := c.call(status, str(1, "r"))
	if a.err != nil || a.code != "12" || a.message != "unknown service" || a.header.Get("X-Head") != "h" || len(a.body) != 0 {
		t.Errorf("the call ended with %+v", a)
	}
	if r := c.recorded(1)[0]; r.Code != 12 {
		t.Errorf("the record is %+v", r)
	}
}

func TestAnswersThatAreNoGRPC(t *testing.T) {
	c := control(t, plain(), func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "page not found", 404) })
	a := c.call(status, str(1, "r"))
	a.denied(t, "14", "the engine answered with HTTP status 404")
	c = control(t, plain(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(frame(nil))
	})
	a = c.call(status, str(1, "r"))
	a.denied(t, "13", "the engine ended the call without a status")
}

// Messages of an answer come one by one, while the call runs.
func TestAnswersStream(t *testing.T) {
	next := make(chan struct{}, 1)
	c := control(t, plain(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		for range 3 {
			<-next
			_, _ = w.Write(frame([]byte("progress")))
			w.(http.Flusher).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	next <- struct{}{}
	response, err := c.begin(t.Context(), status, bytes.NewReader(frame(str(1, "r"))))
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 13)
	for i := range 3 {
		if _, err := io.ReadFull(response.Body, buffer); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if i < 2 {
			next <- struct{}{}
		}
	}
	if a := finish(response); a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
}

func TestACallThatItsClientCancelsIsCancelledOnTheEngine(t *testing.T) {
	cancelled := make(chan error, 1)
	c := control(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		cancelled <- r.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	response, err := c.begin(ctx, status, bytes.NewReader(frame(str(1, "r"))))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("the engine's call ended with %v", err)
	}
	response.Body.Close()
	if r := c.recorded(1)[0]; r.Code != 1 || r.Problem != "the caller went away" {
		t.Errorf("the record is %+v", r)
	}
}

// The same while the engine has not answered at all.
func TestACallThatIsCancelledBeforeItsAnswer(t *testing.T) {
	called, cancelled := make(chan struct{}), make(chan struct{})
	c := control(t, plain(), func(_ http.ResponseWriter, r *http.Request) {
		close(called)
		<-r.Context().Done()
		close(cancelled)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-called; cancel() }()
	if _, err := c.begin(ctx, status, bytes.NewReader(frame(str(1, "r")))); !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	<-cancelled
}

func TestACallThatTheEngineBreaksOff(t *testing.T) {
	c := control(t, plain(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(frame([]byte("half")))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // a reset
	})
	a := c.call(status, str(1, "r"))
	a.denied(t, "13", "the engine reset the call (HTTP/2 error 2)")
}

func TestAnEngineThatHangsUpEndsTheCallsWithAStatusAndTheConnection(t *testing.T) {
	var c *connection
	c = control(t, plain(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		c.servers.Close()
	})
	a := c.call(status, str(1, "r"))
	a.denied(t, "14", "the engine broke the call off")
	c.wait()
	if _, err := c.callers.Read(make([]byte, 1)); err == nil {
		t.Log("what the client had not read yet is still there")
	}
}

func TestAClientThatHangsUpEndsItsCallsOnTheEngine(t *testing.T) {
	ended := make(chan struct{}, 3)
	var running sync.WaitGroup
	running.Add(3)
	c := control(t, plain(), func(_ http.ResponseWriter, r *http.Request) {
		running.Done()
		<-r.Context().Done()
		ended <- struct{}{}
	})
	for range 3 {
		go func() { _, _ = c.begin(context.Background(), status, bytes.NewReader(frame(str(1, "r")))) }()
	}
	running.Wait()
	c.callers.Close()
	c.wait()
	for range 3 {
		<-ended
	}
	if n := len(c.recorded(3)); n != 3 {
		t.Errorf("got %d records", n)
	}
}

// More calls than run at a time on one connection: the others wait for their turn, and none is lost.
func TestManyCallsAtATime(t *testing.T) {
	var now, most, all atomic.Int64
	c := control(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		all.Add(1)
		time.Sleep(time.Millisecond)
		now.Add(-1)
		reply([]byte("x"))(w, r)
	})
	var wait sync.WaitGroup
	for range 700 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if a := c.call(status, str(1, "r")); a.err != nil || a.code != "0" {
				t.Errorf("a call ended with %+v", a)
			}
		}()
	}
	wait.Wait()
	if all.Load() != 700 || most.Load() > 250 {
		t.Errorf("the engine served %d calls, %d at a time; want 700, at most 250", all.Load(), most.Load())
	}
}

// A client that does not read its answer holds the engine back, and neither the gateway's memory nor the other calls.
func TestAStalledCallHoldsNothingButItself(t *testing.T) {
	var written atomic.Int64
	stop := make(chan struct{})
	c := control(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != status {
			reply([]byte("x"))(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		chunk := make([]byte, 64<<10)
		for {
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			default:
			}
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	defer close(stop)
	response, err := c.begin(t.Context(), status, bytes.NewReader(frame(str(1, "r"))))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for last := int64(-1); ; time.Sleep(50 * time.Millisecond) {
		// The client of this test takes 4 MiB by itself before it stops.
		n := written.Load()
		if n == last {
			break
		}
		last = n
		if n > 16<<20 {
			t.Fatalf("the engine could write %d bytes that nobody reads", n)
		}
		if a := c.call(solve, nil); a.code != "0" {
			t.Fatalf("another call ended with %+v", a)
		}
	}
	if a := c.call(solve, nil); a.code != "0" {
		t.Errorf("another call ended with %+v", a)
	}
}

func TestACallIsJudgedByTheConfigurationOfItsTime(t *testing.T) {
	c := control(t, plain(), reply())
	if a := c.call(solve, nil); a.code != "0" {
		t.Errorf("the call ended with %+v", a)
	}
	c.mu.Lock()
	off := plain()
	off.Mediated = false
	c.policy = off
	c.mu.Unlock()
	a := c.call(solve, nil)
	a.denied(t, "7", "the gateway's configuration no longer passes BuildKit's calls on (buildkit.mode)")
}

func TestHealthIsNoBusinessOfFilters(t *testing.T) {
	c := control(t, guarded(t, "deny"), reply([]byte{8, 1}))
	if a := c.call("/grpc.health.v1.Health/Check", nil); a.code != "0" || string(a.body) != string(frame([]byte{8, 1})) {
		t.Errorf("the call ended with %+v", a)
	}
	a := c.call("/grpc.health.v1.Health/Watch", nil)
	a.denied(t, "7", "is not among those")
	if records := c.recorded(1); len(records) != 1 {
		t.Errorf("got records %+v, want that of the refused call", records)
	}
}
