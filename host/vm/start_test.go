package vm_test

import (
	"errors"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

func TestStartRunsWhatTheModuleWants(t *testing.T) {
	for _, test := range []struct {
		guest string
		want  uint64 // the steps that it reports
	}{
		{"initialize", 12},
		{"start-section", 413},
	} {
		t.Run(test.guest, func(t *testing.T) {
			i := instantiate(t, test.guest, vm.InstanceOptions{})
			if got := call(t, i, "steps_taken"); got != 0 {
				t.Errorf("instantiating ran steps %d", got)
			}
			if err := i.Start(); err != nil {
				t.Fatal(err)
			}
			if got := call(t, i, "steps_taken"); got != test.want {
				t.Errorf("got steps %d, want %d", got, test.want)
			}
		})
	}
}

func TestModuleWithNothingToStart(t *testing.T) {
	i := instantiate(t, "noop", vm.InstanceOptions{})
	if err := i.Start(); err != nil {
		t.Fatal(err)
	}
	if got := call(t, i, "proxy_on_configure", 1, 0); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

// TinyGo since 0.35 ends _start so, and its callbacks are called after it.
func TestExitWithZeroDuringStartLeavesTheModuleOpen(t *testing.T) {
	i := instantiate(t, "exit-0", vm.InstanceOptions{})
	if err := i.Start(); err != nil {
		t.Fatal(err)
	}
	if i.Poisoned() {
		t.Fatal("poisoned")
	}
	for range 3 {
		if got := call(t, i, "proxy_on_request_headers", 2, 1, 1); got != 0 {
			t.Errorf("got %d, want 0", got)
		}
	}
}

func TestStartThatFails(t *testing.T) {
	for _, test := range []struct{ guest, reason string }{
		{"start-trap", "unreachable"},
		{"exit-3", "exit code 3"},
		{"start-loop", "used up its fuel of 1000000 units"},
	} {
		t.Run(test.guest, func(t *testing.T) {
			i := instantiate(t, test.guest, vm.InstanceOptions{Fuel: 1_000_000})
			trap := trapped(t, i.Start(), test.reason)
			if trap.Function != "_start" || trap.Module != test.guest {
				t.Errorf("got %s of %s", trap.Function, trap.Module)
			}
			if _, err := i.Func("proxy_on_request_headers").Call(2, 1, 1); !errors.Is(err, vm.ErrPoisoned) {
				t.Errorf("a callback after it: %v", err)
			}
		})
	}
}
