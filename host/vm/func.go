package vm

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// maxArgs is how many arguments an exported function can be called with. The
// longest list of the ABI has five.
const maxArgs = 8

// A Func is an exported function of one instance. It is looked up once and kept:
// finding one by its name costs microseconds.
type Func struct {
	instance *Instance
	name     string
	params   int
	results  int
	// fn is made at the first call: it carries a stack of 10 KiB, and most
	// exports of most instances are never called.
	fn api.Function
	// native is that stack, and size how much of it is accounted for: see stack.go.
	native  reflect.Value
	size    int
	running bool
	stack   [maxArgs]uint64
}

// Func returns an exported function, or nil when there is none of that name, or
// none that takes and gives nothing but i32 values.
func (i *Instance) Func(name string) *Func {
	if f, ok := i.funcs[name]; ok {
		return f
	}
	shape, ok := i.code.exports[name]
	if !ok || !shape.callable || i.closed {
		return nil
	}
	f := &Func{instance: i, name: name, params: shape.params, results: shape.results}
	i.funcs[name] = f
	return f
}

// Name is the name of the export.
func (f *Func) Name() string { return f.name }

// Call calls the function. Arguments are i32 values; the result is one, or 0
// when the function has none. It allocates nothing.
//
// A *TrapError means that the guest trapped and the instance is poisoned. Other
// errors, for a wrong number of arguments or an instance that is poisoned or
// closed, mean that nothing ran.
func (f *Func) Call(args ...uint64) (uint64, error) {
	if len(args) != f.params {
		return 0, fmt.Errorf("%s takes %d arguments, not %d", f.name, f.params, len(args))
	}
	if f.running {
		return 0, errReentered
	}
	copy(f.stack[:], args)
	if err := f.enter(false); err != nil {
		return 0, err
	}
	if f.results == 0 {
		return 0, nil
	}
	return uint64(uint32(f.stack[0])), nil // TinyGo leaves garbage above
}

// enter runs the function on its stack.
func (f *Func) enter(start bool) error {
	i := f.instance
	switch {
	case i.closed:
		return ErrClosed
	case i.poisoned.Load():
		return ErrPoisoned
	case f.running:
		return errReentered
	case f.fn == nil:
		f.make()
	}
	outermost := i.depth == 0
	if outermost {
		i.budget, i.paced = i.fuel, 0
		i.begin(i.budget)
		if i.strained != nil && i.strained() {
			i.turn()
		}
	}
	i.depth++
	f.running = true
	err := f.fn.CallWithStack(i.context, f.stack[:])
	f.running = false
	rest := int64(i.tank.Get())
	left := rest + i.reserve
	f.leaveStack()
	i.depth--
	if !outermost {
		if err != nil {
			i.poison(f, err)
			return i.trap
		}
		return nil
	}
	i.used, i.rest = i.budget-left, rest
	i.leaveLane()
	if len(i.stdout.line)+len(i.stderr.line) > 0 {
		i.flush()
	}
	switch {
	case i.trap != nil: // a call inside of this one trapped
		return i.trap
	case start && err != nil && exitedWithZero(err):
		// What was on the stack is gone, but not paid back.
		i.stack.Set(StackLimit)
		return errExitZero
	case err == nil && left < 0:
		// The last that it did was a host call that it could not pay for, which
		// may not have been done: its result means nothing.
		err = errOverdrawn
	}
	if err != nil {
		i.poison(f, err)
		return i.trap
	}
	return nil
}

// errOverdrawn is the end of a call that returned without fuel.
var errOverdrawn = errors.New("returned without fuel")

// poison ends the life of the instance. The first trap is the one to tell about.
func (i *Instance) poison(f *Func, err error) {
	if i.trap == nil {
		i.owed += trapUnits
		i.trap = newTrapError(i.name, f.name, err)
		i.explain(i.trap)
	}
	i.poisoned.Store(true)
}

// unreachable is what a guest that has used up what it may use traps by.
const unreachable = "unreachable"

// withoutAdded is a stack without the functions that metering added, which are on top of it
// and have no names: ".$12(i32)".
func (i *Instance) withoutAdded(stack string) string {
	for {
		top, rest, _ := strings.Cut(stack, "\n")
		name, _, _ := strings.Cut(top, "(")
		n, err := strconv.ParseUint(name[strings.LastIndexByte(name, '$')+1:], 10, 32)
		if err != nil || uint32(n) < i.code.added {
			return stack
		}
		stack = rest
	}
}

// explain tells a trap that metering made from one of the guest's own.
func (i *Instance) explain(trap *TrapError) {
	metered := i.left() < 0 || int64(i.stack.Get()) < 0
	if metered && trap.Reason == unreachable {
		trap.Stack = i.withoutAdded(trap.Stack)
	}
	switch {
	case trap.Reason != unreachable && trap.Err != errOverdrawn:
	case i.left() < 0:
		trap.OutOfFuel = true
		trap.Reason = fmt.Sprintf("used up its fuel of %d units", i.budget)
	case int64(i.stack.Get()) < 0:
		trap.Reason = "call stack larger than " + size(StackLimit)
	}
}
