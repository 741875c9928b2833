package host_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const askWebSocket = "GET /v1.41/containers/c/attach/ws?stream=1 HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"

// A page anywhere can open a WebSocket to a port of this machine, and the engine
// lets it.
func TestAPageOfSomebodyElseCannotUseATCPListener(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("GET /containers/c/attach/ws", hosttest.Hijack("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ""))
	engine.Handle("POST /containers/c/stop", hosttest.JSON(204, ""))
	g := hosttest.StartGateway(t, engine.Address(), `listeners:
  - {address: 'tcp://127.0.0.1:0', hosts: [docker.example.com], allowed_origins: ['https://portainer.example.com']}
`+filters(t, "noop"))
	address := strings.TrimPrefix(g.Addresses()[0], "tcp://")
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"a WebSocket of a client":      {askWebSocket + "Host: " + address, 101},
		"of a client that says so":     {askWebSocket + "Host: " + address + "\nOrigin: http://" + address, 101},
		"of a page":                    {askWebSocket + "Host: " + address + "\nOrigin: https://evil.example", 403},
		"of a page that is allowed":    {askWebSocket + "Host: " + address + "\nOrigin: https://portainer.example.com", 101},
		"a form of a page":             {"POST /v1.41/containers/c/stop HTTP/1.1\nHost: " + address + "\nOrigin: https://evil.example\nContent-Length: 0", 403},
		"the same of nobody's page":    {"POST /v1.41/containers/c/stop HTTP/1.1\nHost: " + address + "\nContent-Length: 0", 204},
		"a name made to point here":    {"GET /info HTTP/1.1\nHost: evil.example:2375", 403},
		"the same in the request line": {"GET http://evil.example/info HTTP/1.1\nHost: docker", 403},
		"a name that is configured":    {"GET /info HTTP/1.1\nHost: docker.example.com:2375", 200},
		"no name":                      {"GET /info HTTP/1.1\nHost: ", 200},
		"HTTP/1.0 without a name":      {"GET /info HTTP/1.0", 200},
		"a ping from anywhere":         {"GET /_ping HTTP/1.1\nHost: evil.example", 200},
	} {
		if code, body := ask(t, "tcp", address, c.request); code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, code, body, c.want)
		}
	}
}

// No browser connects to a unix socket, and clients there write what they like.
func TestOnAUnixSocketNobodyLooksAtHostAndOrigin(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("GET /containers/c/attach/ws", hosttest.Hijack("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ""))
	g := hosttest.StartGateway(t, engine.Address(), "")
	if code, body := ask(t, "unix", g.Socket, askWebSocket+"Host: whatever.example\nOrigin: http://localhost"); code != 101 {
		t.Errorf("got %d %s, want 101", code, body)
	}
	if code, body := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: evil.example\nOrigin: null"); code != 200 {
		t.Errorf("got %d %s, want 200", code, body)
	}
}
