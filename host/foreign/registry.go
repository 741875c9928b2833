package foreign

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Reserved is what the names of the gateway's own functions begin with.
const Reserved = "sluice."

// Bounds of a call.
const (
	// MaxNameBytes is the longest name of a function.
	MaxNameBytes = 128
	// MaxArgumentsBytes is the most that a filter can pass; more is BAD_ARGUMENT.
	MaxArgumentsBytes = 1 << 20
	// MaxResultBytes is the longest result; more is INTERNAL_FAILURE.
	MaxResultBytes = 1 << 20
)

// A Registry is the functions that filters can call. It is immutable, and nil is an empty one.
type Registry struct{ functions map[string]Function }

// New makes a registry of functions that are not the gateway's own, beside those that Envoy has: compress and uncompress (zlib, RFC
// 1950). All that is wrong with them is said at once.
func New(functions map[string]Function) (*Registry, error) {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		switch {
		case name == "" || len(name) > MaxNameBytes:
			errs = append(errs, fmt.Errorf("foreign function %q: a name has 1 to %d bytes", name, MaxNameBytes))
		case strings.HasPrefix(name, Reserved):
			errs = append(errs, fmt.Errorf("foreign function %q: names that begin with %q are the gateway's own; choose another prefix", name, Reserved))
		case builtin[name] != nil:
			errs = append(errs, fmt.Errorf("foreign function %q is built in; choose another name", name))
		case functions[name] == nil:
			errs = append(errs, fmt.Errorf("foreign function %q is nil", name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	all := maps.Clone(builtin)
	maps.Copy(all, functions)
	return &Registry{all}, nil
}

// With returns a registry that has the gateway's own functions as well. It panics on a name without the prefix [Reserved], and
// on one that is there already: both are mistakes in the gateway.
func (r *Registry) With(own map[string]Function) *Registry {
	all := make(map[string]Function, len(own))
	if r != nil {
		maps.Copy(all, r.functions)
	}
	for name, function := range own {
		if _, known := all[name]; known || !strings.HasPrefix(name, Reserved) || function == nil {
			panic(fmt.Sprintf("foreign: %q cannot be registered as a function of the gateway's own", name))
		}
		all[name] = function
	}
	return &Registry{all}
}

// Names lists the functions in alphabetical order.
func (r *Registry) Names() []string {
	if r == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.functions))
}

// Call calls the function of that name. NOT_FOUND: there is none.
func (r *Registry) Call(c Call) ([]byte, abi.Status) {
	if r == nil {
		return nil, abi.StatusNotFound
	}
	function, ok := r.functions[c.Name]
	switch {
	case !ok:
		return nil, abi.StatusNotFound
	case len(c.Arguments) > MaxArgumentsBytes:
		return nil, abi.StatusBadArgument
	}
	if !strings.HasPrefix(c.Name, Reserved) && builtin[c.Name] == nil {
		c.Rest() // nobody knows whether it waits
	}
	result, status := function(c)
	switch {
	case status == abi.StatusNotFound: // ours to say; see Function
		return nil, abi.StatusInternalFailure
	case status != abi.StatusOK:
		return nil, status
	case len(result) > MaxResultBytes:
		return nil, abi.StatusInternalFailure
	}
	return result, abi.StatusOK
}
