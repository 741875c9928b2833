package host_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// document is a JSON body of so many bytes.
func document(size int) string {
	const head, tail = `{"Image":"`, `"}`
	return head + strings.Repeat("y", size-len(head)-len(tail)) + tail
}

// create begins a request with a JSON body of which so many bytes are announced, and sends its first part.
func create(t *testing.T, socket, part string, announced int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, r := dial(t, socket)
	write(t, conn, "POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", announced, part)
	return conn, r
}

// creates is the answer to a body that comes whole.
func creates(t *testing.T, socket string, size int) (code int, body string) {
	t.Helper()
	conn, r := create(t, socket, document(size), size)
	defer conn.Close()
	return status(t, r)
}

func createEngine(t *testing.T) *hosttest.FakeDocker {
	t.Helper()
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	return engine
}

// Nobody needs a filter to have the gateway gather what he never finishes.
func TestBodiesOfATenantsClientsAreHeldForThatTenant(t *testing.T) {
	const size, sent = 48 << 10, 40 << 10 // the rest does not come
	for name, filters := range map[string]bool{"with filters": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			text, sockets := twoTenants(t, "noop", "held: 64KiB")
			if !filters {
				text, _, _ = strings.Cut(text, "filters:")
			}
			g := hosttest.StartGateway(t, createEngine(t).Address(), text)
			g.SetBodyTime(time.Hour)
			if code, body := creates(t, sockets["ci"], size); code != http.StatusOK {
				t.Fatalf("got %d %s", code, body)
			}
			eventually(t, "end of that", func() bool { return g.HeldFor("ci") == 0 })
			slow, answer := create(t, sockets["ci"], document(size)[:sent], size)
			eventually(t, "body that is held", func() bool { return g.HeldFor("ci") == size })
			code, refused := creates(t, sockets["ci"], size)
			if code != http.StatusServiceUnavailable || !strings.Contains(refused, "there is no room for the request's body") || !strings.Contains(refused, "(tenant ci, tenant_limits.held: 65536)") {
				t.Errorf("got %d %s", code, refused)
			}
			if code, body := creates(t, sockets["ci"], 8<<10); code != http.StatusOK {
				t.Errorf("a small body got %d %s", code, body)
			}
			if code, body := creates(t, sockets["dev"], size); code != http.StatusOK {
				t.Errorf("another tenant's got %d %s", code, body)
			}
			write(t, slow, "%s", document(size)[sent:])
			if code, body := status(t, answer); code != http.StatusOK || body != document(size) {
				t.Errorf("the first one got %d with %d bytes", code, len(body))
			}
			eventually(t, "end of that", func() bool { return g.HeldFor("ci") == 0 })
		})
	}
}

func TestBodiesOfClientsThatAreNoTenantsAreHeldTogether(t *testing.T) {
	g := hosttest.StartGateway(t, createEngine(t).Address(), "tenant_limits: {held: 64KiB}\nfilters: []\n")
	g.SetBodyTime(time.Hour)
	const size = 48 << 10
	slow, _ := create(t, g.Socket, document(size)[:40<<10], size)
	eventually(t, "body that is held", func() bool { return g.HeldFor("") == size })
	code, refused := creates(t, g.Socket, size)
	if code != http.StatusServiceUnavailable || !strings.Contains(refused, "(tenant_limits.held: 65536)") {
		t.Errorf("got %d %s", code, refused)
	}
	g.Write("tenant_limits: {held: 65KiB}\nfilters: []\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := creates(t, g.Socket, size); code != http.StatusServiceUnavailable {
		t.Errorf("a reload made room: got %d", code)
	}
	slow.Close()
	eventually(t, "end of that", func() bool { return g.HeldFor("") == 0 })
	if code, body := creates(t, g.Socket, size); code != http.StatusOK {
		t.Errorf("got %d %s", code, body)
	}
}

func TestABodyThatDoesNotComeIsHeldForAWhileOnly(t *testing.T) {
	g := hosttest.StartGateway(t, createEngine(t).Address(), "tenant_limits: {held: 256KiB}\nfilters: []\n")
	g.SetBodyTime(50 * time.Millisecond)
	const head = "POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"a length, and nothing":    head + "Content-Length: 50000\r\n\r\n",
		"a length, and nearly all": head + "Content-Length: 50000\r\n\r\n" + document(50_000)[:49_999],
		"chunks":                   head + "Transfer-Encoding: chunked\r\n\r\nc350\r\n" + document(50_000) + "\r\n",
		"half of a chunk":          head + "Transfer-Encoding: chunked\r\n\r\nc350\r\n" + document(50_000)[:25_000],
		"after a 100":              head + "Expect: 100-continue\r\nContent-Length: 50000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := dial(t, g.Socket)
			write(t, conn, "%s", request)
			code, body := status(t, r)
			if code == http.StatusContinue {
				code, body = status(t, r)
			}
			if code != http.StatusRequestTimeout || !strings.Contains(body, "did not come within 50ms: send it again") {
				t.Errorf("got %d %s", code, body)
			}
			eventually(t, "end of that", func() bool { return g.HeldFor("") == 0 })
		})
	}
}

// What was announced has its time, and what comes after that is another request's.
func TestALargeBodyHasTheTimeToCome(t *testing.T) {
	g := hosttest.StartGateway(t, createEngine(t).Address(), "filters: []\n")
	g.SetBodyTime(time.Nanosecond) // and 160 seconds
	const size = 10 << 20
	whole := document(size)
	conn, r := create(t, g.Socket, whole[:100], size)
	for rest := whole[100:]; rest != ""; {
		n := min(len(rest), 1<<20)
		write(t, conn, "%s", rest[:n])
		rest = rest[n:]
		time.Sleep(time.Millisecond)
	}
	if code, body := status(t, r); code != http.StatusOK || body != whole {
		t.Fatalf("got %d with %d bytes", code, len(body))
	}
	fmt.Fprint(conn, "POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	if code, body := status(t, r); code != http.StatusOK || body != "{}" {
		t.Errorf("the next one got %d %s", code, body)
	}
}
