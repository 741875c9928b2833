package host

import (
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/wire"
)

// takeRequestTrailers gives the filters the fields behind the request's body, whose end
// was just read, where any filter asked for them; they get them when they get its last
// bytes. An error is the client's.
func (x *exchange) takeRequestTrailers() error {
	return takeTrailers(x.conn.Trailer(), x.stream.TakeRequestTrailers, 400)
}

// takeResponseTrailers is takeRequestTrailers for the response; an error is the engine's.
func (x *exchange) takeResponseTrailers() error {
	return takeTrailers(x.engine.Trailer(), x.stream.TakeResponseTrailers, 502)
}

func takeTrailers(fields []abi.Pair, take func([]abi.Pair) bool, status int) error {
	if len(fields) == 0 || !take(fields) {
		return nil
	}
	if err := wire.CheckTrailer(fields); err != nil {
		return &wire.Error{Status: status, Message: "trailers: " + err.Error()}
	}
	return nil
}
