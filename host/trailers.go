package host

import (
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// takeRequestTrailers gives the filters the fields behind the request's body, whose end
// was just read, where any filter asked for them; they get them when they get its last
// bytes. An error is the client's.
func (x *exchange) takeRequestTrailers() (err error) {
	x.requestTrailing, err = takeTrailers(x.conn.Trailer(), x.stream.TakeRequestTrailers, 400)
	return err
}

// takeResponseTrailers is takeRequestTrailers for the response; an error is the engine's.
func (x *exchange) takeResponseTrailers() (err error) {
	x.responseTrailing, err = takeTrailers(x.engine.Trailer(), x.stream.TakeResponseTrailers, 502)
	return err
}

func takeTrailers(fields []abi.Pair, take func([]abi.Pair) bool, status int) (taken bool, err error) {
	if len(fields) == 0 || !take(fields) {
		return false, nil
	}
	if err := wire.CheckTrailer(fields); err != nil {
		return false, &wire.Error{Status: status, Message: "trailers: " + err.Error()}
	}
	return true, nil
}

// requestTrailers are what is to be sent behind the request's body.
func (x *exchange) requestTrailers() []abi.Pair {
	if !x.requestTrailing {
		return nil // as a rule, and without a lock
	}
	return x.stream.RequestTrailers()
}

// responseTrailers are what is to be sent behind the response's body.
func (x *exchange) responseTrailers() []abi.Pair {
	if !x.responseTrailing {
		return nil
	}
	return x.stream.ResponseTrailers()
}
