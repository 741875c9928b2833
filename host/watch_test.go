package host_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// becomes waits until a request gets this status.
func becomes(t *testing.T, g *hosttest.Gateway, what string, want int) {
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

// Without polling, so that it is the watching that notices.
const watched = "reload: {watch: true, debounce: 10ms, poll: 0s}\n"

// A tenant who touches his module without end must not keep the operator's changes out.
func TestTouchingAFileAgainAndAgainDelaysNobodysReload(t *testing.T) {
	const patient = "reload: {watch: true, debounce: 500ms, poll: 0s}\n"
	touched := filepath.Join(t.TempDir(), "m.wasm")
	copyFile(t, hosttest.Guest(t, "noop"), touched)
	g := hosttest.StartGateway(t, infoEngine(t).Address(), patient+"filters: [{name: m, module: "+touched+"}]\n")
	becomes(t, g, "at first", 200)
	stop, ended := make(chan struct{}), make(chan error)
	go func() {
		for {
			now := time.Now()
			if err := os.Chtimes(touched, now, now); err != nil {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- nil
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	defer func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	g.Write(patient + filters(t, "deny"))
	becomes(t, g, "while another file is touched", 403)
}

// What is wrong with a configuration may be mended in a file that only that
// configuration names.
func TestMendingAFileOfABrokenConfigurationReloads(t *testing.T) {
	engine := infoEngine(t)
	for name, c := range map[string]struct{ before, problem string }{
		"a module that does not start": {"refuse", "refused its configuration"},
		"a module that is missing":     {"", "cannot read the module"},
	} {
		t.Run(name, func(t *testing.T) {
			g := hosttest.StartGateway(t, engine.Address(), watched)
			becomes(t, g, "at first", 200)
			module := filepath.Join(t.TempDir(), "m.wasm")
			if c.before != "" {
				copyFile(t, hosttest.Guest(t, c.before), module)
			}
			g.Write(watched + "filters: [{name: m, module: " + module + "}]\n")
			g.Log.Wait(t, c.problem)
			copyFile(t, hosttest.Guest(t, "deny"), module)
			becomes(t, g, "after it was mended", 403)
		})
	}
}

// A directory that was removed and made again is another one to the system.
func TestADirectoryMadeAnewIsWatched(t *testing.T) {
	engine := infoEngine(t)
	dir := filepath.Join(t.TempDir(), "filters")
	fill := func(guest string) {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, hosttest.Guest(t, guest), filepath.Join(dir, "m.wasm"))
	}
	fill("deny")
	g := hosttest.StartGateway(t, engine.Address(), "reload: {watch: true, debounce: 10ms, poll: 50ms}\nfilters: [{name: m, module: "+dir+"/m.wasm}]\n")
	becomes(t, g, "at first", 403)
	for _, next := range []struct {
		guest string
		want  int
	}{{"noop", 200}, {"deny", 403}, {"noop", 200}} {
		fill(next.guest)
		becomes(t, g, "made anew with "+next.guest, next.want)
	}
}

func TestSettingsOfReloadingTakeEffectWithAReload(t *testing.T) {
	engine := infoEngine(t)
	const unwatched = "reload: {watch: false, debounce: 10ms, poll: 0s}\n"
	g := hosttest.StartGateway(t, engine.Address(), unwatched)
	g.Write(watched)
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Write(watched + filters(t, "deny"))
	becomes(t, g, "with watch: true", 403)
	g.Write("reload: {watch: true, debounce: 10ms, poll: 20ms}\n" + filters(t, "noop"))
	becomes(t, g, "with another poll", 200)
	g.Write(unwatched + filters(t, "noop"))
	for deadline := time.Now().Add(time.Minute); g.Config().Reload.Watch; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("watch: false was not taken up")
		}
	}
	g.Write(unwatched + filters(t, "deny"))
	time.Sleep(200 * time.Millisecond) // a watcher would have taken it up, were there one
	if err := g.Reload(t.Context()); err != nil {
		t.Errorf("with watch: false the change was there before it was asked for: %v", err)
	}
}

func TestMoreConnectionsAreServedAfterAReload(t *testing.T) {
	engine := infoEngine(t)
	answer := make(chan struct{})
	engine.Handle("GET /version", hosttest.Pieces(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {connections: 1}\n")
	first, r := g.Dial()
	busy := func() { // idle, it would make way
		write(t, first, "GET /version HTTP/1.1\r\nHost: d\r\n\r\n")
		for deadline := time.Now().Add(time.Minute); g.Stats().Streams == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the request did not come")
			}
		}
	}
	busy()
	served := make(chan int, 1)
	second, err := net.Dial("unix", g.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	_ = second.SetDeadline(time.Now().Add(time.Minute))
	write(t, second, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	go func() {
		code, _ := status(t, bufio.NewReader(second))
		served <- code
	}()
	select {
	case <-served:
		t.Fatal("a connection beyond limits.connections is served")
	case <-time.After(100 * time.Millisecond):
	}
	g.Write("limits: {connections: 2}\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := <-served; code != 200 {
		t.Errorf("got %d, want 200", code)
	}
	// And fewer: those that are open stay, and others wait for them.
	g.Write("limits: {connections: 1}\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer <- struct{}{}
	if code, _ := status(t, r); code != 200 {
		t.Errorf("an open connection got %d, want 200", code)
	}
	write(t, first, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	if code, _ := status(t, r); code != 200 {
		t.Errorf("an open connection got %d, want 200", code)
	}
	first.Close()
	second.Close()
	becomes(t, g, "after both were closed", 200)
}
