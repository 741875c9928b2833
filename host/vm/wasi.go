package vm

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// wasiNames are the two names under which guests import WASI. Old toolchains
// say wasi_unstable.
var wasiNames = []string{"wasi_snapshot_preview1", "wasi_unstable"}

func isWASI(module string) bool { return slices.Contains(wasiNames, module) }

// newWASI makes the functions of WASI: wazero's, with four of our own. Guests are
// given clocks, randomness and two writers, and no files, arguments or
// environment.
func (e *Engine) newWASI(ctx context.Context) (api.Module, error) {
	i32 := api.ValueTypeI32
	builder := e.runtime.NewHostModuleBuilder(wasiNames[0])
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(builder)
	builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(procExit), []api.ValueType{i32}, nil).Export("proc_exit")
	builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(e.randomGet), []api.ValueType{i32, i32}, []api.ValueType{i32}).Export("random_get")
	builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(fdClose), []api.ValueType{i32}, []api.ValueType{i32}).Export("fd_close")
	builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(fdFilestatSetTimes), []api.ValueType{i32, api.ValueTypeI64, api.ValueTypeI64, i32}, []api.ValueType{i32}).Export("fd_filestat_set_times")
	compiled, err := builder.Compile(experimental.WithFunctionListenerFactory(ctx, toll{e}))
	if err != nil {
		return nil, err
	}
	return e.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
}

// procExit ends the call. wazero's own closes the module as well, and every later
// callback would fail: TinyGo since 0.35 ends _start with proc_exit(0).
func procExit(_ context.Context, _ api.Module, stack []uint64) {
	panic(sys.NewExitError(uint32(stack[0])))
}

// fdClose closes nothing: guests have no descriptors but the three that they begin
// with. Were one closed, an instance would remember it when it is put back into its
// first state, and what an attacked filter has to say could be kept out of the log.
func fdClose(_ context.Context, _ api.Module, stack []uint64) {
	const eBadF = 8
	if uint32(stack[0]) > 2 {
		stack[0] = eBadF
		return
	}
	stack[0] = 0
}

// fdFilestatSetTimes sets no times: a guest's descriptors are not of files. wazero's
// own dereferences the file system of standard input, output and error (v1.12.0), which
// have none.
func fdFilestatSetTimes(_ context.Context, _ api.Module, stack []uint64) {
	const (
		eBadF  = 8
		eNoSys = 52
	)
	if uint32(stack[0]) > 2 {
		stack[0] = eBadF
		return
	}
	stack[0] = eNoSys
}

// randomGet fills guest memory with random bytes, at most maxRandom at once: a
// host function cannot be interrupted.
func (e *Engine) randomGet(_ context.Context, module api.Module, stack []uint64) {
	const (
		maxRandom = 64 << 10
		eFault    = 21
		eInval    = 28
	)
	ptr, size := uint32(stack[0]), uint32(stack[1])
	stack[0] = 0
	if size > maxRandom {
		stack[0] = eInval
		return
	}
	view, ok := module.Memory().Read(ptr, size)
	if !ok {
		stack[0] = eFault
		return
	}
	if !e.charge(module, randomUnits*(100+int64(size))) {
		return // the guest traps when it is back
	}
	_, _ = rand.Read(view) // never fails
}

// provides tells whether a host module has the function with the type that the
// module declares.
func provides(have map[string]api.FunctionDefinition, name string, want api.FunctionDefinition) bool {
	def, ok := have[name]
	return ok && slices.Equal(def.ParamTypes(), want.ParamTypes()) && slices.Equal(def.ResultTypes(), want.ResultTypes())
}

// instanceConfig is what instances have in common.
func instanceConfig() wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").         // any number of instances
		WithStartFunctions(). // Start calls them
		// Nobody reads it: random_get is ours. But without one wazero seeds a generator of its own
		// for each instance, which is a tenth of what making one takes.
		WithRandSource(rand.Reader).
		WithSysWalltime().
		WithSysNanotime()
}
