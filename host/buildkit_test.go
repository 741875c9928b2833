package host_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const (
	upgraded  = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	settings  = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" // an empty SETTINGS frame of HTTP/2
	solvePath = "/moby.buildkit.v1.Control/Solve"
	secret    = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
)

func http2Only() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

// withHead writes a head in one segment with the first bytes that are written. Or it leaves the first frame out, which was sent before.
type withHead struct {
	net.Conn
	r    io.Reader
	once sync.Once
	head string
	gone chan struct{}

	settingsSent bool
}

func (c *withHead) Read(p []byte) (int, error) { return c.r.Read(p) }

func (c *withHead) Write(p []byte) (n int, err error) {
	all := len(p)
	c.once.Do(func() {
		p = append([]byte(c.head), p...)
		if c.settingsSent {
			p = p[9+int(p[0])<<16+int(p[1])<<8+int(p[2]):]
		}
	})
	if _, err := c.Conn.Write(p); err != nil {
		return 0, err
	}
	return all, nil
}

func (c *withHead) Close() error {
	select {
	case <-c.gone:
	default:
		close(c.gone)
	}
	return c.Conn.Close()
}

type oneConn struct {
	conn  *withHead
	taken bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return l.conn, nil
	}
	<-l.conn.gone
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// serveHTTP2 serves calls on a connection.
func serveHTTP2(conn *withHead, h http.Handler) {
	s := &http.Server{Handler: h, Protocols: http2Only(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	_ = s.Serve(&oneConn{conn: conn})
}

func dialHTTP2(t testing.TB, conn net.Conn) *http.ClientConn {
	t.Helper()
	transport := &http.Transport{
		Protocols: http2Only(), DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	cc, err := transport.NewClientConn(context.Background(), "http", "peer:80")
	if err != nil {
		t.Fatal(err)
	}
	return cc
}

// callee answers every call with a message, and status 0.
func callee(message string, seen func(*http.Request, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if seen != nil {
			seen(r, body)
		}
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(grpcFrame(message))
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
}

func grpcFrame(message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// grpcText is a message with one field of text.
func grpcText(number byte, text string) string {
	return string([]byte{number<<3 | 2, byte(len(text))}) + text
}

// grpcCall makes a call and returns its status, its message and its answer.
func grpcCall(t testing.TB, cc *http.ClientConn, path, message string) (code, text, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://localhost"+path, bytes.NewReader(grpcFrame(message)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	response, err := cc.RoundTrip(r)
	if err != nil {
		return "", err.Error(), ""
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err.Error(), ""
	}
	code, text = response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message")
	if code == "" {
		code, text = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
	}
	return code, text, string(b)
}

// engineOfCalls is an engine whose /grpc serves calls. Its first bytes come in one segment with the 101.
func engineOfCalls(h http.Handler) hosttest.Behaviour {
	return func(x *hosttest.Exchange) bool {
		if x.Header.Get("Upgrade") == "" {
			return x.Write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		}
		if !x.Write("%s", upgraded+settings) {
			return false
		}
		serveHTTP2(&withHead{Conn: x.Conn, r: x.Reader, gone: make(chan struct{}), settingsSent: true}, h)
		return false
	}
}

// engineThatCalls is an engine that calls on /session. Its preface comes in one segment with the 101.
func engineThatCalls(t *testing.T, play func(*http.ClientConn)) hosttest.Behaviour {
	return func(x *hosttest.Exchange) bool {
		conn := &withHead{Conn: x.Conn, r: x.Reader, head: upgraded, gone: make(chan struct{})}
		cc := dialHTTP2(t, conn)
		play(cc)
		cc.Close()
		return false
	}
}

// upgrade asks the gateway for one of BuildKit's connections; more goes behind the head in one segment.
func upgrade(t *testing.T, g *hosttest.Gateway, head, more string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn, r := g.Dial()
	if _, err := io.WriteString(conn, head+"Host: \r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"+more); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, r, response
}

// grpcClient is a client behind POST /grpc.
func grpcClient(t *testing.T, g *hosttest.Gateway) *http.ClientConn {
	t.Helper()
	conn, r, response := upgrade(t, g, "POST /grpc HTTP/1.1\r\n", "")
	if response.StatusCode != 101 || response.Header.Get("Upgrade") != "h2c" {
		t.Fatalf("POST /grpc was answered with %d %v, want 101 and h2c", response.StatusCode, response.Header)
	}
	cc := dialHTTP2(t, &withHead{Conn: conn, r: r, gone: make(chan struct{})})
	t.Cleanup(func() { cc.Close() })
	return cc
}

func TestAGatewayPassesBuildKitsCallsOn(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", engineOfCalls(callee("answer", nil)))
	g := hosttest.StartGateway(t, engine.Address(), "")
	cc := grpcClient(t, g)
	for range 2 {
		if code, _, body := grpcCall(t, cc, solvePath, grpcText(1, "ref")); code != "0" || body != string(grpcFrame("answer")) {
			t.Errorf("the call ended with %s, %q", code, body)
		}
	}
	cc.Close()
	g.Log.Wait(t, `"op":"Grpc"`)
	for _, want := range []string{`"op":"BuildkitSolve"`, `"path":"/moby.buildkit.v1.Control/Solve"`, `"grpc_status":0`, `"parent":"`, `"to":"engine"`} {
		g.Log.Wait(t, want)
	}
}

// Clients do not wait for the 101 by themselves: their preface may come with the request.
func TestAClientThatIsEarlyWithItsPreface(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", engineOfCalls(callee("answer", nil)))
	g := hosttest.StartGateway(t, engine.Address(), "")
	conn, r := g.Dial()
	early := &withHead{
		Conn: conn, gone: make(chan struct{}),
		head: "POST /grpc HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	}
	early.r = readerFunc(func(p []byte) (int, error) {
		if early.r = r; true {
			response, err := http.ReadResponse(r, nil)
			if err != nil || response.StatusCode != 101 {
				return 0, fmt.Errorf("want 101, got %v %w", response, err)
			}
		}
		return r.Read(p)
	})
	cc := dialHTTP2(t, early)
	defer cc.Close()
	if code, text, _ := grpcCall(t, cc, solvePath, ""); code != "0" {
		t.Errorf("the call ended with %s %s", code, text)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAGatewayMediatesSessions(t *testing.T) {
	type result struct{ code, text, body string }
	results := make(chan result, 2)
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /session", engineThatCalls(t, func(cc *http.ClientConn) {
		for _, id := range []string{"npm", "aws"} {
			code, text, body := grpcCall(t, cc, secret, grpcText(1, id))
			results <- result{code, text, body}
		}
	}))
	g := hosttest.StartGateway(t, engine.Address(), "buildkit: {secrets: [npm]}\n")
	const methods = "X-Docker-Expose-Session-Grpc-Method: "
	conn, r, response := upgrade(t, g, "POST /session HTTP/1.1\r\nX-Docker-Expose-Session-Uuid: u\r\n"+methods+secret+"\r\n"+
		methods+"/moby.sshforward.v1.SSH/CheckAgent\r\n"+methods+"/moby.filesync.v1.FileSync/DiffCopy\r\n"+methods+"/evil/Do\r\n", "")
	if response.StatusCode != 101 {
		t.Fatalf("POST /session was answered with %d", response.StatusCode)
	}
	serveHTTP2(&withHead{Conn: conn, r: r, gone: make(chan struct{})}, callee("s3cret", nil))
	if got := <-results; got.code != "0" || got.body != string(grpcFrame("s3cret")) {
		t.Errorf("the granted secret: %+v", got)
	}
	if got := <-results; got.code != "7" || !strings.Contains(got.text, `"aws" is not granted to builds`) {
		t.Errorf("the other secret: %+v", got)
	}
	told := engine.Requests()[0].Header["X-Docker-Expose-Session-Grpc-Method"]
	if want := []string{secret, "/moby.filesync.v1.FileSync/DiffCopy"}; !slices.Equal(told, want) {
		t.Errorf("the engine was told of %q, want %q", told, want)
	}
	g.Log.Wait(t, `"op":"BuildkitSecret"`)
}

func TestBuildKitSwitchedOff(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /build", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "buildkit: {mode: deny}\n")
	const why = "sluice: builds with BuildKit are switched off in this gateway's configuration (buildkit.mode: deny): build with DOCKER_BUILDKIT=0"

	// What the docker command line shows of it: the message of each call.
	code, text, _ := grpcCall(t, grpcClient(t, g), solvePath, "")
	if code != "7" || !strings.HasPrefix(text, why) {
		t.Errorf("a call was answered with %s %q", code, text)
	}
	// A session is opened and not used; the build that it is for is refused.
	conn, _, response := upgrade(t, g, "POST /session HTTP/1.1\r\n", "")
	if response.StatusCode != 101 {
		t.Errorf("POST /session was answered with %d", response.StatusCode)
	}
	for _, query := range []string{"?version=2&remote=client-session", "?version=3", "?version=%32"} {
		if resp, body := g.Do("POST", "/v1.41/build"+query, "", ""); resp.StatusCode != 403 || !strings.Contains(body, why) {
			t.Errorf("POST /build%s was answered with %d %s", query, resp.StatusCode, body)
		}
	}
	for _, query := range []string{"", "?version=1&t=x"} {
		if resp, body := g.Do("POST", "/v1.41/build"+query, "application/x-tar", "tar"); resp.StatusCode != 200 {
			t.Errorf("POST /build%s was answered with %d %s", query, resp.StatusCode, body)
		}
	}
	// Without an upgrade the answer is an ordinary one.
	if resp, body := g.Do("POST", "/grpc", "", ""); resp.StatusCode != 403 || !strings.Contains(body, why) {
		t.Errorf("POST /grpc was answered with %d %s", resp.StatusCode, body)
	}
	conn.Close()
	for _, r := range engine.Requests() {
		if !strings.HasPrefix(r.Target, "/v1.41/build") {
			t.Errorf("the engine was asked %s %s", r.Method, r.Target)
		}
	}
}

func TestBuildKitUnseen(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", hosttest.Hijack(upgraded, "early "))
	g := hosttest.StartGateway(t, engine.Address(), "buildkit: {mode: opaque}\n")
	conn, r, response := upgrade(t, g, "POST /grpc HTTP/1.1\r\n", "")
	if response.StatusCode != 101 {
		t.Fatalf("POST /grpc was answered with %d", response.StatusCode)
	}
	_, _ = io.WriteString(conn, "not even HTTP")
	_ = conn.(*net.UnixConn).CloseWrite()
	got, _ := io.ReadAll(r)
	if want := "early not even HTTP\ndone: 13 bytes\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestABuildKitConnectionThatAFilterDenies(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	code, text, _ := grpcCall(t, grpcClient(t, g), solvePath, "")
	if code != "7" || !strings.HasPrefix(text, `denied by filter "deny-1": not today (request `) {
		t.Errorf("the call was answered with %s %q", code, text)
	}
	if _, _, response := upgrade(t, g, "POST /session HTTP/1.1\r\n", ""); response.StatusCode != 403 {
		t.Errorf("POST /session was answered with %d", response.StatusCode)
	}
	g.Log.Wait(t, `"status":403`)
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests", n)
	}
}

// Only what the engine turned into HTTP/2 is HTTP/2; else the connection goes on as it was.
func TestABuildKitConnectionThatTheEngineRefuses(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", hosttest.JSON(404, `{"message":"page not found"}`))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "")
	conn, r, response := upgrade(t, g, "POST /grpc HTTP/1.1\r\n", "")
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 404 {
		t.Fatalf("got %d, %v", response.StatusCode, err)
	}
	_, _ = io.WriteString(conn, "GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
	info, err := http.ReadResponse(r, nil)
	if err != nil || info.StatusCode != 200 {
		t.Fatalf("the next request on the connection was answered with %v, %v", info, err)
	}
	_, _ = io.Copy(io.Discard, info.Body)
	_, _ = io.WriteString(conn, "POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	response, err = http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != 400 {
		t.Fatalf("an upgrade to something else was answered with %v, %v", response, err)
	}
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), "upgraded to h2c, and to nothing else") {
		t.Errorf("it was answered with %s", body)
	}
}

// A connection goes through many configurations: each of its calls is judged by the one of its time.
func TestAReloadReachesOpenBuildKitConnections(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", engineOfCalls(callee("answer", nil)))
	g := hosttest.StartGateway(t, engine.Address(), "")
	cc := grpcClient(t, g)
	if code, _, _ := grpcCall(t, cc, solvePath, ""); code != "0" {
		t.Fatalf("the call ended with %s", code)
	}
	g.Write(filters(t, "deny"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, text, _ := grpcCall(t, cc, solvePath, ""); code != "7" || !strings.HasPrefix(text, `denied by filter "deny-1"`) {
		t.Errorf("after the reload the call ended with %s %q", code, text)
	}
	g.Write("buildkit: {mode: deny}\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, text, _ := grpcCall(t, cc, solvePath, ""); code != "7" || !strings.Contains(text, "no longer passes BuildKit's calls on") {
		t.Errorf("switched off, the call ended with %s %q", code, text)
	}
}

func TestNoPrivilegedLooksIntoBuilds(t *testing.T) {
	module, err := filepath.Abs(filepath.Join("..", "filters", "no-privileged.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		t.Fatal(err)
	}
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /grpc", engineOfCalls(callee("answer", nil)))
	chain := fmt.Sprintf("filters: [{name: guard, module: %s}]\n", module)
	g := hosttest.StartGateway(t, engine.Address(), chain)
	cc := grpcClient(t, g)
	if code, text, _ := grpcCall(t, cc, solvePath, grpcText(9, "network.host")); code != "7" || !strings.Contains(text, "Entitlements network.host is not allowed") {
		t.Errorf("host networking was answered with %s %q", code, text)
	}
	if code, text, _ := grpcCall(t, cc, solvePath, grpcText(1, "ref")); code != "0" {
		t.Errorf("an ordinary build was answered with %s %q", code, text)
	}
	// In mode opaque it is not let in at all.
	g = hosttest.StartGateway(t, engine.Address(), "buildkit: {mode: opaque}\n"+chain)
	if code, text, _ := grpcCall(t, grpcClient(t, g), solvePath, ""); code != "7" || !strings.Contains(text, "cannot be looked into in the gateway's mode opaque") {
		t.Errorf("an opaque build was answered with %s %q", code, text)
	}
}
