package vm_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/host/vm"
)

// waitFor polls a condition that other goroutines bring about.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s in 30 seconds", what)
		}
	}
}

// A guest with fuel for days loops, and the process goes on: its garbage is collected
// again and again, and another call gets its turn. Were the guest not left between two
// slices, the first collection would never end.
func TestACollectionDoesNotWaitForALoopToEnd(t *testing.T) {
	for _, name := range []string{"traps", "no-pages"} {
		t.Run(name, func(t *testing.T) { collectsBeside(t, name) })
	}
}

func collectsBeside(t *testing.T, name string) {
	engine := newEngine(t, vm.Options{})
	all, _ := engine.Lanes()
	for range all - 1 { // one is left
		engine.EnterLane("others")
		defer engine.LeaveLane()
	}
	i, err := compile(t, engine, name).Instantiate(vm.InstanceOptions{Fuel: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	ended := make(chan error)
	go func() {
		_, err := i.Func("spin").Call()
		ended <- err
	}()
	waitFor(t, "call that computes at length", func() bool { free, _ := engine.Lanes(); return free == 0 })
	for range 5 {
		runtime.GC()
	}
	engine.EnterLane("another") // so the guest waits for its turn
	i.Starve()
	engine.LeaveLane()
	trap := trapped(t, <-ended, "used up its fuel of 1125899906842624 units")
	if !trap.OutOfFuel {
		t.Error("not out of fuel")
	}
	if free, waiting := engine.Lanes(); free != 1 || waiting != 0 {
		t.Errorf("%d lanes are free and %d calls wait, want 1 and 0", free, waiting)
	}
}

// Short calls take turns from their beginning where their party is strained, and then only.
func TestShortCallsOfTheStrainedComputeInALane(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	others := gather(engine)
	strained := false
	i, err := compile(t, engine, "traps").Instantiate(vm.InstanceOptions{Strained: func() bool { return strained }})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	short := func() error {
		_, err := i.Func("fine").Call(1)
		return err
	}
	if err := short(); err != nil {
		t.Fatal(err)
	}
	strained = true
	ended := make(chan error)
	go func() { ended <- short() }()
	others.holdUp(t, 1, "call that waits for a lane")
	others.leave()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	others.expectNobody(t, "a short call")
}

// However many calls of one party wait, another's waits for one of them at most.
func TestLanesGoRoundByParty(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	all, _ := engine.Lanes()
	for range all {
		engine.EnterLane("first")
	}
	var mu sync.Mutex
	var order []string
	var calls sync.WaitGroup
	for n, party := range []string{"many", "many", "many", "many", "one"} {
		calls.Go(func() {
			engine.EnterLane(party)
			mu.Lock()
			order = append(order, party)
			mu.Unlock()
			engine.LeaveLane()
		})
		waitFor(t, "call that waits", func() bool { _, waiting := engine.Lanes(); return waiting == n+1 })
	}
	engine.LeaveLane()
	calls.Wait()
	if want := []string{"many", "one", "many", "many", "many"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	for range all - 1 {
		engine.LeaveLane()
	}
	if free, _ := engine.Lanes(); free != all {
		t.Errorf("%d lanes are free, want %d", free, all)
	}
}

// What a call uses is counted over its slices, and a host call may take more than the
// slice has.
func TestSlicesAddUpToTheBudget(t *testing.T) {
	i := instantiate(t, "traps", vm.InstanceOptions{Fuel: 10_000_000})
	_, err := i.Func("spin").Call()
	trapped(t, err, "used up its fuel of 10000000 units")
	if got := i.Used(); got <= 10_000_000 || got > 10_000_100 {
		t.Errorf("used %d units of 10,000,000", got)
	}
	i = instantiate(t, "traps", vm.InstanceOptions{Fuel: 50_000_000})
	if got := call(t, i, "sleep", 1); got != 0 { // a million units, and some milliseconds more would be too many
		t.Errorf("got errno %d, want 0", got)
	}
	if got := i.Used(); got < 1_000_000 || got > 1_001_000 {
		t.Errorf("a millisecond's sleep cost %d units", got)
	}
}

// A call that computes at length and waits in between goes on when it has a lane again, and not at
// the end of a slice: else it could wait a little now and then, and never have one.
func TestACallThatHasWaitedWaitsForALane(t *testing.T) {
	const much, little = 100_000, 1_000 // iterations, each of some units
	var instance *vm.Instance
	var engine *vm.Engine
	var others crowd
	wait := func(context.Context, api.Module, []uint64) {
		instance.Rest()
		others = gather(engine)
	}
	engine = newEngine(t, vm.Options{Link: func(string, string, []api.ValueType, []api.ValueType) (api.GoModuleFunc, bool) { return wait, true }})
	module := compile(t, engine, "../../host/vm/testdata/rests")
	for _, c := range []struct {
		story string
		first uint64
		waits bool
	}{{"it computed at length", much, true}, {"it did not", little, false}} {
		t.Run(c.story, func(t *testing.T) {
			var err error
			if instance, err = module.Instantiate(vm.InstanceOptions{Fuel: 1 << 40}); err != nil {
				t.Fatal(err)
			}
			defer instance.Close()
			ended := make(chan error, 1)
			go func() {
				_, err := instance.Func("work").Call(c.first, little)
				ended <- err
			}()
			if c.waits {
				waitFor(t, "call that waits for a lane", func() bool { _, waiting := engine.Lanes(); return waiting == 1 || len(ended) > 0 })
				if len(ended) > 0 {
					t.Error("it went on without a lane")
				}
			} else {
				err = <-ended
				ended <- err
			}
			others.leave()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			others.expectNobody(t, "work")
			if got := instance.Used(); got < int64(c.first+little) || got > 20*int64(c.first+little) {
				t.Errorf("it used %d units", got)
			}
		})
	}
}

// Who computes at length tells what it has used as it goes, and can be held up, or ended.
func TestACallThatComputesAtLengthIsPaced(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	const fuel = 10_000_000
	var told int64
	var pieces, most int
	free := 0
	var i *vm.Instance
	pace := func(units int64) bool {
		told += units
		pieces++
		i.Rest()
		free, _ = engine.Lanes()
		return most == 0 || pieces < most
	}
	all, _ := engine.Lanes()
	for _, c := range []struct {
		most        int
		least, upTo int64
	}{{0, fuel - 300_000, fuel}, {3, 400_000, 1_000_000}} {
		told, pieces, most = 0, 0, c.most
		var err error
		if i, err = compile(t, engine, "traps").Instantiate(vm.InstanceOptions{Fuel: fuel, Pace: pace}); err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		_, err = i.Func("spin").Call()
		if trap := trapped(t, err, "used up its fuel of 10000000 units"); !trap.OutOfFuel {
			t.Error("not out of fuel")
		}
		if told < c.least || told > c.upTo || c.most > 0 && pieces != c.most {
			t.Errorf("it told of %d units in %d pieces, want %d to %d", told, pieces, c.least, c.upTo)
		}
		if free != all {
			t.Errorf("%d lanes were free while it was held up, want %d", free, all)
		}
	}
}
