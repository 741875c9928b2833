package vm

import (
	"context"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// What WASI's functions cost beyond the call itself, in units of fuel, as
// measured.
const (
	randomUnits = 2  // for a byte
	vectorUnits = 50 // for a buffer of fd_read and its like, empty or not
	eventUnits  = 100
)

// charge takes fuel from the guest that a module is, as Instance.Charge does.
func charge(module api.Module, units int64) bool {
	tank, ok := module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	if !ok {
		return true
	}
	left := max(int64(tank.Get())-units, -1<<62)
	tank.Set(uint64(left))
	return left >= 0
}

// toll charges for those of wazero's own functions that work through a list of
// the guest's, which may be as long as its memory. A list that the guest cannot
// pay for is made empty; the guest traps when it is back.
type toll struct{}

var _ experimental.FunctionListenerFactory = toll{}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (toll) NewFunctionListener(def api.FunctionDefinition) experimental.FunctionListener {
	switch def.Name() {
	case "fd_read", "fd_pread", "fd_write", "fd_pwrite":
		return list{at: 2, units: vectorUnits}
	case "poll_oneoff":
		return list{at: 2, units: eventUnits}
	}
	return nil
}

// list is the toll of a function whose argument so many is a list's length.
type list struct {
	at    int
	units int64
}

// Before implements experimental.FunctionListener.
func (l list) Before(_ context.Context, module api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	if !charge(module, l.units*int64(uint32(params[l.at]))) {
		params[l.at] = 0
	}
}

// After implements experimental.FunctionListener.
func (list) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort implements experimental.FunctionListener.
func (list) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
