package host

import (
	"errors"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/host/wire"
)

// upload is the request's body on its way while the answer may already come.
type upload struct {
	done chan struct{}
	in   atomic.Int64
	// clientErr is set when the client's side failed; valid after done.
	clientErr error
	complete  bool // valid after done
}

// finished tells whether the whole body went out.
func (u *upload) finished() bool {
	select {
	case <-u.done:
		return u.complete
	default:
		return false
	}
}

func (x *exchange) startUpload() {
	u := &upload{done: make(chan struct{})}
	x.upload = u
	engine := x.engine
	go func() {
		defer close(u.done)
		defer x.survive()
		var err error
		if !x.fed {
			var n int64
			n, err = wire.CopyBody(engine, x.conn, true)
			u.in.Add(n)
		} else {
			err = x.uploadThroughFilters(u, engine)
		}
		if err == nil {
			u.complete = true
			x.watchClient() // as the reader of its side, which has ended
			return
		}
		var write *wire.WriteError
		if errors.As(err, &write) {
			return // the engine does not read on; its answer says why
		}
		if !errors.Is(err, errAnswered) {
			u.clientErr = err
		}
		engine.Abort() // wakes the reader of the answer
	}()
}

// errAnswered ends an upload that a filter answered.
var errAnswered = errors.New("answered by a filter")

func (x *exchange) uploadThroughFilters(u *upload, engine *wire.Conn) error {
	for done := false; !done; {
		ready, err := true, error(nil)
		if x.requestPiece == nil {
			ready, err = x.conn.BodyReady()
		}
		if err != nil {
			return err
		}
		if !ready {
			if err := engine.Flush(); err != nil {
				return err
			}
		}
		var chunk []byte
		if chunk, done, err = x.nextOfRequest(); err != nil {
			return err
		}
		u.in.Add(int64(len(chunk)))
		out, _ := x.feed(x.stream.RequestBody, chunk, done)
		if x.stream.Local() != nil || x.stream.RequestStopped() {
			return errAnswered
		}
		if _, err := engine.WriteBody(out); err != nil {
			return err
		}
		if x.requestPiece != nil {
			// Another goroutine reads: what was let go of must not wait for it.
			if err := engine.Flush(); err != nil {
				return err
			}
		}
	}
	if err := engine.FinishBody(x.stream.RequestTrailers()); err != nil {
		return err
	}
	return engine.Flush()
}

// stopUpload ends an upload that nobody waits for any more: the answer is there.
func (x *exchange) stopUpload() {
	if x.upload != nil && !x.upload.finished() {
		x.conn.AbortRead()
		if x.engine != nil {
			x.engine.Abort()
		}
		x.stream.StopRequest() // a filter may hold it
	}
	x.waitUpload()
	if x.requestPiece != nil {
		x.conn.AbortRead()
		x.requestPiece.wait()
		x.requestPiece = nil
	}
}

func (x *exchange) waitUpload() {
	if x.upload != nil {
		<-x.upload.done
	}
}
