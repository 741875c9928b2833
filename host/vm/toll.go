package vm

import (
	"context"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// What WASI's functions cost beyond the call itself, in units of fuel, as
// measured.
const (
	randomUnits = 3   // for a byte, and as for another hundred
	vectorUnits = 100 // for a buffer of fd_read and its like, empty or not
	eventUnits  = 100
)

// toll charges for those of wazero's own functions that work through a list of
// the guest's, which may be as long as its memory. A list that the guest cannot
// pay for is made empty; the guest traps when it is back.
type toll struct{ engine *Engine }

var _ experimental.FunctionListenerFactory = toll{}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (t toll) NewFunctionListener(def api.FunctionDefinition) experimental.FunctionListener {
	switch def.Name() {
	case "fd_read", "fd_pread", "fd_write", "fd_pwrite":
		return list{engine: t.engine, at: 2, units: vectorUnits}
	case "poll_oneoff":
		return list{engine: t.engine, at: 2, units: eventUnits}
	}
	return nil
}

// list is the toll of a function whose argument so many is a list's length.
type list struct {
	engine *Engine
	at     int
	units  int64
}

// Before implements experimental.FunctionListener.
func (l list) Before(_ context.Context, module api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	if !l.engine.charge(module, l.units*int64(uint32(params[l.at]))) {
		params[l.at] = 0
	}
}

// After implements experimental.FunctionListener.
func (list) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort implements experimental.FunctionListener.
func (list) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
