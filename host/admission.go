package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/address"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/reference"
)

// admission is what a generation knows about who is served. Its zero value
// serves everybody.
type admission struct {
	tenants  *identity.Tenants // nil: everybody is served
	carriers identity.Carriers // nowhere, unless tenants have tokens
	guards   []*identity.Guard // of the listeners, in their order; nil for unix sockets
	// containers are asked where a tenant or a filter is about them.
	containers containers
}

func newAdmission(cfg *config.Config, resolver *reference.Resolver) admission {
	a := admission{containers: containers{resolver, cfg.Upstream}}
	var tenants []identity.Tenant
	for i := range cfg.Tenants {
		tenants = append(tenants, newTenant(&cfg.Tenants[i]))
	}
	a.tenants = identity.NewTenants(tenants)
	if a.tenants.Tokens() {
		a.carriers = identity.Carriers{
			Bearer: cfg.Tokens.Bearer, Header: cfg.Tokens.Header, URL: cfg.Tokens.URL, IsRoot: dockerapi.IsRoot,
		}
	}
	for i := range cfg.Listeners {
		a.guards = append(a.guards, newGuard(&cfg.Listeners[i]))
	}
	return a
}

// warnOfClearTokens says on which listeners of a configuration tokens come over a
// network that others may listen on. That was allowed by insecure: true.
func warnOfClearTokens(cfg *config.Config, log *slog.Logger) {
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		at, err := address.Parse(l.Address)
		if err != nil || at.IsUnix() || l.TLS != nil || !at.Reachable() || !cfg.AsksTokens() {
			continue
		}
		log.Warn("tokens come to this listener in clear, and whoever sees the network can use them: give it tls", slog.String("listener", l.Address))
	}
}

func newTenant(t *config.Tenant) identity.Tenant {
	tenant := identity.Tenant{Name: t.Name}
	for i := range t.Rules {
		r := &t.Rules[i]
		rule := identity.Rule{
			Listeners: r.Listeners, UIDs: r.UIDs, GIDs: r.GIDs,
			CommonNames: r.CommonNames, SPIFFE: r.SPIFFE, Labels: r.ContainerLabels,
		}
		for _, name := range r.DNSNames {
			rule.DNSNames = append(rule.DNSNames, strings.ToLower(name))
		}
		for _, d := range r.Fingerprints {
			rule.Fingerprints = append(rule.Fingerprints, d)
		}
		if r.Tokens != nil {
			rule.Tokens = make(map[identity.Digest]bool, len(r.Tokens))
			for _, d := range r.Tokens {
				rule.Tokens[identity.Digest(d)] = true
			}
		}
		tenant.Rules = append(tenant.Rules, rule)
	}
	return tenant
}

func newGuard(l *config.Listener) *identity.Guard {
	at, err := address.Parse(l.Address)
	if err != nil || at.IsUnix() {
		return nil
	}
	names := append([]string{at.Host}, l.Hosts...)
	if l.TLS != nil {
		names = append(names, l.TLS.Names...)
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return identity.NewGuard(at.Reachable(), names, l.AllowedOrigins)
}

// takeToken takes the token out of the request that was just read: nobody else
// gets to see it.
func (x *exchange) takeToken() {
	if x.gen.tenants.Tokens() {
		x.token, x.request.Target, x.request.Header = x.gen.carriers.Take(x.request.Target, x.request.Header)
	}
}

// admitClient decides whether this client may ask at all, and as which tenant. A
// ping is answered to everybody, and remains one: x.pingOnly. Nobody waits for a body of such a ping, which no client sends, nor
// for its answer to be read.
func (x *exchange) admitClient() error {
	if x.insider != nil {
		return nil // it is the client whose stream called, who was admitted
	}
	err := x.gen.guards[x.listenerIndex].Check(x.request.Host, x.request.Header)
	if err == nil && x.gen.tenants != nil {
		x.info.Client.Tenant, err = x.gen.tenants.Choose(x.gateway.life, x.client.identity, &x.token, x.gen.containers)
	}
	switch {
	case err != nil && x.info.Call.Operation.IsPing() && !x.request.Body.HasBody():
		x.pingOnly = true
		x.pinging.Store(true)
		x.conn.BoundWrites(answerTime)
		return nil
	case err != nil:
		return err
	}
	if x.token.Found {
		x.info.Client.Token = x.token.Digest.String()
	}
	return nil
}

// facts are what is known of a client, as filters ask for it. They outlive the
// request where a filter's context does, so they hold nothing of it.
type facts struct {
	life   context.Context
	client *identity.Client
	engine containers
}

// Fact implements chain.Facts.
func (f *facts) Fact(path string) ([]byte, abi.Status) {
	return f.client.Property(f.life, path, f.engine)
}

// factsFor returns the connection's facts: the same for all requests of one
// generation.
func (c *client) factsFor(gen *generation) *facts {
	if c.facts == nil || c.facts.engine != gen.containers {
		c.facts = &facts{life: c.gateway.life, client: c.identity, engine: gen.containers}
	}
	return c.facts
}

// containers asks the engine about containers, for package identity.
type containers struct {
	resolver *reference.Resolver
	address  string
}

// Address implements identity.Engine.
func (c containers) Address() string { return c.address }

// Container implements identity.Engine.
func (c containers) Container(ctx context.Context, id string) (*identity.Container, error) {
	found, err := c.resolver.Resolve(ctx, reference.Container, id)
	switch {
	case errors.Is(err, reference.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("ask the engine: %w", err)
	}
	return &identity.Container{ID: found.ID, Name: found.Name, Labels: found.Labels, PID: found.PID}, nil
}
