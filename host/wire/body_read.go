package wire

import (
	"bytes"
	"io"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// chunkState is where in a chunked body the reader stands.
type chunkState uint8

const (
	chunkSize    chunkState = iota // before a size line
	chunkData                      // inside a chunk
	chunkEnd                       // before the CRLF that ends a chunk
	chunkTrailer                   // after the last chunk
)

const (
	maxChunkLine = 256      // bytes of a size line with its extensions, which are read over
	maxTrailer   = 8 << 10  // bytes of all trailers
	maxExcess    = 16 << 10 // bytes of framing beyond 16 a chunk and twice its data, as net/http counts
	wasteful     = "chunked body is mostly framing"
)

// begin prepares the reading half for the body of a request or of a response.
func (c *Conn) begin(f Framing, response bool) {
	c.in = inbound{kind: f.Kind, left: f.Length, done: !f.HasBody(), response: response, trailer: c.in.trailer[:0]}
}

// BodyDone reports whether the body being read has been handed out to its end.
func (c *Conn) BodyDone() bool { return c.in.done && len(c.in.view) == 0 }

// BodyBuffered reports whether what is left of the body, its end included, is already in memory: reading it will not
// wait for the network. It may decode ahead, and returns the error that reading would meet.
func (c *Conn) BodyBuffered() (bool, error) {
	if len(c.in.view) == 0 {
		if err := c.decode(); err != nil {
			return false, err
		}
	}
	return c.in.done, nil
}

// BodyReady reports whether NextBody will return without waiting for the network: what the relaying side has pending can wait for
// it. It may decode ahead, and returns the error that reading would meet.
func (c *Conn) BodyReady() (bool, error) {
	if len(c.in.view) == 0 {
		if err := c.decode(); err != nil {
			return false, err
		}
	}
	return c.in.done || len(c.in.view) > 0, nil
}

// Trailer returns the trailer fields of the chunked body that was read to its end, in order; valid until the next head.
func (c *Conn) Trailer() []abi.Pair { return c.in.trailer }

// NextBody returns the next bytes of the body without copying them: as much as one read of the network brought, freed from its
// framing. done says that these were the last ones (or that there were none left). The bytes are valid, and may be changed,
// until the next call on the reading half. A body that ends before its time is io.ErrUnexpectedEOF, a malformed one an *[Error].
func (c *Conn) NextBody() (p []byte, done bool, err error) {
	for len(c.in.view) == 0 {
		if err := c.decode(); err != nil {
			return nil, false, err
		}
		if len(c.in.view) > 0 {
			break
		}
		if c.in.done {
			return nil, true, nil
		}
		if err := c.fill(); err != nil {
			if err != io.EOF {
				return nil, false, err
			}
			if c.in.kind != UntilClose && c.in.kind != Raw {
				return nil, false, io.ErrUnexpectedEOF
			}
			c.in.done = true
			return nil, true, nil
		}
	}
	p, c.in.view = c.in.view, nil
	return p, c.in.done, nil
}

// ReadBody is the io.Reader of the body. io.EOF comes together with the last bytes where that is known.
func (c *Conn) ReadBody(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	view, done, err := c.NextBody()
	n := copy(p, view)
	if n < len(view) {
		c.in.view = view[n:]
		return n, nil
	}
	if done {
		return n, io.EOF
	}
	return n, err
}

// Discard reads the rest of the body and drops it, at most limit bytes, and reports whether that was all of it: then the
// connection can be used on.
func (c *Conn) Discard(limit int64) (bool, error) {
	for !c.BodyDone() {
		if c.in.kind == Length && c.in.left > limit {
			return false, nil
		}
		p, _, err := c.NextBody()
		if err != nil {
			return false, err
		}
		if limit -= int64(len(p)); limit < 0 {
			return false, nil
		}
	}
	return true, nil
}

// DiscardBuffered drops what is already in memory of the body, without waiting for the network, and reports whether that was all of it:
// then the connection can be used on. Otherwise the rest is still to come, or broken; part with [Conn.CloseLinger].
func (c *Conn) DiscardBuffered() (all bool) {
	c.in.view = nil
	err := c.decode()
	c.in.view = nil
	return err == nil && c.in.done
}

// decode takes what it can of the body out of the buffer, without reading, and leaves it in c.in.view.
func (c *Conn) decode() error {
	in := &c.in
	if in.done {
		return nil
	}
	have := c.w - c.r
	switch in.kind {
	case Chunked:
		err := c.decodeChunks()
		if in.response {
			return fromUpstream(err)
		}
		return inRequest(err)
	case Length:
		have = int(min(int64(have), in.left))
		in.left -= int64(have)
		in.done = in.left == 0
	}
	in.view = c.rbuf[c.r : c.r+have]
	c.r += have
	return nil
}

// decodeChunks decodes all chunks in the buffer in place: the data of the second is moved to the end of the first, and so on, so
// that one read of the network becomes one piece, whatever the sender's chunks were.
func (c *Conn) decodeChunks() error {
	in := &c.in
	start, end := c.r, c.r
	for !in.done {
		b := c.rbuf[c.r:c.w]
		switch in.state {
		case chunkSize:
			n := bytes.IndexByte(b, '\n')
			if n >= maxChunkLine || n < 0 && len(b) >= maxChunkLine {
				return malformedf("chunk size line is longer than %d bytes", maxChunkLine)
			}
			if n < 0 {
				in.view = c.rbuf[start:end]
				return nil
			}
			size, err := parseChunkSize(b[:n])
			if err != nil {
				return err
			}
			if in.excess = max(in.excess+int64(n)+3-16-2*size, 0); in.excess > maxExcess {
				return malformedf(wasteful)
			}
			c.r += n + 1
			in.left, in.state = size, chunkData
			if size == 0 {
				in.state = chunkTrailer
			}
		case chunkData:
			n := int(min(int64(len(b)), in.left))
			if n == 0 {
				in.view = c.rbuf[start:end]
				return nil
			}
			if start == end {
				start, end = c.r, c.r
			} else {
				copy(c.rbuf[end:], b[:n])
			}
			end += n
			c.r += n
			if in.left -= int64(n); in.left == 0 {
				in.state = chunkEnd
			}
		case chunkEnd:
			if len(b) < 2 {
				in.view = c.rbuf[start:end]
				return nil
			}
			if b[0] != '\r' || b[1] != '\n' {
				return malformedf("chunk is longer than its size")
			}
			c.r += 2
			in.state = chunkSize
		case chunkTrailer:
			complete, err := c.readTrailer(b)
			if err != nil {
				return err
			}
			if !complete {
				in.view = c.rbuf[start:end]
				return nil
			}
			in.done = true
		}
	}
	in.view = c.rbuf[start:end]
	return nil
}

// readTrailer reads the trailer section, when all of it is in b, and the empty line after it.
func (c *Conn) readTrailer(b []byte) (bool, error) {
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		c.r += 2
		return true, nil
	}
	b = b[:min(len(b), maxTrailer)]
	from := max(c.in.seen-3, 0)
	n := bytes.Index(b[from:], crlfcrlf)
	if n < 0 {
		if len(b) == maxTrailer {
			return false, &Error{Status: 431, Message: "trailers are larger than " + itoa(maxTrailer) + " bytes"}
		}
		if bareLineFeed(b, max(c.in.seen-1, 0)) {
			return false, malformedf("trailer line does not end with CRLF")
		}
		c.in.seen = len(b)
		return false, nil
	}
	n += from
	lines := string(b[:n+2])
	for lines != "" {
		name, value, rest, err := readField(lines)
		if err != nil {
			return false, err
		}
		if fieldOf(name) != other {
			return false, malformedf("%s in a trailer", clip(name))
		}
		c.in.trailer = append(c.in.trailer, abi.Pair{Key: strings.Clone(name), Value: value})
		lines = rest
	}
	c.r += n + 4
	return true, nil
}

// parseChunkSize reads a size line without its LF: hexadecimal digits, perhaps blanks, perhaps an extension, CR.
func parseChunkSize(line []byte) (int64, error) {
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return 0, malformedf("chunk size line does not end with CRLF")
	}
	line = line[:len(line)-1]
	var size int64
	i := 0
	for ; i < len(line) && class[line[i]]&isHex != 0; i++ {
		if i == 15 {
			return 0, malformedf("chunk size is too large")
		}
		d := line[i]
		switch {
		case d <= '9':
			d -= '0'
		case d >= 'a':
			d -= 'a' - 10
		default:
			d -= 'A' - 10
		}
		size = size<<4 | int64(d)
	}
	if i == 0 {
		return 0, malformedf("chunk size %q", clip(string(line)))
	}
	if i < len(line) && (line[i] != ';' || !ValidValue(string(line[i:]))) {
		return 0, malformedf("chunk size %q", clip(string(line)))
	}
	return size, nil
}
