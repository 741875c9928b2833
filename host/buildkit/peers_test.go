package buildkit_test

import (
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

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/buildkit/message"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// patience bounds what a test waits for. One that needs it has failed.
const patience = 20 * time.Second

// A connection is a mediated connection between a caller and a server of gRPC that a test writes.
type connection struct {
	t       *testing.T
	caller  *http.ClientConn
	callers net.Conn // the caller's end
	servers net.Conn // the server's end
	ended   chan struct{}
	err     error // of Serve; valid once ended

	mu      sync.Mutex
	policy  *buildkit.Policy
	records []buildkit.Record
	ids     int
}

// plain is a policy with a chain of no filter.
func plain() *buildkit.Policy {
	return &buildkit.Policy{Mediated: true, Chain: &chain.Chain{BodyLimit: 1 << 20, PauseLimit: 5 * time.Second, BuildKit: "mediated"}}
}

// guarded is a policy with filters: names of testdata/guests, or of bundled filters that begin with a slash, a space and the
// configuration behind them.
func guarded(t testing.TB, filters ...string) *buildkit.Policy {
	t.Helper()
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	p := plain()
	for _, f := range filters {
		name, config, _ := strings.Cut(f, " ")
		path := filepath.Join("..", "..", "testdata", "guests", name+".wasm")
		if bundled, ok := strings.CutPrefix(name, "/"); ok {
			name, path = bundled, filepath.Join("..", "..", "filters", bundled+".wasm")
		}
		code, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := plugin.New(t.Context(), engine, plugin.Options{Name: name, Code: code, Config: []byte(config), Instances: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close(context.Background()) })
		p.Chain.Filters = append(p.Chain.Filters, chain.Filter{Plugin: opened})
	}
	return p
}

// mediate puts a gateway between a caller and a server. It ends with the test, which fails when goroutines stay behind.
func mediate(t *testing.T, serve func(*buildkit.Options, net.Conn, net.Conn) (buildkit.Traffic, error), policy *buildkit.Policy, server http.HandlerFunc) *connection {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	c := &connection{t: t, policy: policy, ended: make(chan struct{})}
	callers, gatewayFrom := pair(t)
	gatewayTo, servers := pair(t)
	c.callers, c.servers = callers, servers
	o := &buildkit.Options{
		Acquire:  func() (*buildkit.Policy, func()) { c.mu.Lock(); defer c.mu.Unlock(); return c.policy, func() {} },
		NewID:    func() string { c.mu.Lock(); defer c.mu.Unlock(); c.ids++; return fmt.Sprintf("id-%d", c.ids) },
		Life:     ctx,
		Client:   chain.Client{Facts: chain.FactMap{"source\x00address": "test"}},
		Finished: func(r *buildkit.Record) { c.mu.Lock(); defer c.mu.Unlock(); c.records = append(c.records, *r) },
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	clientEnd, engineEnd := gatewayFrom, gatewayTo
	if serveIsSession(serve) {
		clientEnd, engineEnd = gatewayTo, gatewayFrom
	}
	go func() {
		defer close(c.ended)
		_, c.err = serve(o, clientEnd, engineEnd)
	}()
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveOn(servers, server)
	}()
	c.caller = dial(t, callers)
	t.Cleanup(func() {
		callers.Close()
		c.wait()
		servers.Close()
		<-served
		cancel()
		// What ends by itself may take its time on a busy machine.
		err := goleak.Find(leaks)
		for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); err = goleak.Find(leaks) {
		}
		if err != nil {
			t.Error(err)
		}
	})
	return c
}

func serveIsSession(f func(*buildkit.Options, net.Conn, net.Conn) (buildkit.Traffic, error)) bool {
	return fmt.Sprintf("%p", f) == fmt.Sprintf("%p", buildkit.ServeSession)
}

// control mediates calls of a client on an engine.
func control(t *testing.T, p *buildkit.Policy, engine http.HandlerFunc) *connection {
	t.Helper()
	return mediate(t, buildkit.ServeControl, p, engine)
}

// sessions mediates calls of an engine on a client.
func sessions(t *testing.T, p *buildkit.Policy, client http.HandlerFunc) *connection {
	t.Helper()
	return mediate(t, buildkit.ServeSession, p, client)
}

// wait returns when the gateway has ended the connection.
func (c *connection) wait() {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.t.Fatal("the connection did not end")
	}
}

// recorded returns the records of all calls so far, once there are n.
func (c *connection) recorded(n int) []buildkit.Record {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		records := slices.Clone(c.records)
		c.mu.Unlock()
		if len(records) >= n {
			return records
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("got records of %d calls, want %d: %+v", len(records), n, records)
		}
	}
}

// pair is a connection over a unix socket, both its ends.
func pair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pair")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func http2Only() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

// serveOn serves HTTP/2 on one connection until it ends.
func serveOn(conn net.Conn, h http.Handler) {
	l := &single{conn: conn, closed: make(chan struct{})}
	s := &http.Server{Handler: h, Protocols: http2Only(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	_ = s.Serve(l)
}

type single struct {
	conn   net.Conn
	once   sync.Once
	taken  bool
	closed chan struct{}
}

func (l *single) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return &singleConn{l.conn, l}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

type singleConn struct {
	net.Conn
	l *single
}

func (c *singleConn) Close() error {
	c.l.once.Do(func() { close(c.l.closed) })
	return c.Conn.Close()
}

func dial(t testing.TB, conn net.Conn) *http.ClientConn {
	t.Helper()
	transport := &http.Transport{
		Protocols: http2Only(), DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	cc, err := transport.NewClientConn(t.Context(), "http", "peer:80")
	if err != nil {
		t.Fatal(err)
	}
	return cc
}

// An answer is how a call ended.
type answer struct {
	code, message string
	header        http.Header
	trailer       http.Header
	body          []byte
	err           error // of the transport
}

// frame is a gRPC message.
func frame(payload []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(payload)))
	return append(b, payload...)
}

// begin makes a call whose body is still to come.
func (c *connection) begin(ctx context.Context, path string, body io.Reader, header ...string) (*http.Response, error) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://localhost"+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Content-Type" {
			r.Header.Del(header[i])
		}
		r.Header.Add(header[i], header[i+1])
	}
	return c.caller.RoundTrip(r)
}

// raw makes a call with the bytes of its body, to its end.
func (c *connection) raw(path string, body []byte, header ...string) answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	response, err := c.begin(ctx, path, bytes.NewReader(body), header...)
	if err != nil {
		return answer{err: err}
	}
	return finish(response)
}

func finish(response *http.Response) answer {
	defer response.Body.Close()
	a := answer{header: response.Header}
	a.body, a.err = io.ReadAll(response.Body)
	a.trailer = response.Trailer
	a.code, a.message = a.trailer.Get("Grpc-Status"), a.trailer.Get("Grpc-Message")
	if a.code == "" {
		a.code, a.message = a.header.Get("Grpc-Status"), a.header.Get("Grpc-Message")
	}
	return a
}

// call makes a call with one message.
func (c *connection) call(path string, message []byte, header ...string) answer {
	c.t.Helper()
	return c.raw(path, frame(message), header...)
}

// denied checks that a call ended with a status and a message.
func (a *answer) denied(t *testing.T, code, message string) {
	t.Helper()
	if a.err != nil || a.code != code || !strings.Contains(a.message, message) {
		t.Errorf("got status %q %q, %v\nwant %q %q", a.code, a.message, a.err, code, message)
	}
}

// reply is a server that answers every call with these messages and status 0.
func reply(messages ...[]byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		for _, m := range messages {
			_, _ = w.Write(frame(m))
			w.(http.Flusher).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}
}

// unreachable is a server that must not be called.
func unreachable(t *testing.T) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was called", r.URL.Path) }
}

// shown is what a message says, in JSON.
func shown(t testing.TB, name string, body []byte) string {
	t.Helper()
	if len(body) < 5 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 {
		t.Errorf("%q is not one message", body)
		return ""
	}
	c := message.Codec{Type: message.Find(name)}
	document, err := c.JSON(body[5:])
	if err != nil {
		t.Error(err)
	}
	return string(document)
}

// Parts of messages.

func msg(fields ...[]byte) []byte { return slices.Concat(fields...) }

func str[T ~string | ~[]byte](number int, value T) []byte {
	b := binary.AppendUvarint(nil, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

func num(number int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), value)
}

const (
	solve     = "/moby.buildkit.v1.Control/Solve"
	status    = "/moby.buildkit.v1.Control/Status"
	getSecret = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
	diffCopy  = "/moby.filesync.v1.FileSync/DiffCopy"
	process   = "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess"

	solveRequest = "moby.buildkit.v1.SolveRequest"
)
