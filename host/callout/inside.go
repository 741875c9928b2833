package callout

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
)

// A Caller is whose call it is, as an upstream inside of the process has to know.
type Caller struct {
	// Filter is the filter's name, and Tenant whose it is: "" for the operator's.
	Filter, Tenant string
	// Stream is the stream on whose behalf it calls, in the form of the one who
	// dials. Nil: it calls on its own behalf, as in a tick.
	Stream any
	// Depth is how many filters' calls what it does is inside of, as the stream's is or
	// more: it may have taken from a queue what was put there inside of a call.
	Depth int
}

// Inside tells whether the upstream is inside of the process: it wants to know its
// callers, and takes HTTP calls alone.
func (u *Upstream) Inside() bool { return u.options.Dial != nil }

// errDialled is the end of a second attempt to connect for the same call.
var errDialled = errors.New("the connection of this call is used up")

// roundTripper is what makes a call, and what is to be done at the call's end.
func (u *Upstream) roundTripper(ctx context.Context, caller *Caller) (http.RoundTripper, func(), error) {
	if u.options.Dial == nil {
		return u.http, func() {}, nil
	}
	// A connection belongs to one caller, so it serves one call, and no pool ever
	// hands it to another one.
	conn, err := u.options.Dial(ctx, *caller)
	if err != nil {
		return nil, nil, err
	}
	var used atomic.Bool
	t := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errDialled
			}
			return conn, nil
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHead,
		ReadBufferSize:         4 << 10,
		WriteBufferSize:        4 << 10,
	}
	return t, func() { _ = conn.Close() }, nil
}
