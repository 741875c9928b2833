package meter_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

// The specification's own tests come with wazero's source.

// specScript is one file of the test suite: modules, and what their functions
// have to return.
type specScript struct {
	Commands []struct {
		Type       string `json:"type"`
		Line       int    `json:"line"`
		Name       string `json:"name"`
		As         string `json:"as"`
		Filename   string `json:"filename"`
		ModuleType string `json:"module_type"`
		Action     struct {
			Type   string      `json:"type"`
			Field  string      `json:"field"`
			Module string      `json:"module"`
			Args   []specValue `json:"args"`
		} `json:"action"`
	} `json:"commands"`
}

type specValue struct {
	Type  string          `json:"type"`
	Lane  string          `json:"lane_type"`
	Value json.RawMessage `json:"value"`
}

func TestSpecificationPlainAndMetered(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skip("the go command does not find wazero's source:", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest")
	spectest, err := os.ReadFile(filepath.Join(root, "testdata/spectest.wasm"))
	if err != nil {
		t.Skip("wazero's source comes without its tests:", err)
	}
	for suite, features := range map[string]api.CoreFeatures{
		"v1":             api.CoreFeaturesV1,
		"v2":             api.CoreFeaturesV2,
		"extended-const": api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst,
		"tail-call":      api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall,
	} {
		scripts, err := filepath.Glob(filepath.Join(root, suite, "testdata/*.json"))
		if err != nil || len(scripts) == 0 {
			t.Fatal("no scripts in", suite, err)
		}
		for _, script := range scripts {
			t.Run(suite+"/"+strings.TrimSuffix(filepath.Base(script), ".json"), func(t *testing.T) {
				runSpec(t, script, spectest, features)
			})
		}
	}
}

// side is one of three worlds that must not differ: plain, metered, and metered with so
// little fuel at a time that the guest pauses at every turn, and does all of its bulk
// operations in pieces of three bytes.
type side struct {
	runtime wazero.Runtime
	metered bool
	pauses  bool
	pausing map[api.Module]bool
	last    api.Module
	named   map[string]api.Module // by the script's names
	known   map[string]api.Module // to importing modules
	all     []api.Module
}

func (s *side) instantiate(ctx context.Context, code []byte) (api.Module, error) {
	memory := new(pausingMemory)
	if s.metered {
		result, err := meter.Instrument(code, meter.Options{
			Fuel: plenty, Stack: plenty, TableElements: 1 << 26, References: 1 << 26, Nesting: 1 << 20, Tables: 100, Pauses: s.pauses && len(s.all) > 0, Piece: 3,
		})
		if err != nil {
			return nil, err
		}
		code = result.Code
		if memory.most = 1 << 32; result.Bounded {
			memory.most = uint64(result.MaxPages) << 16
		}
		if result.Pauses {
			ctx = experimental.WithMemoryAllocator(ctx, memory)
		}
	}
	ctx = experimental.WithImportResolver(ctx, func(name string) api.Module { return s.known[name] })
	m, err := s.runtime.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err == nil {
		s.all = append(s.all, m)
		if memory.used {
			memory.fuel = m.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
			s.pausing[m] = true
		}
	}
	return m, err
}

// pausingMemory is the memory of a guest that pauses: it gives a little fuel to whoever
// has none, see meter.Options.
type pausingMemory struct {
	content []byte
	most    uint64
	used    bool
	gives   int64 // 0: five units
	pauses  int
	fuel    api.MutableGlobal // nil while the instance is being made
}

func (m *pausingMemory) Allocate(_, _ uint64) experimental.LinearMemory { m.used = true; return m }

func (m *pausingMemory) Reallocate(size uint64) []byte {
	if m.fuel != nil && int64(m.fuel.Get()) < 0 {
		m.fuel.Set(uint64(cmp.Or(m.gives, 5)))
		m.pauses++
		return nil
	}
	if size > m.most {
		return nil
	}
	m.content = append(m.content, make([]byte, size-uint64(len(m.content)))...)
	return m.content
}

func (m *pausingMemory) Free() {}

// refuel gives all modules of the side, for they may call each other, what a
// host gives a module before a call.
func (s *side) refuel(stack int64) {
	if !s.metered {
		return
	}
	for _, m := range s.all {
		if s.pausing[m] {
			refuel(m, 0, stack)
			continue
		}
		refuel(m, plenty, stack)
	}
}

// content is a module's memory.
func content(m api.Module) []byte {
	if reflect.ValueOf(m.Memory()).IsNil() {
		return nil // a nil pointer in a non-nil interface
	}
	view, _ := m.Memory().Read(0, m.Memory().Size())
	return view
}

const plenty = 1 << 50

func refuel(m api.Module, fuel, stack int64) {
	m.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal).Set(uint64(fuel))
	m.ExportedGlobal(meter.StackGlobal).(api.MutableGlobal).Set(uint64(stack))
}

// reason is an error without its stack trace.
func reason(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

func arguments(t *testing.T, values []specValue) []uint64 {
	t.Helper()
	var args []uint64
	for _, v := range values {
		if v.Type != "v128" {
			var text string
			if err := json.Unmarshal(v.Value, &text); err != nil {
				t.Fatal(err)
			}
			args = append(args, number(t, v.Type, text))
			continue
		}
		var lanes []string
		if err := json.Unmarshal(v.Value, &lanes); err != nil {
			t.Fatal(err)
		}
		var words [2]uint64
		width := 128 / len(lanes)
		for i, lane := range lanes {
			words[i*width/64] |= number(t, v.Lane, lane) << (i * width % 64)
		}
		args = append(args, words[:]...)
	}
	return args
}

func number(t *testing.T, kind, text string) uint64 {
	t.Helper()
	switch {
	case text == "null":
		return 0
	case strings.HasPrefix(text, "nan"):
		if strings.HasSuffix(kind, "32") {
			return 0x7fc00000
		}
		return 0x7ff8 << 48
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		var unsigned uint64
		if unsigned, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
		return unsigned
	}
	switch {
	case kind == "externref":
		return uint64(value) + 1 // 0 is null
	case strings.HasSuffix(kind, "32"):
		return uint64(uint32(value))
	case kind == "i16":
		return uint64(uint16(value))
	case kind == "i8":
		return uint64(uint8(value))
	}
	return uint64(value)
}

func runSpec(t *testing.T, script string, spectest []byte, features api.CoreFeatures) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var s specScript
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	sides := []*side{{metered: false}, {metered: true}}
	// One whose memory others import keeps its maximum, and cannot be made to pause: the
	// first module is spectest. What the first version has is in the second again.
	if name := filepath.Base(script); features != api.CoreFeaturesV1 && !strings.HasPrefix(name, "linking") && !strings.HasPrefix(name, "imports") {
		sides = append(sides, &side{metered: true, pauses: true, pausing: make(map[api.Module]bool)})
	}
	for _, side := range sides {
		side.named, side.known = make(map[string]api.Module), make(map[string]api.Module)
		side.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features))
		defer side.runtime.Close(context.Background())
		m, err := side.instantiate(ctx, spectest)
		if err != nil {
			t.Fatal(err)
		}
		side.known["spectest"] = m
	}
	compared := 0
	for _, c := range s.Commands {
		what := fmt.Sprintf("%s:%d %s %s", filepath.Base(script), c.Line, c.Type, c.Action.Field)
		switch c.Type {
		case "module", "assert_uninstantiable", "assert_unlinkable", "assert_invalid", "assert_malformed":
			if !strings.HasSuffix(c.Filename, ".wasm") {
				continue
			}
			code, err := os.ReadFile(filepath.Join(filepath.Dir(script), c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			var errs [3]error
			for i, side := range sides {
				m, err := side.instantiate(ctx, code)
				errs[i] = err
				if err == nil && c.Type == "module" {
					side.last = m
					side.named[c.Name] = m
				}
			}
			compared++
			for i := range sides[1:] {
				if (errs[0] == nil) != (errs[1+i] == nil) {
					t.Errorf("%s %s: plain: %v, metered: %v", what, c.Filename, errs[0], errs[1+i])
				}
			}
		case "register":
			for _, side := range sides {
				m := side.last
				if c.Name != "" {
					m = side.named[c.Name]
				}
				side.known[c.As] = m
			}
		case "assert_return", "action", "assert_trap":
			var results [3][]uint64
			var errs [3]error
			for i, side := range sides {
				m := side.last
				if c.Action.Module != "" {
					m = side.named[c.Action.Module]
				}
				switch {
				case m == nil:
					t.Fatal(what, "no module")
				case c.Action.Type == "get":
					results[i] = []uint64{m.ExportedGlobal(c.Action.Field).Get()}
				default:
					side.refuel(plenty)
					results[i], errs[i] = m.ExportedFunction(c.Action.Field).Call(ctx, arguments(t, c.Action.Args)...)
				}
			}
			compared++
			for i := range sides[1:] {
				if !slices.Equal(results[0], results[1+i]) || reason(errs[0]) != reason(errs[1+i]) {
					t.Errorf("%s: plain: %x %v, metered: %x %v", what, results[0], errs[0], results[1+i], errs[1+i])
				}
			}
		case "assert_exhaustion":
			// The stack of the metered module ends long before wazero's.
			s := sides[1]
			s.refuel(meter.DefaultStack)
			_, err := s.last.ExportedFunction(c.Action.Field).Call(ctx, arguments(t, c.Action.Args)...)
			if left := int64(s.last.ExportedGlobal(meter.StackGlobal).Get()); reason(err) != "wasm error: unreachable" || left >= 0 {
				t.Errorf("%s: got %v with %d bytes of stack left", what, err, left)
			}
			compared++
		default:
			t.Fatal("unknown command", c.Type)
		}
	}
	for i, plain := range sides[0].all {
		for _, side := range sides[1:] {
			if want, got := content(plain), content(side.all[i]); !bytes.Equal(want, got) {
				t.Errorf("memory of module %d differs", i)
			}
		}
	}
	if compared == 0 {
		t.Log("this script is about the text format only")
	}
}
