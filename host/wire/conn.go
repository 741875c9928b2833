package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

// Defaults of Options.
const (
	DefaultMaxHead   = 1 << 20
	DefaultMaxFields = 512 // half of what a filter's header map may hold, so that filters can add to every head
)

// Options bounds what a peer may send. The zero value is usable.
type Options struct {
	// MaxHead is the most bytes of a head, request line included; 0 means 1 MiB. More is answered with 431.
	MaxHead int
	// MaxFields is the most fields of a head; 0 means 512. More is answered with 431.
	MaxFields int
	// HeadTimeout is how long a head may take from its first byte to its last; 0 means for ever. A head that arrives in
	// one read costs no timer. It does not bound the wait for the first byte: an idle connection is just idle.
	HeadTimeout time.Duration
	// WentOn is called, if it is not nil, when a [Conn.Interrupt] found a request that has begun to come: nothing of it is left, and ReadRequest reads on. It
	// must neither wait nor use the Conn.
	WentOn func()
}

// Conn is a connection with HTTP/1.1 on it. Create it with [NewConn] and end it with Close.
type Conn struct {
	nc   net.Conn
	raw  syscall.RawConn // of the socket itself, below TLS; nil when there is none
	opts Options

	// The reading half.
	in   inbound
	rbuf []byte // nil while idle; [r:w) was read and not consumed
	r, w int
	last int   // bytes of the last read
	full bool  // the last read filled the buffer
	rerr error // io.EOF, once seen
	news bool  // something was read since the last request was written

	// The writing half.
	out   outbound
	wbuf  []byte // nil while nothing is pending
	werr  error
	sent  int64 // bytes given to the network since the last head was begun
	bound writeBound
	vec   net.Buffers
	iov   [3][]byte
	size  [24]byte // a chunk's size line

	// What the last request asked for, which decides how its response is written (server) and read (client).
	minor   int
	head    bool // HEAD
	closing bool // no further message on this connection

	aborted atomic.Bool // by Abort or AbortRead: of no further use
	watch   watch
	interruption
}

// inbound is the body being read.
type inbound struct {
	kind     Kind
	done     bool
	state    chunkState
	response bool   // whose fault it is when it is malformed
	left     int64  // bytes still to come, of the body or of the chunk
	excess   int64  // bytes of chunk framing beyond what honest senders need
	seen     int    // bytes of an incomplete trailer section that were looked through
	view     []byte // decoded, not yet handed out; a part of rbuf
	trailer  []abi.Pair
}

// outbound is the body being written.
type outbound struct {
	kind    Kind
	done    bool
	discard bool // the answer to HEAD: what is written goes nowhere
	left    int64
}

// NewConn takes over nc, in either role.
func NewConn(nc net.Conn, opts Options) *Conn {
	if opts.MaxHead <= 0 {
		opts.MaxHead = DefaultMaxHead
	}
	if opts.MaxFields <= 0 {
		opts.MaxFields = DefaultMaxFields
	}
	c := &Conn{nc: nc, opts: opts}
	c.in.done, c.out.done = true, true
	socket := nc
	if t, ok := nc.(*tls.Conn); ok {
		socket = t.NetConn()
	}
	if s, ok := socket.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	return c
}

// NetConn returns the connection below. Reading from it or writing to it directly passes by what is buffered here.
func (c *Conn) NetConn() net.Conn { return c.nc }

// Buffered returns the bytes that were read from the network and not consumed: the beginning of the next message, or what
// came early on a connection that is about to be hijacked. They are valid until the next call on the reading half.
func (c *Conn) Buffered() []byte { return c.rbuf[c.r:c.w] }

// Reusable reports whether another message may follow on this connection: the last one in both directions is complete,
// neither side asked to close, nothing failed, nobody aborted.
func (c *Conn) Reusable() bool {
	// After the peer's EOF only what it sent before can follow: pipelined requests of a client that half-closed.
	open := c.rerr == nil || c.rerr == io.EOF && c.w > c.r
	return c.BodyDone() && c.out.done && !c.closing && c.werr == nil && open && !c.aborted.Load()
}

// Unanswered reports whether not a byte came back since the last WriteRequest, whatever became of it. A request that ended so, and
// can be repeated by its nature, may be sent elsewhere.
func (c *Conn) Unanswered() bool { return !c.news }

// Unsent reports whether the network took not a byte of the last message that was begun, or that could not be: a request may be sent
// elsewhere then, whatever it is.
func (c *Conn) Unsent() bool { return c.sent == 0 }

// Hijack ends HTTP on this connection: from here on both directions are raw bytes, read with NextBody, ReadBody and CopyBody,
// those that came early first, and written with WriteBody. Each ends when its direction of the connection ends. To be called
// after the head that hijacks (101, or a 200 of kind Raw) was read or written.
func (c *Conn) Hijack() {
	c.in = inbound{kind: Raw}
	c.out = outbound{kind: Raw}
	c.closing = true
}

// Release gives the buffers back while the connection rests in a pool. Nothing may be buffered.
func (c *Conn) Release() {
	if c.r == c.w && c.rbuf != nil {
		putBuffer(c.rbuf)
		c.rbuf, c.r, c.w = nil, 0, 0
	}
	if len(c.wbuf) == 0 && c.wbuf != nil {
		putBuffer(c.wbuf)
		c.wbuf = nil
	}
}

// CloseWrite flushes, and ends this side's direction: the peer reads EOF, and may go on sending. Over TLS it is close_notify.
// A connection that knows no half-close is closed.
func (c *Conn) CloseWrite() error {
	err := c.Flush()
	if h, ok := c.nc.(interface{ CloseWrite() error }); ok {
		if e := h.CloseWrite(); err == nil {
			err = e
		}
		return err
	}
	if e := c.nc.Close(); err == nil {
		err = e
	}
	return err
}

// Close closes the connection and gives its buffers back. Pending bytes are not flushed. No other goroutine may be in a call on
// c; [Conn.Abort] first, and wait for it. Close may be repeated.
func (c *Conn) Close() error {
	err := c.nc.Close()
	if c.rbuf != nil {
		putBuffer(c.rbuf)
		c.rbuf, c.r, c.w, c.in.view = nil, 0, 0, nil
	}
	if c.wbuf != nil {
		putBuffer(c.wbuf)
		c.wbuf = nil
	}
	c.rerr, c.werr = net.ErrClosed, net.ErrClosed
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Abort closes the network connection from any goroutine: whoever is blocked on it returns with an error. The owner still
// calls Close. The connection is not Reusable from here on, even where nobody was blocked on it and no call has failed.
func (c *Conn) Abort() {
	c.aborted.Store(true)
	_ = socketOf(c.nc).Close()
}

// CanReset reports whether [Conn.Reset] can do what it says: on TCP, below TLS too.
func (c *Conn) CanReset() bool {
	_, ok := socketOf(c.nc).(*net.TCPConn)
	return ok
}

// Reset closes the connection so that the peer finds an error behind what was flushed, and not an end. On a connection of another kind
// than TCP it is Abort.
func (c *Conn) Reset() {
	if t, ok := socketOf(c.nc).(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Abort()
}

// AbortRead makes the read that is blocked, and all that follow, return os.ErrDeadlineExceeded, and leaves the writing half alone:
// how the goroutine that streams an upload is stopped once the upload was answered. The connection is not Reusable from here on;
// [Conn.CloseLinger] still works.
func (c *Conn) AbortRead() {
	c.aborted.Store(true)
	_ = socketOf(c.nc).SetReadDeadline(longAgo)
}

// longAgo is a deadline that ends every wait.
var longAgo = time.Unix(1, 0)

// SetReadDeadline sets when reading ends with os.ErrDeadlineExceeded, or takes that back with the zero time. That of AbortRead
// outlives it. It is for whoever reads a body: the package sets deadlines of its own for heads.
func (c *Conn) SetReadDeadline(t time.Time) { c.setReadDeadline(t) }

// setReadDeadline sets or, with the zero time, takes back a deadline of this package's own. That of AbortRead outlives it.
func (c *Conn) setReadDeadline(t time.Time) {
	socket := socketOf(c.nc)
	_ = socket.SetReadDeadline(t)
	if c.aborted.Load() {
		_ = socket.SetReadDeadline(longAgo)
	}
}

// socketOf returns the socket below TLS. Closing a *tls.Conn may wait for a writer that is stuck; closing its socket does not.
func socketOf(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}

// CloseLinger flushes, ends the writing direction, reads and drops what the peer still sends until it ends too or the time is
// over, and closes. It is how to part from a client whose upload was refused: a plain close with bytes unread resets the
// connection, and the client may lose the answer that explains it.
func (c *Conn) CloseLinger(limit time.Duration) error {
	if err := c.CloseWrite(); err != nil {
		_ = c.Close()
		return err
	}
	socket := socketOf(c.nc)
	_ = socket.SetReadDeadline(time.Now().Add(limit))
	b := getBuffer(mediumBuffer)
	for {
		// Below TLS on purpose: what comes is dropped, there is no use in decrypting it.
		if _, err := socket.Read(b); err != nil {
			break
		}
	}
	putBuffer(b)
	return c.Close()
}

// fill reads once from the network, behind what is buffered. The error is the network's own; EOF is remembered.
func (c *Conn) fill() error {
	if c.rerr != nil {
		return c.rerr
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
		c.fit()
	} else if c.w == len(c.rbuf) {
		c.makeRoom()
	}
	for range 100 {
		n, err := c.nc.Read(c.rbuf[c.w:])
		c.w += n
		c.last, c.full, c.news = n, c.w == len(c.rbuf), c.news || n > 0
		if n > 0 {
			if err == io.EOF {
				c.rerr = err
			}
			return nil
		}
		if err != nil {
			if err == io.EOF {
				c.rerr = err
			}
			return err
		}
	}
	return io.ErrNoProgress
}

// fit chooses the size of an empty read buffer: large for a body known to be large, larger after a read that filled the buffer, small
// again after a read that would have fitted in the small one.
func (c *Conn) fit() {
	have := len(c.rbuf)
	want := have
	switch {
	case have == 0:
		want = smallBuffer
	case c.full && have == smallBuffer:
		want = mediumBuffer
	case c.full && have < largeBuffer:
		want = largeBuffer
	case c.last < smallBuffer:
		want = smallBuffer
	}
	if c.in.kind == Length && !c.in.done && c.in.left > int64(want) {
		want = mediumBuffer
		if c.in.left > mediumBuffer {
			want = largeBuffer
		}
	}
	if want == have {
		return
	}
	if have != 0 {
		putBuffer(c.rbuf)
	}
	c.rbuf = getBuffer(want)
}

// makeRoom moves what is buffered to the front, or, when the buffer is full of it, to the next larger buffer.
func (c *Conn) makeRoom() {
	if c.r > 0 {
		copy(c.rbuf, c.rbuf[c.r:c.w])
		c.r, c.w = 0, c.w-c.r
		return
	}
	bigger := getBuffer(2 * len(c.rbuf))
	copy(bigger, c.rbuf[:c.w])
	putBuffer(c.rbuf)
	c.rbuf = bigger
}
