package host_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// With all that may be open taken by idle connections of one tenant, those of another are
// served, and lose none of their own.
func TestIdleConnectionsOfATenantMakeWayForOthers(t *testing.T) {
	for name, hold := range map[string]func(t *testing.T, socket string) net.Conn{
		"after a request": func(t *testing.T, socket string) net.Conn {
			conn, r := dial(t, socket)
			if code, body := infoOn(t, conn, r); code != 200 && code != 503 {
				t.Errorf("got %d %s", code, body)
			}
			return conn
		},
		"without one": func(t *testing.T, socket string) net.Conn {
			conn, _ := dial(t, socket)
			return conn
		},
		"in the middle of a head": func(t *testing.T, socket string) net.Conn {
			conn, _ := dial(t, socket)
			write(t, conn, "GET /info HTTP/1.1\r\nHo")
			return conn
		},
		"that linger behind an answer": func(t *testing.T, socket string) net.Conn {
			conn, r := dial(t, socket)
			write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\nContent-Length: x\r\n\r\n")
			if code, body := status(t, r); code != 400 {
				t.Errorf("got %d %s", code, body)
			}
			return conn
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, sockets := crowd(t, "connections: 8", "connections: 8")
			text += "tenant_limits: {connections: 8}\n"
			g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
			mine, mineR := dial(t, sockets["dev"])
			isServed(t, mine, mineR)
			for range 20 { // more than there may be: they push each other out
				hold(t, sockets["ci"])
			}
			full(t, g, 8)
			for range 2 { // more of them might be more than there are of the crowd, until their ends are known
				other, otherR := dial(t, sockets["dev"])
				isServed(t, other, otherR)
				other.Close()
			}
			if code, body := infoOn(t, mine, mineR); code != 200 {
				t.Errorf("the other tenant's own connection got %d %s", code, body)
			}
			page := series(t, g, `sluice_tenant_connections{tenant="dev"} 1`)
			if strings.Contains(page, "\nsluice_connections_yielded_total 0\n") {
				t.Error("nobody made way")
			}
		})
	}
}

// atRest waits until no more than so many requests are being served: what has been answered still is, for a
// moment.
func atRest(t *testing.T, g *hosttest.Gateway, streams int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); g.Stats().Streams > streams; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests are being served", g.Stats().Streams)
		}
	}
}

// full waits until so many connections are open.
func full(t *testing.T, g *hosttest.Gateway, connections int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); g.Stats().Connections != connections; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, want %d", g.Stats().Connections, connections)
		}
	}
}

// A client whose connection made way finds it closed, and nothing else. One that has
// begun a request goes on with it, as long as there are others.
func TestTheOldestIdleConnectionMakesWay(t *testing.T) {
	g := hosttest.StartGateway(t, infoEngine(t).Address(), "limits: {connections: 3}\n")
	slow, slowR := dial(t, g.Socket)
	write(t, slow, "GET /info HTTP/1.1\r\nHo")
	idle, idleR := dial(t, g.Socket)
	isServed(t, idle, idleR)
	atRest(t, g, 0)
	young, youngR := dial(t, g.Socket)
	for range 3 { // the other one is idle by then for sure
		isServed(t, young, youngR)
	}
	if code, _ := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker"); code != 200 {
		t.Errorf("got %d", code)
	}
	if text, err := io.ReadAll(idleR); len(text) > 0 || err != nil {
		t.Errorf("the idle one found %q, %v", text, err)
	}
	write(t, slow, "st: docker\r\n\r\n")
	if code, _ := status(t, slowR); code != 200 {
		t.Errorf("the slow one got %d", code)
	}
	if code, _ := infoOn(t, young, youngR); code != 200 {
		t.Errorf("the other one got %d", code)
	}
}

// Where there are heads alone that do not come to an end, the client whose is the oldest
// is told.
func TestAHeadThatDoesNotEndMakesWay(t *testing.T) {
	g := hosttest.StartGateway(t, infoEngine(t).Address(), "limits: {connections: 2}\n")
	slow, slowR := dial(t, g.Socket)
	write(t, slow, "GET /in")
	second, secondR := dial(t, g.Socket)
	write(t, second, "GET /in")
	third, thirdR := dial(t, g.Socket)
	isServed(t, third, thirdR)
	if code, body := status(t, slowR); code != 503 || !strings.Contains(body, "limits.connections") {
		t.Errorf("the one that made way got %d %s", code, body)
	}
	write(t, second, "fo HTTP/1.1\r\nHost: docker\r\n\r\n")
	if code, _ := status(t, secondR); code != 200 {
		t.Errorf("the other one got %d", code)
	}
}

// Streams are not ended for others, who wait.
func TestStreamsDoNotMakeWay(t *testing.T) {
	engine := infoEngine(t)
	end := make(chan struct{})
	engine.Handle("GET /events", hosttest.Pieces(end, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{}\n\r\n0\r\n\r\n"))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {connections: 1}\n")
	go func() { end <- struct{}{} }()
	events, eventsR := dial(t, g.Socket)
	write(t, events, "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
	if line, err := eventsR.ReadString('\n'); !strings.Contains(line, "200") {
		t.Fatalf("got %q, %v", line, err)
	}
	next, nextR := dial(t, g.Socket)
	write(t, next, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	served := make(chan int, 1)
	go func() {
		code, _ := status(t, nextR)
		served <- code
	}()
	select {
	case <-served:
		t.Fatal("a connection beyond limits.connections is served")
	case <-time.After(100 * time.Millisecond):
	}
	close(end)
	if code := <-served; code != 200 { // as soon as it is idle
		t.Errorf("got %d", code)
	}
	if text, err := io.ReadAll(eventsR); !strings.Contains(string(text), "{}\n") || err != nil {
		t.Errorf("the stream ended with %q, %v", text, err)
	}
}

// While connections come and go, and are closed for others all the time, no request on one
// that was idle for a moment only gets lost without the client being able to tell.
func TestARequestIsAnsweredOrItsConnectionIsClosed(t *testing.T) {
	engine := infoEngine(t)
	var executed, answered atomic.Int64
	info := hosttest.JSON(200, "{}")
	engine.Handle("GET /info", func(x *hosttest.Exchange) bool {
		executed.Add(1)
		return info(x)
	})
	g := hosttest.StartGateway(t, engine.Address(), "limits: {connections: 4}\n")
	served := make(chan int, 16)
	for range cap(served) {
		go func() {
			n := 0
			defer func() { served <- n }()
			for range 30 {
				conn, err := net.Dial("unix", g.Socket)
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				r := bufio.NewReader(conn)
				for range 4 {
					if _, err := io.WriteString(conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n"); err != nil {
						break
					}
					line, err := r.ReadString('\n')
					if err != nil {
						if ne, ok := err.(net.Error); ok && ne.Timeout() {
							t.Error("no answer, and no end")
						}
						break
					}
					if !strings.HasPrefix(line, "HTTP/1.1 200") {
						t.Errorf("got %q", line)
						break
					}
					for line != "{}" && err == nil {
						if line == "\r\n" {
							b := make([]byte, 2)
							_, err = io.ReadFull(r, b)
							line = string(b)
							continue
						}
						line, err = r.ReadString('\n')
					}
					if err != nil {
						t.Errorf("the answer broke off: %v", err)
						break
					}
					n++
					answered.Add(1)
				}
				conn.Close()
			}
		}()
	}
	for range cap(served) {
		if n := <-served; n < 30 {
			t.Errorf("a client had %d answers on 30 connections", n)
		}
	}
	// Who finds the connection closed may send it again.
	if executed.Load() != answered.Load() {
		t.Errorf("%d requests were executed, and %d answered", executed.Load(), answered.Load())
	}
}
