package hosttest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/foreign"
)

// Gateway is a started gateway with its configuration in a directory of the
// test's own.
type Gateway struct {
	*host.Gateway
	// Socket is the path of the unix socket it listens on.
	Socket string
	// File is the path of its configuration.
	File string
	// Log is what it logged, a JSON object a line.
	Log *Log

	head string
	t    testing.TB
}

// StartGateway writes a configuration and starts a gateway on it, which ends
// with the test. upstream is the engine's address. The text is YAML, put behind
// lines that name the upstream and, unless the text says otherwise itself, one
// unix listener, and that switch watching off. Where it says nothing of limits.start,
// tenants' filters are waited for longer than by default.
func StartGateway(t testing.TB, upstream, text string) *Gateway {
	t.Helper()
	return StartGatewayWith(t, upstream, text, nil)
}

// StartGatewayWith is StartGateway for a program that embeds the gateway, with
// foreign functions of its own.
func StartGatewayWith(t testing.TB, upstream, text string, functions map[string]foreign.Function) *Gateway {
	t.Helper()
	dir := shortTempDir(t)
	g := &Gateway{Socket: filepath.Join(dir, "s"), File: filepath.Join(dir, "sluice.yaml"), Log: new(Log), t: t}
	head := fmt.Sprintf("upstream: %s\n", upstream)
	if !strings.Contains(text, "listeners:") {
		head += fmt.Sprintf("listeners:\n  - address: unix://%s\n", g.Socket)
	}
	if !strings.Contains(text, "reload:") {
		head += "reload: {watch: false, drain: 5s}\n"
	}
	g.head = head
	g.Write(text)
	cfg, err := g.load()
	if err != nil {
		t.Fatalf("configuration:\n%v", err)
	}
	log := slog.New(slog.NewJSONHandler(g.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.Gateway, err = host.New(t.Context(), host.Options{Config: cfg, Load: g.load, Logger: log, Functions: functions})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// A test may leave streams open; they are cut.
		_ = g.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if t.Failed() {
			t.Logf("gateway log:\n%s", g.Log.String())
		}
	})
	return g
}

// Write replaces the configuration's text; Reload reads it.
func (g *Gateway) Write(text string) {
	g.t.Helper()
	if err := os.WriteFile(g.File, []byte(g.head+text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *Gateway) load() (*config.Config, error) {
	cfg, err := config.Load(config.Options{Files: []string{g.File}, Quarantine: true})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(g.File)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(text, []byte("start: ")) {
		// On a machine that is busy with other tests, good filters need not start in the default.
		cfg.Limits.Start = time.Minute
	}
	return cfg, nil
}

// Client is an HTTP client that talks to the gateway's socket.
func (g *Gateway) Client() *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", g.Socket)
	}}
	g.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Do sends a request and reads the whole answer.
func (g *Gateway) Do(method, target, contentType, body string) (*http.Response, string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute) // a request that hangs fails
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s %s: body: %v", method, target, err)
	}
	return resp, string(text)
}

// Dial opens a raw connection to the gateway, which the test's end closes.
func (g *Gateway) Dial() (*net.UnixConn, *bufio.Reader) {
	g.t.Helper()
	conn, err := net.Dial("unix", g.Socket)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a test that hangs fails
	return conn.(*net.UnixConn), bufio.NewReader(conn)
}

// Guest is the path of one of testdata/guests, by its name without .wasm.
func Guest(t testing.TB, name string) string {
	t.Helper()
	for dir, _ := os.Getwd(); ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "testdata", "guests", name+".wasm")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no guest %q in testdata/guests", name)
		}
	}
}

// shortTempDir is a temporary directory whose path leaves room for a socket's
// name in the 108 bytes that the system allows.
func shortTempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Log collects what is written to it.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Wait returns once the log holds the text; it fails the test when that takes too
// long. A request is logged after its answer.
func (l *Log) Wait(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(l.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not hold %q", text)
		}
	}
}

// Reset forgets everything so far, and keeps no memory for it.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = bytes.Buffer{}
}

// String is everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
