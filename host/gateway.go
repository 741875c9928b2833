package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/listener"
	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/store"
)

// Options say what a gateway serves.
type Options struct {
	// Config is the configuration to start with. Required.
	Config *config.Config
	// Load reads the configuration anew, for Reload and for watching the
	// files. Nil: the gateway keeps what it started with.
	Load func() (*config.Config, error)
	// Logger receives everything the gateway has to say. Nil discards.
	Logger *slog.Logger
	// Functions are offered to the filters beside the gateway's own, by the name
	// that they call them by (proxy_call_foreign_function). A name must not begin
	// with foreign.Reserved. Nil adds none.
	Functions map[string]foreign.Function
}

// A Gateway serves its listeners until it is shut down. Make it with New, then
// call Serve once.
type Gateway struct {
	log       *slog.Logger
	load      func() (*config.Config, error)
	functions *foreign.Registry // without the gateway's own

	current atomic.Pointer[generation]
	ids     requestIDs

	store   store.Store       // what filters share, over all generations
	metrics *metrics.Registry // what they count
	counted *metrics.Gateway  // what is counted beside them; nil where nobody can look
	ready   readiness

	reloading chan struct{} // full during a reload, one at a time; guards what follows
	engine    *engine
	active    bool                       // the current generation does more than answer streams
	handovers map[string]<-chan struct{} // see handOver; closed when one is over

	// life ends when connections are to be cut, and with it everything that
	// waits on behalf of a client.
	life context.Context
	kill context.CancelCauseFunc

	mu        sync.Mutex // guards what follows
	listeners []*listener.Listener
	admin     *adminServer // nil where there is none
	conns     map[*client]struct{}
	closing   bool

	slots    *slots // one for each connection that may be open
	seats    seats  // of tenants
	door     doorLines
	followed followed
	serving  sync.WaitGroup // accept loops and connections
	retiring sync.WaitGroup // old generations
	streams  atomic.Int64
	numbers  atomic.Uint64 // of connections
	bodyTime time.Duration // see buildkit.Patience; 0, but in tests

	refusedExecs refusals
	sessions     buildSessions
	retirement   retirement
}

// New compiles and starts every filter of the configuration, as a canary for
// all that follows. Nothing is listened on yet. The error joins a *FilterError
// for each filter that cannot serve.
func New(ctx context.Context, options Options) (*Gateway, error) {
	log := options.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = logs.Clipped(log)
	functions, err := foreign.New(options.Functions)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(ctx, options.Config)
	if err != nil {
		return nil, err
	}
	shared, err := openStore(options.Config, log)
	if err != nil {
		engine.release(ctx)
		return nil, err
	}
	g := &Gateway{
		log:       log,
		load:      options.Load,
		functions: functions,
		store:     shared,
		metrics:   metrics.New(metricsOptions(options.Config, log)),
		counted:   newCounters(options.Config),
		engine:    engine,
		conns:     make(map[*client]struct{}),
		slots:     newSlots(options.Config.Limits.Connections),
		seats:     seats{of: make(map[string]*seat)},
		followed:  followed{changed: make(chan struct{}, 1)},
		reloading: make(chan struct{}, 1),
	}
	g.ids.init()
	g.retirement.init()
	g.life, g.kill = context.WithCancelCause(context.Background())
	first, err := newGeneration(ctx, engine, options.Config, g.commons())
	if err != nil {
		engine.release(ctx)
		return nil, errors.Join(err, shared.Close())
	}
	first.number = 1
	g.current.Store(first)
	first.mend(log)
	warnOfClearTokens(options.Config, log)
	return g, nil
}

// Listen opens the listeners. Serve does it where it was not done before.
func (g *Gateway) Listen() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.listeners) > 0 {
		return nil
	}
	cfg := g.current.Load().config
	for _, l := range cfg.Listeners {
		opened, err := listener.Listen(g.life, listenerOptions(&l, cfg.Tenants))
		if err != nil {
			for _, other := range g.listeners {
				err = errors.Join(err, other.Close())
			}
			g.listeners = nil
			return fmt.Errorf("%s: %w", l.Pos, err)
		}
		g.listeners = append(g.listeners, opened)
	}
	if err := g.listenAdmin(&cfg.Admin); err != nil {
		for _, l := range g.listeners {
			err = errors.Join(err, l.Close())
		}
		g.listeners = nil
		return err
	}
	return nil
}

func listenerOptions(l *config.Listener, tenants []config.Tenant) listener.Options {
	o := listener.Options{Address: l.Address, Mode: l.Mode, Owner: l.Owner, Group: l.Group, Insecure: l.Insecure, ByToken: l.ByToken(tenants)}
	if l.TLS != nil {
		o.Cert, o.Key, o.ClientCA = l.TLS.Cert, l.TLS.Key, l.TLS.ClientCA
	}
	return o
}

// Addresses are the addresses listened on, in the order of the configuration,
// with the port that was picked where it says 0.
func (g *Gateway) Addresses() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	addresses := make([]string, len(g.listeners))
	for i, l := range g.listeners {
		addresses[i] = l.Address()
	}
	return addresses
}

// Serve accepts connections until Shutdown, and then returns nil. When ctx
// ends before that, connections are cut.
func (g *Gateway) Serve(ctx context.Context) error {
	if err := g.Listen(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { g.kill(context.Cause(ctx)) })
	defer stop()
	g.mu.Lock()
	if g.closing {
		g.mu.Unlock()
		return nil
	}
	for i, l := range g.listeners {
		g.log.Info("listening", slog.String("address", l.Address()))
		g.serving.Add(1)
		go func() {
			defer g.serving.Done()
			g.accept(l, i)
		}()
	}
	g.admin.start(g.log)
	g.mu.Unlock()
	g.activate()
	stopWatching := g.watch()
	defer stopWatching()
	<-g.life.Done()
	return nil
}

// activate lets the current generation, and those after it, do what no stream asks
// for.
func (g *Gateway) activate() {
	g.reloading <- struct{}{}
	defer func() { <-g.reloading }()
	g.active = true
	current := g.current.Load()
	for _, tenant := range ownersOf(current) {
		current.activate(tenant)
	}
}

func (g *Gateway) accept(l *listener.Listener, index int) {
	full := g.waysOf()
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || g.life.Err() != nil {
				return
			}
			g.log.Error("accept", slog.String("listener", l.Address()), slog.Any("error", err))
			if !pauseAccept(g.life) {
				return
			}
			continue
		}
		// Beyond limits.connections a client waits here, and the others in the
		// system's queue, until one ends or can be made to: see makeWay.
		if !g.slots.take(g.life.Done(), full) {
			conn.Close()
			return
		}
		g.counted.Accepted()
		c := g.newClient(conn, l, index)
		g.mu.Lock()
		if g.closing {
			g.mu.Unlock()
			g.slots.give()
			conn.Close()
			return
		}
		g.conns[c] = struct{}{}
		g.serving.Add(1)
		g.mu.Unlock()
		go func() {
			defer g.serving.Done()
			defer func() {
				g.mu.Lock()
				delete(g.conns, c)
				g.mu.Unlock()
				g.slots.give()
			}()
			c.serve()
		}()
	}
}

// acquire is the current generation, joined.
func (g *Gateway) acquire() *generation {
	for {
		// A generation can be retired between the two steps; the next is
		// there by then.
		if current := g.current.Load(); current.join() {
			return current
		}
	}
}

// ErrUnchanged is returned by Reload when the configuration and the modules
// are what is already being served.
var ErrUnchanged = errors.New("the configuration has not changed")

// Reload reads the configuration anew and, when every filter of it came up,
// serves it to all new streams. Streams that have begun end with what they
// began with. Any error leaves everything as it was. One that waits for another, or for filters to
// start, ends with ctx, and with the gateway.
func (g *Gateway) Reload(ctx context.Context) error {
	err := g.reload(ctx)
	if !errors.Is(err, ErrUnchanged) {
		g.counted.Reloaded(err != nil)
	}
	return err
}

func (g *Gateway) reload(ctx context.Context) error {
	select {
	case g.reloading <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-g.reloading }()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(g.life, func() { end(errShutDown) })()
	if g.load == nil {
		return errors.New("this gateway was started without a configuration to read again")
	}
	if g.life.Err() != nil {
		return errShutDown
	}
	old := g.current.Load()
	cfg, err := g.readChanged(old)
	// The watcher has to know what this was made from even if nothing comes of
	// it: what is wrong may be mended in a file that only this configuration names.
	defer func() { g.follow(cfg, err) }()
	if err != nil {
		return err
	}
	waited, err := g.makeRoom(ctx)
	if err != nil {
		return err
	}
	if waited { // for seconds, and what is asked for is what the files say now
		if cfg, err = g.readChanged(old); err != nil {
			return err
		}
	}
	if g.life.Err() != nil { // meanwhile
		return errShutDown
	}
	engine := g.engine
	if !engine.serves(cfg) {
		if engine, err = newEngine(ctx, cfg); err != nil {
			return err
		}
	}
	next, err := newGeneration(ctx, engine, cfg, g.commons())
	if err != nil {
		if engine != g.engine {
			engine.release(ctx)
		}
		return err
	}
	if err := g.updateListeners(cfg); err != nil {
		next.close(ctx)
		if engine != g.engine {
			engine.release(ctx)
		}
		return err
	}
	if engine != g.engine {
		g.engine.release(ctx)
		g.engine = engine
	}
	next.number = old.number + 1
	g.store.Configure(storeLimits(cfg))
	g.metrics.Configure(metricsOptions(cfg, g.log))
	g.current.Store(next)
	next.shared.memory.serve()
	g.slots.resize(cfg.Limits.Connections)
	if g.active {
		g.handOver(ctx, old, next)
	}
	warnOfClearTokens(cfg, g.log)
	next.mend(g.log)
	g.log.Info("configuration reloaded", slog.Uint64("generation", next.number), slog.Int("filters", len(cfg.Filters)))
	g.retire(old, cfg.Reload.Drain)
	return nil
}

// readChanged reads the configuration. With an error it cannot take the place of the old
// one, though it could be read if it is not nil.
func (g *Gateway) readChanged(old *generation) (*config.Config, error) {
	cfg, err := g.load()
	if err != nil {
		return nil, err
	}
	if cfg.Digest() == old.config.Digest() {
		return cfg, ErrUnchanged
	}
	if err := g.checkListeners(cfg.Listeners, old.config.Listeners); err != nil {
		return cfg, err
	}
	switch {
	case cfg.Store != old.config.Store:
		return cfg, errors.New("store cannot be changed while the gateway runs: restart it, or put it back")
	case cfg.Admin != old.config.Admin:
		return cfg, errors.New("admin cannot be changed while the gateway runs: restart it, or put it back")
	}
	return cfg, nil
}

// checkListeners refuses what cannot be changed while connections are open.
func (g *Gateway) checkListeners(next, old []config.Listener) error {
	same := len(next) == len(old)
	for i := 0; same && i < len(next); i++ {
		same = next[i].Address == old[i].Address && (next[i].TLS == nil) == (old[i].TLS == nil)
	}
	if !same {
		return errors.New("the listeners' addresses cannot be changed while the gateway runs: restart it, or put them back")
	}
	return nil
}

// updateListeners gives the open listeners their new permissions and
// certificates.
func (g *Gateway) updateListeners(next *config.Config) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for i, l := range g.listeners {
		errs = append(errs, l.Update(listenerOptions(&next.Listeners[i], next.Tenants)))
	}
	return errors.Join(errs...)
}

// Config is the configuration that new streams are served by.
func (g *Gateway) Config() *config.Config { return g.current.Load().config }

// Stats is a snapshot of what a gateway holds.
type Stats struct {
	Generation  uint64 // the current generation's number, from 1
	Swaps       uint64 // reloads that took effect
	Connections int    // open client connections
	Streams     int    // streams that run
	Instances   int    // running instances of the current generation
	Contexts    int    // HTTP contexts that are open in them
	Idle        int    // connections to the engine that are kept for requests to come
	Retiring    int    // old generations that wait for their streams
}

// Stats counts.
func (g *Gateway) Stats() Stats {
	current := g.current.Load()
	s := Stats{Generation: current.number, Swaps: current.number - 1, Streams: int(g.streams.Load()), Retiring: g.retirement.count(), Idle: current.upstream.Idle()}
	for _, p := range current.plugins() {
		s.Instances += p.Instances()
		s.Contexts += p.Contexts()
	}
	g.mu.Lock()
	s.Connections = len(g.conns)
	g.mu.Unlock()
	return s
}
