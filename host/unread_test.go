package host_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const ping = "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"

// Strangers may ping, and nothing else: whatever they do with that, a tenant's clients are served.
func TestStrangersWhoPingTakeNobodysPlace(t *testing.T) {
	for name, stranger := range map[string]func(conn net.Conn){
		"and read nothing": func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, strings.Repeat(ping, 1000)); err != nil {
					return
				}
			}
		},
		"without end": func(conn net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			for {
				if _, err := io.WriteString(conn, strings.Repeat(ping, 1000)); err != nil {
					return
				}
			}
		},
		"with a body that does not come": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "GET /_ping HTTP/1.1\r\nHost: docker\r\nContent-Length: 10\r\n\r\n")
		},
		"until they ask, and read nothing": func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, strings.Repeat(ping, 1000)+"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n"); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, tenants, nobodys := strangers(t)
			engine := infoEngine(t)
			engine.Handle("GET /_ping", hosttest.JSON(200, "OK"))
			g := hosttest.StartGateway(t, engine.Address(), text+"limits: {connections: 4}\n")
			for range 8 {
				conn, _ := dial(t, nobodys)
				go stranger(conn)
			}
			full(t, g, 4)
			for range 3 {
				conn, r := dial(t, tenants)
				isServed(t, conn, r)
				conn.Close()
			}
		})
	}
}

// A client that may ping only is not waited for with a body, which no ping has.
func TestAStrangersPingHasNoBody(t *testing.T) {
	text, tenants, nobodys := strangers(t)
	engine := infoEngine(t)
	engine.Handle("GET /_ping", hosttest.JSON(200, "OK"))
	hosttest.StartGateway(t, engine.Address(), text)
	const request = "GET /_ping HTTP/1.1\nHost: docker\nContent-Length: 2\n\n{}"
	for socket, want := range map[string]int{tenants: 200, nobodys: 403} {
		if code, body := ask(t, "unix", socket, request); code != want {
			t.Errorf("got %d %s, want %d", code, body, want)
		}
	}
}

// Who asked for a stream may read it as slowly as he likes, though others wait for his place.
func TestAStreamThatNobodyReadsIsNotEnded(t *testing.T) {
	engine := infoEngine(t)
	const size = 8 << 20 // more than there is room for on the way
	engine.Handle("GET /containers/c/logs", hosttest.JSON(200, strings.Repeat("a", size)))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {connections: 1}\n")
	reader, readerR := dial(t, g.Socket)
	write(t, reader, "GET /containers/c/logs?stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
	if _, err := readerR.Peek(1); err != nil {
		t.Fatal(err)
	}
	next, nextR := dial(t, g.Socket)
	write(t, next, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	_ = next.SetReadDeadline(time.Now().Add(1500 * time.Millisecond)) // longer than a write of the gateway's own may wait while others do
	if line, err := nextR.ReadString('\n'); err == nil {
		t.Errorf("a connection beyond limits.connections got %q", line)
	}
	if code, body := status(t, readerR); code != 200 || len(body) != size {
		t.Errorf("got %d and %d bytes of %d", code, len(body), size)
	}
	_ = next.SetReadDeadline(time.Now().Add(time.Minute))
	if code, _ := status(t, nextR); code != 200 { // as soon as it has the place
		t.Errorf("got %d", code)
	}
}
