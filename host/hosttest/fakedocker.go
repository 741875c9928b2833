// Package hosttest has what tests of the gateway need around it. It is imported by tests only.
package hosttest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// FakeDocker is an engine whose every byte a test decides. It accepts connections on a unix socket, reads one request
// head after the other as raw bytes, and hands each to the Behaviour that the test has given for its method and path. It
// is for what a real engine does too seldom, too late or too well: early bytes, half-closed connections, heads that are
// split or delayed, connections that die while they are idle.
type FakeDocker struct {
	t        testing.TB
	socket   string
	listener net.Listener
	stopped  chan struct{}
	serving  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	routes   []fakeRoute
	rest     Behaviour
	requests []Request
	arrived  chan struct{} // closed and replaced whenever a request is recorded
	conns    map[net.Conn]bool
	accepted int
	closed   bool
}

type fakeRoute struct {
	method, glob string
	behaviour    Behaviour
}

// Behaviour answers one request on its raw connection. It returns whether the connection goes on to another request;
// otherwise the connection is closed. What it left of the request's body is read and thrown away before the next one.
type Behaviour func(*Exchange) (keepAlive bool)

// Request is a request as it came over the wire.
type Request struct {
	// Method and Target are the words of the request line.
	Method, Target string
	// Head is everything up to and including the empty line.
	Head string
	// Header is Head, parsed by net/http.
	Header http.Header
	// Connection counts the connections in the order in which they were accepted, from 1.
	Connection int
}

// Exchange is a request that waits for its answer.
type Exchange struct {
	Request
	// Conn is the connection. Read from Reader and Body, which know what was already read.
	Conn net.Conn
	// Reader has the bytes behind the request's head.
	Reader *bufio.Reader
	// Body is the request's body without its framing. It ends with io.EOF; a body that breaks off with
	// io.ErrUnexpectedEOF.
	Body io.Reader
	// Stopped is closed when the engine stops; a Behaviour that waits for the test must wait for it too.
	Stopped <-chan struct{}
}

// Write sends raw bytes in one call, for one segment where the kernel allows. It reports whether the peer was still there.
func (x *Exchange) Write(format string, args ...any) bool {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	_, err := io.WriteString(x.Conn, format)
	return err == nil
}

// CloseWrite ends the engine's direction only.
func (x *Exchange) CloseWrite() { _ = x.Conn.(*net.UnixConn).CloseWrite() }

// StartFakeDocker starts an engine that answers /_ping like a real one, and 404 to whatever the test has not given a
// Behaviour for. It is stopped when the test ends.
func StartFakeDocker(t testing.TB) *FakeDocker {
	t.Helper()
	// t.TempDir has the test's name in it and may be longer than the 107 bytes of a socket's address.
	dir, err := os.MkdirTemp("", "fakedocker")
	if err != nil {
		t.Fatal(err)
	}
	d := &FakeDocker{t: t, socket: filepath.Join(dir, "docker.sock"), rest: JSON(404, `{"message":"page not found"}`), stopped: make(chan struct{}), arrived: make(chan struct{}), conns: make(map[net.Conn]bool)}
	d.listener, err = net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	const pingHead = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: text/plain; charset=utf-8\r\nDocker-Experimental: false\r\n" +
		"Ostype: linux\r\nServer: FakeDocker/1 (linux)\r\n"
	d.Handle("HEAD /_ping", Raw(pingHead+"Content-Length: 0\r\n\r\n"))
	d.Handle("GET /_ping", Raw(pingHead+"Content-Length: 2\r\n\r\nOK"))
	d.serving.Add(1)
	go d.accept()
	t.Cleanup(func() {
		d.Stop()
		_ = os.RemoveAll(dir)
	})
	return d
}

// Address returns the socket as unix:///path.
func (d *FakeDocker) Address() string { return "unix://" + d.socket }

// Socket returns the socket's path.
func (d *FakeDocker) Socket() string { return d.socket }

// Handle gives "METHOD /path" a behaviour; the path has no version and may be a glob of path.Match, "/containers/*/json".
// The last one given for a request wins. It may be called while requests are served.
func (d *FakeDocker) Handle(pattern string, b Behaviour) {
	method, glob, ok := strings.Cut(pattern, " ")
	if _, err := path.Match(glob, "/"); !ok || err != nil {
		d.t.Fatalf("hosttest: malformed pattern %q, want \"METHOD /path\"", pattern)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.routes = append(d.routes, fakeRoute{method, glob, b})
}

// HandleRest gives a behaviour to all that Handle has given none.
func (d *FakeDocker) HandleRest(b Behaviour) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest = b
}

// Requests returns the requests that have come so far.
func (d *FakeDocker) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Request(nil), d.requests...)
}

// Forget forgets the requests that have come so far, for a test that lasts.
func (d *FakeDocker) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = nil
}

// Wait returns the requests once there are at least n of them; it fails the test when its context ends before.
func (d *FakeDocker) Wait(n int) []Request {
	d.t.Helper()
	for {
		d.mu.Lock()
		requests, arrived := d.requests, d.arrived
		d.mu.Unlock()
		if len(requests) >= n {
			return append([]Request(nil), requests...)
		}
		select {
		case <-arrived:
		case <-d.t.Context().Done():
			d.t.Fatalf("hosttest: %d requests came, want %d", len(requests), n)
		}
	}
}

// Connections returns how many connections were accepted, and how many of them are open.
func (d *FakeDocker) Connections() (accepted, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accepted, len(d.conns)
}

// CloseIdle closes every connection, as the engine does after 300 seconds, once all of them wait for a request: whoever has just read an
// answer need not wait for that. They are closed for good when it returns. It fails the test when its context ends before.
func (d *FakeDocker) CloseIdle() {
	d.t.Helper()
	for asked := false; ; {
		d.mu.Lock()
		waiting := len(d.conns)
		for _, idle := range d.conns {
			if idle {
				waiting--
			}
		}
		if waiting == 0 && !asked {
			asked = true
			for c := range d.conns {
				_ = c.Close()
			}
		}
		open := len(d.conns)
		d.mu.Unlock()
		// A closed connection is one for its peer, who may write to it until then, when nobody reads from it any more.
		if asked && open == 0 {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-d.t.Context().Done():
			d.t.Fatalf("hosttest: %d of %d connections are not idle", waiting, open)
		}
	}
}

// Stop closes the socket and every connection and waits until nothing runs any more. The test's end calls it too.
func (d *FakeDocker) Stop() {
	d.mu.Lock()
	if !d.closed {
		close(d.stopped)
	}
	d.closed = true
	_ = d.listener.Close()
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.serving.Wait()
}

func (d *FakeDocker) accept() {
	defer d.serving.Done()
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		if d.closed {
			_ = c.Close()
			d.mu.Unlock()
			return
		}
		d.accepted++
		d.conns[c] = true
		n := d.accepted
		d.serving.Add(1)
		d.mu.Unlock()
		go d.serve(c, n)
	}
}

func (d *FakeDocker) serve(c net.Conn, n int) {
	defer d.serving.Done()
	defer func() {
		_ = c.Close()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for {
		d.setIdle(c, true)
		head, err := readHead(r)
		if err != nil {
			return
		}
		d.setIdle(c, false)
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			d.t.Errorf("hosttest: a malformed request reached the engine: %v\n%s", err, head)
			return
		}
		x := &Exchange{
			Request: Request{Method: req.Method, Target: req.RequestURI, Head: head, Header: req.Header, Connection: n},
			Conn:    c, Reader: r, Body: requestBody(req, r), Stopped: d.stopped,
		}
		if !d.behaviour(x, req.URL.Path)(x) {
			return
		}
		if _, err := io.Copy(io.Discard, x.Body); err != nil {
			return
		}
	}
}

func (d *FakeDocker) setIdle(c net.Conn, idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns[c] = idle
}

var versionPrefix = regexp.MustCompile(`^/v[0-9.]+/`)

// behaviour records the request and finds who answers it.
func (d *FakeDocker) behaviour(x *Exchange, urlPath string) Behaviour {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, x.Request)
	close(d.arrived)
	d.arrived = make(chan struct{})
	urlPath = versionPrefix.ReplaceAllString(urlPath, "/")
	for i := len(d.routes) - 1; i >= 0; i-- {
		route := d.routes[i]
		if ok, _ := path.Match(route.glob, urlPath); ok && route.method == x.Method {
			return route.behaviour
		}
	}
	return d.rest
}

// readHead reads up to and including the empty line.
func readHead(r *bufio.Reader) (string, error) {
	var head bytes.Buffer
	for {
		line, err := r.ReadSlice('\n')
		head.Write(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if err == nil && len(bytes.TrimRight(line, "\r\n")) == 0 && head.Len() > len(line) {
			return head.String(), nil
		}
	}
}

// requestBody returns the reader of a body, which net/http's own cannot be: it would read on into a hijacked stream.
func requestBody(req *http.Request, r *bufio.Reader) io.Reader {
	if len(req.TransferEncoding) > 0 {
		return &chunkedBody{chunks: httputil.NewChunkedReader(r), r: r}
	}
	if req.ContentLength > 0 {
		return &lengthBody{r: r, left: req.ContentLength}
	}
	return strings.NewReader("")
}

type lengthBody struct {
	r    io.Reader
	left int64
}

func (b *lengthBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunkedBody reads the trailer behind the last chunk as well, which httputil leaves in the connection.
type chunkedBody struct {
	chunks io.Reader
	r      *bufio.Reader
	ended  bool
}

func (b *chunkedBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.chunks.Read(p)
	for err == io.EOF && !b.ended {
		line, lineErr := b.r.ReadString('\n')
		if lineErr != nil {
			return n, io.ErrUnexpectedEOF
		}
		b.ended = strings.TrimRight(line, "\r\n") == ""
	}
	return n, err
}
