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
	pathUnits   = 8 // for a byte of a path
)

// maxPath is the longest path that a guest's call is passed on with. It has no files, so that what a path says
// makes no difference.
const maxPath = 4 << 10

// toll charges for those of wazero's own functions that work through a list or a path of
// the guest's, which may be as long as its memory. What the guest cannot
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
	case "path_create_directory", "path_readlink", "path_remove_directory", "path_unlink_file":
		return paths{engine: t.engine, at: []int{2}}
	case "path_filestat_get", "path_filestat_set_times", "path_open":
		return paths{engine: t.engine, at: []int{3}}
	case "path_link":
		return paths{engine: t.engine, at: []int{3, 6}}
	case "path_rename":
		return paths{engine: t.engine, at: []int{2, 5}}
	case "path_symlink":
		return paths{engine: t.engine, at: []int{1, 4}}
	}
	return nil
}

// paths is the toll of a function that is given paths, of which these arguments are the lengths. wazero copies
// and cleans each before it asks whose it is, 64 MiB of it if it is as long.
type paths struct {
	engine *Engine
	at     []int
}

// Before implements experimental.FunctionListener.
func (p paths) Before(_ context.Context, module api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	for _, at := range p.at {
		if size := uint32(params[at]); size > maxPath || !p.engine.charge(module, pathUnits*int64(size)) {
			params[at] = 0
		}
	}
}

// After implements experimental.FunctionListener.
func (paths) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort implements experimental.FunctionListener.
func (paths) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

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
