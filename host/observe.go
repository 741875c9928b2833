package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/listener"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/wire"
)

func metricsOptions(cfg *config.Config, log *slog.Logger) metrics.Options {
	o := metrics.Options{Series: cfg.Metrics.Series, Shown: cfg.Admin.Address != "", Logger: log}
	o.TenantSeries = func(tenant string) int { return cfg.LimitsOf(tenant).Series }
	for _, t := range cfg.Metrics.Tags {
		o.Tags = append(o.Tags, metrics.Tag{Name: t.Name, Pattern: t.Pattern})
	}
	return o
}

// newCounters is nil where nobody can ask for what is counted.
func newCounters(cfg *config.Config) *metrics.Gateway {
	if cfg.Admin.Address == "" {
		return nil
	}
	var operations []string
	for _, operation := range dockerapi.Operations() {
		operations = append(operations, string(operation))
	}
	return metrics.NewGateway(operations)
}

// count counts a request at its end.
func (x *exchange) count(outcome chain.Outcome) {
	if x.gateway.counted == nil {
		return
	}
	call := &x.info.Call
	x.gateway.counted.Request(metrics.Request{
		Operation: string(call.Operation),
		Tenant:    x.info.Client.Tenant,
		Transport: int(call.Transport),
		Verdict:   metrics.Verdict(outcome.Verdict),
		Status:    x.status,
		In:        x.bytesIn(),
		Out:       x.out,
		Took:      time.Since(x.start),
	})
}

// snapshot is what the gateway has now.
func (g *Gateway) snapshot() metrics.Snapshot {
	stats := g.Stats()
	s := metrics.Snapshot{Generation: stats.Generation, Retiring: stats.Retiring, Connections: stats.Connections, Streams: stats.Streams, Seats: g.seats.counts()}
	for _, p := range g.current.Load().plugins() {
		s.Filters = append(s.Filters, metrics.FilterSnapshot{Name: p.Name(), Tenant: p.Tenant(), Instances: p.Instances(), Memory: p.Memory(), Quarantined: p.Quarantined()})
	}
	for _, space := range g.store.Stats() {
		s.Spaces = append(s.Spaces, metrics.SpaceSnapshot{
			Tenant: space.Tenant, VMID: space.VMID, Keys: space.Keys, Bytes: space.Bytes, Items: space.Items, Queued: space.Queued, Refused: space.Refused,
		})
	}
	return s
}

// filters is what may be known of the filters that serve.
func (g *Gateway) filters() admin.Filters {
	current := g.current.Load()
	plugins, all := current.plugins(), current.config.Plugins()
	shown := admin.Filters{Generation: current.number, Filters: make([]admin.Filter, len(plugins))}
	for i, p := range plugins {
		f := &all[i]
		total, most := p.Fuel()
		shown.Filters[i] = admin.Filter{
			Name:        p.Name(),
			Tenant:      p.Tenant(),
			Fuel:        total.Seconds(),
			FuelMost:    most.Seconds(),
			Memory:      p.Memory(),
			Refused:     p.Refusals(),
			Kind:        f.Kind,
			Digest:      digestOf(p, f),
			Signed:      signedAs(f),
			ABI:         abiOf(p),
			Stages:      p.Stages().Names(),
			OnFailure:   f.OnFailure,
			VMID:        f.VMID,
			Instances:   p.Instances(),
			Traps:       p.Traps(),
			Quarantined: p.Quarantined(),
			Problem:     p.Problem(),
			Granted:     f.Capabilities.String(),
			NotGranted:  notGranted(p),
		}
	}
	return shown
}

// digestOf is the digest of a filter's module, "" where there is none that may be
// loaded.
func digestOf(p *plugin.Plugin, f *config.Filter) string {
	switch {
	case p.Module() != nil:
		return p.Module().Digest()
	case f.Problem != nil:
		return ""
	}
	sum := sha256.Sum256(f.Code)
	return hex.EncodeToString(sum[:])
}

// abiOf is the ABI of a filter's module, "" of one that was not started.
func abiOf(p *plugin.Plugin) string {
	if p.Module() == nil {
		return ""
	}
	return p.ABI().String()
}

// notGranted is what a filter was refused, and what would grant it.
func notGranted(p *plugin.Plugin) []admin.Refusal {
	var shown []admin.Refusal
	for _, r := range p.NotGranted() {
		shown = append(shown, admin.Refusal{Capability: r.Capability.String(), Count: r.Count, Names: r.Names, ToGrant: "capabilities: {" + r.Line + "}"})
	}
	return shown
}

// adminServer answers on the admin address.
type adminServer struct {
	server   *admin.Server
	listener *listener.Listener
	serving  sync.WaitGroup
}

// listenAdmin opens the admin address, where there is one. The caller holds mu.
func (g *Gateway) listenAdmin(cfg *config.Admin) error {
	if cfg.Address == "" {
		return nil
	}
	opened, err := listener.Listen(g.life, listener.Options{Address: cfg.Address, Insecure: cfg.Insecure})
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	g.admin = &adminServer{listener: opened, server: admin.New(admin.Options{
		Metrics: g.metrics.Gatherer(g.counted, g.snapshot),
		Ready:   g.checkReady,
		Filters: g.filters,
		AnyHost: cfg.Insecure,
		Logger:  g.log,
	})}
	return nil
}

func (a *adminServer) start(log *slog.Logger) {
	if a == nil {
		return
	}
	log.Info("answering questions about the gateway", slog.String("address", a.listener.Address()))
	a.serving.Add(1)
	go func() {
		defer a.serving.Done()
		if err := a.server.Serve(a.listener); err != nil {
			log.Error("the admin endpoints are not served any more", slog.Any("error", err))
		}
	}()
}

// adminGrace is how long an answer may take that is on its way when the gateway
// ends.
const adminGrace = time.Second

func (a *adminServer) stop() error {
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminGrace)
	defer cancel()
	err := errors.Join(a.server.Shutdown(ctx), a.listener.Close())
	a.serving.Wait()
	return err
}

// AdminAddress is where the gateway can be asked about itself, with the port that was
// picked where the configuration says 0; "" for nowhere.
func (g *Gateway) AdminAddress() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.admin == nil {
		return ""
	}
	return g.admin.listener.Address()
}

const (
	// readyTimeout is how long the engine may take to answer a ping.
	readyTimeout = 2 * time.Second
	// readyFor is how long an answer counts, however many ask.
	readyFor = 500 * time.Millisecond
)

// readiness is whether the engine answered, lately.
type readiness struct {
	mu   sync.Mutex // held while the engine is asked
	at   time.Time
	last error
}

// checkReady tells what keeps the gateway from serving.
func (g *Gateway) checkReady(context.Context) error {
	g.mu.Lock()
	closing := g.closing
	g.mu.Unlock()
	if closing {
		return errors.New("the gateway is shutting down")
	}
	r := &g.ready
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) > readyFor {
		current := g.acquire()
		defer current.leave()
		ctx, cancel := context.WithTimeout(g.life, readyTimeout)
		defer cancel()
		r.last = ping(ctx, current.upstream)
		r.at = time.Now()
	}
	return r.last
}

// ping asks the engine whether it is there, on a connection of its own.
func ping(ctx context.Context, pool *upstream.Pool) error {
	conn, err := pool.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, conn.Abort)
	defer stop()
	var answer wire.Response
	err = errors.Join(
		conn.WriteRequest(&wire.Request{Method: "GET", Target: "/_ping", Host: "docker", Header: []abi.Pair{{Key: "User-Agent", Value: "sluice"}}}),
		conn.FinishBody(nil),
		conn.Flush(),
	)
	if err == nil {
		err = conn.ReadResponse(&answer, "GET")
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the engine does not answer within %v", readyTimeout)
	case err != nil:
		return fmt.Errorf("the engine does not answer: %w", err)
	case answer.Status != 200:
		return fmt.Errorf("the engine answers /_ping with %d", answer.Status)
	}
	return nil
}
