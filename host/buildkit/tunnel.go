package buildkit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/chain"
)

// The metadata with which a client describes the session that it offers.
const (
	sessionID      = "X-Docker-Expose-Session-Uuid"
	sessionMethods = "X-Docker-Expose-Session-Grpc-Method"
)

// SessionFact is the path of the property docker.session, a session's id.
const SessionFact = "docker\x00session"

// tunnel mediates a session whose connection is a call: the messages of both directions carry its bytes.
func (c *call) tunnel() error {
	c.expose(c.r.Header)
	c.passage = c.begin(&c.record, nil, nil)
	if _, err := c.passage.request(); err != nil {
		return err
	}
	metadata := c.passage.metadata()
	c.expose(metadata)
	read, write := io.Pipe()
	defer read.Close()
	// net/http looks at a request's context only between two reads of its body.
	defer context.AfterFunc(c.r.Context(), func() { read.CloseWithError(errCallerGone) })()
	response, err := c.send(read, metadata)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := c.answer(response); err != nil {
		return err
	}
	o := *c.Options
	o.Client.Facts = chain.MoreFacts{More: chain.FactMap{SessionFact: metadata.Get(sessionID)}, Facts: o.Client.Facts}
	toClient := &messageConn{from: c.r.Body, to: c.w, flush: c.flush, limit: c.limit(), expire: func() {
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(farewell))
	}}
	toEngine := &messageConn{from: response.Body, to: write, limit: c.limit()}
	traffic, err := ServeSession(&o, toClient, toEngine)
	c.in.Store(traffic.Up)
	c.record.Out = traffic.Down
	if err != nil {
		return failure(codeUnavailable, "%v", err)
	}
	return c.close(http.Header{headerStatus: {"0"}})
}

// expose leaves only those methods of a session that the engine may be told of.
func (c *call) expose(metadata http.Header) {
	if methods := metadata[sessionMethods]; len(methods) > 0 {
		metadata[sessionMethods] = c.policy.Grants.Exposed(methods)
	}
}

// messageConn is a connection whose bytes travel in messages of one field of bytes, as BuildKit's BytesMessage has it.
type messageConn struct {
	from   io.ReadCloser
	to     io.Writer
	flush  func() error // may be nil
	expire func()       // ends a write that is stuck; nil where closing to does
	limit  int

	left int // of the bytes of the message that is being read

	mu     sync.Mutex // held while something is written
	closed atomic.Bool
}

const (
	dataTag  = 1<<3 | 2 // field 1, bytes
	maxChunk = 32 << 10
)

func (m *messageConn) Read(p []byte) (int, error) {
	for m.left == 0 {
		if err := m.next(); err != nil {
			return 0, ended(err)
		}
	}
	n, err := m.from.Read(p[:min(len(p), m.left)])
	m.left -= n
	if errors.Is(err, io.EOF) && m.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, ended(err)
}

// ended hides what kind of error ended the call that carries the connection. HTTP/2 on it would take the reset of that call's stream
// for the reset of one of its own, and read on without end.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("the session's call ended: %v", err)
}

// next reads what stands before the bytes of a message.
func (m *messageConn) next() error {
	size, err := readPrefix(m.from, m.limit)
	if err != nil || size == 0 {
		return err
	}
	head := byteReader{r: io.LimitReader(m.from, int64(size))}
	tag, err := binary.ReadUvarint(&head)
	if err != nil {
		return err
	}
	length, err := binary.ReadUvarint(&head)
	if err != nil {
		return err
	}
	if tag != dataTag || length != uint64(size-head.n) {
		return refusal(codeInvalidArgument, "a message of a session is not one field of bytes")
	}
	m.left = int(length)
	return nil
}

type byteReader struct {
	r io.Reader
	n int
	b [1]byte
}

func (b *byteReader) ReadByte() (byte, error) {
	_, err := io.ReadFull(b.r, b.b[:])
	b.n++
	return b.b[0], err
}

func (m *messageConn) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	written := 0
	for len(p) > 0 {
		if m.closed.Load() {
			return written, net.ErrClosed
		}
		chunk := p[:min(len(p), maxChunk)]
		message := make([]byte, prefix, prefix+1+binary.MaxVarintLen32+len(chunk))
		message = append(message, dataTag)
		message = binary.AppendUvarint(message, uint64(len(chunk)))
		message = append(message, chunk...)
		binary.BigEndian.PutUint32(message[1:], uint32(len(message)-prefix))
		if _, err := m.to.Write(message); err != nil {
			return written, err
		}
		if m.flush != nil {
			if err := m.flush(); err != nil {
				return written, err
			}
		}
		written += len(chunk)
		p = p[len(chunk):]
	}
	return written, nil
}

// Close ends both directions, and returns when nobody writes any more. The call that carries them is ended by its handler.
func (m *messageConn) Close() error {
	err := m.from.Close()
	if w, ok := m.to.(io.Closer); ok {
		err = errors.Join(err, w.Close())
	}
	m.closed.Store(true)
	if !m.mu.TryLock() {
		if m.expire != nil {
			m.expire()
		}
		m.mu.Lock()
	}
	m.mu.Unlock()
	return err
}

func (m *messageConn) LocalAddr() net.Addr              { return messageAddr{} }
func (m *messageConn) RemoteAddr() net.Addr             { return messageAddr{} }
func (m *messageConn) SetDeadline(time.Time) error      { return nil } // those who wait are woken by Close
func (m *messageConn) SetReadDeadline(time.Time) error  { return nil }
func (m *messageConn) SetWriteDeadline(time.Time) error { return nil }

type messageAddr struct{}

func (messageAddr) Network() string { return "grpc" }
func (messageAddr) String() string  { return "session" }
