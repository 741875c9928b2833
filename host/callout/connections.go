package callout

import (
	"context"
	"net"
	"sync"
)

// connections are those that an upstream has open, so that they end with it: a pool
// closes what is idle, and a call that was cancelled a moment ago leaves behind a
// connection that is not yet, or one that is still being made.
type connections struct {
	mu     sync.Mutex // guards what follows
	open   map[*connection]struct{}
	closed bool
}

// connection is one of them.
type connection struct {
	net.Conn
	of *connections
}

// dial is net.Dialer's, and fails once the upstream is closed.
func (c *connections) dial(ctx context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil, errClosed
	}
	if c.open == nil {
		c.open = make(map[*connection]struct{})
	}
	kept := &connection{conn, c}
	c.open[kept] = struct{}{}
	return kept, nil
}

// close closes all that are open, and those that are being made.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Conn.Close()
	}
	c.open = nil
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
