package hostcall

import (
	"context"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
)

// function is one function of the ABI.
type function struct {
	name string
	// args are the parameters, a letter each:
	//
	//	v  an i32
	//	V  an i64
	//	b  the address and the length of bytes to read
	//	w  the address of a u32 to write
	//	W  the address of a u64 to write
	//	o  the addresses of two u32 to write: where data lies that the guest
	//	   allocated, and how long it is
	//	O  the same, but address 0 means that it is not wanted
	args string
	body func(call) abi.Status
	// charges says that the body charges the guest, before anything that takes
	// time; see call.charge. The others cost what every call does.
	charges bool
	// unrestricted functions are served at any time; see Caller.Restricted.
	unrestricted bool
	// loose functions link with any parameters, and answer UNIMPLEMENTED for
	// others than args: some SDKs declare them wrongly (AssemblyScript's gRPC).
	loose bool
	// other is the function for guests that declare it in another form.
	other *function
}

var functions = func() map[string]*function {
	all := make(map[string]*function)
	for _, family := range [][]function{
		logging, clock, contexts, buffers, headers, streams, properties,
		httpCalls, grpcCalls, sharedData, sharedQueues, metrics, foreign, legacy,
	} {
		for i := range family {
			all[family[i].name] = &family[i]
		}
	}
	return all
}()

// Lookup finds the function behind an import of a guest, for the types that
// the guest declares. It answers false when there is no such function, or when
// it cannot be served with these types. A function may be declared without its
// result: the specification says so of some functions of version 0.1.0.
func Lookup(module, name string, params, results []api.ValueType) (fn api.GoModuleFunc, ok bool) {
	if module != abi.ModuleEnv {
		return nil, false
	}
	if fn, ok := emscripten(name, params, results); ok {
		return fn, true
	}
	f, ok := functions[name]
	if !ok {
		return nil, false
	}
	silent := len(results) == 0
	if !silent && !slices.Equal(results, []api.ValueType{api.ValueTypeI32}) {
		return nil, false
	}
	switch {
	case slices.Equal(params, f.params()):
		return f.bind(f.body, silent), true
	case f.other != nil && slices.Equal(params, f.other.params()):
		return f.other.bind(f.other.body, silent), true
	case f.loose:
		return f.bind(unimplemented, silent), true
	default:
		return nil, false
	}
}

// Names lists the functions of the ABI that guests can import from "env", in
// alphabetical order.
func Names() []string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Signature is how a guest should declare a function of Names: its parameters
// as the specification writes them. It is nil for an unknown function.
func Signature(name string) (params []api.ValueType) {
	if f, ok := functions[name]; ok {
		return f.params()
	}
	return nil
}

func (f *function) params() []api.ValueType {
	params := make([]api.ValueType, 0, len(f.args)+strings.Count(f.args, "b"))
	for _, arg := range f.args {
		switch arg {
		case 'V':
			params = append(params, api.ValueTypeI64)
		case 'b', 'o', 'O':
			params = append(params, api.ValueTypeI32, api.ValueTypeI32)
		default:
			params = append(params, api.ValueTypeI32)
		}
	}
	return params
}

// bind makes the function that wazero calls.
func (f *function) bind(body func(call) abi.Status, silent bool) api.GoModuleFunc {
	unrestricted, charges := f.unrestricted, f.charges
	return func(ctx context.Context, module api.Module, stack []uint64) {
		status := abi.StatusInternalFailure
		if caller, ok := ctx.(Caller); ok && (unrestricted || !caller.Restricted()) && (charges || caller.Charge(callUnits)) {
			status = body(call{caller, module.Memory(), stack})
		}
		if !silent {
			stack[0] = uint64(status)
		}
	}
}

func unimplemented(call) abi.Status { return abi.StatusUnimplemented }
