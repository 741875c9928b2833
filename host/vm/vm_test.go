package vm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func guest(t testing.TB, name string) []byte {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func newEngine(t testing.TB, options vm.Options) *vm.Engine {
	t.Helper()
	if options.Link == nil {
		options.Link = hostcall.Lookup
	}
	engine, err := vm.NewEngine(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// compile compiles a guest, which is closed with the test.
func compile(t testing.TB, engine *vm.Engine, name string) *vm.Module {
	t.Helper()
	module, err := engine.Compile(t.Context(), name, guest(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = module.Close(context.Background()) })
	return module
}

// instantiate makes an instance of a guest that is not started yet.
func instantiate(t testing.TB, name string, options vm.InstanceOptions) *vm.Instance {
	t.Helper()
	instance, err := compile(t, newEngine(t, vm.Options{}), name).Instantiate(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	return instance
}

// call calls a function that must return.
func call(t testing.TB, instance *vm.Instance, name string, args ...uint64) uint64 {
	t.Helper()
	result, err := instance.Func(name).Call(args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return result
}

// trapped asserts that an error is a trap for the given reason.
func trapped(t *testing.T, err error, reason string) *vm.TrapError {
	t.Helper()
	var trap *vm.TrapError
	if !errors.As(err, &trap) {
		t.Fatalf("got %v, want a trap", err)
	}
	if trap.Reason != reason {
		t.Fatalf("got the reason %q, want %q", trap.Reason, reason)
	}
	return trap
}
