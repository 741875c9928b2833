package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// DefaultMemoryLimit is the memory of an instance when Options do not say.
const DefaultMemoryLimit = 64 << 20

// Options say how an Engine runs guests. The zero value is usable.
type Options struct {
	// MemoryLimit bounds the memory of one instance, in bytes, rounded down to
	// pages of 64 KiB, at least one. 0 means DefaultMemoryLimit.
	MemoryLimit uint64
	// CacheDir keeps compiled code from one run to the next. The files are
	// machine code that is run as it is found: nobody else may write there. It is
	// made when missing, with mode 0700. "" keeps compiled code in memory only.
	CacheDir string
	// Link provides what modules import beside WASI. Nil provides nothing.
	Link LinkFunc
}

// A LinkFunc finds the function behind an import. Params and results are the
// types that the module declares; a function that cannot be served with these is
// not found.
type LinkFunc func(module, name string, params, results []api.ValueType) (fn api.GoModuleFunc, ok bool)

// An Engine compiles modules. It is safe for concurrent use.
type Engine struct {
	link    LinkFunc
	limit   uint64 // bytes
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil without CacheDir
	wasi    api.Module
	// instances are those that are not closed, by what wazero calls them: api.Module
	// to *Instance.
	instances sync.Map
	lanes     lanes
	turns     turns               // of those that compile in turn
	config    wazero.ModuleConfig // what every instance has in common
	heap      bool                // memories stay on Go's heap: see move.go

	mu     sync.Mutex // guards what follows
	closed bool
	// compiling counts those who compile or wait for it, also where nobody waits for them any more.
	compiling int
	codes     map[string]*code // by digest
}

// NewEngine returns an engine without modules. Close frees it.
func NewEngine(ctx context.Context, options Options) (*Engine, error) {
	limit := options.MemoryLimit
	if limit == 0 {
		limit = DefaultMemoryLimit
	}
	pages := min(max(limit/pageSize, 1), 1<<16)
	e := &Engine{
		link:  options.Link,
		limit: pages * pageSize,
		codes: make(map[string]*code),
	}
	e.lanes.init()
	e.turns.init()
	if e.link == nil {
		e.link = func(string, string, []api.ValueType, []api.ValueType) (api.GoModuleFunc, bool) { return nil, false }
	}
	// Not with a limit of its own for memory: what exceeds ours is to be told.
	config := wazero.NewRuntimeConfig()
	if options.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(options.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("open the cache of compiled modules: %w", err)
		}
		e.cache = cache
		config = config.WithCompilationCache(cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	wasi, err := e.newWASI(ctx)
	if err != nil {
		_ = e.runtime.Close(ctx)
		return nil, fmt.Errorf("make WASI: %w", err)
	}
	e.wasi = wasi
	e.config = instanceConfig()
	return e, nil
}

// instanceOf is the instance that a module of wazero's is; nil where it is none of a
// guest.
func (e *Engine) instanceOf(module api.Module) *Instance {
	i, _ := e.instances.Load(module)
	instance, _ := i.(*Instance)
	return instance
}

// charge takes fuel from the guest that a module is, as Instance.Charge does.
func (e *Engine) charge(module api.Module, units int64) bool {
	i := e.instanceOf(module)
	return i == nil || i.Charge(units)
}

// MemoryLimit is the memory that an instance may have, in bytes.
func (e *Engine) MemoryLimit() uint64 { return e.limit }

// Close frees everything, modules and instances included. Nothing of the engine
// may be running or be used after it. What is still being compiled, for somebody who waits for
// it no more, is not waited for: everything is freed when that has ended.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	later := e.compiling > 0
	e.mu.Unlock()
	if later {
		return nil
	}
	return e.free(ctx)
}

// compiled ends what codeOf began.
func (e *Engine) compiled() {
	e.mu.Lock()
	e.compiling--
	last := e.closed && e.compiling == 0
	e.mu.Unlock()
	if last {
		_ = e.free(context.Background()) // there is nobody to tell
	}
}

func (e *Engine) free(ctx context.Context) error {
	err := e.runtime.Close(ctx)
	if e.cache != nil {
		if closeErr := e.cache.Close(ctx); err == nil {
			err = closeErr
		}
	}
	return err
}

// Compile checks and compiles code. Code that is compiled already is not
// compiled again: the Module shares it, and the last one that is closed, with
// its instances, frees it. The name is for errors only.
//
// Compiling cannot be stopped. When ctx ends before it does, Compile returns the cause at once, and
// what comes of it is freed.
//
// Errors to expect are ErrNotWasm, ErrComponent, ErrNoMemory,
// *MissingImportError, *MemoryError, *ExportError, *meter.LimitError for code that
// has too much of something, and others for code that is not valid.
func (e *Engine) Compile(ctx context.Context, name string, source []byte) (*Module, error) {
	return e.compile(ctx, name, source, func() {})
}

// compile is Compile that calls ended when nothing is compiled for this call any more, which may be
// after it has returned.
func (e *Engine) compile(ctx context.Context, name string, source []byte, ended func()) (*Module, error) {
	c, found, err := e.codeOf(source, true)
	if err != nil {
		ended()
		return nil, err
	}
	if !found {
		go func() {
			c.err = c.compile(context.WithoutCancel(ctx), source) // others may wait for it, too
			close(c.ready)
		}()
	}
	return c.module(ctx, name, ended)
}

// codeOf returns the code of these bytes with a reference for the caller. It is found when somebody
// else compiles it, or has. Unless it is to be made, there may be none, which is nil. Otherwise
// module is to be called.
func (e *Engine) codeOf(source []byte, make bool) (c *code, found bool, err error) {
	sum := sha256.Sum256(source)
	digest := hex.EncodeToString(sum[:])
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false, ErrClosed
	}
	if c, found = e.codes[digest]; !found {
		if !make {
			return nil, false, nil
		}
		c = newCode(e, digest, len(source))
		e.codes[digest] = c
	}
	c.refs++
	e.compiling++
	return c, found, nil
}

// workers is how many goroutines compile one module: half of the processors, so
// that streams go on being served meanwhile.
func workers() int { return max(1, runtime.GOMAXPROCS(0)/2) }
