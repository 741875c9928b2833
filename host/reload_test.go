package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

func TestAReloadServesTheNewChain(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "")
	g.Write(filters(t, "deny"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, g, "/info", ""); code != 403 {
		t.Errorf("got %d, want the new filter's 403", code)
	}
	if err := g.Reload(t.Context()); !errors.Is(err, host.ErrUnchanged) {
		t.Errorf("reloading the same again: %v, want ErrUnchanged", err)
	}
	if n := g.Stats().Generation; n != 2 {
		t.Errorf("generation is %d, want 2", n)
	}
}

func TestABrokenReloadChangesNothing(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":          {"filters: [", "sluice.yaml:"},
		"unknown key":       {"filtres: []", "filtres"},
		"missing module":    {"filters: [{name: x, module: nowhere.wasm}]", "nowhere.wasm"},
		"start that traps":  {filters(t, "noop", "start-trap"), `filter "start-trap-2"`},
		"refused by filter": {filters(t, "refuse"), "refused its configuration"},
		"unknown import":    {filters(t, "unknown-import"), "unknown import"},
		"other listeners":   {"listeners: [{address: 'tcp://127.0.0.1:0'}]", ""},
	} {
		g.Write(c.text)
		err := g.Reload(t.Context())
		if err == nil || errors.Is(err, host.ErrUnchanged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", name, err, c.want)
		}
		if code, _ := get(t, g, "/info", ""); code != 403 {
			t.Errorf("%s: got %d, want the old filter's 403", name, code)
		}
	}
	if n := g.Stats().Generation; n != 1 {
		t.Errorf("generation is %d, want 1", n)
	}
}

func TestAStreamEndsWithTheGenerationItBeganWith(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	step := make(chan struct{})
	engine.Handle("GET /events", hosttest.Pieces(step, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{1}\r\n", "3\r\n{2}\r\n0\r\n\r\n"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "trap-on-header-body"))
	conn, r := g.Dial()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	step <- struct{}{}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.Write(filters(t, "deny"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, g, "/info", ""); code != 403 {
		t.Errorf("a new stream got %d, want the new chain's 403", code)
	}
	for range 2 {
		step <- struct{}{}
	}
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "{1}{2}" {
		t.Errorf("the old stream went on with %q, %v", got, err)
	}
}

// TestSwapsUnderLoadFailNothingAndLeakNothing alternates two versions of a
// filter, and broken ones, under requests of every transport.
func TestSwapsUnderLoadFailNothingAndLeakNothing(t *testing.T) {
	swaps := 150
	if testing.Short() {
		swaps = 30
	}
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, ""))
	const onLoad = "append-body match: {operations: [ImageLoad]}" // it wants bodies whole: an attach it would hold to its end
	versions := []string{filters(t, onLoad, "header-adder"), filters(t, onLoad, onLoad, "noop")}
	broken := []string{filters(t, "start-trap"), "filters: [", filters(t, "refuse")}
	g := hosttest.StartGateway(t, engine.Address(), versions[0])
	client := g.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	get(t, g, "/info", "")
	before := settle()
	defer func() {
		client.CloseIdleConnections()
		if after := settle(); after > before+5 {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
		}
	}()

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var requests atomic.Int64
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				resp, err := client.Post("http://d/images/load", "application/x-tar", strings.NewReader("x"))
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				// One version appends once on each way and marks the head, the other twice.
				marked := resp.Header.Get("X-Added-By") != ""
				body := string(b)
				if !(marked && body == "x [seen] [seen]" || !marked && body == "x [seen] [seen] [seen] [seen]") {
					t.Errorf("a response of neither version: %d, marked %v, %q", resp.StatusCode, marked, body)
					return
				}
				requests.Add(1)
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			conn, r := g.Dial()
			write(t, conn, attach)
			readHead(t, r)
			write(t, conn, "ping")
			if got := read(t, r, 4); got != "ping" {
				t.Errorf("attach echoed %q", got)
			}
			conn.Close()
			requests.Add(1)
		}
	})
	for i := range swaps {
		if i%5 == 4 {
			g.Write(broken[i%len(broken)])
			if err := g.Reload(ctx); err == nil {
				t.Error("a broken configuration was taken")
			}
			continue
		}
		g.Write(versions[(i+1)%2] + fmt.Sprintf("# %d\n", i) + fmt.Sprintf("limits: {body: %d}\n", 1<<20+i))
		if err := g.Reload(ctx); err != nil {
			t.Errorf("swap %d: %v", i, err)
		}
	}
	stop()
	load.Wait()
	if requests.Load() == 0 {
		t.Error("nothing was requested meanwhile")
	}
	t.Logf("%d requests during %d swaps, generation %d", requests.Load(), swaps, g.Stats().Generation)
	deadline := time.Now().Add(time.Minute)
	for g.Stats().Streams > 0 || g.Stats().Retiring > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("streams or generations are left over: %+v", g.Stats())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// settle waits until the number of goroutines stands still.
func settle() int {
	last, still := runtime.NumGoroutine(), 0
	for still < 10 {
		time.Sleep(20 * time.Millisecond)
		if n := runtime.NumGoroutine(); n == last {
			still++
		} else {
			last, still = n, 0
		}
	}
	return last
}

func TestWatchingReloadsWhenAFileIsReplaced(t *testing.T) {
	engine := infoEngine(t)
	const watched = "reload: {watch: true, debounce: 10ms, poll: 0s}\n"
	g := hosttest.StartGateway(t, engine.Address(), watched)
	waitFor := func(what string, want int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			code, _ := get(t, g, "/info", "")
			if code == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: still %d, want %d", what, code, want)
			}
		}
	}
	module := filepath.Join(filepath.Dir(g.File), "m.wasm")
	copyFile(t, hosttest.Guest(t, "deny"), module)
	g.Write(watched + "filters: [{name: m, module: m.wasm}]\n")
	waitFor("the configuration was written", 403)
	// As editors and deployments do it: another file in its place.
	copyFile(t, hosttest.Guest(t, "noop"), module+".new")
	if err := os.Rename(module+".new", module); err != nil {
		t.Fatal(err)
	}
	waitFor("the module was replaced", 200)
	copyFile(t, hosttest.Guest(t, "refuse"), module+".new")
	if err := os.Rename(module+".new", module); err != nil {
		t.Fatal(err)
	}
	g.Log.Wait(t, "the configuration was not reloaded")
	waitFor("a module that is refused", 200)
	copyFile(t, hosttest.Guest(t, "deny"), module)
	waitFor("the module was written in place", 403)
}

func TestPollingFindsWhatNotificationsMiss(t *testing.T) {
	engine := infoEngine(t)
	const polled = "reload: {watch: true, debounce: 1ms, poll: 20ms}\n"
	dir := t.TempDir()
	for version, guest := range map[string]string{"v1": "noop", "v2": "deny"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, hosttest.Guest(t, guest), filepath.Join(dir, version, "m.wasm"))
	}
	// Kubernetes: m.wasm → ..data/m.wasm, ..data → v1, and ..data is swapped.
	link(t, "v1", filepath.Join(dir, "..data"))
	link(t, "..data/m.wasm", filepath.Join(dir, "m.wasm"))
	g := hosttest.StartGateway(t, engine.Address(), polled+"filters: [{name: m, module: "+filepath.Join(dir, "m.wasm")+"}]\n")
	if code, _ := get(t, g, "/info", ""); code != 200 {
		t.Fatalf("got %d, want 200", code)
	}
	link(t, "v2", filepath.Join(dir, "..data_tmp"))
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if code, _ := get(t, g, "/info", ""); code == 403 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the swapped directory was not noticed")
		}
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownWaitsForStreamsAndThenCuts(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	step := make(chan struct{})
	engine.Handle("GET /events", hosttest.Pieces(step, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{1}\r\n0\r\n\r\n"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "noop"))
	idle, idleReader := g.Dial()
	write(t, idle, "HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
	readHead(t, idleReader)
	busy, r := g.Dial()
	write(t, busy, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	step <- struct{}{}
	readHead(t, r)
	done := make(chan error, 1)
	go func() { done <- g.Shutdown(t.Context()) }()
	if _, err := idleReader.ReadByte(); err == nil {
		t.Error("the idle connection was not closed")
	}
	step <- struct{}{}
	if got := read(t, r, len("3\r\n{1}\r\n0\r\n\r\n")); !strings.Contains(got, "{1}") {
		t.Errorf("the running stream went on with %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := os.Stat(g.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}

	g = hosttest.StartGateway(t, engine.Address(), "")
	stuck, r := g.Dial()
	write(t, stuck, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	step <- struct{}{}
	readHead(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown with a stream that does not end: %v, want the context's error", err)
	}
	close(step)
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
