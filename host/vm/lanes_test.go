package vm_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// A crowd is others who compute at length, in all lanes of an engine.
type crowd struct {
	engine *vm.Engine
	size   int
}

// gather has them enter.
func gather(engine *vm.Engine) crowd {
	all, _ := engine.Lanes()
	for range all {
		engine.EnterLane("others")
	}
	return crowd{engine, all}
}

// holdUp waits until so many wait for one of them to leave.
func (c crowd) holdUp(t *testing.T, waiting int, who string) {
	t.Helper()
	waitFor(t, who, func() bool { _, n := c.engine.Lanes(); return n == waiting })
}

func (c crowd) leave() {
	for range c.size {
		c.engine.LeaveLane()
	}
}

// expectNobody is for when they have left: there is nobody else.
func (c crowd) expectNobody(t *testing.T, after string) {
	t.Helper()
	if free, waiting := c.engine.Lanes(); free != c.size || waiting != 0 {
		t.Errorf("%s: %d lanes are free and %d calls wait, want %d and 0", after, free, waiting, c.size)
	}
}

// interrupted calls a guest's function while others compute, looks at the instance while it waits for its turn in the middle of that, and
// has it come to its end.
func interrupted(t *testing.T, guest, function string, args []uint64, look func(*vm.Instance)) *vm.Instance {
	t.Helper()
	engine := newEngine(t, vm.Options{})
	i, err := compile(t, engine, guest).Instantiate(vm.InstanceOptions{Fuel: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	others := gather(engine)
	ended := make(chan error)
	go func() {
		_, err := i.Func(function).Call(args...)
		ended <- err
	}()
	others.holdUp(t, 1, "call that computes at length")
	look(i)
	others.leave()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	others.expectNobody(t, function)
	return i
}
