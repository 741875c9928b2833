package vm_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/sluice-gateway/sluice/host/vm"
)

// FuzzScan: whatever the bytes, scan returns; and where it rewrites a module that
// wazero accepts, the result is a module that wazero accepts, has the new
// export, and is not rewritten again.
func FuzzScan(f *testing.F) {
	files, err := filepath.Glob("../../testdata/guests/*.wasm")
	if err != nil || len(files) == 0 {
		f.Fatal("no guests: ", err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(code)
	}
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(4))
	f.Cleanup(func() { _ = runtime.Close(ctx) })
	f.Fuzz(func(t *testing.T, code []byte) {
		rewritten, start, err := vm.Scan(code)
		if err != nil || start == "" {
			if err == nil && !bytes.Equal(rewritten, code) {
				t.Fatal("rewritten without a reason")
			}
			return
		}
		before, err := runtime.CompileModule(ctx, code)
		if err != nil {
			return
		}
		defer before.Close(ctx)
		after, err := runtime.CompileModule(ctx, rewritten)
		if err != nil {
			t.Fatalf("the rewritten module is refused: %v", err)
		}
		defer after.Close(ctx)
		if _, ok := after.ExportedFunctions()[start]; !ok {
			t.Fatalf("%q is not exported", start)
		}
		if got, want := len(after.ExportedFunctions()), len(before.ExportedFunctions())+1; got != want {
			t.Fatalf("%d exports, want %d", got, want)
		}
		if _, again, err := vm.Scan(rewritten); err != nil || again != "" {
			t.Fatalf("the start section is still there: %q, %v", again, err)
		}
	})
}
