package vm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm"
)

// nesting links every import to a function that calls back into the guest, the
// way a host call uses the guest's allocator.
func nesting(t *testing.T, inner func(*vm.Instance) error) (*vm.Instance, *error) {
	var instance *vm.Instance
	var innerErr error
	engine := newEngine(t, vm.Options{Link: func(string, string, []api.ValueType, []api.ValueType) (api.GoModuleFunc, bool) {
		return func(context.Context, api.Module, []uint64) { innerErr = inner(instance) }, true
	}})
	instance, err := compile(t, engine, "traps").Instantiate(vm.InstanceOptions{Fuel: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = instance.Close() })
	return instance, &innerErr
}

func TestHostCallMayCallTheGuest(t *testing.T) {
	var got uint64
	i, _ := nesting(t, func(i *vm.Instance) (err error) {
		got, err = i.Func("fine").Call(5)
		return err
	})
	call(t, i, "log")
	if got != 5 {
		t.Errorf("got %d, want 5", got)
	}
}

func TestTrapInsideOfAHostCallEndsTheOuterCall(t *testing.T) {
	i, inner := nesting(t, func(i *vm.Instance) error {
		_, err := i.Func("unreachable").Call()
		return err
	})
	_, err := i.Func("log").Call()
	trap := trapped(t, err, "unreachable")
	if trap.Function != "unreachable" || !errors.Is(*inner, trap) {
		t.Errorf("the outer call tells of %s, the inner of %v", trap.Function, *inner)
	}
}

// An inner call is not given fuel anew.
func TestFuelInsideOfAHostCallCounts(t *testing.T) {
	i, _ := nesting(t, func(i *vm.Instance) error {
		_, err := i.Func("spin").Call()
		return err
	})
	_, err := i.Func("log").Call()
	trapped(t, err, "used up its fuel of 1000000 units")
}

// wazero would run both on one stack.
func TestFunctionIsNotReentered(t *testing.T) {
	i, inner := nesting(t, func(i *vm.Instance) error {
		_, err := i.Func("log").Call()
		return err
	})
	call(t, i, "log")
	if *inner == nil || (*inner).Error() != "the function is running already" {
		t.Errorf("got %v", *inner)
	}
	if i.Poisoned() {
		t.Error("poisoned")
	}
}
