package vm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/vm"
)

// What is read without compiling is what the compiler finds.
func TestADescriptionAgreesWithTheCompiler(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "guests", "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no guests (%v)", err)
	}
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		d, err := vm.Describe(guest(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		module, err := engine.Compile(t.Context(), name, guest(t, name))
		if err != nil {
			continue // it is meant to be refused
		}
		var imports, exports []string
		for _, e := range d.Imports {
			imports = append(imports, e.Module+"."+e.Name)
		}
		for _, e := range d.Exports {
			if e.Kind == "function" {
				exports = append(exports, e.Name)
			}
			if e.Kind == "function" && e.Type == "" {
				t.Errorf("%s: %s has no type", name, e.Name)
			}
		}
		lent := name == "lent-callback" // exports what it imports, which is none of its own
		slices.Sort(imports)
		slices.Sort(exports)
		if diff := cmp.Diff(module.Imports(), imports); diff != "" && len(imports)+len(module.Imports()) > 0 {
			t.Errorf("%s: imports (-compiler +description):\n%s", name, diff)
		}
		if diff := cmp.Diff(module.ExportNames(), exports); diff != "" && !lent && len(exports) > 0 {
			t.Errorf("%s: exports (-compiler +description):\n%s", name, diff)
		}
		if d.Memory != nil && d.Memory.Least != module.Memory() {
			t.Errorf("%s: memory %d, the compiler says %d", name, d.Memory.Least, module.Memory())
		}
		_ = module.Close(t.Context())
		compared++
	}
	if compared < 50 {
		t.Errorf("only %d modules were compared", compared)
	}
}

func TestADescriptionOfAFilter(t *testing.T) {
	d, err := vm.Describe(guest(t, "grower"))
	if err != nil {
		t.Fatal(err)
	}
	want := &vm.Description{
		Imports:   []vm.Entry{},
		Exports:   []vm.Entry{{Name: "memory", Kind: "memory"}, {Name: "grow", Kind: "function", Type: "() -> i32"}},
		Memory:    &vm.Extent{Least: 64 << 10},
		Functions: 1,
		Code:      d.Code,
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A module's numbers and names are a stranger's.
func FuzzDescribe(f *testing.F) {
	for _, name := range []string{"grower", "hungry", "unknown-import", "import-memory", "start-section"} {
		code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", name+".wasm"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(code)
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x05\x0b\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, code []byte) {
		d, _ := vm.Describe(code)
		if len(d.Imports)+len(d.Exports)+len(d.Tables)+len(d.Custom) > len(code) {
			t.Errorf("%d bytes are said to have %d imports, %d exports", len(code), len(d.Imports), len(d.Exports))
		}
	})
}
