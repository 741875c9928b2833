package host

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/config"
)

// openCallouts makes the services that filters may call, by name. Those that no
// filter may call are made too, so that what is wrong with them is said.
//
// dial is how the engine itself is called; it depends on who asks.
func openCallouts(cfg *config.Config, dial func(context.Context, callout.Caller) (net.Conn, error)) (map[string]*callout.Upstream, error) {
	callouts := make(map[string]*callout.Upstream, len(cfg.Upstreams))
	for i := range cfg.Upstreams {
		u := &cfg.Upstreams[i]
		options := calloutOptions(u)
		if u.Name == config.DockerUpstream {
			options.Dial = dial
		}
		opened, err := callout.New(options)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.Pos, err)
		}
		callouts[u.Name] = opened
	}
	return callouts, nil
}

func closeCallouts(callouts map[string]*callout.Upstream) {
	for _, u := range callouts {
		u.Close()
	}
}

func calloutOptions(u *config.Upstream) callout.Options {
	o := callout.Options{Name: u.Name, Address: u.Address, HTTP2: u.HTTP2, Timeout: u.Timeout, Body: int(u.Body)}
	if u.TLS != nil {
		o.TLS = &callout.TLS{CA: u.TLS.CA, Cert: u.TLS.Cert, Key: u.TLS.Key, ServerName: u.TLS.ServerName}
	}
	return o
}

// granted are the services that one filter may call.
func granted(f *config.Filter, callouts map[string]*callout.Upstream) map[string]*callout.Upstream {
	mine := make(map[string]*callout.Upstream, len(f.Callouts))
	for name, u := range callouts {
		if slices.Contains(f.Callouts, name) {
			mine[name] = u
		}
	}
	return mine
}
