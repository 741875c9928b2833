package host_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// crowd is the beginning of a configuration for the tenants ci and dev, who have a socket each.
func crowd(t *testing.T, limits, ofCI string) (text string, sockets map[string]string) {
	t.Helper()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	sockets = map[string]string{"ci": filepath.Join(dir, "ci"), "dev": filepath.Join(dir, "dev")}
	return fmt.Sprintf(adminYAML+`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}]
limits: {%[3]s}
tenants:
  - {name: ci, match: {listeners: ['unix://%[1]s']}, limits: {%[4]s}}
  - {name: dev, match: {listeners: ['unix://%[2]s']}}
`, sockets["ci"], sockets["dev"], limits, ofCI), sockets
}

// dial opens a connection that is closed at the end of the test.
func dial(t *testing.T, socket string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn, bufio.NewReader(conn)
}

// infoOn asks on a connection that stays open.
func infoOn(t *testing.T, conn net.Conn, r *bufio.Reader) (code int, body string) {
	t.Helper()
	write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	return status(t, r)
}

// isServed asks on a connection that stays open, and must be answered.
func isServed(t *testing.T, conn net.Conn, r *bufio.Reader) {
	t.Helper()
	if code, body := infoOn(t, conn, r); code != 200 {
		t.Fatalf("got %d %s", code, body)
	}
}

const seatsTaken = `tenant \"ci\" has all the connections that it may have open (tenant_limits.connections: 2): end some of them, or ask for more`

// attachTo opens a connection that has left HTTP.
func attachTo(t *testing.T, socket string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, r := dial(t, socket)
	write(t, conn, "POST /containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	if head := readHead(t, r); !strings.Contains(head, " 101 ") {
		t.Fatalf("got %s", head)
	}
	return conn, r
}

// holding is an engine that connections can be attached to.
func holding(t *testing.T) *hosttest.FakeDocker {
	engine := infoEngine(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, ""))
	return engine
}

// startCrowd starts a gateway for such tenants before such an engine.
func startCrowd(t *testing.T, ofCI string) (g *hosttest.Gateway, text string, sockets map[string]string) {
	t.Helper()
	text, sockets = crowd(t, "connections: 100", ofCI)
	return hosttest.StartGateway(t, holding(t).Address(), text), text, sockets
}

func stillAttached(t *testing.T, conn net.Conn, r *bufio.Reader) {
	t.Helper()
	write(t, conn, "still there\n")
	if line, err := r.ReadString('\n'); line != "still there\n" {
		t.Errorf("got %q, %v of the attach", line, err)
	}
}

func TestATenantsConnectionsAreBounded(t *testing.T) {
	g, _, sockets := startCrowd(t, "connections: 2")
	first, firstR := attachTo(t, sockets["ci"])
	second, secondR := dial(t, sockets["ci"])
	for range 3 { // it is counted once
		isServed(t, second, secondR)
	}
	second.Close()
	series(t, g, `sluice_tenant_connections{tenant="ci"} 1`)
	second, secondR = attachTo(t, sockets["ci"])
	third, thirdR := dial(t, sockets["ci"])
	code, body := infoOn(t, third, thirdR)
	if code != 503 || !strings.Contains(body, seatsTaken) {
		t.Errorf("got %d %s, want 503 with %s", code, body, seatsTaken)
	}
	if _, err := thirdR.ReadByte(); err == nil {
		t.Error("the connection is not closed")
	}
	// A ping, too: it would keep the connection.
	if code, _ := ask(t, "unix", sockets["ci"], "GET /_ping HTTP/1.1\nHost: docker"); code != 503 {
		t.Errorf("a ping got %d, want 503", code)
	}
	g.Log.Wait(t, `"tenant":"ci","limit":"tenant_limits.connections","value":2,"refused":1`)
	other, otherR := dial(t, sockets["dev"])
	if code, body := infoOn(t, other, otherR); code != 200 {
		t.Errorf("the other tenant got %d %s", code, body)
	}
	series(t, g, `sluice_tenant_connections{tenant="ci"} 2`, `sluice_tenant_connections{tenant="dev"} 1`, `sluice_tenant_connections_refused_total{tenant="ci"} 2`)
	if n := strings.Count(g.Log.String(), "connections of a tenant are refused"); n != 1 {
		t.Errorf("%d lines say so, want one in a minute", n)
	}
	stillAttached(t, first, firstR)
	stillAttached(t, second, secondR)
	second.Close()
	series(t, g, `sluice_tenant_connections{tenant="ci"} 1`)
	if code, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker"); code != 200 {
		t.Errorf("with room again: got %d %s", code, body)
	}
}

// Clients that keep connections which they do not use keep no other client of the same tenant out.
func TestATenantsIdleConnectionsMakeWayForItsOwnClients(t *testing.T) {
	g, _, sockets := startCrowd(t, "connections: 3")
	stream, streamR := attachTo(t, sockets["ci"])
	mine, mineR := dial(t, sockets["dev"])
	isServed(t, mine, mineR)
	oldest, oldestR := dial(t, sockets["ci"])
	for range 8 {
		next, nextR := dial(t, sockets["ci"])
		for _, of := range []struct {
			conn net.Conn
			r    *bufio.Reader
		}{{oldest, oldestR}, {next, nextR}} {
			isServed(t, of.conn, of.r)
			atRest(t, g, 1) // but for the stream
		}
		if code, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker"); code != 200 {
			t.Errorf("beside idle connections: got %d %s", code, body)
		}
		if rest, err := io.ReadAll(oldestR); len(rest) > 0 || err != nil {
			t.Errorf("the oldest one found %q, %v", rest, err)
		}
		oldest, oldestR = next, nextR
	}
	stillAttached(t, stream, streamR)
	if code, body := infoOn(t, mine, mineR); code != 200 {
		t.Errorf("the other tenant's connection got %d %s", code, body)
	}
	series(t, g, `sluice_tenant_connections{tenant="dev"} 1`, `sluice_tenant_connections_refused_total{tenant="ci"} 0`)
}

// Many who come at once have as many idle ones make way.
func TestACrowdOfATenantFindsSeats(t *testing.T) {
	text, sockets := crowd(t, "connections: 100", "connections: 8")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	for range 3 {
		codes := make(chan int, 8)
		for range cap(codes) {
			conn, r := dial(t, sockets["ci"])
			go func() {
				code := 0
				if _, err := io.WriteString(conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n"); err == nil {
					code, _ = status(t, r)
				}
				codes <- code
			}()
		}
		for range cap(codes) {
			if code := <-codes; code != 200 {
				t.Errorf("got %d", code)
			}
		}
		atRest(t, g, 0)
	}
	series(t, g, `sluice_tenant_connections{tenant="ci"} 8`)
}

// What has left HTTP is a connection all the same, and a reload ends none.
func TestAReloadBoundsConnectionsToComeAndEndsNone(t *testing.T) {
	g, text, sockets := startCrowd(t, "connections: 2")
	attached, attachedR := attachTo(t, sockets["ci"])
	idle, idleR := dial(t, sockets["ci"])
	for _, limit := range []struct{ text, said string }{{"connections: 1", "connections: 1)"}, {"connections: 2", ""}} {
		if limit.said != "" {
			isServed(t, idle, idleR)
		}
		g.Write(strings.Replace(text, "limits: {connections: 2}", "limits: {"+limit.text+"}", 1) + "# " + limit.text + "\n")
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if limit.said != "" {
			if code, body := infoOn(t, idle, idleR); code != 200 {
				t.Errorf("an open connection got %d %s", code, body)
			}
		}
		code, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker")
		if limit.said == "" && code != 200 || limit.said != "" && (code != 503 || !strings.Contains(body, limit.said)) {
			t.Errorf("%s: got %d %s", limit.text, code, body)
		}
	}
	stillAttached(t, attached, attachedR)
}

// A connection is that tenant's whose its last request was.
func TestAConnectionChangesItsTenantWithItsToken(t *testing.T) {
	digest := func(token string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))) }
	g := hosttest.StartGateway(t, infoEngine(t).Address(), fmt.Sprintf(adminYAML+`
tenants:
  - {name: ci, match: {tokens: ['%s']}, limits: {connections: 1}}
  - {name: dev, match: {tokens: ['%s']}}
`, digest("ci-token"), digest("dev-token")))
	conn, r := dial(t, g.Socket)
	as := func(who string) int {
		write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\nAuthorization: Bearer %s-token\r\n\r\n", who)
		code, _ := status(t, r)
		return code
	}
	for _, who := range []string{"ci", "dev", "ci", "dev"} {
		if code := as(who); code != 200 {
			t.Fatalf("as %s: got %d", who, code)
		}
	}
	if code, body := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker\nAuthorization: Bearer ci-token"); code != 200 {
		t.Errorf("got %d %s, though the other connection is dev's by now", code, body)
	}
	// Nobody's, by a ping with a token that nobody knows.
	write(t, conn, "GET /_ping HTTP/1.1\r\nHost: docker\r\nAuthorization: Bearer unknown\r\n\r\n")
	if code, _ := status(t, r); code != 200 {
		t.Errorf("got %d", code)
	}
	page := series(t, g, `sluice_tenant_requests_total{tenant="ci",verdict="allow"} 3`)
	if strings.Contains(page, "\nsluice_tenant_connections{") {
		t.Errorf("a connection is counted as somebody's:\n%s", page)
	}
}
