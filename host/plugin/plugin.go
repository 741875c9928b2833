package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/store"
	"github.com/sluice-gateway/sluice/host/vm"
)

// Options say what a plugin runs and how. The zero value of every field but
// Name and Code has a meaning.
type Options struct {
	// Name of the filter; in logs, errors and the property plugin_name.
	Name string
	// Code is the Wasm module.
	Code []byte
	// Config is handed to proxy_on_configure. Nil hands over nothing.
	Config []byte
	// VMConfig is handed to proxy_on_vm_start. Nil hands over nothing.
	VMConfig []byte
	// Service makes it a plugin of no stream: one instance, whose ticks, like its queue
	// events, begin with Activate and end with Quiesce. Isolation, Instances and Stages
	// mean nothing then.
	Service bool
	// Isolation says whether streams share instances.
	Isolation Isolation
	// Instances is how many instances serve streams, or, with isolation PerStream,
	// are started in advance. 0 means GOMAXPROCS.
	Instances int
	// MaxInstances is how many instances there are at a time with isolation
	// PerStream; a stream beyond that waits a second and is then not served. 0
	// means DefaultMaxInstances.
	MaxInstances int
	// ShareInstances says that they are for requests of several tenants: one of these gets
	// another instance only while it has fewer than are free, so that what one has leaves as
	// many to the others. Without it who comes first has them. So it is with Callouts.
	ShareInstances bool
	// CrashBudget bounds how often it may crash. The zero value does not.
	CrashBudget CrashBudget
	// History is what other plugins have left that run the same, in older generations.
	// Nil begins anew.
	History *History
	// Allowance bounds how much it may compute in a second, together with the others
	// that share it. Nil does not.
	Allowance *Allowance
	// Tenant is what it has together with the other filters of its tenant. Nil: it is
	// nobody's.
	Tenant *Tenant
	// MemoryLimit is how many bytes of memory one instance may have. 0 means the
	// engine's limit.
	MemoryLimit uint64
	// Memory is what that is taken from, for all instances together. Nil is bounded by
	// nothing.
	Memory *vm.MemoryPool
	// StreamTimeout bounds the callbacks of one stream together, as CallTimeout does
	// one; a stream that lasts is given as much again in each minute. Each byte of a
	// body that a callback is shown brings 64 units of its own. 0 bounds nothing.
	StreamTimeout time.Duration
	// CallTimeout bounds one callback. It is counted in fuel, and so no shorter
	// on a busy machine: see vm.Fuel. 0 means 50 milliseconds.
	CallTimeout time.Duration
	// StartTimeout bounds an instance's start and each configuration callback.
	// 0 means five seconds: modules built by plain Go take long to initialise.
	StartTimeout time.Duration
	// FreeStart says that what compiling it takes and its start computes is nobody's to pay, and so
	// waits for nothing: somebody wants to know whether it comes up. Without it, the start of a
	// tenant's filter is paid for while it runs, and waits whenever the allowances, or
	// what starts may take of the tenant's, are used up. Where History has seen it come up
	// before, its first instance's does not, as long as the tenant's credit lasts.
	FreeStart bool
	// Stages limits the stages that the filter is called at. 0 means all that
	// the module exports.
	Stages Stages
	// Functions are the foreign functions that the guest can call. Nil is none.
	Functions *foreign.Registry
	// VMID says with whom the filter shares; it is the property plugin_vm_id. ""
	// means the name.
	VMID string
	// Space is what the filter shares: data and queues. Nil means one of its own that
	// is gone with the plugin.
	Space store.Space
	// Grants are what the filter may do. Nil is everything.
	Grants *capability.Grants
	// Upstreams are the services that the filter may call, by name. They are the
	// caller's to close, after the plugin.
	Upstreams map[string]*callout.Upstream
	// Callouts is how many calls to them may be under way at a time, in all
	// instances, and in all plugins of the same History. 0 means 64. With
	// ShareInstances they are shared as instances are, but nobody waits.
	Callouts int
	// StreamCallouts is how many of them one stream may have. 0 means 16.
	StreamCallouts int
	// Metrics is where the filter counts, under its name. Nil means one of its own
	// that nobody looks at.
	Metrics *metrics.Registry
	// LogLimit bounds the lines that the guest logs. The zero value means
	// DefaultLogLimit.
	LogLimit LogLimit
	// TickPeriod is the shortest period of ticks: a shorter one that the guest asks for
	// becomes this. 0 means that any is served.
	TickPeriod time.Duration
	// Logger receives the guest's log lines and the plugin's own. Nil discards.
	Logger *slog.Logger
}

// A Plugin is one configured filter with its running instances. It is safe for
// concurrent use.
type Plugin struct {
	options Options
	log     *slog.Logger
	module  *vm.Module
	version abi.Version
	exports Stages // stages that module and options allow
	stages  Stages // exports narrowed by the guest's hint; fixed after New
	// operations is the guest's hint which operations it is for; empty for all.
	operations []string
	// resource is the guest's hint that it will want to know what the resource
	// in the path is.
	resource bool
	records  bool // its hint that it wants streams in records
	// endOfStream tells which header callbacks take that argument: those of
	// ABI 0.1.0 do not, and what the module declares counts.
	endOfStream [callbackCount]bool

	// unstarted is why there is nothing to ask; nil but for what Unstarted returned.
	unstarted error
	// streamBudget is StreamTimeout in fuel, 0 for none.
	streamBudget int64

	// ownParty is whose turn it is where no request's tenant is known.
	ownParty string
	heavy    heavy

	queues  queues
	metrics *metrics.Filter
	overdue logs.Rare // contexts that did not end by themselves

	refusedShares  logs.Rare
	memoryRefusals logs.Rare
	droppedLines   logs.Rare
	hiddenCrashes  logs.Rare
	lateTicks      logs.Rare
	waitsToAsk     logs.Rare
	refusals       refusals
	handedOut      handedOut // queues, to a filter that is not granted everything

	calling      sync.WaitGroup // goroutines of calls to other services
	callsInside  bool           // it may call an upstream inside of the process
	failedCalls  logs.Rare
	tooManyCalls logs.Rare

	shards []shard
	fresh  *freshSupply  // nil but for isolation PerStream, which has no shards
	next   atomic.Uint32 // round robin over shards
	up     atomic.Bool   // it has started

	mu      sync.Mutex // guards what follows
	closed  bool
	active  bool          // see Activate
	changed chan struct{} // closed and renewed whenever an instance came up
	wait    sync.WaitGroup
	stop    context.CancelFunc
	ctx     context.Context
}

// New compiles the module, starts one instance with the real configuration as
// the canary, and, when that one came up, the others. For a tenant's filter the canary takes
// as long as its allowances say, see Options.FreeStart, or until ctx ends; the others are
// started while it serves. An error is a
// *StartError, one of package vm's errors of compilation, or the end of ctx.
func New(ctx context.Context, engine *vm.Engine, options Options) (*Plugin, error) {
	options = options.withDefaults()
	module, err := options.compile(ctx, engine)
	if err != nil {
		return nil, err
	}
	p := newPlugin(options)
	p.module, p.shards = module, make([]shard, options.Instances)
	p.streamBudget = streamFuel(options.StreamTimeout)
	for _, u := range options.Upstreams {
		p.callsInside = p.callsInside || u.Inside()
	}
	if options.Isolation == PerStream {
		p.shards, p.fresh = nil, newFreshSupply(p, &options)
	}
	unhook := context.AfterFunc(ctx, p.stop)
	err = p.protect(p.start)
	if !unhook() {
		err = fmt.Errorf("start %s: %w", options.Name, context.Cause(ctx))
	}
	if err != nil {
		p.Close(ctx)
		return nil, err
	}
	p.up.Store(true)
	return p, nil
}

func (options Options) withDefaults() Options {
	if options.Service {
		options.Instances, options.Isolation = 1, Shared
	}
	if options.Instances <= 0 {
		options.Instances = runtime.GOMAXPROCS(0)
	}
	if options.CallTimeout <= 0 {
		options.CallTimeout = 50 * time.Millisecond
	}
	if options.StartTimeout <= 0 {
		options.StartTimeout = 5 * time.Second
	}
	if options.Callouts <= 0 {
		options.Callouts = defaultCallouts
	}
	if options.StreamCallouts <= 0 {
		options.StreamCallouts = defaultStreamCallouts
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.VMID == "" {
		options.VMID = options.Name
	}
	if options.Metrics == nil {
		options.Metrics = metrics.New(metrics.Options{})
	}
	if options.Space == nil {
		options.Space = store.NewMemory(store.Limits{}).Space(store.Namespace{Tenant: options.Tenant.Name(), VMID: options.VMID})
	}
	if options.MaxInstances <= 0 {
		options.MaxInstances = DefaultMaxInstances
	}
	if options.LogLimit == (LogLimit{}) {
		options.LogLimit = DefaultLogLimit
	}
	if options.History == nil {
		options.History = new(History)
	}
	options.CrashBudget = options.CrashBudget.withDefaults()
	return options
}

// newPlugin returns one that has nothing of a module yet.
func newPlugin(options Options) *Plugin {
	p := &Plugin{
		options: options,
		log:     logger(&options),
		changed: make(chan struct{}),

		ownParty: ownParty(&options),
	}
	p.queues.plugin = p
	options.History.calls.bound(options.Callouts, options.ShareInstances)
	p.metrics = options.Metrics.TenantFilter(options.Tenant.Name(), options.Name)
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Name is the filter's name.
func (p *Plugin) Name() string { return p.options.Name }

// Module is the compiled module; nil of one that was not started.
func (p *Plugin) Module() *vm.Module { return p.module }

// ABI is the version of proxy-wasm that the module was built for.
func (p *Plugin) ABI() abi.Version { return p.version }

// Stages is the set of stages at which the filter wants to be called: those
// that its module exports, that its configuration allows, and that it asked
// for itself by the property sluice.stages.
func (p *Plugin) Stages() Stages { return p.stages }

// Serves tells whether the filter wants to see streams of an operation: all, or
// those that it listed in the property sluice.operations. It is the filter's own
// word about itself, and spares it, and us, the streams that it would wave on.
func (p *Plugin) Serves(operation string) bool {
	return len(p.operations) == 0 || slices.Contains(p.operations, operation)
}

// WantsResource tells whether the filter asked, by the property
// sluice.references, that what the resource in a request's path is be found out
// before it is called.
func (p *Plugin) WantsResource() bool { return p.resource }

// Records tells whether the filter asked, for all its streams, to be called once
// for each record of a streaming response's body. It may say otherwise stream by
// stream.
func (p *Plugin) Records() bool { return p.records }

// Instances counts the instances that can serve now.
func (p *Plugin) Instances() int {
	if p.fresh != nil {
		return p.fresh.count()
	}
	n := 0
	for i := range p.shards {
		if p.shards[i].instance.Load() != nil {
			n++
		}
	}
	return n
}

// Activate begins to deliver queue events, and the ticks of a service. A plugin that
// only stands by, or was made to see whether it comes up, must not take what is meant
// for the one that serves, nor do its work twice.
func (p *Plugin) Activate() {
	if p.unstarted != nil {
		return
	}
	p.queues.activate()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = true
	if p.options.Service {
		if instance := p.shards[0].instance.Load(); instance != nil {
			instance.armTick()
		}
	}
}

// Quiesce ends what Activate began, for good. It waits for nothing: a callback of it that runs
// already goes on, but is told no more of what it asks the engine, and no other begins. See Quiet.
// Streams go on.
func (p *Plugin) Quiesce() {
	p.queues.quiesce()
	p.mu.Lock()
	p.active = false
	p.mu.Unlock()
	if !p.options.Service || p.unstarted != nil {
		return
	}
	if instance := p.shards[0].instance.Load(); instance != nil {
		instance.tick.disarm()
	}
}

// Quiet returns, after Quiesce, when no callback of what Activate began runs any more.
func (p *Plugin) Quiet() { p.queues.inside.Wait() }

// Abandon ends what the plugin waits for: calls to other services, questions of no stream's to the engine, and starts. It is for
// one whose streams are cut, before Close.
func (p *Plugin) Abandon() { p.stop() }

// Close ends the root contexts, closes the instances and frees the module.
// Callbacks that run are waited for; later ones answer ErrInstanceLost. Calls to
// other services are cancelled.
func (p *Plugin) Close(ctx context.Context) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.changed)
	p.mu.Unlock()
	p.stop()
	p.queues.quiesce()
	p.queues.running.Wait()
	p.wait.Wait()
	if p.fresh != nil {
		p.fresh.close()
	}
	for i := range p.shards {
		if instance := p.shards[i].instance.Swap(nil); instance != nil {
			_ = p.protect(func() error { instance.shutdown(); return nil })
		}
	}
	p.calling.Wait()
	if p.module != nil {
		if err := p.module.Close(ctx); err != nil {
			p.log.Error("cannot free the module", slog.Any("error", err))
		}
	}
	p.metrics.Release()
}
