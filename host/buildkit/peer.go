package buildkit

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds on one mediated connection. What is received and not passed on yet is held by the windows of HTTP/2: at most window bytes for each
// direction of a connection, however many calls run on it.
const (
	// maxCalls is how many calls run at a time on a connection; more wait. Engines and clients have the same limit.
	maxCalls       = 250
	window         = 4<<20 - 1
	callWindow     = 256 << 10
	maxFrame       = 64 << 10
	maxMetadata    = 256 << 10
	farewell       = 2 * time.Second        // for calls to end with a status once the called side is gone
	lastWords      = 500 * time.Millisecond // for what they said to be written
	dispatchingURL = "buildkit:80"          // no address: the connection is there already
)

// overHTTP2 is HTTP/2 without TLS, and nothing else.
func overHTTP2() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

func newServer(ctx context.Context, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:        h,
		Protocols:      overHTTP2(),
		MaxHeaderBytes: maxMetadata,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:    func(net.Listener) context.Context { return ctx },
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxCalls,
			MaxReadFrameSize:              maxFrame,
			MaxReceiveBufferPerConnection: window,
			MaxReceiveBufferPerStream:     callWindow,
		},
	}
}

// dial begins HTTP/2 as a client on a connection.
func dial(ctx context.Context, conn net.Conn) (*http.ClientConn, error) {
	t := &http.Transport{
		Protocols:              overHTTP2(),
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxMetadata,
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		HTTP2: &http.HTTP2Config{
			MaxReadFrameSize:              maxFrame,
			MaxReceiveBufferPerConnection: window,
			MaxReceiveBufferPerStream:     callWindow,
		},
	}
	return t.NewClientConn(ctx, "http", dispatchingURL)
}

// watchedConn tells when it was closed, by whomever, and counts.
type watchedConn struct {
	net.Conn
	once    sync.Once
	closed  chan struct{}
	in, out atomic.Int64
}

func watch(conn net.Conn) *watchedConn { return &watchedConn{Conn: conn, closed: make(chan struct{})} }

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

func (c *watchedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.out.Add(int64(n))
	return n, err
}

func (c *watchedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}

// oneListener is the listener of a server for one connection: it accepts that one, and ends with it, or before.
type oneListener struct {
	conn  *watchedConn
	taken atomic.Bool
	once  sync.Once
	ended chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	if l.taken.CompareAndSwap(false, true) {
		return l.conn, nil
	}
	select {
	case <-l.conn.closed:
	case <-l.ended: // Shutdown waits for that
	}
	return nil, net.ErrClosed
}

func (l *oneListener) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *oneListener) Addr() net.Addr { return l.conn.LocalAddr() }

// serve runs a server on a connection until that is closed. When gone is closed, the calls that run get a moment to end.
func serve(s *http.Server, conn *watchedConn, gone <-chan struct{}, calls *tally) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-conn.closed:
			return
		case <-gone:
		}
		calls.wait(farewell, conn.closed)
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		_ = s.Shutdown(ctx) // its last frame comes behind those of the calls
		_ = s.Close()
		_ = conn.Close()
	}()
	err := s.Serve(&oneListener{conn: conn, ended: make(chan struct{})})
	if !errors.Is(err, http.ErrServerClosed) {
		_ = conn.Close()
	}
	<-stopped
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// tally counts the calls that run.
type tally struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n gets to 0; nil while nobody waits
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n += n; t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// wait returns when no call runs, when the time is over (0 is without end), or when stop is closed.
func (t *tally) wait(limit time.Duration, stop <-chan struct{}) {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-idle:
	case <-over:
	case <-stop:
	}
}
