package callout

import (
	"encoding/binary"
	"io"
	"sync"
)

const (
	// messageHead is what gRPC puts before each message: a byte for the
	// compression, and the length.
	messageHead = 5
	// messageCost is what a message counts for beside its bytes, so that empty
	// ones do not wait in any number.
	messageCost = 64
)

// sendQueue holds the messages that a guest has sent and that the service has
// not taken yet. It is the body of a request: the transport reads it.
type sendQueue struct {
	limit int

	mu       sync.Mutex // guards what follows
	changed  sync.Cond
	messages [][]byte // with their heads; the first may be read in part
	size     int
	ended    bool // nothing comes any more
	closed   bool // nobody reads any more
}

func newSendQueue(limit int) *sendQueue {
	q := &sendQueue{limit: limit}
	q.changed.L = &q.mu
	return q
}

// push queues a message. One that is within the limit is taken by a queue that
// is empty; more have to fit in it together.
func (q *sendQueue) push(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended || q.closed:
		return ErrSendClosed
	case len(message) > q.limit, q.size > 0 && q.size+len(message)+messageCost > q.limit:
		return ErrQueueFull
	}
	var head [messageHead]byte
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	q.messages = append(q.messages, append(head[:], message...))
	q.size += len(message) + messageCost
	q.changed.Broadcast()
	return nil
}

// end lets the reader come to an end once it has read everything.
func (q *sendQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// Read implements io.Reader. It waits for a message.
func (q *sendQueue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.messages) == 0 && !q.ended && !q.closed {
		q.changed.Wait()
	}
	switch {
	case q.closed:
		return 0, ErrSendClosed
	case len(q.messages) == 0:
		return 0, io.EOF
	}
	first := q.messages[0]
	n := copy(p, first)
	q.size -= n
	if n < len(first) {
		q.messages[0] = first[n:]
		return n, nil
	}
	q.size -= messageCost - messageHead
	q.messages[0] = nil
	q.messages = q.messages[1:]
	return n, nil
}

// Close implements io.Closer: what waits is dropped.
func (q *sendQueue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.messages, q.size = true, nil, 0
	q.changed.Broadcast()
	return nil
}
