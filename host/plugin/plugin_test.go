package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged collects the messages of a logger.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// messages are the messages so far, without time and level.
func (l *logged) messages() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

func (l *logged) count(line string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), line)
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey || a.Key == "dropped" {
			return a
		}
		return slog.Attr{}
	}}))
}

func guest(t testing.TB, name string) []byte {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func newEngine(t testing.TB) *vm.Engine {
	t.Helper()
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	return engine
}

func start(t *testing.T, name string, options plugin.Options) *plugin.Plugin {
	t.Helper()
	options.Name, options.Code = name, guest(t, name)
	p, err := plugin.New(t.Context(), newEngine(t), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

// state is a stream that shows one header field of the request, or none.
type state struct {
	plugin.State // what is not overridden is not called
	fields       abi.HeaderMap
	stream       plugin.Stream
	stages       []plugin.Stages
	tenant       string
}

func (s *state) SetStage(stage plugin.Stages) { s.stages = append(s.stages, stage) }

func (s *state) EndStage(bool) { s.stages = append(s.stages, 0) }

func (s *state) HeaderMap(abi.MapType, hostcall.Access) (*abi.HeaderMap, abi.Status) {
	return &s.fields, abi.StatusOK
}

func (s *state) Tenant() string { return s.tenant }

func (s *state) Lost() {}

func (s *state) CallsOver() {}

func (s *state) ContextDone() abi.Status { return s.stream.FinishPending() }

func TestCallbacksComeInTheirOrder(t *testing.T) {
	var log logged
	p := start(t, "transcript", plugin.Options{Instances: 1, Logger: log.logger()})
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	for _, call := range []func(int, bool) (abi.Action, error){s.stream.RequestHeaders, s.stream.RequestBody, s.stream.ResponseHeaders, s.stream.ResponseBody} {
		if action, err := call(1, true); err != nil || action != abi.ActionContinue {
			t.Fatalf("got %v, %v", action, err)
		}
	}
	if !s.stream.Done() {
		t.Error("proxy_on_done answered false, and the context is not pending")
	}
	want := []string{
		"msg=context_create", "msg=vm_start", "msg=configure", "msg=context_create",
		"msg=request_headers", "msg=request_body", "msg=response_headers", "msg=response_body", "msg=done",
		"msg=log", "msg=delete", // by proxy_done, from a tick
	}
	for deadline := time.Now().Add(time.Minute); len(log.messages()) < len(want) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	p.Close(t.Context())
	want = append(want, "msg=done", "msg=delete") // the root's, which has no log
	if diff := cmp.Diff(want, log.messages()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
	var between []plugin.Stages
	for i, stage := range s.stages {
		if i%2 == 1 {
			if stage != 0 {
				t.Errorf("stage %v was not taken back", s.stages)
			}
			continue
		}
		between = append(between, stage)
	}
	if diff := cmp.Diff([]plugin.Stages{plugin.RequestHeaders, plugin.RequestBody, plugin.ResponseHeaders, plugin.ResponseBody, plugin.Log, plugin.Log}, between); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestACrashedInstanceIsReplacedAndItsStreamsAreLost(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 1})
	for range 10 {
		var bystander, culprit, next state
		culprit.fields.Add("X-Trap", "1")
		for _, s := range []*state{&bystander, &culprit} {
			if err := p.Open(t.Context(), &s.stream, s); err != nil {
				t.Fatal(err)
			}
		}
		var trap *vm.TrapError
		if _, err := culprit.stream.RequestHeaders(1, true); !errors.As(err, &trap) {
			t.Fatalf("the trap is reported as %v", err)
		}
		if _, err := bystander.stream.RequestHeaders(1, true); !errors.Is(err, plugin.ErrInstanceLost) {
			t.Errorf("the other stream got %v, want ErrInstanceLost", err)
		}
		bystander.stream.Done()
		if err := p.Open(t.Context(), &next.stream, &next); err != nil {
			t.Fatalf("a new stream: %v", err)
		}
		if _, err := next.stream.RequestHeaders(1, true); err != nil {
			t.Errorf("a new stream: %v", err)
		}
		next.stream.Done()
	}
}

func TestStartErrorsSayWhatIsWrong(t *testing.T) {
	engine := newEngine(t)
	for name, want := range map[string]string{
		"no-abi":       "exports no proxy_abi_version_* marker",
		"wrong-abi":    "unknown ABI, proxy_abi_version_9_9_9",
		"no-allocator": "exports no allocator",
		"no-result":    "link: the module exports proxy_on_request_headers with the type (i32, i32, i32); proxy-wasm 0.2.1 wants (i32, i32, i32) -> i32 or (i32, i32) -> i32",
		"wrong-arity":  "link: the module exports proxy_on_request_body with the type (i32, i32, i32, i32) -> i32; proxy-wasm 0.2.1 wants (i32, i32, i32) -> i32",
		"start-trap":   "start: start-trap: _start trapped: unreachable",
		"exit-3":       "exit code 3",
		"refuse":       "on_configure: the filter refused its configuration",
	} {
		p, err := plugin.New(t.Context(), engine, plugin.Options{Name: name, Code: guest(t, name)})
		if err == nil {
			p.Close(t.Context())
			t.Errorf("%s came up", name)
			continue
		}
		var start *plugin.StartError
		if !errors.As(err, &start) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a StartError with %q", name, err, want)
		}
	}
}

func TestEveryFormOfStartServes(t *testing.T) {
	for _, name := range []string{"noop", "initialize", "exit-0", "malloc", "start-section"} {
		p := start(t, name, plugin.Options{})
		var s state
		if err := p.Open(t.Context(), &s.stream, &s); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if action, err := s.stream.RequestHeaders(0, true); err != nil || action != abi.ActionContinue {
			t.Errorf("%s: got %v, %v", name, action, err)
		}
		s.stream.Done()
	}
}

func TestStagesAreThoseOfModuleAndConfiguration(t *testing.T) {
	if got := start(t, "noop", plugin.Options{}).Stages(); got != plugin.HTTPStages {
		t.Errorf("noop is called at %v, want all that it exports", got)
	}
	const both = plugin.DataStages | plugin.Connection
	for _, c := range []struct {
		guest   string
		allowed plugin.Stages
		want    plugin.Stages
	}{
		{"connection", 0, both},
		{"connection", plugin.UpstreamData, plugin.UpstreamData | plugin.Connection},
		{"connection", plugin.HTTPStages, 0},
		{"every-callback", 0, plugin.RequestHeaders},
		{"every-callback", plugin.AllStages, plugin.RequestHeaders | both},
	} {
		if got := start(t, c.guest, plugin.Options{Stages: c.allowed}).Stages(); got != c.want {
			t.Errorf("%s, of whose stages %q are allowed, is called at %q (%b), want %q", c.guest, c.allowed, got, got, c.want)
		}
	}
	if got := start(t, "noop", plugin.Options{Stages: plugin.RequestBody}).Stages(); got != plugin.RequestBody {
		t.Errorf("limited to request_body, noop is called at %v", got)
	}
	if got := start(t, "deny", plugin.Options{}).Stages(); got != plugin.RequestHeaders {
		t.Errorf("deny is called at %v, want what it exports", got)
	}
	if _, err := plugin.ParseStages([]string{"request_headers", "nonsense"}); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("an unknown stage: %v", err)
	}
}

func TestAClosedPluginServesNobody(t *testing.T) {
	p := start(t, "noop", plugin.Options{})
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	p.Close(t.Context())
	if _, err := s.stream.RequestHeaders(0, true); !errors.Is(err, plugin.ErrInstanceLost) {
		t.Errorf("an open stream got %v, want ErrInstanceLost", err)
	}
	s.stream.Done()
	var late state
	if err := p.Open(t.Context(), &late.stream, &late); !errors.Is(err, plugin.ErrClosed) {
		t.Errorf("a new stream got %v, want ErrClosed", err)
	}
}

func TestAFilterCannotFloodTheLog(t *testing.T) {
	var log logged
	p := start(t, "transcript", plugin.Options{Instances: 1, Logger: log.logger()})
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	const calls = 20_000
	for range calls {
		if _, err := s.stream.RequestHeaders(0, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(log.messages()); n > calls/4 {
		t.Errorf("%d of %d lines were logged", n, calls)
	}
	s.stream.Done()
}

func TestStreamsOfOneInstanceRunSideBySide(t *testing.T) {
	p := start(t, "header-adder", plugin.Options{Instances: 2})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				var s state
				if err := p.Open(t.Context(), &s.stream, &s); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.stream.RequestHeaders(0, true); err != nil {
					t.Error(err)
				}
				if v, _ := s.fields.Get("x-added-by"); v != "header-adder" {
					t.Errorf("the field is %q", v)
				}
				s.stream.Done()
			}
		})
	}
	all.Wait()
}
