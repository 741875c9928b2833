package vm_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm"
)

// The fuel is given for each call, not for all of them.
func TestManyShortCallsAreNotOneLong(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: 1000})
	for range 10_000 {
		call(t, i, "sleep", 0) // 100 units for the host call alone
	}
}

func TestUsedFuelIsThatOfTheLastCall(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: 5000})
	if got := i.Used(); got != 0 {
		t.Errorf("before the first call: got %d", got)
	}
	call(t, i, "fine", 1)
	small := i.Used()
	call(t, i, "sleep", 0)
	large := i.Used()
	call(t, i, "fine", 1)
	if small <= 0 || small > 10 || large < small+100 || i.Used() != small {
		t.Errorf("got %d, %d and %d units", small, large, i.Used())
	}
	_, err := i.Func("spin").Call()
	trap := trapped(t, err, "used up its fuel of 5000 units")
	if got := i.Used(); got <= 5000 || got > 5100 {
		t.Errorf("%v: got %d units", trap, got)
	}
}

// What calls before it have left of a slice changes nothing of what a call may use, and of what it is said to have used.
func TestFuelDoesNotDependOnTheCallsBefore(t *testing.T) {
	const fuel = 1_000_000 // some slices
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: fuel})
	call(t, i, "sleep", 0)
	want := i.Used()
	for n := range 5000 { // again and again half of a slice
		call(t, i, "sleep", 0)
		if got := i.Used(); got != want {
			t.Fatalf("call %d used %d units, the first one %d", n, got, want)
		}
	}
	i.SetFuel(want - 1)
	_, err := i.Func("sleep").Call(0)
	trapped(t, err, fmt.Sprintf("used up its fuel of %d units", want-1))
	for _, before := range []int{0, 1, 700, 999} {
		i := instantiate(t, "traps", vm.InstanceOptions{Fuel: fuel})
		for range before {
			call(t, i, "sleep", 0)
		}
		_, err := i.Func("spin").Call()
		trapped(t, err, "used up its fuel of 1000000 units")
		if got := i.Used(); got <= fuel || got > fuel+100 {
			t.Errorf("after %d calls: got %d units", before, got)
		}
	}
}

func TestFuelCanBeChanged(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: 50})
	i.SetFuel(1000)
	call(t, i, "sleep", 0)
	i.SetFuel(50)
	_, err := i.Func("sleep").Call(0)
	trapped(t, err, "used up its fuel of 50 units")
}

// A guest that sleeps pays for it, and sleeps no longer than it can pay.
func TestSleepCostsFuel(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: vm.Fuel(20 * time.Millisecond)})
	if got := call(t, i, "sleep", 1); got != 0 {
		t.Errorf("got errno %d, want 0", got)
	}
	if got, want := i.Used(), vm.Fuel(time.Millisecond); got < want {
		t.Errorf("a millisecond cost %d units, want at least %d", got, want)
	}
	begin := time.Now()
	_, err := i.Func("sleep for ever").Call()
	trapped(t, err, "used up its fuel of 20000000 units")
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it slept %v", took)
	}
}

// logging is an instance of the guest traps with so much fuel, whose calls to the host do what a test says.
func logging(t *testing.T, fuel int64, called func(*vm.Instance)) *vm.Instance {
	t.Helper()
	var i *vm.Instance
	engine := newEngine(t, vm.Options{Link: func(string, string, []api.ValueType, []api.ValueType) (api.GoModuleFunc, bool) {
		return func(_ context.Context, _ api.Module, stack []uint64) {
			called(i)
			stack[0] = 0
		}, true
	}})
	i, err := compile(t, engine, "traps").Instantiate(vm.InstanceOptions{Fuel: fuel})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// What a host call does can be charged to the guest.
func TestHostCallsCanCharge(t *testing.T) {
	const price = 600
	i := logging(t, 2000, func(i *vm.Instance) {
		i.Charge(price)
		i.Charge(-price) // there is nothing to be had
	})
	i.Charge(price) // nobody is there to be charged
	call(t, i, "log")
	if got := i.Used(); got < price || got > price+200 {
		t.Errorf("got %d units, want %d and a little", got, price)
	}
	_, err := i.Func("log for ever").Call()
	var trap *vm.TrapError
	if !errors.As(err, &trap) || !trap.OutOfFuel {
		t.Errorf("got %v", err)
	}
}

// A host call that costs more than there can ever be is not paid for by what it leaves.
func TestAPriceBeyondAllFuelIsNeverPaid(t *testing.T) {
	var paid []bool
	i := logging(t, 2000, func(i *vm.Instance) {
		for range 4 {
			paid = append(paid, i.Charge(math.MaxInt64))
		}
	})
	_, err := i.Func("log").Call()
	var trap *vm.TrapError
	if !errors.As(err, &trap) || !trap.OutOfFuel || slices.Contains(paid, true) {
		t.Errorf("it was paid, %v, and the call ends with %v", paid, err)
	}
}

// The guest's own unreachable is told from the one of metering.
func TestUnreachableIsNotOutOfFuel(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{})
	_, err := i.Func("unreachable").Call()
	if trap := trapped(t, err, "unreachable"); trap.OutOfFuel {
		t.Error("out of fuel")
	}
}

// An exit in the middle of a recursion during start leaves nothing on the stack
// for the callbacks after it.
func TestExitDuringStartGivesTheStackBack(t *testing.T) {
	i := instantiate(t, "exit-0-deep", vm.InstanceOptions{})
	if err := i.Start(); err != nil {
		t.Fatal(err)
	}
	if got := call(t, i, "proxy_on_request_headers", 2, 1, 1); got != 0 {
		t.Errorf("got %d, want 0", got)
	}
}

// A host call may be the last that a callback does. One that was refused for
// want of fuel must not pass for done: a guard's denial may have been it.
func TestCallThatReturnsWithoutFuelTraps(t *testing.T) {
	i := logging(t, 1000, func(i *vm.Instance) {
		if i.Charge(2000) {
			t.Error("there was as much fuel")
		}
	})
	_, err := i.Func("log").Call()
	if trap := trapped(t, err, "used up its fuel of 1000 units"); !trap.OutOfFuel || !i.Poisoned() {
		t.Errorf("out of fuel %v, poisoned %v", trap.OutOfFuel, i.Poisoned())
	}
}
