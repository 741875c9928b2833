package vm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

var (
	// ErrNotWasm means that the code does not begin like a WebAssembly module.
	ErrNotWasm = errors.New(`not a WebAssembly module: it does not begin with "\0asm"`)

	// ErrComponent means that the code is a component of WebAssembly's component
	// model, which is another format than a module.
	ErrComponent = errors.New("a WebAssembly component, not a core module: build the filter for wasip1 (TinyGo: -target=wasi)")

	// ErrNoMemory means that a module has functions, its own or imported ones, but no memory.
	// Without one, it could not be interrupted.
	ErrNoMemory = errors.New("the module has no memory of its own")

	// ErrPoisoned is what a call answers once another has trapped.
	ErrPoisoned = errors.New("the instance has trapped before and cannot be called again")

	// ErrClosed is what a closed Engine, Module or Instance answers.
	ErrClosed = errors.New("already closed")

	errReentered = errors.New("the function is running already")
)

// A MissingImportError names something that a module imports and that is not
// provided, at least not with the type that the module wants. When there are
// several, they are joined (errors.Join).
type MissingImportError struct {
	Module    string
	Name      string
	Signature string // "(i32, i32) -> i32", or "a memory", "a table", "a global", "a tag"
}

func (e *MissingImportError) Error() string {
	return fmt.Sprintf("unknown import %s.%s %s", e.Module, e.Name, e.Signature) + unlessToldOtherwise[e.Module+"."+e.Name]
}

// unlessToldOtherwise are imports that a compiler makes when it is called without an
// option that proxy-wasm needs, and the option.
var unlessToldOtherwise = map[string]string{
	"env.abort": ": AssemblyScript's; compile with --use abort=abort_proc_exit, which the proxy-wasm SDKs for it have",
	"env.seed":  ": AssemblyScript's; compile with the configuration of @assemblyscript/wasi-shim, or without Math.random",
}

// A MemoryError means that a module wants more memory than an instance may
// have, right from its start. Both are bytes.
type MemoryError struct{ Need, Limit uint64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the module needs at least %s of memory, more than the limit of %s", size(e.Need), size(e.Limit))
}

// size writes a number of bytes that is a multiple of 64 KiB.
func size(bytes uint64) string {
	if bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// An ExportError means that a module exports a function that this host calls,
// with a type that it cannot be called with.
type ExportError struct {
	Name      string
	Signature string // what the module declares: "(i64) -> f32"
}

func (e *ExportError) Error() string {
	return fmt.Sprintf("the module exports %s with the type %s, which is not proxy-wasm's", e.Name, e.Signature)
}

// A TrapError means that a call ended otherwise than by returning. Its instance
// is poisoned.
type TrapError struct {
	Module   string // the module's name, as given to Compile
	Function string // the export that was called
	// Reason is why, in a few words: "unreachable", "out of bounds memory
	// access", "exit code 3", "used up its fuel of 50000000 units".
	Reason string
	// Stack is the guest's stack, a function a line, innermost first; empty
	// when it is not known.
	Stack string
	// OutOfFuel tells that the call was ended because it had used up its fuel.
	OutOfFuel bool
	// Err is what the engine below said.
	Err error
}

func (e *TrapError) Error() string {
	return fmt.Sprintf("%s: %s trapped: %s", e.Module, e.Function, e.Reason)
}

func (e *TrapError) Unwrap() error { return e.Err }

// newTrapError takes the engine's error apart.
func newTrapError(module, function string, err error) *TrapError {
	trap := &TrapError{Module: module, Function: function, Err: err}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		trap.Reason = fmt.Sprintf("exit code %d", exit.ExitCode())
		return trap
	}
	// wazero wraps what happened in a text that carries the stack.
	cause := err
	if inner := errors.Unwrap(err); inner != nil {
		cause = inner
	}
	trap.Reason = cause.Error()
	_, stack, _ := strings.Cut(err.Error(), "wasm stack trace:\n\t")
	trap.Stack = strings.ReplaceAll(stack, "\n\t", "\n")
	return trap
}

// maxListed is how many types of each kind signature writes; a function may have 10,000.
const maxListed = 32

// signature writes a function's type.
func signature(params, results []api.ValueType) string {
	var b strings.Builder
	list := func(types []api.ValueType) {
		for i, t := range types {
			if i > 0 {
				b.WriteString(", ")
			}
			if i == maxListed {
				fmt.Fprintf(&b, "and %d more", len(types)-i)
				return
			}
			b.WriteString(api.ValueTypeName(t))
		}
	}
	b.WriteByte('(')
	list(params)
	b.WriteByte(')')
	switch len(results) {
	case 0:
	case 1:
		b.WriteString(" -> ")
		list(results)
	default:
		b.WriteString(" -> (")
		list(results)
		b.WriteByte(')')
	}
	return b.String()
}
