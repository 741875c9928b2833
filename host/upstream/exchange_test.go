package upstream_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

// dying returns an engine whose first connection answers one request, reads the next one and hangs up without an answer, as a dockerd
// does that is stopped just then. Later connections answer everything. requests counts what was read.
func dying(t *testing.T) (e *engine, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	var first atomic.Bool
	return newEngine(t, func(nc net.Conn) {
		if !first.CompareAndSwap(false, true) {
			requests.Add(1)
			answer(nc)
			return
		}
		c := wire.NewConn(nc, wire.Options{})
		var r wire.Request
		if c.ReadRequest(&r) != nil {
			return
		}
		io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if c.ReadRequest(&r) == nil {
			requests.Add(1)
		}
	}), requests
}

func TestReplayableRequestIsSentOnceMore(t *testing.T) {
	e, requests := dying(t)
	p := e.pool(upstream.Options{})
	for range 2 {
		if err := ask(t, p, get(), "", true); err != nil {
			t.Fatal(err)
		}
	}
	if requests.Load() != 2 {
		t.Errorf("the engine saw the second request %d times; want 2", requests.Load())
	}
}

// A create that the engine may have acted upon is never sent again behind the caller's back.
func TestOtherRequestIsNotSentTwice(t *testing.T) {
	e, requests := dying(t)
	p := e.pool(upstream.Options{})
	if err := ask(t, p, get(), "", true); err != nil {
		t.Fatal(err)
	}
	if err := ask(t, p, &wire.Request{Method: "POST", Target: "/containers/create"}, "", false); err != io.EOF {
		t.Errorf("got %v; want io.EOF", err)
	}
	if requests.Load() != 1 {
		t.Errorf("the engine saw it %d times", requests.Load())
	}
}

// On a new connection the same end is the engine's answer: there is no use in trying again.
func TestFreshConnectionIsNotRetried(t *testing.T) {
	e := newEngine(t, func(nc net.Conn) {
		var r wire.Request
		_ = wire.NewConn(nc, wire.Options{}).ReadRequest(&r)
	})
	if err := ask(t, e.pool(upstream.Options{}), get(), "", true); err != io.EOF {
		t.Errorf("got %v; want io.EOF", err)
	}
	if e.accepted() != 1 {
		t.Errorf("%d connections", e.accepted())
	}
}

func TestInformationalResponsesAreSkipped(t *testing.T) {
	e := newEngine(t, func(nc net.Conn) {
		var r wire.Request
		if wire.NewConn(nc, wire.Options{}).ReadRequest(&r) == nil {
			io.WriteString(nc, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	if err := ask(t, e.pool(upstream.Options{}), get(), "", true); err != nil {
		t.Error(err)
	}
}

// An engine that refuses a large body and hangs up has answered, though the body could not be written to its end.
func TestAnswerBeforeTheBodyWasRead(t *testing.T) {
	e := newEngine(t, func(nc net.Conn) {
		var r wire.Request
		if wire.NewConn(nc, wire.Options{}).ReadRequest(&r) == nil {
			io.WriteString(nc, "HTTP/1.1 413 Too large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		}
	})
	p := e.pool(upstream.Options{})
	body := bytes.Repeat([]byte("x"), 8<<20)
	var resp wire.Response
	c, err := p.Exchange(t.Context(), &wire.Request{Method: "POST", Target: "/", Body: wire.Framing{Kind: wire.Length, Length: int64(len(body))}}, body, &resp, false)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 413 || c.Reusable() {
		t.Errorf("status %d, reusable %v", resp.Status, c.Reusable())
	}
	p.Put(c)
	if p.Idle() != 0 {
		t.Error("the connection was kept")
	}
}
