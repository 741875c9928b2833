package upstream

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

// Defaults of Options.
const (
	DefaultMaxIdle = 1024
	// DefaultIdleTimeout stays below the 300 seconds after which dockerd closes an idle connection.
	DefaultIdleTimeout = 240 * time.Second
	DefaultDialTimeout = 10 * time.Second
)

// freshly is how long after its use a connection to a unix socket is trusted without a look. The look is a system call, a good part of
// what the gateway adds to a small request; and should the engine have died in this moment, a unix socket refuses the request whole.
const freshly = 100 * time.Millisecond

// Options tunes a Pool. The zero value is usable.
type Options struct {
	MaxIdle     int           // idle connections kept; 0 means 1024, negative none
	IdleTimeout time.Duration // how long one is kept; 0 means 240 s
	DialTimeout time.Duration // 0 means 10 s
	Wire        wire.Options  // bounds on what the engine may send
}

// Pool dials one engine and keeps its idle connections. Its methods may be called from any goroutine.
type Pool struct {
	network, address string
	opts             Options
	dialer           net.Dialer

	mu     sync.Mutex
	idle   []idle // oldest first; taken from the end
	timer  *time.Timer
	closed bool
}

type idle struct {
	conn  *wire.Conn
	since time.Time
}

// New returns a Pool for an engine at unix:///path or tcp://host:port. It does not connect.
func New(address string, opts Options) (*Pool, error) {
	network, rest, ok := strings.Cut(address, "://")
	switch {
	case !ok || network != "unix" && network != "tcp":
		return nil, fmt.Errorf("upstream %q: want unix:///path/to/socket or tcp://host:port", address)
	case network == "unix" && !strings.HasPrefix(rest, "/"):
		return nil, fmt.Errorf("upstream %q: the socket's path must be absolute, as in unix:///var/run/docker.sock", address)
	case network == "tcp":
		rest = strings.TrimSuffix(rest, "/")
		if _, port, err := net.SplitHostPort(rest); err != nil || port == "" {
			return nil, fmt.Errorf("upstream %q: want tcp://host:port", address)
		}
	}
	if opts.MaxIdle == 0 {
		opts.MaxIdle = DefaultMaxIdle
	}
	if opts.IdleTimeout <= 0 {
		opts.IdleTimeout = DefaultIdleTimeout
	}
	if opts.DialTimeout <= 0 {
		opts.DialTimeout = DefaultDialTimeout
	}
	return &Pool{network: network, address: rest, opts: opts, dialer: net.Dialer{Timeout: opts.DialTimeout}}, nil
}

// Get returns a connection on which nothing is under way: the one that was used last and is still alive (reused), or a new one.
// The caller ends with Put or Close.
func (p *Pool) Get(ctx context.Context) (c *wire.Conn, reused bool, err error) {
	for {
		rested, ok := p.pop()
		if !ok {
			break
		}
		// The engine may have been restarted since, or the connection aborted by somebody who still knew it from its last use.
		if rested.conn.Reusable() && (p.network == "unix" && time.Since(rested.since) < freshly || !rested.conn.Stale()) {
			return rested.conn, true, nil
		}
		_ = rested.conn.Close()
	}
	c, err = p.Dial(ctx)
	return c, false, err
}

// Dial returns a new connection, whatever is idle.
func (p *Pool) Dial(ctx context.Context) (*wire.Conn, error) {
	nc, err := p.dialer.DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine at %s://%s: %w", p.network, p.address, err)
	}
	return wire.NewConn(nc, p.opts.Wire), nil
}

// Put gives a connection back. One that cannot carry another request (an exchange is not complete, either side asked to close,
// it was aborted, the engine said more than it was asked) is closed.
func (p *Pool) Put(c *wire.Conn) {
	if !c.Reusable() || c.Pending() || len(c.Buffered()) > 0 {
		_ = c.Close()
		return
	}
	c.Release()
	if extra := p.push(c); extra != nil {
		_ = extra.Close()
	}
}

// Idle returns how many connections rest in the pool.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// CloseIdle closes the idle connections.
func (p *Pool) CloseIdle() {
	p.mu.Lock()
	all := p.idle
	p.idle = nil
	p.mu.Unlock()
	closeAll(all)
}

// Close closes the idle connections, and each other one when it is put back.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.CloseIdle()
}

func (p *Pool) pop() (idle, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return idle{}, false
	}
	last := p.idle[n]
	p.idle[n] = idle{}
	p.idle = p.idle[:n]
	return last, true
}

// push keeps c, and returns the connection to be closed instead, if any: c itself, or the oldest one.
func (p *Pool) push(c *wire.Conn) *wire.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.opts.MaxIdle < 0 {
		return c
	}
	var extra *wire.Conn
	if len(p.idle) >= p.opts.MaxIdle {
		extra = p.idle[0].conn
		p.idle = append(p.idle[:0], p.idle[1:]...)
	}
	p.idle = append(p.idle, idle{conn: c, since: time.Now()})
	if len(p.idle) == 1 {
		p.arm(p.opts.IdleTimeout)
	}
	return extra
}

// arm makes expire run after d. Called with mu held.
func (p *Pool) arm(d time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.expire)
		return
	}
	p.timer.Reset(d)
}

// expire closes what has rested for too long, and looks again when the next one is due.
func (p *Pool) expire() {
	p.mu.Lock()
	oldest := time.Now().Add(-p.opts.IdleTimeout)
	n := 0
	for n < len(p.idle) && !p.idle[n].since.After(oldest) {
		n++
	}
	dead := append([]idle(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	if len(p.idle) > 0 && !p.closed {
		p.arm(p.idle[0].since.Sub(oldest))
	}
	p.mu.Unlock()
	closeAll(dead)
}

func closeAll(dead []idle) {
	for _, d := range dead {
		_ = d.conn.Close()
	}
}
