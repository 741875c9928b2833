package wire_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

// eventually waits for a state that the kernel reaches on its own.
func eventually(t *testing.T, c *wire.Conn, want wire.PeerState) {
	t.Helper()
	got := c.PeerState()
	for limit := time.Now().Add(time.Minute); got != want && time.Now().Before(limit); got = c.PeerState() {
		time.Sleep(time.Millisecond)
	}
	if got != want {
		t.Fatalf("peer is %v; want %v", got, want)
	}
}

func TestPeerStateOfHalfClosedAndClosedClients(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{})
			if got := c.PeerState(); got != wire.PeerOpen {
				t.Fatalf("at first: %v", got)
			}
			io.WriteString(client, "unread")
			if err := socket(client).(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			eventually(t, c, wire.PeerHalfClosed)
			socket(client).Close()
			if kind == "unix" {
				eventually(t, c, wire.PeerGone)
				return
			}
			// TCP tells only once something was written to the closed peer, and it answered with a reset.
			if got := c.PeerState(); got != wire.PeerHalfClosed {
				t.Fatalf("closed, nothing written yet: %v", got)
			}
			socket(server).Write([]byte("x"))
			eventually(t, c, wire.PeerGone)
		})
	}
}

func socket(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// A client that vanishes while the engine is silent is found out, without anything being read; one that only half-closed, as nc -N
// does, is not taken for gone.
func TestWatchFindsTheVanishedClient(t *testing.T) {
	server, client := pair(t, "unix")
	c := wire.NewConn(server, wire.Options{})
	io.WriteString(client, "GET /next HTTP/1.1\r\n")
	gone := make(chan struct{})
	c.Watch(0, wire.PeerGone, func() { close(gone) })
	io.WriteString(client, "Host: x\r\n\r\n")
	client.(*net.UnixConn).CloseWrite()
	select {
	case <-gone:
		t.Fatal("a half-closed client was taken for gone")
	case <-time.After(20 * time.Millisecond):
	}
	client.Close()
	<-gone
	c.Unwatch()
	var r wire.Request
	if err := c.ReadRequest(&r); err != nil || r.Target != "/next" {
		t.Errorf("what was sent before is lost: %q, %v", r.Target, err)
	}
}

func TestWatchForHalfClose(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{})
			gone := make(chan struct{})
			c.Watch(time.Millisecond, wire.PeerHalfClosed, func() { close(gone) })
			socket(client).(interface{ CloseWrite() error }).CloseWrite()
			<-gone
			c.Unwatch()
		})
	}
}

// Most exchanges end before the watcher begins or while it waits; the connection serves on.
func TestUnwatchedConnectionServesOn(t *testing.T) {
	for _, after := range []time.Duration{0, time.Microsecond, time.Hour} {
		for _, kind := range []string{"unix", "tls"} {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{})
			for range 50 {
				c.Watch(after, wire.PeerHalfClosed, func() { t.Error("called") })
				if after == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				c.Unwatch()
				io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				var r wire.Request
				if err := c.ReadRequest(&r); err != nil {
					t.Fatal(err)
				}
			}
			c.Unwatch()
		}
	}
}

func TestStaleConnections(t *testing.T) {
	for _, kind := range []string{"unix", "tcp"} {
		server, client := pair(t, kind)
		c := wire.NewConn(client, wire.Options{})
		if c.Stale() {
			t.Errorf("%s: a fresh connection is stale", kind)
		}
		server.Close()
		for limit := time.Now().Add(time.Minute); !c.Stale(); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%s: a closed connection is not stale", kind)
			}
		}
		server, client = pair(t, kind)
		c = wire.NewConn(client, wire.Options{})
		io.WriteString(server, "HTTP/1.1 408 Request Timeout\r\n\r\n")
		for limit := time.Now().Add(time.Minute); !c.Stale(); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%s: a connection that speaks unasked is not stale", kind)
			}
		}
	}
}

// Closing with bytes unread resets a TCP connection, and the answer that explains it is lost: lingering is what prevents it.
func TestRefusedUploadStillReadsItsAnswer(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{})
			served := make(chan error)
			go func() {
				var r wire.Request
				if err := c.ReadRequest(&r); err != nil {
					served <- err
					return
				}
				if err := c.WriteResponse(&wire.Response{Status: 403, Body: wire.Framing{Kind: wire.Length, Length: 2}, Close: true}); err != nil {
					served <- err
					return
				}
				c.WriteBody([]byte("no"))
				served <- c.CloseLinger(time.Minute)
			}()
			io.WriteString(client, "POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
			// A client that reads only when it has sent a good part.
			part := make([]byte, 1<<20)
			for range 20 {
				if _, err := client.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			up := wire.NewConn(client, wire.Options{})
			var r wire.Response
			if err := up.ReadResponse(&r, "POST"); err != nil || r.Status != 403 {
				t.Fatalf("answer %d, %v", r.Status, err)
			}
			if body, err := readAll(up); body != "no" || err != nil {
				t.Errorf("body %q, %v", body, err)
			}
			client.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// A half-closed client still gets its answer, and the server's half-close is the end that a client reads.
func TestHalfCloseEachWay(t *testing.T) {
	for _, kind := range []string{"unix", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, client := pair(t, kind)
			c := wire.NewConn(server, wire.Options{})
			io.WriteString(client, "GET /containers/json HTTP/1.0\r\n\r\n")
			client.(interface{ CloseWrite() error }).CloseWrite()
			var r wire.Request
			if err := c.ReadRequest(&r); err != nil {
				t.Fatal(err)
			}
			if err := c.WriteResponse(&wire.Response{Status: 200, Body: wire.Framing{Kind: wire.Chunked}}); err != nil {
				t.Fatal(err)
			}
			c.WriteBody([]byte("[]"))
			c.FinishBody(nil)
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(client)
			if want := "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n[]"; string(got) != want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			if err := c.ReadRequest(&r); err != io.EOF {
				t.Errorf("next request: %v; want io.EOF", err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("second close: %v", err)
			}
		})
	}
}

// What is known of a request whose connection failed decides whether it may be sent again.
func TestFailedRequests(t *testing.T) {
	request := &wire.Request{Method: "POST", Target: "/containers/create", Body: wire.Framing{Kind: wire.Length, Length: 8 << 20}}
	body := make([]byte, 8<<20)
	send := func(c *wire.Conn) error {
		if err := c.WriteRequest(request); err != nil {
			t.Fatal(err)
		}
		_, err := c.WriteBody(body)
		return err
	}
	t.Run("engine gone before", func(t *testing.T) {
		server, client := pair(t, "unix")
		server.Close()
		c := wire.NewConn(client, wire.Options{})
		if err := send(c); err == nil || !c.Unsent() || !c.Unanswered() {
			t.Errorf("%v, unsent %v, unanswered %v", err, c.Unsent(), c.Unanswered())
		}
	})
	t.Run("engine goes while it reads", func(t *testing.T) {
		server, client := pair(t, "unix")
		go func() {
			io.ReadFull(server, make([]byte, 100))
			server.Close()
		}()
		c := wire.NewConn(client, wire.Options{})
		if err := send(c); err == nil || c.Unsent() || !c.Unanswered() {
			t.Errorf("%v, unsent %v, unanswered %v", err, c.Unsent(), c.Unanswered())
		}
	})
	t.Run("engine answers and goes while it reads", func(t *testing.T) {
		server, client := pair(t, "unix")
		go func() {
			io.ReadFull(server, make([]byte, 100))
			io.WriteString(server, "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
			server.Close()
		}()
		c := wire.NewConn(client, wire.Options{})
		var r wire.Response
		if err := send(c); err == nil {
			t.Fatal("the whole body was taken")
		}
		if err := c.ReadResponse(&r, "POST"); err != nil || r.Status != 413 || c.Unanswered() || c.Reusable() {
			t.Errorf("status %d, %v, unanswered %v, reusable %v", r.Status, err, c.Unanswered(), c.Reusable())
		}
	})
}
