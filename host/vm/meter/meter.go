package meter

// The names of the exported globals. Both are mutable and of type i64. A module
// that exports something of such a name itself, or of one that begins with
// "sluice:state:", is refused.
const (
	FuelGlobal  = "sluice:fuel"
	StackGlobal = "sluice:stack"
)

// statePrefix begins the names by which the module's own globals are exported.
const statePrefix = "sluice:state:"

// Options bound the modules that Instrument accepts. For each field 0 means its
// default.
type Options struct {
	// ModuleBytes is the size of a module. Default 32 MiB.
	ModuleBytes uint32
	// OutputBytes is the size that rewriting may give it. Default three times
	// ModuleBytes.
	OutputBytes uint32
	// Functions is the number of functions, imported ones included. Default
	// 100,000. It bounds the number of types, too.
	Functions uint32
	// FunctionBytes is the size of one function. Default 2 MiB.
	FunctionBytes uint32
	// Locals is the number of locals of one function, its parameters included.
	// Default 10,000.
	Locals uint32
	// Nesting is how deep blocks may be nested in one function. Plain Go nests
	// one block for each call in a function. Default 20,000.
	Nesting uint32
	// Globals is the number of globals. Default 10,000.
	Globals uint32
	// Entries is the number of imports, of exports and of element segments, each. An instance is
	// made of them at once, some 25 ns each. Default 20,000.
	Entries uint32
	// Segments is the number of data segments, some 30 ns each. Default 100,000: so many Go's linker
	// makes of any large program.
	Segments uint32
	// Tables is the number of tables. Default 16.
	Tables uint32
	// TableElements is the number of elements that all tables may have together,
	// now and after growing. 8 bytes each. Default 131,072.
	TableElements uint32
	// References is the number of elements that all element segments may have together. An
	// instance is made with an object for each, at once, some 65 ns each. Plain Go has one for
	// each function. Default 32,768.
	References uint32
	// Complexity bounds the time and memory that compiling takes. wazero's time
	// grows with the square of the number of parts that a function's control flow
	// has, and with the number of parts times the square of the number of values
	// that are alive. A unit is about a nanosecond. Default 8,000,000,000.
	Complexity uint64

	// Piece is how many bytes of memory are worked on at once by a bulk operation that is
	// longer than the fuel that is left. Default DefaultPiece.
	Piece uint32

	// Pauses has a guest that has used up its fuel ask for a page of memory, with the fuel
	// still below zero, before it traps: the allocator of its memory may give it more fuel
	// and refuse the page. So that it is always asked, the memory's own maximum is left
	// out, see Result.
	Pauses bool

	// Fuel and Stack are what the globals hold in a new instance: what a start
	// function of the module may use. Default 0 for Fuel: a start function traps.
	// Default DefaultStack for Stack.
	Fuel, Stack int64
}

// DefaultStack is a limit for the stack of the guest, in the bytes that meter
// takes a frame for: 64, and 8 for each parameter and local, and one for each
// instruction of the function. A real frame holds whatever of these has to
// survive a call, so that it is smaller in all but contrived code.
const DefaultStack = 1 << 20

func (o Options) withDefaults() Options {
	set := func(field *uint32, value uint32) {
		if *field == 0 {
			*field = value
		}
	}
	set(&o.ModuleBytes, 32<<20)
	set(&o.OutputBytes, uint32(min(uint64(o.ModuleBytes)*3, 1<<31)))
	set(&o.Functions, 100_000)
	set(&o.FunctionBytes, 2<<20)
	set(&o.Locals, 10_000)
	set(&o.Nesting, 20_000)
	set(&o.Globals, 10_000)
	set(&o.Entries, 20_000)
	set(&o.Segments, 100_000)
	set(&o.Tables, 16)
	set(&o.TableElements, 1<<17)
	set(&o.References, 1<<15)
	set(&o.Piece, DefaultPiece)
	if o.Complexity == 0 {
		o.Complexity = 8_000_000_000
	}
	if o.Stack == 0 {
		o.Stack = DefaultStack
	}
	return o
}

// A Result is a rewritten module.
type Result struct {
	// Code is the module. It shares no memory with what it was made of.
	Code []byte
	// Pauses tells that the guest does as Options.Pauses says: it has a memory of its own.
	Pauses bool
	// MaxPages is the maximum of the memory that was left out, if Bounded.
	MaxPages uint32
	Bounded  bool
	// Added is the index of the first function that was added; those after it were, too.
	Added uint32
	// Functions is the number of functions that the module defines, Charges the
	// number of places where fuel is charged, and Bulk those of them that charge
	// by length.
	Functions, Charges, Bulk int
	// CodeBytes is how many bytes of Code are functions. Complexity is how much work these are
	// for the compiler beside what grows with that; see Options.Complexity.
	CodeBytes  int
	Complexity uint64
	// Paying is the number of functions that pay for stack: those that can come
	// back to themselves.
	Paying int
	// Instance is what the host makes for each instance beside its memory.
	Instance Instance
	// State are the names by which the module's own mutable globals are exported:
	// with the memory, they are all that an instance's state consists of. It is
	// nil where that is not so, see StateInMemory.
	State []string
	// StateInMemory tells that an instance has no state but its memory and the
	// globals of State: the module never changes a table or drops a segment, and
	// its mutable globals are numbers, and not many.
	StateInMemory bool
}

// Instance counts what an instance consists of beside its memory.
type Instance struct {
	Imports, Globals uint32
	// Segments are those of data and of elements, References the elements in all of the
	// latter.
	Segments, References uint32
	// Slots are the elements that its tables may come to have.
	Slots uint32
	// Data is how many bytes of segments are copied into its memory at its start.
	Data uint64
}

// maxState is how many mutable globals a module may have whose instances can be
// put back. TinyGo's have one to three.
const maxState = 64

// Instrument rewrites a module. The error is a *LimitError, or an *Error for
// code that is malformed, or that uses an extension of WebAssembly that cannot
// be metered: exceptions, threads and typed function references. Code that is
// wrong in other ways is rewritten, and stays wrong in the same way.
//
// It takes time and memory in proportion to the size of the code.
func Instrument(code []byte, options Options) (*Result, error) {
	o := options.withDefaults()
	if uint64(len(code)) > uint64(o.ModuleBytes) {
		return nil, &LimitError{What: "bytes", Have: uint64(len(code)), Limit: uint64(o.ModuleBytes)}
	}
	m := &module{options: o, reader: reader{code: code, end: len(code)}}
	m.read()
	if m.err != nil {
		return nil, m.err
	}
	m.write()
	if m.err != nil {
		return nil, m.err
	}
	return &m.result, nil
}
