package meter_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// FuzzInstrument changes modules at random. None may make Instrument panic or
// grow without bound; one that wazero takes is taken after rewriting, too, and the
// other way round, but for what is refused on purpose; and its functions do the
// same as before.
func FuzzInstrument(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.wasm")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, path := range seeds {
		f.Add(read(f, path))
	}
	f.Add(function(nil, []byte{0x41, 1, 0x04, 0x40, 0x0c, 1, 0x0b}))
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 4096 {
			return
		}
		result, err := meter.Instrument(code, meter.Options{
			Fuel: fuzzFuel, Functions: 1000, Locals: 1000, Complexity: 10_000_000, TableElements: 1 << 21, References: 1 << 21,
		})
		ctx := context.Background()
		plain := newFuzzSide(ctx)
		defer plain.runtime.Close(ctx)
		if err != nil {
			return
		}
		if most := 100*len(code) + 1000; len(result.Code) > most {
			t.Errorf("%d bytes became %d", len(code), len(result.Code))
		}
		// wazero refuses an empty custom section when it is the last.
		plainModule, plainErr := plain.runtime.CompileModule(ctx, slices.Concat(code, section(0, 1, 'x', 0)))
		metered := newFuzzSide(ctx)
		defer metered.runtime.Close(ctx)
		meteredModule, meteredErr := metered.runtime.CompileModule(ctx, result.Code)
		if (plainErr == nil) != (meteredErr == nil) {
			t.Fatalf("plain: %v, metered: %v", plainErr, meteredErr)
		}
		if plainErr == nil {
			compare(t, plain, metered, plainModule, meteredModule)
		}
	})
}

const fuzzFuel = 1_000_000

type fuzzSide struct{ runtime wazero.Runtime }

func newFuzzSide(ctx context.Context) fuzzSide {
	// A plain guest that does not end is stopped after some time; the metered
	// one runs out of fuel.
	return fuzzSide{wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(16).WithCloseOnContextDone(true))}
}

// compare calls every exported function of both modules.
func compare(t *testing.T, plain, metered fuzzSide, plainModule, meteredModule wazero.CompiledModule) {
	ctx := experimental.WithImportResolver(t.Context(), func(string) api.Module { return nil })
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	m, err := metered.runtime.InstantiateModule(ctx, meteredModule, config)
	if err != nil {
		if fuel := reason(err); fuel == "" {
			t.Error("no reason")
		}
		return // a start function may not end, and an import is not there
	}
	p, err := plain.runtime.InstantiateModule(ctx, plainModule, config)
	if err != nil {
		t.Fatalf("plain: %v, but the metered one is instantiated", err)
	}
	var names []string
	for name := range meteredModule.ExportedFunctions() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := m.ExportedFunction(name)
		args := make([]uint64, 0, 8)
		for i, kind := range f.Definition().ParamTypes() {
			if kind == 0x7b {
				return // a vector takes two
			}
			args = append(args, uint64(i))
		}
		refuel(m, fuzzFuel, meter.DefaultStack)
		want, meteredErr := f.Call(ctx, args...)
		if fuel, stack := left(m); fuel < 0 || stack < 0 {
			if meteredErr == nil {
				t.Errorf("%s used up its fuel or stack and went on", name)
			}
			return // the plain one might not end
		} else if meteredErr == nil && stack != meter.DefaultStack {
			t.Errorf("%s left %d bytes of stack", name, stack)
		}
		got, plainErr := p.ExportedFunction(name).Call(ctx, args...)
		if !slices.Equal(got, want) || reason(plainErr) != reason(meteredErr) {
			t.Errorf("%s: plain: %x %v, metered: %x %v", name, got, plainErr, want, meteredErr)
		}
	}
	if !bytes.Equal(content(p), content(m)) {
		t.Error("the memories differ")
	}
}

// Cut and changed filters are rewritten or refused with a reason; the changes are
// at places that do not depend on chance.
func TestChangedFiltersDoNotPanic(t *testing.T) {
	code := read(t, "../../../filters/response-headers.wasm")
	const step = 997
	for at := 0; at < len(code); at += step {
		for _, changed := range [][]byte{
			code[:at],
			slices.Concat(code[:at], []byte{0xff}, code[at+1:]),
			slices.Concat(code[:at], []byte{0}, code[at+1:]),
			slices.Concat(code[:at], []byte{0x80, 0x80}, code[at:]),
		} {
			_, err := meter.Instrument(changed, meter.Options{})
			var malformed *meter.Error
			var limit *meter.LimitError
			if err != nil && !errors.As(err, &malformed) && !errors.As(err, &limit) {
				t.Fatalf("at %d: %v", at, err)
			}
		}
	}
}
