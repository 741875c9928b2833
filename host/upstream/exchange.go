package upstream

import (
	"context"

	"github.com/sluice-gateway/sluice/host/wire"
)

// Exchange sends a request whose body is in memory and reads the head of its response, informational ones skipped: Get, write, ReadResponse.
// r.Body must be None, or say the length of body or Chunked. A connection from the pool may turn out to be dead, because the engine
// was restarted. When it ended without a byte of an answer, the exchange is repeated once on a new connection if not a byte of the
// request had been taken by the network, or if the caller says that the request may be sent twice (replayable: GET, HEAD).
//
// The caller owns the connection: read the body, then [Pool.Put]; or Close.
func (p *Pool) Exchange(ctx context.Context, r *wire.Request, body []byte, resp *wire.Response, replayable bool) (*wire.Conn, error) {
	c, reused, err := p.Get(ctx)
	if err != nil {
		return nil, err
	}
	err = exchange(c, r, body, resp)
	if err == nil {
		return c, nil
	}
	retry := reused && c.Unanswered() && (replayable || c.Unsent())
	_ = c.Close()
	if !retry || ctx.Err() != nil {
		return nil, err
	}
	if c, err = p.Dial(ctx); err != nil {
		return nil, err
	}
	if err = exchange(c, r, body, resp); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func exchange(c *wire.Conn, r *wire.Request, body []byte, resp *wire.Response) error {
	if err := c.WriteRequest(r); err != nil {
		return err
	}
	werr := send(c, body)
	if werr != nil && (!isWrite(werr) || c.Unsent()) {
		return werr
	}
	// An engine that refuses a request may answer and hang up before it has read all of it: the answer counts.
	for {
		if err := c.ReadResponse(resp, r.Method); err != nil {
			if werr != nil {
				err = werr
			}
			return err
		}
		if !resp.Informational() {
			return nil
		}
	}
}

func send(c *wire.Conn, body []byte) error {
	if _, err := c.WriteBody(body); err != nil {
		return err
	}
	if err := c.FinishBody(nil); err != nil {
		return err
	}
	return c.Flush()
}
