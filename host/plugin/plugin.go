package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
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
	// Instances is how many instances serve streams. 0 means GOMAXPROCS.
	Instances int
	// CallTimeout bounds one callback. It is counted in fuel, and so no shorter
	// on a busy machine: see vm.Fuel. 0 means 50 milliseconds.
	CallTimeout time.Duration
	// StartTimeout bounds an instance's start and each configuration callback.
	// 0 means five seconds: modules built by plain Go take long to initialise.
	StartTimeout time.Duration
	// Stages limits the stages that the filter is called at. 0 means all that
	// the module exports.
	Stages Stages
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
	// endOfStream tells which header callbacks take that argument: those of
	// ABI 0.1.0 do not, and what the module declares counts.
	endOfStream [callbackCount]bool

	lines  logLimit
	shards []shard
	next   atomic.Uint32 // round robin over shards

	mu      sync.Mutex // guards what follows
	closed  bool
	crashes int           // in a row, of instances that served no stream; for the backoff
	changed chan struct{} // closed and renewed whenever an instance came up
	wait    sync.WaitGroup
	stop    context.CancelFunc
	ctx     context.Context
}

// shard is one place for an instance. The pointer is nil while a replacement
// is being started.
type shard struct {
	instance atomic.Pointer[Instance]
	_        [56]byte // own cache line: shards are read by different cores
}

// New compiles the module, starts one instance with the real configuration as
// the canary, and, when that one came up, the others. An error is a
// *StartError or one of package vm's errors of compilation.
func New(ctx context.Context, engine *vm.Engine, options Options) (*Plugin, error) {
	if options.Instances <= 0 {
		options.Instances = runtime.GOMAXPROCS(0)
	}
	if options.CallTimeout <= 0 {
		options.CallTimeout = 50 * time.Millisecond
	}
	if options.StartTimeout <= 0 {
		options.StartTimeout = 5 * time.Second
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	module, err := engine.Compile(ctx, options.Name, options.Code)
	if err != nil {
		return nil, err
	}
	p := &Plugin{
		options: options,
		log:     options.Logger.With(slog.String("filter", options.Name)),
		module:  module,
		shards:  make([]shard, options.Instances),
		changed: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if err := p.start(); err != nil {
		p.Close(ctx)
		return nil, err
	}
	return p, nil
}

func (p *Plugin) start() error {
	var err error
	if p.version, err = abiVersion(p.module.ABIMarkers()); err != nil {
		return &StartError{Step: "link", Err: err}
	}
	if !p.module.HasExport(abi.ExportOnMemoryAllocate) && !p.module.HasExport(abi.ExportMalloc) {
		return &StartError{Step: "link", Err: fmt.Errorf("the module exports no allocator: it needs %s or %s", abi.ExportOnMemoryAllocate, abi.ExportMalloc)}
	}
	p.exports = exportedStages(p.module)
	for _, c := range [...]callback{onRequestHeaders, onResponseHeaders} {
		params, _, _ := p.module.Shape(callbackNames[c])
		p.endOfStream[c] = params != 2
	}
	if p.options.Stages != 0 {
		p.exports &= p.options.Stages
	}
	p.stages = p.exports
	for i := range p.shards {
		instance, err := p.startInstance(i)
		if err != nil {
			return err
		}
		if i == 0 {
			p.stages = p.exports & instance.root.stages()
			p.operations = instance.root.hint("sluice\x00operations")
		}
		p.shards[i].instance.Store(instance)
		instance.armTick()
	}
	return nil
}

func exportedStages(module *vm.Module) Stages {
	var set Stages
	for stage, callback := range stageCallbacks {
		if module.HasExport(callbackNames[callback]) {
			set |= stage
		}
	}
	return set
}

// abiVersion reads the module's marker exports, of which there must be one.
func abiVersion(markers []string) (abi.Version, error) {
	switch len(markers) {
	case 0:
		return 0, fmt.Errorf("the module exports no proxy_abi_version_* marker: it is not a proxy-wasm plugin; Sluice serves 0.1.0, 0.2.0 and 0.2.1")
	case 1:
		if version, ok := abi.VersionOf(markers[0]); ok {
			return version, nil
		}
		return 0, fmt.Errorf("the module is built for an unknown ABI, %s: Sluice serves proxy-wasm 0.1.0, 0.2.0 and 0.2.1", markers[0])
	default:
		return 0, fmt.Errorf("the module names more than one ABI: %s", strings.Join(markers, ", "))
	}
}

// Name is the filter's name.
func (p *Plugin) Name() string { return p.options.Name }

// Module is the compiled module.
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

// Instances counts the instances that can serve now.
func (p *Plugin) Instances() int {
	n := 0
	for i := range p.shards {
		if p.shards[i].instance.Load() != nil {
			n++
		}
	}
	return n
}

// acquireWait bounds how long a new stream waits for the replacement of a
// crashed instance before it is refused.
const acquireWait = time.Second

// acquire picks the instance for a new stream.
func (p *Plugin) acquire(ctx context.Context) (*Instance, error) {
	if instance := p.pick(); instance != nil {
		return instance, nil
	}
	// All instances crashed at once. The first replacements are started
	// immediately, so a short wait spares an innocent request.
	timer := time.NewTimer(acquireWait)
	defer timer.Stop()
	for {
		p.mu.Lock()
		closed, changed := p.closed, p.changed
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if instance := p.pick(); instance != nil {
			return instance, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, ErrNoInstance
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (p *Plugin) pick() *Instance {
	n := uint32(len(p.shards))
	first := p.next.Add(1)
	for i := range n {
		instance := p.shards[(first+i)%n].instance.Load()
		if instance == nil {
			continue
		}
		if instance.lost.Load() {
			p.replace(instance) // closed behind our back; see replace
			continue
		}
		return instance
	}
	return nil
}

// replace takes a crashed instance out of service and starts another in its
// place, in the background.
func (p *Plugin) replace(crashed *Instance) {
	if !p.shards[crashed.shard].instance.CompareAndSwap(crashed, nil) {
		return // somebody else does
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	// An instance that served a stream before it crashed is worth replacing at
	// once, however often that happens: otherwise whoever knows a request that
	// crashes the filter could shut everybody else out.
	if crashed.served.Load() {
		p.crashes = 0
	}
	p.crashes++
	delay := backoff(p.crashes)
	p.wait.Add(1)
	go func() {
		defer p.wait.Done()
		p.restart(crashed.shard, delay)
	}()
}

const (
	backoffFree = 3 // crashes in a row that are made good at once
	backoffBase = 10 * time.Millisecond
	backoffMax  = acquireWait / 2 // so that a stream which waits gets its turn
)

// backoff is the pause before the nth replacement in a row.
func backoff(crashes int) time.Duration {
	if crashes <= backoffFree {
		return 0
	}
	delay := backoffBase << min(crashes-backoffFree-1, 20)
	return min(delay, backoffMax)
}

func (p *Plugin) restart(shard int, delay time.Duration) {
	for {
		if delay > 0 {
			select {
			case <-p.ctx.Done():
				return
			case <-time.After(delay):
			}
		}
		instance, err := p.startInstance(shard)
		if err == nil {
			p.install(instance)
			return
		}
		p.log.Error("cannot replace a crashed instance", slog.Any("error", err))
		p.mu.Lock()
		p.crashes++
		delay = max(backoff(p.crashes), backoffBase)
		p.mu.Unlock()
		if p.ctx.Err() != nil {
			return
		}
	}
}

func (p *Plugin) install(instance *Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		instance.close()
		return
	}
	p.shards[instance.shard].instance.Store(instance)
	instance.armTick()
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close ends the root contexts, closes the instances and frees the module.
// Callbacks that run are waited for; later ones answer ErrInstanceLost.
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
	p.wait.Wait()
	for i := range p.shards {
		if instance := p.shards[i].instance.Swap(nil); instance != nil {
			instance.shutdown()
		}
	}
	if err := p.module.Close(ctx); err != nil {
		p.log.Error("cannot free the module", slog.Any("error", err))
	}
}
