package vm_test

import (
	"errors"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

func TestTrapPoisonsTheInstanceAndNoOther(t *testing.T) {
	module := compile(t, newEngine(t, vm.Options{}), "traps")
	for _, test := range []struct {
		function string
		args     []uint64
		reason   string
	}{
		{"unreachable", nil, "unreachable"},
		{"out_of_bounds", nil, "out of bounds memory access"},
		{"divide", []uint64{0}, "integer divide by zero"},
		{"exit", []uint64{0}, "exit code 0"},
		{"exit", []uint64{3}, "exit code 3"},
		// What wazero itself says of a timeout, said by a guest.
		{"exit", []uint64{0xefffffff}, "exit code 4026531839"},
		{"recurse", []uint64{0}, "call stack larger than 1 MiB"},
		{"spin", nil, "used up its fuel of 1000000 units"},
	} {
		t.Run(test.function, func(t *testing.T) {
			bystander, err := module.Instantiate(vm.InstanceOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer bystander.Close()
			i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1_000_000})
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			_, err = i.Func(test.function).Call(test.args...)
			trap := trapped(t, err, test.reason)
			if want := test.function == "spin"; trap.OutOfFuel != want {
				t.Errorf("got out of fuel %v, want %v", trap.OutOfFuel, want)
			}
			if !i.Poisoned() {
				t.Error("not poisoned")
			}
			if _, err := i.Func("fine").Call(7); !errors.Is(err, vm.ErrPoisoned) {
				t.Errorf("a call after it: %v", err)
			}
			if got := call(t, bystander, "fine", 7); got != 7 || bystander.Poisoned() {
				t.Errorf("another instance: got %d, want 7; poisoned %v", got, bystander.Poisoned())
			}
		})
	}
}

func TestTrapTellsWhere(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	_, err := i.Func("unreachable").Call()
	trap := trapped(t, err, "unreachable")
	if got, want := err.Error(), "traps: unreachable trapped: unreachable"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := trap.Stack, ".$8()"; got != want { // module.function; no names in this guest
		t.Errorf("stack: got %q, want %q", got, want)
	}
}

func TestCallRefusesWhatTheFunctionDoesNotTake(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	_, err := i.Func("fine").Call(1, 2)
	if err == nil || err.Error() != "fine takes 1 arguments, not 2" {
		t.Errorf("got %v", err)
	}
	if i.Poisoned() {
		t.Error("poisoned")
	}
	if i.Func("nothing") != nil || i.Func("memory") != nil {
		t.Error("what is no function can be called")
	}
}

func TestGarbageInTheUpperHalf(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	if got := call(t, i, "fine", 0xdeadbeef_00000007); got != 7 {
		t.Errorf("got %#x, want 7", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	engine := newEngine(t, vm.Options{MemoryLimit: 2 << 16})
	i, err := compile(t, engine, "traps").Instantiate(vm.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if got := call(t, i, "grow", 1); got != 1 {
		t.Errorf("grow within the limit: got %d, want 1", got)
	}
	if got := int32(call(t, i, "grow", 1)); got != -1 {
		t.Errorf("grow beyond the limit: got %d, want -1", got)
	}
	if got := i.Memory().Size(); got != 2<<16 {
		t.Errorf("got %d bytes of memory", got)
	}
}

func TestClosedInstance(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	fine := i.Func("fine")
	for range 2 {
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fine.Call(1); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if i.Func("fine") != nil {
		t.Error("a closed instance still has functions")
	}
}
