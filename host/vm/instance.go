package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// An Instance is a running module with a memory of its own. Apart from Poisoned,
// its methods and those of its Funcs are for one goroutine at a time.
type Instance struct {
	code    *code
	name    string
	module  api.Module
	memory  api.Memory
	context context.Context
	funcs   map[string]*Func

	tank  api.MutableGlobal   // the guest's fuel, a signed number
	stack api.MutableGlobal   // what is left of its stack
	state []api.MutableGlobal // the guest's own, looked up for a snapshot
	fuel  int64               // for a call
	// reserve is what is left for the call that is running beside what is in the tank,
	// inLane tells that it computes at length: see slice.go.
	reserve int64
	inLane  bool
	pool    *MemoryPool // of its memory
	// stacks are how many bytes of native stacks its functions keep, deepStacks what is above
	// firstStack of each, and stacksTaken what was taken from the pool for them: see stack.go.
	stacks, deepStacks int
	stacksTaken        int64
	party              string
	pace               func(units int64) bool // see InstanceOptions
	strained           func() bool            // the same
	paced              int64                  // what of the call that is running it was told of
	budget             int64                  // what the last call was given
	used               int64                  // what it has used, when it is over: asked for more than once, and slow to ask
	rest               int64                  // what it left of its slice

	started  int64 // what making it has cost, and Start has used
	owed     int64 // see Owed
	depth    int   // of calls, since host calls call the guest's allocator
	trap     *TrapError
	closed   bool
	poisoned atomic.Bool
	stdout   lineWriter
	stderr   lineWriter
}

// InstanceOptions say what an instance runs with. The zero value is usable.
type InstanceOptions struct {
	// Context is what the guest, and so every host call, is called with. That it
	// ends does not end a call. Nil means one without anything in it.
	Context context.Context
	// Fuel bounds each call from outside, with everything that it calls in turn,
	// in units. 0 means DefaultFuel.
	Fuel int64
	// Memory bounds its memory, beside the engine's limit.
	Memory MemoryOptions
	// Party is with whom the instance takes turns when many calls compute at length:
	// instances of one party have one turn between them. "" is a party like others. It can
	// be changed by SetParty.
	Party string
	// Pace is told, while a call computes at length, how much it has used since it was
	// told last, and may wait before it returns: it calls Rest first then. What a call uses
	// after that it is not told of, nor of calls that are short. False ends the call like a
	// lack of fuel. Nil: no call waits for anything but its turn.
	Pace func(units int64) bool
	// Strained is asked before each call from outside: true has the call take its turn
	// from its beginning, as one that computes at length does. Nil: no call does.
	Strained func() bool
	// Stdout and Stderr are given what the guest prints, a line a Write, without
	// the line's end. They are written to by the goroutine that calls. Nil
	// drops it.
	Stdout, Stderr io.Writer
}

// Instantiate makes an instance. It runs nothing: see Start. The error is a
// *MemoryError or a *PoolError where its memory does not suffice.
func (m *Module) Instantiate(options InstanceOptions) (*Instance, error) {
	e := m.code.engine
	e.mu.Lock()
	if m.closed.Load() || e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	m.code.refs++
	e.mu.Unlock()

	i := &Instance{
		code:     m.code,
		name:     m.name,
		context:  options.Context,
		funcs:    make(map[string]*Func),
		party:    options.Party,
		pace:     options.Pace,
		strained: options.Strained,
		started:  m.code.makeUnits,
		pool:     options.Memory.Pool,
	}
	if i.context == nil {
		i.context = context.Background()
	}
	i.SetFuel(options.Fuel)
	config := e.config.WithNanosleep(i.sleep)
	if options.Stdout != nil {
		i.stdout.to, i.stdout.charge = options.Stdout, i.Charge
		config = config.WithStdout(&i.stdout)
	}
	if options.Stderr != nil {
		i.stderr.to, i.stderr.charge = options.Stderr, i.Charge
		config = config.WithStderr(&i.stderr)
	}
	memory := &memory{limit: e.limit, most: m.code.memoryMost, host: m.code.host, pool: options.Memory.Pool, refused: options.Memory.Refused, heap: e.heap}
	if options.Memory.Limit > 0 {
		memory.limit = min(memory.limit, options.Memory.Limit)
	}
	if err := memory.grow(m.code.memory); err != nil {
		m.code.release()
		return nil, fmt.Errorf("instantiate %s: %w", m.name, err)
	}
	var module api.Module
	var err error
	e.toil(i.party, m.code.makeUnits, func(next func(bytes int)) {
		memory.next = next
		module, err = e.runtime.InstantiateModule(experimental.WithMemoryAllocator(m.code.context, memory), m.code.compiled, config)
	})
	if err != nil {
		memory.Free()
		m.code.release()
		return nil, fmt.Errorf("instantiate %s: %w", m.name, err)
	}
	i.module = module
	i.memory = module.Memory()
	i.tank = module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	i.stack = module.ExportedGlobal(meter.StackGlobal).(api.MutableGlobal)
	memory.instance, memory.next = i, nil
	e.instances.Store(module, i)
	return i, nil
}

// Start runs what the module wants to run first: its start function; then
// _initialize, and main or __main_void after it; or else _start. An exit with
// code 0 ends the start and is no error: the module stays open.
func (i *Instance) Start() error {
	if i.code.start != "" {
		if exited, err := i.startWith(i.code.start); exited || err != nil {
			return err
		}
	}
	if i.Func("_initialize") == nil {
		_, err := i.startWith("_start")
		return err
	}
	if exited, err := i.startWith("_initialize"); exited || err != nil {
		return err
	}
	if i.Func("main") != nil {
		_, err := i.startWith("main")
		return err
	}
	_, err := i.startWith("__main_void")
	return err
}

// startWith calls a function, if there is one, with zeros, and tells whether it
// ended by an exit with code 0.
func (i *Instance) startWith(name string) (exited bool, err error) {
	f := i.Func(name)
	if f == nil {
		return false, nil
	}
	clear(f.stack[:])
	err = f.enter(true)
	i.started += i.Used()
	if errors.Is(err, errExitZero) {
		return true, nil
	}
	return false, err
}

// errExitZero is the end of a start function by proc_exit(0).
var errExitZero = errors.New("exit code 0")

func exitedWithZero(err error) bool {
	var exit *sys.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 0
}

// Memory is the guest's memory. What is read from it is a view, valid until the
// guest runs again. It is unusable when the module has none.
func (i *Instance) Memory() api.Memory { return i.memory }

// SetPace changes InstanceOptions.Pace, from the next call on.
func (i *Instance) SetPace(pace func(units int64) bool) { i.pace = pace }

// Poisoned tells whether a call trapped: nothing can be called any more.
func (i *Instance) Poisoned() bool { return i.poisoned.Load() }

// Close frees the instance. It is not called while the instance runs.
func (i *Instance) Close() error {
	if i.closed {
		return nil
	}
	i.closed = true
	i.flush()
	i.code.engine.instances.Delete(i.module)
	forget(i.memory)
	err := i.module.Close(context.Background())
	i.pool.give(i.stacksTaken)
	i.stacksTaken = 0
	// Whoever still holds the instance must not hold its memory.
	i.module, i.memory, i.tank, i.stack, i.state, i.funcs = nil, nil, nil, nil, nil, nil
	i.code.release()
	return err
}

func (i *Instance) flush() {
	i.stdout.flush()
	i.stderr.flush()
}
