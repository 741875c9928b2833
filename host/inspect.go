package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

const (
	// askTime bounds a question of the gateway's own to the engine.
	askTime = 5 * time.Second
	// maxAsked is how much of its answer is read.
	maxAsked = 4 << 20
)

// ask asks the engine for what the gateway itself has to know of a resource,
// and decodes the answer, which is to be a 200 with a JSON document. It uses a
// connection of its own: that of the stream has other things to say.
func (x *exchange) ask(target string, into any) error {
	engine, _, err := x.gen.upstream.Get(x.gateway.life)
	if err != nil {
		return err
	}
	body, err := askOn(engine, target)
	if err != nil {
		_ = engine.Close()
		return fmt.Errorf("ask the engine for %s: %w", target, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		err = fmt.Errorf("ask the engine for %s: %w", target, err)
		_ = engine.Close()
		return err
	}
	x.gen.upstream.Put(engine)
	return nil
}

func askOn(engine *wire.Conn, target string) ([]byte, error) {
	if err := engine.NetConn().SetDeadline(time.Now().Add(askTime)); err != nil {
		return nil, err
	}
	if err := engine.WriteRequest(&wire.Request{Method: "GET", Target: target, Host: "docker"}); err != nil {
		return nil, err
	}
	if err := errors.Join(engine.FinishBody(nil), engine.Flush()); err != nil {
		return nil, err
	}
	var response wire.Response
	if err := engine.ReadResponse(&response, "GET"); err != nil {
		return nil, err
	}
	if response.Status != 200 {
		return nil, fmt.Errorf("it answered with status %d", response.Status)
	}
	var body []byte
	for done := false; !done; {
		var chunk []byte
		var err error
		if chunk, done, err = engine.NextBody(); err != nil {
			return nil, err
		}
		if body = append(body, chunk...); len(body) > maxAsked {
			return nil, fmt.Errorf("its answer is larger than %d bytes", maxAsked)
		}
	}
	return body, engine.NetConn().SetDeadline(time.Time{})
}
