package vm_test

import (
	"os"
	"testing"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/vm"
)

func guest(t testing.TB, name string) []byte {
	t.Helper()
	code, err := os.ReadFile("../../testdata/guests/" + name + ".wasm")
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
		if err := engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return engine
}

func TestCall(t *testing.T) {
	m, err := newEngine(t, vm.Options{}).Compile(t.Context(), "noop", guest(t, "noop"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := m.Instantiate(vm.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Start(); err != nil {
		t.Fatal(err)
	}
	got, err := i.Func("proxy_on_configure").Call(1, 0)
	if err != nil || got != 1 {
		t.Fatal(got, err)
	}
}
