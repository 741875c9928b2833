package plugin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// serve takes a request through a stream of its own.
func serve(t testing.TB, p *plugin.Plugin, fields ...abi.Pair) error {
	t.Helper()
	var s state
	for _, f := range fields {
		s.fields.Add(f.Key, f.Value)
	}
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		return err
	}
	defer s.stream.Done()
	_, err := s.stream.RequestHeaders(s.fields.Len(), true)
	return err
}

// The guests trap when they find anything of an earlier request: in their memory,
// its size, their globals, their table, their root context, or the numbers of
// their calls.
func TestWithIsolationNothingIsLeftOfAnotherStream(t *testing.T) {
	up, err := callout.New(callout.Options{Name: "up", Address: "unix:///nowhere/sluice.sock"})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	upstreams := map[string]*callout.Upstream{"up": up}
	for _, name := range []string{"trap-second", "remember", "remember-table", "remember-size", "remember-call"} {
		t.Run(name, func(t *testing.T) {
			shared := start(t, name, plugin.Options{Instances: 1, Upstreams: upstreams})
			if err := errors.Join(serve(t, shared), serve(t, shared)); err == nil {
				t.Fatal("the guest does not tell streams of one instance apart")
			}
			p := start(t, name, plugin.Options{Instances: 1, Isolation: plugin.PerStream, Upstreams: upstreams})
			for n := range 50 {
				if err := serve(t, p); err != nil {
					t.Fatalf("stream %d: %v", n, err)
				}
			}
		})
	}
}

func TestAStreamThatIsOverCannotReachTheNext(t *testing.T) {
	p := start(t, "noop", plugin.Options{Instances: 1, Isolation: plugin.PerStream})
	var old, next state
	if err := p.Open(t.Context(), &old.stream, &old); err != nil {
		t.Fatal(err)
	}
	old.stream.Done()
	if err := p.Open(t.Context(), &next.stream, &next); err != nil {
		t.Fatal(err)
	}
	if _, err := old.stream.RequestHeaders(0, true); !errors.Is(err, plugin.ErrInstanceLost) {
		t.Errorf("got %v, want ErrInstanceLost", err)
	}
	if _, err := next.stream.RequestHeaders(0, true); err != nil {
		t.Error(err)
	}
	next.stream.Done()
}

func TestIsolatedStreamsLeaveNothingBehind(t *testing.T) {
	p := start(t, "trap-on-header", plugin.Options{Instances: 2, Isolation: plugin.PerStream})
	settle := func() {
		eventually(t, "the instances in advance", func() bool { return p.Instances() >= 2 })
	}
	flat(t, 1000, settle, func() {
		if err := serve(t, p); err != nil {
			t.Fatal(err)
		}
		if err := serve(t, p, abi.Pair{Key: "x-trap", Value: "1"}); err == nil {
			t.Fatal("no trap")
		}
	})
}

func TestAnIsolatedStreamBeyondTheLimitIsNotServed(t *testing.T) {
	p := start(t, "noop", plugin.Options{Instances: 1, MaxInstances: 2, Isolation: plugin.PerStream})
	var first, second state
	for _, s := range []*state{&first, &second} {
		if err := p.Open(t.Context(), &s.stream, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := serve(t, p); !errors.Is(err, plugin.ErrTooManyInstances) {
		t.Fatalf("the third stream: %v, want ErrTooManyInstances", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the client went away")
	cancel(gone)
	var s state
	if err := p.Open(ctx, &s.stream, &s); !errors.Is(err, gone) {
		t.Fatalf("with a client that is gone: %v", err)
	}
	first.stream.Done()
	if err := serve(t, p); err != nil {
		t.Fatalf("after one ended: %v", err)
	}
	second.stream.Done()
}

// However many streams of one tenant's a shared filter has, there are instances for another's, at once.
func TestAnIsolatedFilterIsThereForOtherTenantsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, "noop", plugin.Options{Instances: 1, MaxInstances: 4, ShareInstances: true, Isolation: plugin.PerStream})
		open := func(tenant string) (*state, error) {
			s := &state{tenant: tenant}
			err := p.Open(t.Context(), &s.stream, s)
			return s, err
		}
		first, err := open("ci")
		second, err2 := open("ci")
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		_, err = open("ci")
		var limit *plugin.LimitError
		if !errors.Is(err, plugin.ErrShareOfInstances) || !errors.As(err, &limit) || limit.Tenant != "ci" || limit.Limit != "limits.instances" || limit.Value != "4" {
			t.Errorf("the third stream of ci's: %v, want that it has its share", err)
		}
		begin := time.Now()
		other, err := open("dev")
		if err != nil {
			t.Fatalf("the other tenant: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("the other tenant waited for %v", took)
		}
		nobodys, err := open("") // as of a service's call
		if err != nil {
			t.Errorf("a request of nobody's: %v", err)
		}
		_, err = open("")
		if !errors.Is(err, plugin.ErrTooManyInstances) || !errors.As(err, &limit) || limit.Tenant != "" {
			t.Errorf("with all instances taken: %v, want that there are none", err)
		}
		first.stream.Done()
		if _, err := open("dev"); err == nil {
			t.Error("dev has as many as are free, and got another")
		}
		second.stream.Done()
		again, err := open("dev")
		if err != nil {
			t.Errorf("dev when those of ci have ended: %v", err)
		}
		for _, s := range []*state{other, nobodys, again} {
			s.stream.Done()
		}
	})
}

func TestAContextThatWaitsForDoneKeepsItsInstance(t *testing.T) {
	p := start(t, "never-done", plugin.Options{Instances: 1, Isolation: plugin.PerStream})
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	if !s.stream.Done() {
		t.Fatal("the guest answers false to proxy_on_done")
	}
	eventually(t, "the instance in advance", func() bool { return p.Instances() >= 1 })
}

func TestClosingAPluginEndsIsolatedStreams(t *testing.T) {
	p := start(t, "noop", plugin.Options{Instances: 4, Isolation: plugin.PerStream})
	var wait sync.WaitGroup
	for range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				if err := serve(t, p); err != nil {
					if !errors.Is(err, plugin.ErrClosed) && !errors.Is(err, plugin.ErrInstanceLost) {
						t.Errorf("got %v", err)
					}
					return
				}
			}
		}()
	}
	var s state
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	p.Close(t.Context())
	wait.Wait()
	if _, err := s.stream.RequestHeaders(0, true); !errors.Is(err, plugin.ErrInstanceLost) {
		t.Errorf("a stream that was open: %v, want ErrInstanceLost", err)
	}
	if n := p.Instances(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

// What isolation costs a stream: the life of an instance, most of which is spent
// in advance where a processor is idle.
func BenchmarkIsolation(b *testing.B) {
	for _, name := range []string{"noop", "response-headers", "request-guard"} {
		for _, isolation := range []plugin.Isolation{plugin.Shared, plugin.PerStream} {
			b.Run(name+map[plugin.Isolation]string{plugin.Shared: "/shared", plugin.PerStream: "/stream"}[isolation], func(b *testing.B) {
				path := filepath.Join("..", "..", "testdata", "guests", name+".wasm")
				config := ""
				if name != "noop" {
					path = filepath.Join("..", "..", "filters", name+".wasm")
					config = map[string]string{
						"response-headers": `{"set": {"x-a": "b"}}`,
						"request-guard":    `{"default": "allow", "deny": [{"operations": ["ContainerCreate"]}]}`,
					}[name]
				}
				code, err := os.ReadFile(path)
				if err != nil {
					b.Fatal(err)
				}
				p, err := plugin.New(b.Context(), newEngine(b), plugin.Options{Name: name, Code: code, Config: []byte(config), Isolation: isolation})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close(context.Background())
				b.ReportAllocs()
				for b.Loop() {
					var s state
					if err := p.Open(b.Context(), &s.stream, &s); err != nil {
						b.Fatal(err)
					}
					s.stream.Done()
				}
			})
		}
	}
}

// What instances are put back to is taken from the filter's memory, and given back with
// it; a filter that has no room for it does not come up.
func TestWhatStreamsArePutBackToIsCounted(t *testing.T) {
	const page = 64 << 10
	options := plugin.Options{Name: "remember", Code: guest(t, "remember"), Instances: 1, Isolation: plugin.PerStream}
	options.Memory = vm.NewMemoryPool("limits.filter_memory", 3*page, nil)
	p, err := plugin.New(t.Context(), newEngine(t), options)
	if err != nil {
		t.Fatal(err)
	}
	if got := options.Memory.Used(); got != 3*page {
		t.Errorf("%d bytes are in use, want two pages of the instance and one of what it is put back to", got)
	}
	for range 3 {
		if err := serve(t, p); err != nil {
			t.Error(err)
		}
	}
	p.Close(t.Context())
	if got := options.Memory.Used(); got != 0 {
		t.Errorf("after its end %d bytes are in use", got)
	}
	options.Memory = vm.NewMemoryPool("limits.filter_memory", 2*page, nil)
	_, err = plugin.New(t.Context(), newEngine(t), options)
	var full *vm.PoolError
	var start *plugin.StartError
	if !errors.As(err, &full) || !errors.As(err, &start) || start.Step != "memory" {
		t.Errorf("with two pages: got %v, want a PoolError", err)
	}
	if got := options.Memory.Used(); got != 0 {
		t.Errorf("after it was refused %d bytes are in use", got)
	}
}

// beginsSlowly is a filter with an instance a stream, each of which takes long to start, of a tenant whose starts have used up what they may take.
func beginsSlowly(t *testing.T, cpu time.Duration) *plugin.Plugin {
	t.Helper()
	engine := newEngine(t)
	p, err := plugin.New(t.Context(), engine, plugin.Options{
		Name: "slow-start", Code: guest(t, "slow-start"), Instances: 1, Isolation: plugin.PerStream, Tenant: drained(t, engine, cpu),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

// A stream that has to have an instance made waits for that as it waits for all else: for a
// second, and not when its client is gone.
func TestAStreamWaitsForTheStartOfItsInstanceNoLongerThanForAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := beginsSlowly(t, 20*time.Millisecond)
		var first state
		if err := p.Open(t.Context(), &first.stream, &first); err != nil {
			t.Fatal(err)
		}
		defer first.stream.Done()

		begin := time.Now()
		var second state
		var limit *plugin.LimitError
		err := p.Open(t.Context(), &second.stream, &second)
		if !errors.Is(err, plugin.ErrAllowance) || !errors.As(err, &limit) || limit.Limit != "tenant_limits.cpu" {
			t.Errorf("got %v, want what was used up", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it was turned away after %v, want a second at most", took)
		}
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin = time.Now()
		if err := p.Open(ctx, &second.stream, &second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the client has gone", err)
		}
		if took := time.Since(begin); took != 100*time.Millisecond {
			t.Errorf("it waited for %v behind its client", took)
		}
	})
}

// What starts may take is no part of it: a stream's instance is paid for as its callbacks are.
func TestAStreamsInstanceIsNoPartOfWhatStartsMayTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := beginsSlowly(t, 500*time.Millisecond)
		time.Sleep(time.Second)
		begin := time.Now()
		var streams [4]state
		for i := range streams {
			if err := p.Open(t.Context(), &streams[i].stream, &streams[i]); err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
			defer streams[i].stream.Done()
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("four streams took %v", took)
		}
	})
}
