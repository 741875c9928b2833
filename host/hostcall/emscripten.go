package hostcall

import (
	"context"
	"slices"

	"github.com/tetratelabs/wazero/api"
)

// emscripten finds the two functions outside of the ABI that guests built with
// Emscripten (the C++ SDK) import from "env".
func emscripten(name string, params, results []api.ValueType) (api.GoModuleFunc, bool) {
	i32 := api.ValueTypeI32
	switch {
	case name == "emscripten_notify_memory_growth" && slices.Equal(params, []api.ValueType{i32}) && len(results) == 0:
		// Memory is read afresh in every call: nobody needs to be told.
		return func(context.Context, api.Module, []uint64) {}, true
	case name == "pthread_equal" && slices.Equal(params, []api.ValueType{i32, i32}) && slices.Equal(results, []api.ValueType{i32}):
		return func(_ context.Context, _ api.Module, stack []uint64) {
			if uint32(stack[0]) == uint32(stack[1]) {
				stack[0] = 1
			} else {
				stack[0] = 0
			}
		}, true
	}
	return nil, false
}
