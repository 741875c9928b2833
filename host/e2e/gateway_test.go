package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A gateway is a started sluice.
type gateway struct {
	binary    string
	args      []string
	config    string // path of its configuration
	socket    string // path of its unix socket, if it has one
	address   string // where clients find it; "" for one on TCP that has not said yet which port it got
	listeners string // YAML of more listeners
	process   *exec.Cmd
	log       *logBuffer
	exited    chan error
	stopped   bool
}

var gateways atomic.Int64

// prepareGateway writes the configuration of a gateway in front of the engine at upstream; filters is the YAML below `filters:`, in which
// {filter:NAME} stands for a bundled filter's module and {guest:NAME} for a guest of testdata/guests.
func prepareGateway(t testing.TB, upstream, filters string) *gateway {
	t.Helper()
	dir := filepath.Join(scratch, fmt.Sprintf("g%d", gateways.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	g := newGateway(sluice(t), dir)
	g.configure(t, upstream, filters)
	return g
}

// newGateway is a gateway with its files in dir, which serves the configuration there on a unix socket.
func newGateway(binary, dir string) *gateway {
	g := &gateway{
		binary: binary,
		config: filepath.Join(dir, "sluice.yaml"),
		socket: filepath.Join(dir, "docker.sock"),
		log:    &logBuffer{},
		exited: make(chan error, 1),
	}
	g.args = []string{"serve", "--config", g.config}
	g.address = "unix://" + g.socket
	return g
}

// configure writes the gateway's configuration; a running gateway takes it up by itself or on SIGHUP.
func (g *gateway) configure(t testing.TB, upstream, filters string) {
	t.Helper()
	text := fmt.Sprintf("upstream: %s\nlisteners:\n  - address: %s\n%s", upstream, g.address, g.listeners)
	if strings.TrimSpace(filters) != "" {
		text += "filters:" + expandModules(t, filters)
	}
	// Written aside and renamed: a gateway that watches must never see half a file.
	aside := g.config + ".new"
	if err := os.WriteFile(aside, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, g.config); err != nil {
		t.Fatal(err)
	}
}

func expandModules(t testing.TB, filters string) string {
	t.Helper()
	for _, kind := range []struct{ mark, pattern string }{
		{"{filter:", "filters/%s.wasm"},
		{"{guest:", "testdata/guests/%s.wasm"},
	} {
		for {
			_, rest, found := strings.Cut(filters, kind.mark)
			if !found {
				break
			}
			name, _, _ := strings.Cut(rest, "}")
			path := filepath.Join(root(t), fmt.Sprintf(kind.pattern, name))
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("module of %s: %v", name, err)
			}
			filters = strings.ReplaceAll(filters, kind.mark+name+"}", path)
		}
	}
	return filters
}

// start runs the gateway and waits until it answers.
func (g *gateway) start() error {
	g.process = exec.Command(g.binary, g.args...)
	g.process.Stdout, g.process.Stderr = g.log, g.log
	g.process.Env = environment()
	if err := g.process.Start(); err != nil {
		return err
	}
	go func() { g.exited <- g.process.Wait() }()
	if g.address == "" {
		var err error
		g.address, err = g.awaitAddress()
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-g.exited:
			return fmt.Errorf("sluice ended before it answered: %v\n%s", err, g.log)
		default:
		}
		if conn, err := net.Dial("unix", g.socket); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("sluice did not listen on %s\n%s", g.socket, g.log)
}

// environment is that of a sluice under test. What is tested is in its file: there are no settings in the environment, and the tests' own
// variables would be refused as such.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "SLUICE_") })
}

// stop ends the gateway as an operator would and reports whether it ended well.
func (g *gateway) stop() error {
	if g.stopped {
		return nil
	}
	g.stopped = true
	if err := g.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("signal sluice: %w (%v)\n%s", err, <-g.exited, g.log)
	}
	select {
	case err := <-g.exited:
		if err != nil {
			return fmt.Errorf("sluice ended with %w\n%s", err, g.log)
		}
		return nil
	case <-time.After(patience):
		_ = g.process.Process.Kill()
		<-g.exited
		return fmt.Errorf("sluice did not end on SIGTERM\n%s", g.log)
	}
}

// startGateway is a gateway for one test.
func startGateway(t testing.TB, upstream, filters string) *gateway {
	t.Helper()
	g := prepareGateway(t, upstream, filters)
	g.run(t)
	return g
}

// run starts the gateway for as long as the test takes, and fails it if the gateway does not end well.
func (g *gateway) run(t testing.TB) {
	t.Helper()
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", g.log)
		}
	})
}

var shared struct {
	sync.Mutex
	unix, tls *gateway
	failed    error
}

// sharedGateway is the README's quickstart, which all comparisons use, all at once: it lives until TestMain ends.
func sharedGateway(t testing.TB) *gateway {
	t.Helper()
	unix, _ := sharedGateways(t)
	return unix
}

// sharedGateways are the quickstart and its twin on TCP with TLS.
func sharedGateways(t testing.TB) (unix, tls *gateway) {
	t.Helper()
	binary, upstream := sluice(t), engine(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.tls == nil && shared.failed == nil {
		shared.unix, shared.tls, shared.failed = startShared(binary, upstream)
	}
	if shared.failed != nil {
		t.Fatal(shared.failed)
	}
	return shared.unix, shared.tls
}

// stopShared reports whether the shared gateways ended well.
func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	var failed error
	for _, g := range []*gateway{shared.unix, shared.tls} {
		if g != nil && g.process != nil {
			failed = errors.Join(failed, g.stop())
		}
	}
	return failed
}

// A logBuffer collects what a process writes, by line, and can be waited on.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns once the text contains want.
func (l *logBuffer) await(t testing.TB, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(l.String(), want) {
			return
		}
	}
	t.Fatalf("did not see %q in:\n%s", want, l)
}

// jsonBody decodes a response's body and closes it.
func jsonBody(t testing.TB, response *http.Response, into any) {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(bufio.NewReader(response.Body)).Decode(into); err != nil {
		t.Fatalf("decode %s: %v", response.Status, err)
	}
}
