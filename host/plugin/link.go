package plugin

import (
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/vm"
)

// link checks, before anything of the module runs, that it can be called as a
// proxy-wasm plugin, and sets what follows from its exports.
func (p *Plugin) link() error {
	var err error
	if p.version, err = check(p.module); err != nil {
		return err
	}
	for _, c := range [...]callback{onRequestHeaders, onResponseHeaders} {
		params, _, _ := p.module.Shape(callbackNames[c])
		p.endOfStream[c] = params != 2
	}
	if p.options.Service {
		return nil // no stage
	}
	p.exports = exportedStages(p.module)
	if p.options.Stages != 0 {
		p.exports &= p.options.Stages
	}
	return nil
}

// Check tells why a module cannot be called as a proxy-wasm plugin; nil when it can.
// Nothing of it runs.
func Check(module *vm.Module) error {
	_, err := check(module)
	return err
}

func check(module *vm.Module) (abi.Version, error) {
	version, err := abiVersion(module.ABIMarkers())
	if err != nil {
		return 0, err
	}
	allocator := abi.ExportOnMemoryAllocate
	if !module.HasExport(allocator) {
		allocator = abi.ExportMalloc
	}
	if !module.HasExport(allocator) {
		return 0, fmt.Errorf("the module exports no allocator: it needs %s or %s", abi.ExportOnMemoryAllocate, abi.ExportMalloc)
	}
	for _, export := range append(callbackNames[:], allocator) {
		if err := checkShape(module, export, version); err != nil {
			return 0, err
		}
	}
	return version, nil
}

// called is at which stages the plugin is called, after the guest's hint; 0 is
// none.
//
// A connection's data has to be asked for, by the configuration or by the guest,
// unless the module is made for nothing else: SDKs export every callback there
// is, and what those of Go and Rust make of a callback of the other kind, on a
// context that was made for HTTP, is a crash. Trailers have to be asked for too: a
// filter that judges a body at its end, and has only an SDK's default for what comes
// behind it, would never judge it.
func (p *Plugin) called(hint Stages) Stages {
	stages := p.exports
	switch {
	case hint != 0:
		stages &= hint
	case p.options.Stages == 0 && stages&HTTPStages != 0:
		stages &^= DataStages
	}
	if hint == 0 && p.options.Stages == 0 {
		stages &^= TrailerStages
	}
	if stages&DataStages != 0 {
		stages |= Connection
	}
	return stages
}

// checkShape compares the type of a callback, if the module exports it, with
// the ABI's. What takes other arguments would fail in every stream, and a filter
// whose callback gives no action would let every stream pass.
func checkShape(module *vm.Module, export string, version abi.Version) error {
	params, results, ok := module.Shape(export)
	if !ok {
		return nil
	}
	wantParams, wantResult, known := abi.Callback(export, version)
	if !known {
		return nil
	}
	wantResults := 0
	if wantResult {
		wantResults = 1
	}
	want := shape(wantParams, wantResults)
	if export == abi.ExportOnRequestHeaders || export == abi.ExportOnResponseHeaders {
		// SDKs do not agree on whether these have end_of_stream: what the
		// module declares counts.
		if params == 2 || params == 3 {
			wantParams = params
		}
		want = shape(3, wantResults) + " or " + shape(2, wantResults)
	}
	if params == wantParams && results == wantResults {
		return nil
	}
	return fmt.Errorf("the module exports %s with the type %s; proxy-wasm %s wants %s", export, shape(params, results), version, want)
}

// shape writes a function's type, of which all is i32, as package vm does.
func shape(params, results int) string {
	s := "(" + strings.TrimSuffix(strings.Repeat("i32, ", params), ", ") + ")"
	if results > 0 {
		s += " -> i32"
	}
	return s
}

// StageOf is the stage that an export is the callback of, 0 for any other.
func StageOf(export string) Stages {
	for stage, callback := range stageCallbacks {
		if callbackNames[callback] == export {
			return stage
		}
	}
	return 0
}

func exportedStages(module *vm.Module) Stages {
	var set Stages
	for stage, callback := range stageCallbacks {
		if module.HasExport(callbackNames[callback]) {
			set |= stage
		}
	}
	return set
}

// abiVersion reads the module's marker exports, of which there must be one.
func abiVersion(markers []string) (abi.Version, error) {
	switch len(markers) {
	case 0:
		return 0, fmt.Errorf("the module exports no proxy_abi_version_* marker: it is not a proxy-wasm plugin; Sluice serves 0.1.0, 0.2.0 and 0.2.1")
	case 1:
		if version, ok := abi.VersionOf(markers[0]); ok {
			return version, nil
		}
		return 0, fmt.Errorf("the module is built for an unknown ABI, %s: Sluice serves proxy-wasm 0.1.0, 0.2.0 and 0.2.1", markers[0])
	default:
		return 0, fmt.Errorf("the module names more than one ABI: %s", strings.Join(markers, ", "))
	}
}
