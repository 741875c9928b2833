package host_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
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

const seatsTaken = `tenant \"ci\" has all the connections that it may have open (tenant_limits.connections: 2): end some of them, or ask for more`

func TestATenantsConnectionsAreBounded(t *testing.T) {
	text, sockets := crowd(t, "connections: 100", "connections: 2")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	first, firstR := dial(t, sockets["ci"])
	second, secondR := dial(t, sockets["ci"])
	for range 3 { // each is counted once
		for conn, r := range map[net.Conn]*bufio.Reader{first: firstR, second: secondR} {
			if code, body := infoOn(t, conn, r); code != 200 {
				t.Fatalf("got %d %s", code, body)
			}
		}
	}
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
	second.Close()
	series(t, g, `sluice_tenant_connections{tenant="ci"} 1`)
	if code, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker"); code != 200 {
		t.Errorf("with room again: got %d %s", code, body)
	}
}

// What has left HTTP is a connection all the same, and a reload ends none.
func TestAReloadBoundsConnectionsToComeAndEndsNone(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, ""))
	text, sockets := crowd(t, "connections: 100", "connections: 2")
	g := hosttest.StartGateway(t, engine.Address(), text)
	attached, attachedR := dial(t, sockets["ci"])
	write(t, attached, "POST /containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	if line, _ := attachedR.ReadString('\n'); !strings.Contains(line, "101") {
		t.Fatalf("got %s", line)
	}
	for line := "x"; line != "\r\n"; {
		var err error
		if line, err = attachedR.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	idle, idleR := dial(t, sockets["ci"])
	if code, _ := infoOn(t, idle, idleR); code != 200 {
		t.Fatalf("got %d", code)
	}
	if code, _ := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker"); code != 503 {
		t.Errorf("beside an attach: got %d, want 503", code)
	}
	for _, limit := range []struct{ text, said string }{{"connections: 1", "connections: 1)"}, {"connections: 3", ""}} {
		g.Write(strings.Replace(text, "limits: {connections: 2}", "limits: {"+limit.text+"}", 1))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		code, body := ask(t, "unix", sockets["ci"], "GET /info HTTP/1.1\nHost: docker")
		if limit.said == "" && code != 200 || limit.said != "" && (code != 503 || !strings.Contains(body, limit.said)) {
			t.Errorf("%s: got %d %s", limit.text, code, body)
		}
	}
	if code, _ := infoOn(t, idle, idleR); code != 200 {
		t.Errorf("an open connection got %d", code)
	}
	write(t, attached, "still there\n")
	if line, err := attachedR.ReadString('\n'); line != "still there\n" {
		t.Errorf("got %q, %v of the attach", line, err)
	}
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
