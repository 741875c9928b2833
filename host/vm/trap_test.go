package vm_test

import (
	"context"
	"errors"
	"testing"
	"time"

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
		{"recurse", []uint64{0}, "stack overflow"},
		{"spin", nil, "ran longer than 50ms"},
	} {
		t.Run(test.function, func(t *testing.T) {
			bystander, err := module.Instantiate(vm.InstanceOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer bystander.Close()
			timeout := time.Minute
			if test.function == "spin" {
				timeout = 50 * time.Millisecond
			}
			i, err := module.Instantiate(vm.InstanceOptions{CallTimeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			_, err = i.Func(test.function).Call(test.args...)
			trap := trapped(t, err, test.reason)
			if want := test.function == "spin"; trap.Timeout != want {
				t.Errorf("got timeout %v, want %v", trap.Timeout, want)
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

func TestTimeoutIsTheContextsError(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{CallTimeout: 10 * time.Millisecond})
	select {
	case <-i.Done():
		t.Fatal("done before the call")
	default:
	}
	if err := i.Err(); err != nil {
		t.Fatalf("before the call: %v", err)
	}
	_, err := i.Func("spin").Call()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-i.Done()
	if err := i.Err(); err != context.DeadlineExceeded {
		t.Errorf("after the call: %v", err)
	}
}

// The time is counted for each call, not for all of them.
func TestManyShortCallsAreNotOneLong(t *testing.T) {
	const limit = 60 * time.Millisecond
	i := instantiate(t, "traps", vm.InstanceOptions{CallTimeout: limit})
	for begin := time.Now(); time.Since(begin) < 3*limit; {
		if got := call(t, i, "fine", 1); got != 1 {
			t.Fatalf("got %d, want 1", got)
		}
	}
}

// The ticks stop when nothing runs; a call that begins then must still be timed.
func TestCallAfterALongRestIsTimed(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	i, err := compile(t, engine, "traps").Instantiate(vm.InstanceOptions{CallTimeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for !engine.Parked() {
		time.Sleep(10 * time.Millisecond)
	}
	call(t, i, "fine", 1)
	for !engine.Parked() {
		time.Sleep(10 * time.Millisecond)
	}
	_, err = i.Func("spin").Call()
	trapped(t, err, "ran longer than 10ms")
}

func TestSleepEndsWithTheCallsTime(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{CallTimeout: 20 * time.Millisecond})
	if got := call(t, i, "sleep", 1); got != 0 {
		t.Errorf("a short sleep: got errno %d, want 0", got)
	}
	_, err := i.Func("sleep").Call(3_600_000)
	trapped(t, err, "ran longer than 20ms")
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
