package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// DefaultCallTimeout bounds a call when InstanceOptions do not say.
const DefaultCallTimeout = time.Second

// InstanceOptions say what an instance runs with. The zero value is usable.
type InstanceOptions struct {
	// Context is what the guest, and so every host call, is called with. Its
	// Done and Err must be those of the Instance; they are not called before
	// Instantiate returned. Nil means a context that has nothing but those.
	Context context.Context
	// CallTimeout bounds each call from outside, with everything that it calls
	// in turn. It is exact to some milliseconds, never too early. 0 means
	// DefaultCallTimeout.
	CallTimeout time.Duration
	// Stdout and Stderr are given what the guest prints, a line a Write, without
	// the line's end. They are written to by the goroutine that calls. Nil
	// drops it.
	Stdout, Stderr io.Writer
}

// An Instance is a running module with a memory of its own. Apart from Done, Err,
// Poisoned and SetCallTimeout, its methods and those of its Funcs are for one
// goroutine at a time.
type Instance struct {
	code    *code
	name    string
	watch   *watchdog
	module  api.Module
	memory  api.Memory
	context context.Context
	funcs   map[string]*Func

	depth    int // of calls, since host calls call the guest's allocator
	trap     *TrapError
	closed   bool
	poisoned atomic.Bool
	stdout   lineWriter
	stderr   lineWriter

	done    chan struct{} // closed when a call is over its time, and never otherwise
	stamp   atomic.Uint64 // 0: idle, expired, or the tick at which a call began
	limit   atomic.Uint64 // ticks
	timeout atomic.Int64  // limit as it was given, for errors
	slot    int           // the watchdog's
}

// Instantiate makes an instance. It runs nothing: see Start.
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
		code:    m.code,
		name:    m.name,
		watch:   e.watch,
		context: options.Context,
		funcs:   make(map[string]*Func),
		done:    make(chan struct{}),
	}
	if i.context == nil {
		i.context = bare{i}
	}
	i.SetCallTimeout(options.CallTimeout)
	config := e.config.WithNanosleep(i.sleep)
	if options.Stdout != nil {
		i.stdout.to = options.Stdout
		config = config.WithStdout(&i.stdout)
	}
	if options.Stderr != nil {
		i.stderr.to = options.Stderr
		config = config.WithStderr(&i.stderr)
	}
	module, err := e.runtime.InstantiateModule(m.code.context, m.code.compiled, config)
	if err != nil {
		m.code.release()
		return nil, fmt.Errorf("instantiate %s: %w", m.name, err)
	}
	i.module = module
	i.memory = module.Memory()
	e.watch.add(i)
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

// Poisoned tells whether a call trapped: nothing can be called any more.
func (i *Instance) Poisoned() bool { return i.poisoned.Load() }

// SetCallTimeout changes InstanceOptions.CallTimeout, for a running call too.
func (i *Instance) SetCallTimeout(d time.Duration) {
	if d <= 0 {
		d = DefaultCallTimeout
	}
	i.timeout.Store(int64(d))
	i.limit.Store(ticks(d))
}

// Done is closed when a call is over its time. It is the Done of the context
// that the guest is called with.
func (i *Instance) Done() <-chan struct{} { return i.done }

// Err is context.DeadlineExceeded once Done is closed, nil before.
func (i *Instance) Err() error {
	if i.stamp.Load() == expired {
		return context.DeadlineExceeded
	}
	return nil
}

// Close frees the instance. It is not called while the instance runs.
func (i *Instance) Close() error {
	if i.closed {
		return nil
	}
	i.closed = true
	i.watch.remove(i)
	i.flush()
	err := i.module.Close(context.Background())
	// Whoever still holds the instance must not hold its memory.
	i.module, i.memory, i.funcs = nil, nil, nil
	i.code.release()
	return err
}

func (i *Instance) flush() {
	i.stdout.flush()
	i.stderr.flush()
}

// sleep is what a guest's wait is made of. It ends with the call's time.
func (i *Instance) sleep(nanoseconds int64) {
	timer := time.NewTimer(time.Duration(nanoseconds))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.done:
	}
}

// bare is the context of an instance that was given none.
type bare struct{ *Instance }

// Deadline implements context.Context.
func (bare) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context.
func (bare) Value(any) any { return nil }
