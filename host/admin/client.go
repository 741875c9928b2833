package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// askTimeout is how long an answer may take.
	askTimeout = 10 * time.Second
	// maxAnswer is how long it may be.
	maxAnswer = 64 << 20
)

// Unreachable is the error of Ask where nobody answers.
type Unreachable struct {
	Address string
	Err     error
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("no gateway answers at %s: %v", e.Address, e.Err)
}

func (e *Unreachable) Unwrap() error { return e.Err }

// Ask asks the server at an address, unix:///path or tcp://host:port, what it shows
// of its filters. The error is an *Unreachable, or about an answer that is none.
func Ask(ctx context.Context, address string) (*Filters, error) {
	network, at, ok := strings.Cut(address, "://")
	if !ok || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("%q is not an address: write unix:///path or tcp://host:port", address)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, at)
	}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	host := at
	if network == "unix" {
		host = "localhost"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/filters", nil)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", address, err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, &Unreachable{Address: address, Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &Unreachable{Address: address, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers with %d: %.200s", address, response.StatusCode, strings.TrimSpace(string(body)))
	}
	var filters Filters
	if err := json.Unmarshal(body, &filters); err != nil {
		return nil, fmt.Errorf("what answers at %s is not the admin address of a gateway: %w", address, err)
	}
	return &filters, nil
}
