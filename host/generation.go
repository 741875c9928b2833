package host

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/store"
	"github.com/sluice-gateway/sluice/host/upstream"
	"github.com/sluice-gateway/sluice/host/vm"
	"github.com/sluice-gateway/sluice/host/wire"
)

// generation is one configuration in service: immutable, with its instances
// running. Every stream holds the one it began with until its end. What alone changes
// is that a tenant's filter which could not be started, or not in time, is later.
type generation struct {
	number   uint64
	config   *config.Config
	engine   *engine
	serving  atomic.Pointer[serving]
	mending  mending
	shared   *commons // with what is its own
	upstream *upstream.Pool
	resolver *reference.Resolver
	admission
	callouts map[string]*callout.Upstream
	inside   *inside // how its filters call the engine

	// users counts the streams, plus one while the generation is current.
	// Reaching 0 is for good.
	users atomic.Int64
	idle  chan struct{} // closed when users reached 0
	// retired is set when another generation has taken over.
	retired   atomic.Bool
	hurried   chan struct{} // closed when its drain time is over
	hurryOnce sync.Once
}

// serving is what streams are served by: immutable, too. Those that began with one end
// with it.
type serving struct {
	plugins  []*plugin.Plugin // those of config.Plugins: the filters first
	chain    *chain.Chain
	buildkit *buildkit.Policy
}

func (g *generation) plugins() []*plugin.Plugin  { return g.serving.Load().plugins }
func (g *generation) chain() *chain.Chain        { return g.serving.Load().chain }
func (g *generation) buildkit() *buildkit.Policy { return g.serving.Load().buildkit }

// newGeneration compiles every module and starts every instance, several at a
// time. The error joins a FilterError for each of the operator's filters that cannot
// serve; one of a tenant is put into quarantine, also when it takes longer than
// limits.start.
func newGeneration(ctx context.Context, engine *engine, cfg *config.Config, shared *commons) (*generation, error) {
	pool, err := newPool(cfg)
	if err != nil {
		return nil, err
	}
	g := &generation{
		config:   cfg,
		engine:   engine.acquire(),
		upstream: pool,
		idle:     make(chan struct{}),
		hurried:  make(chan struct{}),
	}
	g.serving.Store(&serving{})
	g.mending.init()
	g.users.Store(1)
	g.inside = newInside(shared.gateway, g)
	if g.callouts, err = openCallouts(cfg, g.inside.dial); err != nil {
		g.close(ctx)
		return nil, err
	}
	g.resolver = newResolver(pool, cfg)
	g.admission = newAdmission(cfg, g.resolver)
	references := reference.NewFunctions(g.resolver, cfg.Limits.Resolve, shared.log)
	shared = shared.with(references.Own())
	shared.callouts, shared.memory = g.callouts, shared.memory.next(cfg)
	shared.tenants, shared.pasts = newTenants(cfg, shared.tenants), newPasts(cfg, shared.pasts)
	shared.holders = newHolders(cfg, shared.holders)
	shared.references, g.shared = references, shared
	plugins, err := g.startPlugins(ctx)
	g.serve(plugins)
	if err != nil {
		g.close(ctx)
		return nil, err
	}
	g.inside.begin()
	return g, nil
}

// serve makes the plugins those that new streams are served by.
func (g *generation) serve(plugins []*plugin.Plugin) {
	s := &serving{plugins: plugins, chain: newChain(g.config, plugins[:len(g.config.Filters)])}
	s.chain.References = g.shared.references
	s.buildkit = buildkitPolicy(g.config, s.chain)
	g.serving.Store(s)
}

func newPool(cfg *config.Config) (*upstream.Pool, error) {
	return upstream.New(cfg.Upstream, upstream.Options{Wire: wire.Options{MaxHead: cfg.Limits.Head}})
}

func newResolver(pool *upstream.Pool, cfg *config.Config) *reference.Resolver {
	return reference.New(pool, reference.Options{Timeout: cfg.Limits.Resolve, OwnerLabel: cfg.OwnerLabel})
}

// pluginOptions are what the configuration says of a filter. The error is one of the
// configuration.
func pluginOptions(f *config.Filter, cfg *config.Config, shared *commons) (plugin.Options, error) {
	limits := &cfg.Limits
	stages, err := plugin.ParseStages(f.Stages)
	if err != nil {
		return plugin.Options{}, err
	}
	grants, err := f.Capabilities.Compile()
	if err != nil {
		return plugin.Options{}, fmt.Errorf("capabilities: %w", err)
	}
	return plugin.Options{
		Name:        f.Name,
		Code:        f.Code,
		Config:      f.Config,
		VMConfig:    f.VMConfig,
		Instances:   f.Instances,
		Isolation:   isolation(f.Isolation),
		Service:     f.Kind == config.KindService,
		Allowance:   shared.past(f).allowance,
		History:     &shared.past(f).history,
		CrashBudget: plugin.CrashBudget{Crashes: f.CrashBudget},

		MaxInstances:   limits.Instances,
		ShareInstances: sharesInstances(f, cfg),

		Grants:        grants,
		Tenant:        shared.tenants[f.Tenant],
		MemoryLimit:   f.Memory,
		LogLimit:      plugin.LogLimit{Lines: limits.LogLines, Bytes: limits.LogBytes},
		TickPeriod:    limits.Tick,
		Memory:        filterPool(f, limits, shared),
		CallTimeout:   limits.Callback,
		StreamTimeout: limits.Stream,
		Stages:        stages,
		Functions:     shared.functions,
		VMID:          f.VMID,
		Space:         shared.store.Space(store.Namespace{Tenant: f.Tenant, VMID: f.VMID}),
		Upstreams:     granted(f, shared.callouts),
		Callouts:      limits.Callouts,
		Metrics:       shared.metrics,
		Logger:        shared.log,

		StreamCallouts: limits.StreamCallouts,
	}, nil
}

// sharesInstances tells whether the filter's instances are for requests of several tenants.
func sharesInstances(f *config.Filter, cfg *config.Config) bool {
	if len(f.Match.Tenants) > 0 { // a tenant's own filter has its tenant's name there
		return len(f.Match.Tenants) > 1
	}
	return len(cfg.Tenants) > 1
}

// newTenants makes what the filters of each tenant have together, of which is gone what
// those of the generation before have used. A tenant that has no filters any more is
// remembered for as long as that one lasts.
func newTenants(cfg *config.Config, before map[string]*plugin.Tenant) map[string]*plugin.Tenant {
	tenants := make(map[string]*plugin.Tenant)
	for _, f := range cfg.Plugins() {
		if f.Tenant != "" && tenants[f.Tenant] == nil {
			limits := cfg.LimitsOf(f.Tenant)
			tenants[f.Tenant] = before[f.Tenant].Next(plugin.TenantLimits{
				Name: f.Tenant, CPU: limits.CPU, Memory: limits.Memory,
				Contexts: limits.Contexts, Callouts: limits.Callouts, Resolves: limits.Resolves, Held: limits.Held,
				Log: plugin.LogLimit{Lines: limits.LogLines, Bytes: limits.LogBytes},
			})
		}
	}
	for name, t := range before {
		if tenants[name] == nil && !t.Idle() {
			tenants[name] = t
		}
	}
	return tenants
}

// filterPool is the memory of one filter's instances.
func filterPool(f *config.Filter, limits *config.Limits, shared *commons) *vm.MemoryPool {
	within := shared.memory.own
	if t := shared.tenants[f.Tenant]; t != nil {
		within = t.Memory()
	}
	return vm.NewMemoryPool("limits.filter_memory", limits.FilterMemory, within)
}

func newChain(cfg *config.Config, plugins []*plugin.Plugin) *chain.Chain {
	c := bareChain(cfg)
	c.Filters = make([]chain.Filter, len(plugins))
	for i := range cfg.Filters {
		f := &cfg.Filters[i]
		match := chain.Match{Methods: f.Match.Methods, Paths: f.Match.Paths, Tenants: f.Match.Tenants}
		for _, name := range f.Match.Operations {
			match.Operations = append(match.Operations, dockerapi.Operation(name))
		}
		c.Filters[i] = chain.Filter{Plugin: plugins[i], Match: match, OnFailure: onFailure(f.OnFailure)}
	}
	return c
}

// bareChain is a chain without filters: requests on it are bounded and brought into
// their canonical form like all others.
func bareChain(cfg *config.Config) *chain.Chain {
	return &chain.Chain{
		BodyLimit:  int(cfg.Limits.Body),
		PauseLimit: cfg.Limits.Pause,

		RecordLimit: cfg.Limits.Record,

		MinAPIVersion: cfg.MinAPIVersion,
		JSON:          dockerapi.JSONLimits{Strict: cfg.JSON == config.JSONStrict},
		BuildKit:      cfg.BuildKit.Mode,
		CheckTrailer:  wire.CheckTrailer,
	}
}

func isolation(name string) plugin.Isolation {
	if name == config.IsolationStream {
		return plugin.PerStream
	}
	return plugin.Shared
}

func onFailure(policy string) chain.OnFailure {
	switch policy {
	case config.OnFailureAllow:
		return chain.Allow
	case config.OnFailureReload:
		return chain.Reload
	default:
		return chain.Deny
	}
}

// join makes the caller a user of the generation; false when it is finished.
func (g *generation) join() bool {
	for {
		n := g.users.Load()
		if n == 0 {
			return false
		}
		if g.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave is the end of one use.
func (g *generation) leave() {
	if g.users.Add(-1) == 0 {
		close(g.idle)
	}
}

func (g *generation) close(ctx context.Context) {
	g.quiesce()
	g.mending.end()
	for _, p := range g.plugins() {
		if p != nil {
			p.Close(ctx)
		}
	}
	closeCallouts(g.callouts)
	g.inside.serving.Wait() // whoever called has hung up
	g.upstream.Close()
	g.engine.release(ctx)
}

// engine is a vm.Engine that generations share while its settings stay the
// same, so that a module which did not change is not compiled again.
type engine struct {
	vm     *vm.Engine
	memory uint64
	cache  string
	users  atomic.Int64
}

func newEngine(ctx context.Context, cfg *config.Config) (*engine, error) {
	machine, err := vm.NewEngine(ctx, vm.Options{
		MemoryLimit: cfg.Limits.Memory,
		CacheDir:    cfg.CacheDir,
		Link:        hostcall.Lookup,
	})
	if err != nil {
		return nil, fmt.Errorf("start the WebAssembly engine: %w", err)
	}
	e := &engine{vm: machine, memory: cfg.Limits.Memory, cache: cfg.CacheDir}
	e.users.Store(1)
	return e, nil
}

func (e *engine) serves(cfg *config.Config) bool {
	return e.memory == cfg.Limits.Memory && e.cache == cfg.CacheDir
}

func (e *engine) acquire() *engine {
	e.users.Add(1)
	return e
}

func (e *engine) release(ctx context.Context) {
	if e.users.Add(-1) == 0 {
		_ = e.vm.Close(ctx) // nothing of it is in use; there is nobody to tell
	}
}
