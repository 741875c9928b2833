package vm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// code is compiled code, shared by the modules and instances made of the same
// bytes.
type code struct {
	engine *Engine
	digest string
	size   int
	refs   int // guarded by engine.mu

	ready chan struct{} // closed when what follows is set, once and for all
	err   error

	compiled wazero.CompiledModule
	closers  []api.Closer // of the host modules
	// context carries the import resolver that instances are made with.
	context context.Context
	exports map[string]export
	names   []string // of exports, sorted
	imports []string // "module.name", sorted
	start   string   // the export that stands for the start section
	// state are the exports of the globals that, with the memory, are all of an
	// instance's state; valid where stateful is false.
	state    []string
	stateful bool
	// pauses tells that guests come to a pause between two slices of their fuel: all that have
	// anything to run. memoryMost is the module's own bound of its memory in bytes.
	pauses     bool
	memoryMost uint64
	memory     uint64 // bytes that an instance has at its start
	host       uint64 // and that the host has for it beside that, see hostBytes
	added      uint32 // the first function that metering added
	makeUnits  int64  // what making an instance costs
}

// export is the shape of an exported function: it takes so many i32 and gives
// so many, none or one.
type export struct {
	params, results int
	callable        bool // its types are those of a callback
}

func newCode(e *Engine, digest string, size int) *code {
	return &code{engine: e, digest: digest, size: size, ready: make(chan struct{})}
}

// module waits until the code is compiled, and calls ended then. The reference is the module's, or
// nobody's when ctx ends before that: then ended is called later.
func (c *code) module(ctx context.Context, name string, ended func()) (*Module, error) {
	waits := ctx.Err() == nil
	if waits {
		select {
		case <-c.ready:
		case <-ctx.Done():
			waits = false
		}
	}
	if !waits {
		go func() {
			<-c.ready
			ended()
			c.release()
			c.engine.compiled()
		}()
		return nil, fmt.Errorf("compile %s: %w", name, context.Cause(ctx))
	}
	defer c.engine.compiled()
	ended()
	if c.err != nil {
		c.release()
		return nil, fmt.Errorf("compile %s: %w", name, c.err)
	}
	return &Module{code: c, name: name}, nil
}

// release drops a reference; the last one frees the code.
func (c *code) release() {
	e := c.engine
	e.mu.Lock()
	c.refs--
	last := c.refs == 0
	if last && e.codes[c.digest] == c {
		delete(e.codes, c.digest)
	}
	e.mu.Unlock()
	if last {
		c.free()
	}
}

// free closes what compile made. Closing a host module or compiled code cannot
// fail.
func (c *code) free() {
	ctx := context.Background()
	for _, closer := range slices.Backward(c.closers) {
		_ = closer.Close(ctx)
	}
	if c.compiled != nil {
		_ = c.compiled.Close(ctx)
	}
}

func (c *code) compile(ctx context.Context, source []byte) (err error) {
	defer recovered(&err)
	outline, metered, err := c.engine.rewrite(source)
	if err != nil {
		return err
	}
	compiled, err := c.engine.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, workers()), metered.Code)
	if err != nil {
		return fmt.Errorf("invalid module: %w", err)
	}
	c.compiled = compiled
	c.pauses, c.memoryMost = metered.Pauses, math.MaxUint64
	if metered.Bounded {
		c.memoryMost = uint64(metered.MaxPages) * pageSize
	}
	c.state, c.stateful = metered.State, !metered.StateInMemory
	c.memory = outline.pages * pageSize
	c.added = metered.Added
	c.host = hostBytes(metered.Instance)
	c.makeUnits = makeUnits(metered.Instance, c.memory)
	// Host functions need its memory, and so do pauses: without them, a guest would use all
	// of its fuel at once, with nobody able to stop it. What it lacks is told by resolve.
	code := metered.Functions > 0 && !metered.Pauses || len(compiled.ImportedFunctions()) > 0 && !outline.memory
	if code && len(outline.missing) == 0 {
		return ErrNoMemory
	}
	c.start = outline.start
	if err := c.readExports(outline.lent); err != nil {
		return err
	}
	return c.resolve(ctx, outline.missing)
}

// recovered is deferred by whatever reads a source, which may be hostile. A bug in the compiler
// must cost this module and not the gateway.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the WebAssembly compiler failed: %v", r)
	}
}

// rewrite bounds the code and makes of it what the compiler sees.
func (e *Engine) rewrite(source []byte) (*outline, *meter.Result, error) {
	if err := preamble(source); err != nil {
		return nil, nil, err
	}
	outline, err := scan(source)
	if err != nil {
		return nil, nil, fmt.Errorf("invalid module: %w", err)
	}
	if need := outline.pages * pageSize; need > e.limit {
		return nil, nil, &MemoryError{Need: need, Limit: e.limit}
	}
	// The compiler sees nothing that is not within bounds.
	metered, err := meter.Instrument(outline.code, meter.Options{Stack: StackLimit, Pauses: true})
	if err != nil {
		return nil, nil, fmt.Errorf("invalid module: %w", err)
	}
	return outline, metered, nil
}

// readExports keeps the shapes of the exported functions. A function that the
// module imports and exports again is not one of them: called from outside, it
// would run without a memory.
func (c *code) readExports(lent map[string]bool) error {
	c.exports = make(map[string]export)
	for name, def := range c.compiled.ExportedFunctions() {
		if lent[name] {
			continue
		}
		params, results := def.ParamTypes(), def.ResultTypes()
		e := export{params: len(params), results: len(results)}
		e.callable = len(params) <= maxArgs && len(results) <= 1 && onlyI32(params) && onlyI32(results)
		if !e.callable && (strings.HasPrefix(name, "proxy_on_") || entryPoints[name] || name == c.start) {
			return &ExportError{Name: name, Signature: signature(params, results)}
		}
		c.exports[name] = e
		if name != c.start {
			c.names = append(c.names, name)
		}
	}
	slices.Sort(c.names)
	return nil
}

// entryPoints are the exports beside callbacks that a host calls.
var entryPoints = map[string]bool{
	"_initialize": true, "_start": true, "main": true, "__main_void": true,
	"malloc": true, "proxy_validate_configuration": true,
}

func onlyI32(types []api.ValueType) bool {
	return !slices.ContainsFunc(types, func(t api.ValueType) bool { return t != api.ValueTypeI32 })
}

// maxMissing is how many unknown imports are named; a module may have 100,000.
const maxMissing = 20

// resolve finds what the module imports. For each module name other than WASI's
// it makes a host module with the very types that the guest declares: SDKs do
// not agree on them.
func (c *code) resolve(ctx context.Context, missing []*MissingImportError) error {
	var errs []error
	more := 0
	lacks := func(m *MissingImportError) {
		if len(errs) < maxMissing {
			errs = append(errs, m)
		} else {
			more++
		}
	}
	for _, m := range missing {
		lacks(m)
	}
	wasi := c.engine.wasi.ExportedFunctionDefinitions()
	hosts := make(map[string]*host)
	for _, def := range c.compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		c.imports = append(c.imports, module+"."+name)
		ok := false
		if isWASI(module) {
			ok = provides(wasi, name, def)
		} else {
			h := hosts[module]
			if h == nil {
				h = &host{functions: make(map[string]string)}
				h.builder = c.engine.runtime.NewHostModuleBuilder(hostName(module))
				hosts[module] = h
			}
			ok = h.add(c.engine.link, module, name, def)
		}
		if !ok {
			lacks(&MissingImportError{module, name, signature(def.ParamTypes(), def.ResultTypes())})
		}
	}
	slices.Sort(c.imports)
	if more > 0 {
		errs = append(errs, fmt.Errorf("and %d more unknown imports", more))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	modules := make(map[string]api.Module, len(hosts)+2)
	for name, h := range hosts {
		module, err := c.instantiateHost(ctx, h)
		if err != nil {
			return fmt.Errorf("make the module %q: %w", name, err)
		}
		modules[name] = module
	}
	for _, name := range wasiNames {
		modules[name] = c.engine.wasi
	}
	// It outlives ctx: instances are made of it later.
	c.context = experimental.WithImportResolver(context.Background(), func(name string) api.Module {
		return modules[name]
	})
	return nil
}

func (c *code) instantiateHost(ctx context.Context, h *host) (api.Module, error) {
	compiled, err := h.builder.Compile(ctx)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, compiled)
	// Without a name, so that any number of them can exist.
	module, err := c.engine.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, module)
	return module, nil
}

// host is a host module in the making.
type host struct {
	builder   wazero.HostModuleBuilder
	functions map[string]string // name to signature
}

// add provides a function, unless it is unknown or was imported before with
// another type: a host module has one function of a name.
func (h *host) add(link LinkFunc, module, name string, def api.FunctionDefinition) bool {
	params, results := def.ParamTypes(), def.ResultTypes()
	sig := signature(params, results)
	if before, ok := h.functions[name]; ok {
		return before == sig
	}
	fn, ok := link(module, name, params, results)
	if !ok {
		return false
	}
	h.functions[name] = sig
	h.builder.NewFunctionBuilder().WithGoModuleFunction(fn, params, results).Export(name)
	return true
}

// hostName is a module's name for stack traces; wazero wants one.
func hostName(module string) string {
	if module == "" {
		return "host"
	}
	return module
}
