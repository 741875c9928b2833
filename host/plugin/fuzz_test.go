package plugin_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// FuzzLoad: whatever the bytes, they are refused with a reason, or are a filter that serves a stream and ends. Nothing panics,
// hangs or stays behind.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"../../testdata/guests/*.wasm", "../../testdata/guests/hostile/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no guests: ", pattern, err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if len(code) <= maxFuzzed {
				f.Add(code)
			}
		}
	}
	engine, err := vm.NewEngine(context.Background(), vm.Options{MemoryLimit: 1 << 20, Link: hostcall.Lookup})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = engine.Close(context.Background()) })
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > maxFuzzed {
			return
		}
		ctx := context.Background()
		p, err := plugin.New(ctx, engine, plugin.Options{
			Name: "fuzzed", Code: code, Config: []byte("lh"), Instances: 1, StartTimeout: 2 * time.Millisecond, CallTimeout: time.Millisecond,
		})
		if err != nil {
			if err.Error() == "" {
				t.Error("it was refused without a reason")
			}
			return
		}
		defer p.Close(ctx)
		var s state
		if err := p.Open(ctx, &s.stream, &s); err != nil {
			return
		}
		_, _ = s.stream.RequestHeaders(0, false)
		_, _ = s.stream.RequestBody(0, true)
		_, _ = s.stream.ResponseHeaders(0, true)
		s.stream.Done()
	})
}

const maxFuzzed = 64 << 10
