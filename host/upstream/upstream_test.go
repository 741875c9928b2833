package upstream_test

import (
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a server on a unix socket that can be stopped and started again, like dockerd. Each connection is given to serve.
type engine struct {
	t     *testing.T
	path  string
	serve func(net.Conn)

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
	count int
	wait  sync.WaitGroup
}

func newEngine(t *testing.T, serve func(net.Conn)) *engine {
	e := &engine{t: t, path: filepath.Join(t.TempDir(), "docker.sock"), serve: serve}
	e.start()
	t.Cleanup(e.stop)
	return e
}

func (e *engine) start() {
	l, err := net.Listen("unix", e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	e.l = l
	e.wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, nc)
			e.count++
			e.mu.Unlock()
			e.wait.Go(func() {
				defer nc.Close()
				e.serve(nc)
			})
		}
	})
}

// stop closes the listener and every connection.
func (e *engine) stop() {
	e.l.Close()
	e.mu.Lock()
	for _, nc := range e.conns {
		nc.Close()
	}
	e.conns = nil
	e.mu.Unlock()
	e.wait.Wait()
}

// accepted is how many connections came in.
func (e *engine) accepted() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

func (e *engine) pool(opts upstream.Options) *upstream.Pool {
	e.t.Helper()
	p, err := upstream.New("unix://"+e.path, opts)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(p.Close)
	return p
}

// answer serves requests with the body "ok" until the client ends.
func answer(nc net.Conn) {
	c := wire.NewConn(nc, wire.Options{})
	for {
		var r wire.Request
		if c.ReadRequest(&r) != nil {
			return
		}
		if _, err := c.Discard(1 << 30); err != nil {
			return
		}
		if c.WriteResponse(&wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Length, Length: 2}}) != nil {
			return
		}
		c.WriteBody([]byte("ok"))
		if c.Flush() != nil {
			return
		}
		c.FinishBody(nil)
	}
}

func get() *wire.Request { return &wire.Request{Method: "GET", Target: "/_ping", Host: "docker"} }

// ask makes one exchange and gives the connection back.
func ask(t *testing.T, p *upstream.Pool, r *wire.Request, body string) error {
	t.Helper()
	c, reused, err := p.Get(t.Context())
	if err != nil {
		return err
	}
	resp, got, err := exchange(c, r, body)
	if err != nil && reused && c.Unsent() {
		c.Close()
		if c, err = p.Dial(t.Context()); err != nil {
			return err
		}
		resp, got, err = exchange(c, r, body)
	}
	if err != nil {
		c.Close()
		return err
	}
	p.Put(c)
	if got != "ok" || resp.Status != 200 {
		t.Errorf("got %d %q", resp.Status, got)
	}
	return nil
}

func exchange(c *wire.Conn, r *wire.Request, body string) (resp wire.Response, got string, err error) {
	if err := c.WriteRequest(r); err != nil {
		return resp, "", err
	}
	if _, err := c.WriteBody([]byte(body)); err != nil {
		return resp, "", err
	}
	if err := errors.Join(c.FinishBody(nil), c.Flush(), c.ReadResponse(&resp, r.Method)); err != nil {
		return resp, "", err
	}
	for done := false; !done; {
		var b []byte
		if b, done, err = c.NextBody(); err != nil {
			return resp, "", err
		}
		got += string(b)
	}
	return resp, got, nil
}

// within waits for what other goroutines bring about.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

// pair returns the two ends of a connection.
func pair(t testing.TB, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	if b, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	a = <-accepted
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b
}
