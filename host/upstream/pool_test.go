package upstream_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

func TestConnectionIsUsedAgain(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{})
	for range 5 {
		if err := ask(t, p, get(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.accepted(); n != 1 {
		t.Errorf("%d connections for 5 requests one after the other", n)
	}
	c, reused, err := p.Get(t.Context())
	if err != nil || !reused {
		t.Fatalf("reused %v, %v", reused, err)
	}
	c.Close()
	if c, reused, err = p.Get(t.Context()); err != nil || reused {
		t.Fatalf("reused %v, %v", reused, err)
	}
	c.Close()
}

// dockerd was restarted while connections were idle: no request fails for it, not even one that must not be sent twice.
func TestRestartedEngineIsNotNoticed(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{})
	post := &wire.Request{Method: "POST", Target: "/containers/create", Body: wire.Framing{Kind: wire.Length, Length: 2}}
	for range 3 {
		if err := ask(t, p, post, "{}"); err != nil {
			t.Fatal(err)
		}
		e.stop()
		e.start()
	}
	if n := e.accepted(); n != 3 {
		t.Errorf("%d connections; want one after each restart", n)
	}
}

// After some rest it is not even tried: a body that is streamed could not be sent again.
func TestRestedConnectionIsLookedAt(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{})
	if err := ask(t, p, get(), ""); err != nil {
		t.Fatal(err)
	}
	e.stop()
	e.start()
	time.Sleep(150 * time.Millisecond)
	c, reused, err := p.Get(t.Context())
	if err != nil || reused {
		t.Fatalf("reused %v, %v; want a new connection", reused, err)
	}
	c.Close()
}

func TestUnreachableEngineIsNamed(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{})
	e.stop()
	err := ask(t, p, get(), "")
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "unix://"+e.path) {
		t.Errorf("got %v", err)
	}
	e.start()
}

func TestOnlyWholeExchangesAreKept(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		read   bool
		kept   int
	}{
		"complete":        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, 1},
		"body not read":   {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 0},
		"engine closes":   {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", true, 0},
		"HTTP/1.0":        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", true, 0},
		"more than asked": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, func(nc net.Conn) {
				c := wire.NewConn(nc, wire.Options{})
				var r wire.Request
				for c.ReadRequest(&r) == nil {
					io.WriteString(nc, test.answer)
				}
			})
			p := e.pool(upstream.Options{})
			c, _, err := p.Get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var resp wire.Response
			if err := errors.Join(c.WriteRequest(get()), c.Flush(), c.ReadResponse(&resp, "GET")); err != nil {
				t.Fatal(err)
			}
			if test.read {
				if _, err := c.Discard(100); err != nil {
					t.Fatal(err)
				}
			}
			p.Put(c)
			if got := p.Idle(); got != test.kept {
				t.Errorf("%d idle; want %d", got, test.kept)
			}
		})
	}
}

// Nothing on a connection has failed, but somebody has cut it: before it came to rest, or while it rests.
func TestAbortedConnectionIsNotUsedAgain(t *testing.T) {
	for how, abort := range map[string]func(*wire.Conn){"abort": (*wire.Conn).Abort, "abort reading": (*wire.Conn).AbortRead} {
		e := newEngine(t, answer)
		p := e.pool(upstream.Options{})
		if err := ask(t, p, get(), ""); err != nil {
			t.Fatal(err)
		}
		c, reused, err := p.Get(t.Context())
		if err != nil || !reused {
			t.Fatalf("reused %v, %v", reused, err)
		}
		abort(c)
		if p.Put(c); c.Reusable() || p.Idle() != 0 {
			t.Errorf("%s, then Put: reusable %v, %d idle; want none", how, c.Reusable(), p.Idle())
		}

		if c, _, err = p.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Put(c)
		abort(c)
		again, reused, err := p.Get(t.Context())
		if err != nil || reused {
			t.Fatalf("Put, then %s: reused %v, %v; want a new connection", how, reused, err)
		}
		again.Close()
	}
}

func TestIdleConnectionsAreBoundedAndExpire(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{MaxIdle: 3, IdleTimeout: 30 * time.Millisecond})
	var conns []*wire.Conn
	for range 5 {
		c, _, err := p.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		p.Put(c)
	}
	if n := p.Idle(); n > 3 {
		t.Errorf("%d idle; want at most 3", n)
	}
	within(t, "the pool empties by itself", func() bool { return p.Idle() == 0 })
	if err := ask(t, p, get(), ""); err != nil {
		t.Error(err)
	}
	within(t, "and once more", func() bool { return p.Idle() == 0 })
}

func TestClosedPoolKeepsNothing(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{})
	c, _, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Put(c)
	if p.Idle() != 0 {
		t.Error("a closed pool keeps a connection")
	}
	// One without idle connections works too.
	p = e.pool(upstream.Options{MaxIdle: -1})
	if err := errors.Join(ask(t, p, get(), ""), ask(t, p, get(), "")); err != nil || p.Idle() != 0 {
		t.Errorf("%v, %d idle", err, p.Idle())
	}
}

func TestPoolUnderLoadWithRestarts(t *testing.T) {
	e := newEngine(t, answer)
	p := e.pool(upstream.Options{MaxIdle: 4})
	var wait sync.WaitGroup
	var failed atomic.Int64
	for range 8 {
		wait.Go(func() {
			for range 200 {
				if ask(t, p, get(), "") != nil {
					failed.Add(1)
				}
			}
		})
	}
	for range 5 {
		time.Sleep(2 * time.Millisecond)
		p.CloseIdle()
	}
	wait.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"unix:///var/run/docker.sock": true, "tcp://127.0.0.1:2375": true, "tcp://[::1]:2375/": true,
		"": false, "/var/run/docker.sock": false, "unix://docker.sock": false, "tcp://localhost": false, "http://localhost:1": false, "tcp://a:b:c": false, "unix://": false,
	} {
		if _, err := upstream.New(address, upstream.Options{}); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
