package vm

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
)

// A Module is compiled code. It is safe for concurrent use.
type Module struct {
	code   *code
	name   string
	closed atomic.Bool
}

// Close drops this module. Its instances may live on; the code is freed with
// the last user of it.
func (m *Module) Close(context.Context) error {
	if m.closed.CompareAndSwap(false, true) {
		m.code.release()
	}
	return nil
}

// Name is the name that was given to Compile.
func (m *Module) Name() string { return m.name }

// Digest is the SHA-256 of the source, in hexadecimal.
func (m *Module) Digest() string { return m.code.digest }

// Size is the length of the source in bytes.
func (m *Module) Size() int { return m.code.size }

// Memory is how many bytes of memory an instance has at its start.
func (m *Module) Memory() uint64 { return m.code.memory }

// Footprint is how many bytes an instance takes of its limit and its pool at its start: its
// memory, and what the host has for it where that is much.
func (m *Module) Footprint() uint64 { return m.code.memory + m.code.host }

// ExportNames lists the exported functions in alphabetical order. The slice
// must not be changed.
func (m *Module) ExportNames() []string { return m.code.names }

// HasExport tells whether the module exports a function of that name.
func (m *Module) HasExport(name string) bool {
	_, ok := slices.BinarySearch(m.code.names, name)
	return ok
}

// Shape is the number of parameters and results of an exported function; ok is
// false when there is no such function, or when anything in its type is not an
// i32.
func (m *Module) Shape(name string) (params, results int, ok bool) {
	if !m.HasExport(name) {
		return 0, 0, false
	}
	e := m.code.exports[name]
	return e.params, e.results, e.callable
}

// Imports lists what the module imports, as "module.name", in alphabetical
// order. The slice must not be changed.
func (m *Module) Imports() []string { return m.code.imports }

// ABIMarkers lists the exports that name a version of proxy-wasm, such as
// "proxy_abi_version_0_2_1".
func (m *Module) ABIMarkers() []string {
	var markers []string
	for _, name := range m.code.names {
		if strings.HasPrefix(name, "proxy_abi_version_") {
			markers = append(markers, name)
		}
	}
	return markers
}

// Asyncify tells whether the module carries TinyGo's default scheduler
// (Binaryen's asyncify), which makes each call take about a millisecond.
func (m *Module) Asyncify() bool {
	return slices.ContainsFunc(m.code.names, func(name string) bool { return strings.HasPrefix(name, "asyncify_") }) ||
		slices.ContainsFunc(m.code.imports, func(name string) bool { return strings.HasPrefix(name, "asyncify.") })
}
