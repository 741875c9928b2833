package wire

import (
	"net"
	"strconv"

	"github.com/sluice-gateway/sluice/abi"
)

// writeBuffer returns what is pending, to append to.
func (c *Conn) writeBuffer() []byte {
	if c.wbuf == nil {
		c.wbuf = getBuffer(smallBuffer)[:0]
	}
	return c.wbuf
}

// Pending reports whether something waits for Flush.
func (c *Conn) Pending() bool { return len(c.wbuf) > 0 }

// Flush writes what is pending. An error of the network is a *[WriteError], and every later write returns it again.
func (c *Conn) Flush() error {
	if c.werr != nil {
		return c.werr
	}
	if len(c.wbuf) == 0 {
		return nil
	}
	n, err := c.write(c.wbuf)
	return c.wrote(int64(n), err)
}

// write gives p to the network.
func (c *Conn) write(p []byte) (int, error) {
	if c.bound.limit > 0 {
		return c.writeBounded(p)
	}
	return c.nc.Write(p)
}

// wrote ends a write of everything pending.
func (c *Conn) wrote(n int64, err error) error {
	c.sent += n
	if c.wbuf != nil {
		putBuffer(c.wbuf)
		c.wbuf = nil
	}
	if err != nil {
		c.werr = &WriteError{Err: err}
	}
	return c.werr
}

// WriteBody writes p as the next part of the body. Small parts gather until Flush; large ones go out at once together with what
// was pending, uncopied. To a message without a body (the answer to HEAD) nothing is written. More than Content-Length
// promised is ErrBodyLength.
func (c *Conn) WriteBody(p []byte) (int, error) {
	if err := c.writeBody(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

const lastChunk = "\r\n0\r\n\r\n"

// writeBody writes p; last says that a chunked body without trailers ends with it, which saves a write.
func (c *Conn) writeBody(p []byte, last bool) error {
	out := &c.out
	switch {
	case c.werr != nil:
		return c.werr
	case len(p) == 0 || out.discard:
		return nil
	case out.done:
		return ErrBodyLength
	}
	before, after := c.writeBuffer(), ""
	switch out.kind {
	case Length:
		if int64(len(p)) > out.left {
			c.werr = ErrBodyLength
			return c.werr
		}
		out.left -= int64(len(p))
	case Chunked:
		before = strconv.AppendUint(before, uint64(len(p)), 16)
		before = append(before, "\r\n"...)
		after = lastChunk[:2]
		if last {
			after = lastChunk
			out.done = true
		}
	}
	if len(before)+len(p)+len(after) <= cap(before) {
		before = append(before, p...)
		c.wbuf = append(before, after...)
		return nil
	}
	c.wbuf = before
	return c.writeThrough(p, after)
}

// writeThrough writes what is pending, p and after, in one system call where the connection allows it.
func (c *Conn) writeThrough(p []byte, after string) error {
	switch c.nc.(type) {
	case *net.UnixConn, *net.TCPConn:
		if c.bound.limit > 0 {
			break
		}
		c.iov[0], c.iov[1], c.iov[2] = c.wbuf, p, c.size[:copy(c.size[:], after)]
		c.vec = c.iov[:]
		n, err := c.vec.WriteTo(c.nc)
		c.iov = [3][]byte{}
		return c.wrote(n, err)
	}
	if err := c.Flush(); err != nil {
		return err
	}
	n, err := c.write(p)
	if err := c.wrote(int64(n), err); err != nil {
		return err
	}
	if after != "" {
		c.wbuf = append(c.writeBuffer(), after...)
	}
	return nil
}

// FinishBody ends the message, with trailers when its body is chunked (otherwise they are dropped). A body shorter than its
// Content-Length is ErrBodyLength, and the connection must be closed: a broken message has to look broken. It may be called
// more than once, and does not flush.
func (c *Conn) FinishBody(trailer []abi.Pair) error {
	out := &c.out
	switch {
	case c.werr != nil:
		return c.werr
	case out.done:
		return nil
	case out.kind == Length && out.left > 0 && !out.discard:
		c.werr = ErrBodyLength
		return c.werr
	}
	if out.kind == Chunked && !out.discard {
		if err := CheckTrailer(trailer); err != nil {
			// What was written of the message is not to be taken for all of it.
			c.werr = &Error{Status: 502, Message: "trailer: " + err.Error()}
			return c.werr
		}
		b := append(c.writeBuffer(), "0\r\n"...)
		b = appendFields(b, trailer, true)
		c.wbuf = append(b, "\r\n"...)
	}
	out.done = true
	return nil
}
