package host_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/identity"
)

// ask sends a request on a connection of its own and returns status and body.
func ask(t *testing.T, network, address, request string) (int, string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	write(t, conn, "%s", strings.ReplaceAll(request, "\n", "\r\n")+"\r\n\r\n")
	return status(t, bufio.NewReader(conn))
}

func TestWhoIsNoTenantMayPingAndNothingElse(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "tenants: [{name: ci, match: {uids: [4242]}}]\n"+filters(t, "property"))
	for _, ping := range []string{"GET /_ping", "HEAD /_ping", "GET /v1.41/_ping"} {
		method, target, _ := strings.Cut(ping, " ")
		if resp, _ := g.Do(method, target, "", ""); resp.StatusCode != 200 {
			t.Errorf("%s: got %d, want 200", ping, resp.StatusCode)
		}
	}
	resp, body := g.Do("GET", "/info", "", "")
	want := fmt.Sprintf("no tenant is configured for this client: listener unix://%s, uid %d, gid %d, no token (request ", g.Socket, os.Getuid(), os.Getgid())
	if resp.StatusCode != 403 || !strings.Contains(body, want) {
		t.Errorf("got %d %s, want 403 with %q", resp.StatusCode, body, want)
	}
	if resp, body := g.Do("HEAD", "/v1.41/containers/c/archive?path=/", "", ""); resp.StatusCode != 403 || body != "" {
		t.Errorf("HEAD: got %d %q, want 403 without a body", resp.StatusCode, body)
	}
	g.Log.Wait(t, `"verdict":"deny","reason":"no tenant is configured`)
	for _, r := range engine.Requests() {
		if !strings.HasSuffix(r.Target, "/_ping") {
			t.Errorf("%s %s reached the engine", r.Method, r.Target)
		}
	}
}

// A filter that made of a stranger's ping what it likes would let him do that.
func TestAPingOfAStrangerRemainsAPing(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "tenants: [{name: ci, match: {uids: [4242]}}]\n"+filters(t, "rewrite match: {operations: [SystemPing]}"))
	resp, body := g.Do("GET", "/_ping", "", "")
	if resp.StatusCode != 403 || !strings.Contains(body, "nothing but ping") {
		t.Errorf("got %d %s, want it refused", resp.StatusCode, body)
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

func TestFiltersAreForTenants(t *testing.T) {
	engine := infoEngine(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ci, dev := filepath.Join(dir, "ci"), filepath.Join(dir, "dev")
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}]
tenants:
  - {name: ci, match: {listeners: ['unix://%[1]s']}}
  - {name: dev, match: {listeners: ['unix://%[2]s']}}
`, ci, dev)+filters(t, "property", "deny match: {tenants: [ci]}"))
	for socket, want := range map[string]struct {
		status int
		tenant string
	}{ci: {403, "ci"}, dev: {200, "dev"}} {
		if code, body := ask(t, "unix", socket, "GET /info HTTP/1.1\nHost: docker"); code != want.status {
			t.Errorf("%s: got %d %s, want %d", want.tenant, code, body, want.status)
		}
		if code, body := ask(t, "unix", socket, "GET /info HTTP/1.1\nHost: docker\nX-Property: peer.tenant"); code != 200 || body != want.tenant {
			t.Errorf("peer.tenant: got %d %q, want %q", code, body, want.tenant)
		}
		g.Log.Wait(t, `"tenant":"`+want.tenant+`"`)
	}
}

func TestWithoutTenantsEverybodyIsServedAndIsNone(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "property"))
	if code, _ := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker\nAuthorization: Bearer mine"); code != 200 {
		t.Errorf("got %d, want 200", code)
	}
	if got := engine.Requests()[0].Header.Get("Authorization"); got != "Bearer mine" {
		t.Errorf("the engine got Authorization %q, want what the client sent: the gateway asks for no tokens", got)
	}
	for property, want := range map[string]int{"peer.tenant": 404, "peer.token": 404, "peer.uid": 200, "peer.groups": 200, "peer.container.id": 404, "connection.mtls": 200} {
		if code, body := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker\nX-Property: "+property); code != want {
			t.Errorf("%s: got %d %q, want %d", property, code, body, want)
		}
	}
}

// A tenant's filter stands before the operator's, who believes what the gateway
// says of a client.
func TestNoFilterSaysWhoTheClientIs(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "property"))
	for property, want := range map[string]string{
		"peer.tenant": "404", "peer.token": "404", "peer.container.labels.team": "404", "peer.certificate.spiffe": "404", "source.address": "404",
		"connection.subject_peer_certificate": "404", "connection.mtls": "200 \x00", "peer.uid": fmt.Sprint("200 ", os.Getuid()), "mine": "200 forged",
	} {
		code, body := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker\nX-Set: "+property+"\nX-Property: "+property)
		if got := fmt.Sprint(code, " ", body); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", property, got, want)
		}
	}
}

const token, otherToken = "sluice_for-ci-and-nobody-else", "sluice_revoked-yesterday"

func tokenTenants(g string) string {
	return fmt.Sprintf("tokens: {header: X-Sluice-Token, url: true}\ntenants: [{name: ci, match: {tokens: ['%s']}}]\n%s", identity.DigestOf(token), g)
}

// Wherever a client carries its token, it is known by it, and nobody behind the
// door gets to see it: no filter, no engine, no log.
func TestATokenIsSeenByNobodyElse(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "hello"))
	g := hosttest.StartGateway(t, engine.Address(), tokenTenants(filters(t, "property")))
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"bearer":                    {"GET /v1.41/info HTTP/1.1\nHost: docker\nAuthorization: Bearer " + token, 200},
		"header":                    {"GET /v1.41/info HTTP/1.1\nHost: docker\nx-sluice-TOKEN: " + token, 200},
		"URL":                       {"GET /" + token + "/v1.41/info HTTP/1.1\nHost: docker", 200},
		"URL, absolute":             {"GET http://docker/" + token + "/info HTTP/1.1\nHost: docker", 200},
		"all":                       {"GET /" + token + "/info HTTP/1.1\nHost: docker\nAuthorization: Bearer " + token + "\nX-Sluice-Token: " + token, 200},
		"none":                      {"GET /v1.41/info HTTP/1.1\nHost: docker", 401},
		"one that was revoked":      {"GET /v1.41/info HTTP/1.1\nHost: docker\nAuthorization: Bearer " + otherToken, 401},
		"the same in the URL":       {"GET /" + otherToken + "/v1.41/info HTTP/1.1\nHost: docker", 401},
		"two":                       {"GET /" + otherToken + "/v1.41/info HTTP/1.1\nHost: docker\nAuthorization: Bearer " + token, 400},
		"the digest":                {"GET /v1.41/info HTTP/1.1\nHost: docker\nAuthorization: Bearer " + identity.DigestOf(token).String(), 401},
		"in a path that is no API":  {"GET /" + token + "/" + otherToken + "/x HTTP/1.1\nHost: docker", 404},
		"in a path that is refused": {"GET /" + token + "//info HTTP/1.1\nHost: docker", 400},
		"in a malformed request":    {"GET /" + token + "/a b HTTP/1.1\nHost: docker", 400},
		"in a malformed field":      {"GET /info HTTP/1.1\nHost: docker\nAuthorization : Bearer " + token, 400},
		"a ping with a wrong one":   {"GET /" + otherToken + "/_ping HTTP/1.1\nHost: docker", 200},
		"a ping with none":          {"GET /_ping HTTP/1.1\nHost: docker", 200},
	} {
		if code, body := ask(t, "unix", g.Socket, c.request); code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, code, body, c.want)
		}
	}
	for _, property := range []string{"request.headers.authorization", "request.headers.x-sluice-token"} {
		code, body := ask(t, "unix", g.Socket, "GET /"+token+"/info HTTP/1.1\nHost: docker\nAuthorization: Bearer "+token+"\nX-Sluice-Token: "+token+"\nX-Property: "+property)
		if code != 404 {
			t.Errorf("a filter sees %s: %d %q", property, code, body)
		}
	}
	if code, body := ask(t, "unix", g.Socket, "GET /"+token+"/info HTTP/1.1\nHost: docker\nX-Property: request.path"); body != "/info" {
		t.Errorf("a filter sees the path %d %q", code, body)
	}
	if _, body := ask(t, "unix", g.Socket, "GET /"+token+"/info HTTP/1.1\nHost: docker\nX-Property: peer.token"); body != identity.DigestOf(token).String() {
		t.Errorf("peer.token: got %q, want the digest", body)
	}
	conn, r := g.Dial()
	write(t, conn, "%s", strings.Replace(attach, "POST /", "POST /"+token+"/", 1))
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101") {
		t.Errorf("attach got %q", head)
	}
	conn.Close()

	resp, _ := g.Do("GET", "/info", "", "")
	if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || !strings.HasPrefix(got, "Bearer") {
		t.Errorf("got %d and WWW-Authenticate %q, want 401 and Bearer", resp.StatusCode, got)
	}
	g.Log.Wait(t, "token="+identity.DigestOf(token).Short())
	if text := g.Log.String(); strings.Contains(text, token) || strings.Contains(text, otherToken+"\"") {
		t.Errorf("a token is in the log:\n%s", text)
	}
	for _, r := range engine.Requests() {
		if strings.Contains(r.Head, token) {
			t.Errorf("the engine got a token:\n%s", r.Head)
		}
	}
}

// Somebody's connection may be kept for hours; whose request it is is decided
// anew for each, by what is configured then.
func TestATenantIsDecidedWithEachRequest(t *testing.T) {
	engine := infoEngine(t)
	me := os.Getuid()
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("tenants: [{name: ci, match: {uids: [%d]}}]\n", me)+filters(t, "property"))
	conn, r := g.Dial()
	tenant := func() string {
		t.Helper()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nX-Property: peer.tenant\r\n\r\n")
		code, body := status(t, r)
		return fmt.Sprint(code, " ", body)
	}
	if got := tenant(); got != "200 ci" {
		t.Errorf("got %s, want ci", got)
	}
	reload := func(text string) {
		t.Helper()
		g.Write(text + filters(t, "property"))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reload(fmt.Sprintf("tenants: [{name: ops, match: {uids: [%d]}}]\n", me))
	if got := tenant(); got != "200 ops" {
		t.Errorf("after a reload: got %s, want ops", got)
	}
	reload("tenants: [{name: ops, match: {uids: [4242]}}]\n")
	if got := tenant(); !strings.HasPrefix(got, "403") {
		t.Errorf("after the tenant was taken away: got %s, want 403", got)
	}
	if _, err := r.ReadByte(); err == nil {
		t.Error("the connection of somebody who is refused goes on")
	}
}

func TestARevokedTokenIsRefusedAfterTheReload(t *testing.T) {
	engine := infoEngine(t)
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("tenants: [{name: ci, match: {tokens: ['file:%s']}}]\n", file))
	if code, _ := get(t, g, "/info", ""); code != 403 {
		t.Errorf("with an empty file: got %d, want 403: no token helps", code)
	}
	ask := func() int {
		t.Helper()
		code, _ := ask(t, "unix", g.Socket, "GET /info HTTP/1.1\nHost: docker\nAuthorization: Bearer "+token)
		return code
	}
	for _, c := range []struct {
		content string
		want    int
	}{
		{identity.DigestOf(token).String() + "\n", 200},
		{identity.DigestOf(otherToken).String() + " # another\n", 401},
		{"# none\n", 401}, // what a client carries is asked for as long as the file is named
		{identity.DigestOf(otherToken).String() + "\n" + identity.DigestOf(token).String(), 200},
	} {
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got != c.want {
			t.Errorf("with %q: got %d, want %d", c.content, got, c.want)
		}
	}
}

// TLS alone does not say who calls, and a token does.
func TestAReachableTLSListenerServesThoseWithAToken(t *testing.T) {
	dir := certificates(t)
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("listeners: [{address: 'tcp://0.0.0.0:0', tls: {cert: %[1]s/server.pem, key: %[1]s/server-key.pem}}]\n", dir)+tokenTenants(""))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(g.Addresses()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	client := tlsClient(t, dir, "127.0.0.1:"+port)
	for authorization, want := range map[string]int{"Bearer " + token: 200, "": 401, "Bearer " + otherToken: 401} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://127.0.0.1:"+port+"/info", nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%q: got %d, want %d", authorization, resp.StatusCode, want)
		}
	}
}

// It was allowed in words, and is said all the same.
func TestTokensInClearAreWarnedAbout(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "listeners: [{address: 'tcp://0.0.0.0:0', insecure: true}]\n"+tokenTenants(""))
	g.Log.Wait(t, "tokens come to this listener in clear")
	g = hosttest.StartGateway(t, engine.Address(), "listeners: [{address: 'tcp://127.0.0.1:0'}]\n"+tokenTenants(""))
	g.Log.Wait(t, "listening")
	if strings.Contains(g.Log.String(), "in clear") {
		t.Errorf("nobody else sees what goes over 127.0.0.1:\n%s", g.Log)
	}
}

func tlsClient(t *testing.T, dir, address string) *http.Client {
	t.Helper()
	config := clientTLS(t, dir)
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
