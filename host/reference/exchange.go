package reference

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// answer is what the engine says to one request.
type answer struct {
	status int
	header []abi.Pair
	body   []byte
}

// tooLargeError says that so many bytes of an answer were read in vain.
type tooLargeError struct{ limit int }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("its answer is larger than %d bytes", e.limit)
}

var requestHeader = []abi.Pair{{Key: "User-Agent", Value: "sluice"}}

// get sends a GET request and reads the whole answer. A pooled connection that turns out to be dead is replaced once.
func (r *Resolver) get(ctx context.Context, target string) (*answer, error) {
	for attempt := 0; ; attempt++ {
		conn, reused, err := r.pool.Get(ctx)
		if err != nil {
			return nil, err
		}
		a, err := r.exchange(ctx, conn, target)
		if err == nil {
			r.pool.Put(conn)
			return a, nil
		}
		again := attempt == 0 && reused && conn.Unanswered() && ctx.Err() == nil
		_ = conn.Close()
		if !again {
			return nil, fmt.Errorf("ask the engine: %w", err)
		}
	}
}

func (r *Resolver) exchange(ctx context.Context, conn *wire.Conn, target string) (*answer, error) {
	stop := context.AfterFunc(ctx, conn.Abort)
	a, err := r.converse(conn, target)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return a, err
}

func (r *Resolver) converse(conn *wire.Conn, target string) (*answer, error) {
	if err := conn.WriteRequest(&wire.Request{Method: "GET", Target: target, Host: "docker", Header: requestHeader}); err != nil {
		return nil, err
	}
	if err := conn.FinishBody(nil); err != nil {
		return nil, err
	}
	if err := conn.Flush(); err != nil {
		return nil, err
	}
	var head wire.Response
	for {
		if err := conn.ReadResponse(&head, "GET"); err != nil {
			return nil, err
		}
		if !head.Informational() {
			break
		}
	}
	if head.Status == 101 {
		return nil, errors.New("it switched protocols, which nobody asked for")
	}
	a := &answer{status: head.Status, header: head.Header}
	if length := head.Body.Length; head.Body.Kind == wire.Length && length <= int64(r.options.MaxAnswer) {
		a.body = make([]byte, 0, length)
	}
	for {
		piece, done, err := conn.NextBody()
		if err != nil {
			return nil, err
		}
		if len(a.body)+len(piece) > r.options.MaxAnswer {
			return nil, &tooLargeError{r.options.MaxAnswer}
		}
		a.body = append(a.body, piece...)
		if done {
			return a, nil
		}
	}
}
