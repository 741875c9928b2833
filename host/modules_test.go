package host_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// wasmSection is a section of a module.
func wasmSection(id byte, content ...byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

func wasmModule(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// wasmFunction is a module with one function of these instructions.
func wasmFunction(locals, instructions []byte) []byte {
	body := slices.Concat(locals, instructions, []byte{0x0b})
	return wasmModule(
		wasmSection(1, 1, 0x60, 0, 0), wasmSection(3, 1, 0), wasmSection(5, 1, 0, 1),
		wasmSection(10, slices.Concat([]byte{1}, binary.AppendUvarint(nil, uint64(len(body))), body)...),
	)
}

// Modules that are no modules, and bombs: each is refused before the compiler gets to see it, with its filter, its number and
// the limit, and the gateway goes on as it was.
func TestMalformedAndOversizedModulesAreRefused(t *testing.T) {
	number := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	good, err := os.ReadFile(hosttest.Guest(t, "header-adder"))
	if err != nil {
		t.Fatal(err)
	}
	none := []byte{0}
	ifs := bytes.Repeat([]byte{0x41, 0, 0x04, 0x40, 0x0b}, 50_000)
	for story, c := range map[string]struct {
		code []byte
		want string
	}{
		"a text":                    {[]byte("#!/bin/sh\n"), "not a WebAssembly module"},
		"a component":               {[]byte("\x00asm\x0d\x00\x01\x00"), "a WebAssembly component"},
		"half a module":             {good[:len(good)/2], "ends early"},
		"a section too long":        {append(slices.Clone(good), 1, 0xff, 0xff, 0xff, 0xff, 0x0f), "invalid module"},
		"a module twice":            {append(slices.Clone(good), good...), "invalid module"},
		"4 GiB of memory":           {wasmModule(wasmSection(5, append([]byte{1, 0}, number(1<<16)...)...)), "at least 4096 MiB of memory, more than the limit of 64 MiB"},
		"134 million table entries": {wasmModule(wasmSection(4, append([]byte{1, 0x70, 0}, number(1<<27)...)...)), "134217728 elements in tables, more than the limit of 131072"},
		"2 billion functions":       {wasmModule(wasmSection(1, 1, 0x60, 0, 0), wasmSection(3, number(1<<31)...)), "2147483648 functions, more than the limit of 100000"},
		"2 billion globals":         {wasmModule(wasmSection(6, number(1<<31)...)), "2147483648 globals, more than the limit of 10000"},
		"2 billion data segments":   {wasmModule(wasmSection(11, number(1<<31)...)), "2147483648 data segments, more than the limit of 100000"},
		"4 billion locals":          {wasmFunction(slices.Concat([]byte{1}, number(1<<32-1), []byte{0x7f}), nil), "4294967295 locals in one function, more than the limit of 10000"},
		"3 MiB in one function":     {wasmFunction(none, make([]byte, 3<<20)), "bytes in one function, more than the limit of 2097152"},
		"blocks in blocks":          {wasmFunction(none, slices.Concat(bytes.Repeat([]byte{0x02, 0x40}, 30_000), bytes.Repeat([]byte{0x0b}, 30_000))), "blocks inside of each other, more than the limit of 20000"},
		"work for an hour":          {wasmFunction(none, ifs), "units of complexity for the compiler, more than the limit of 8000000000"},
		"33 MiB":                    {wasmModule(wasmSection(0, slices.Concat([]byte{1, 'x'}, make([]byte, 33<<20))...)), "bytes, more than the limit of 33554432"},
		"a loop without a memory":   {wasmModule(wasmSection(1, 1, 0x60, 0, 0), wasmSection(3, 1, 0), wasmSection(10, 1, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b)), "the module has no memory of its own"},
		"the meter's fuel":          {wasmFunction(none, []byte{0x42, 1, 0x24, 0}), "unknown global 0"},
		"the meter's function":      {wasmFunction(none, []byte{0x10, 1}), "unknown function 1"},
		"the meter's name":          {wasmModule(wasmSection(6, 1, 0x7f, 1, 0x41, 0, 0x0b), wasmSection(7, slices.Concat([]byte{1, 11}, []byte("sluice:fuel"), []byte{3, 0})...)), `exports "sluice:fuel" itself`},
	} {
		t.Run(story, func(t *testing.T) {
			engine := infoEngine(t)
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "header-adder"))
			before := measure()
			file := filepath.Join(t.TempDir(), "hostile.wasm")
			if err := os.WriteFile(file, c.code, 0o600); err != nil {
				t.Fatal(err)
			}
			g.Write(filters(t, "header-adder") + fmt.Sprintf("  - {name: hostile, module: %s}\n", file))
			err := g.Reload(t.Context())
			if err == nil {
				t.Fatal("it was loaded")
			}
			for _, part := range []string{`filter "hostile"`, c.want} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, which does not say %q", err, part)
				}
			}
			if code, err := visit(t.Context(), g.Socket); code != 200 {
				t.Errorf("got %d, %v from the old configuration", code, err)
			}
			settles(t, before)
		})
	}
}
