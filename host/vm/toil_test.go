package vm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

// To make an instance with much memory, and to put it back, is work like a guest's own:
// it waits for its turn where others compute at length.
func TestLargeInstancesAreMadeAndPutBackInTurns(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "large-memory")
	turns := func(what string, work func()) {
		others := gather(engine)
		done := make(chan struct{})
		go func() {
			defer close(done)
			work()
		}()
		others.holdUp(t, 1, what)
		others.leave()
		<-done
		others.expectNobody(t, what)
	}
	var i *vm.Instance
	turns("instance in the making", func() {
		var err error
		if i, err = module.Instantiate(vm.InstanceOptions{}); err != nil {
			t.Error(err)
		}
	})
	if i == nil {
		return
	}
	defer i.Close()
	const size = 32 << 20
	if got := i.StartUsed(); got < size/8 || got > size {
		t.Errorf("making it cost %d units for %d bytes", got, size)
	}
	snapshot, err := i.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got := snapshot.Units(); got < size/8 || got > size {
		t.Errorf("putting it back costs %d units for %d bytes", got, size)
	}
	for range 3 {
		call(t, i, "proxy_on_request_headers", 2, 0, 1) // traps where it finds what it left
		turns("instance that is put back", func() {
			if !i.Reset(snapshot) {
				t.Error("it was not put back")
			}
		})
	}
}

// A fill of 32 MiB pays for what it has done when it runs out of fuel, and not for all; it
// traps in the guest's own function, and not in one that was added.
func TestALongFillEndsWithItsFuel(t *testing.T) {
	const budget = 1_000_000
	i := instantiate(t, "large-memory", vm.InstanceOptions{Fuel: budget})
	_, err := i.Func("fill").Call()
	trap := trapped(t, err, "used up its fuel of 1000000 units")
	if got := i.Used(); got > budget+9000 {
		t.Errorf("it used %d units of %d", got, budget)
	}
	if !strings.HasPrefix(trap.Stack, ".$2()") {
		t.Errorf("got the stack %q, want function 2", trap.Stack)
	}
}

// With enough, it is left all the same: it waits for its turn in the middle of the fill.
func TestALongFillIsInterrupted(t *testing.T) {
	i := interrupted(t, "large-memory", "fill", nil, func(i *vm.Instance) {
		first, _ := i.Memory().ReadByte(0)
		last, _ := i.Memory().ReadByte(32<<20 - 1)
		if first != 7 || last != 0 {
			t.Errorf("the first byte is %d and the last %d, want 7 and 0", first, last)
		}
	})
	if last, _ := i.Memory().ReadByte(32<<20 - 1); last != 7 {
		t.Errorf("in the end the last byte is %d, want 7", last)
	}
}

// Most guests are small, and nobody waits for them.
func TestSmallInstancesWaitForNobody(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	others := gather(engine)
	i, err := compile(t, engine, "grower").Instantiate(vm.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	snapshot, err := i.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !i.Reset(snapshot) {
		t.Error("it was not put back")
	}
	if got := snapshot.Units() + i.StartUsed(); got > 100_000 {
		t.Errorf("%d units for an instance with one page", got)
	}
	others.leave()
}

// However many functions recurse a little, an instance keeps no more of their stacks than one of them may, and what it
// keeps is taken from its pool, but for 64 KiB: where there is nothing, it keeps no more.
func TestStacksOfAnInstanceAreBoundedTogether(t *testing.T) {
	const functions, free, first, most, page = 14, 64 << 10, 16 << 10, 128 << 10, 64 << 10
	for _, c := range []struct {
		story string
		limit int64
	}{{"a large pool", 1 << 30}, {"a pool with a page left", 2 * page}, {"a pool with none left", page}} {
		t.Run(c.story, func(t *testing.T) {
			pool := vm.NewMemoryPool("limits.test", uint64(c.limit), nil)
			i, err := compile(t, newEngine(t, vm.Options{}), "many-deep").Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool}})
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			for _, depth := range []uint64{1, 300, 1500, 9000, 300} {
				for n := range functions {
					if got := call(t, i, fmt.Sprintf("deep%d", n), depth); got != depth {
						t.Errorf("%d deep: got %d", depth, got)
					}
				}
				kept, all, deep := 0, int64(0), int64(0)
				for n := range functions {
					if stack := int64(i.Func(fmt.Sprintf("deep%d", n)).NativeStack()); stack > 0 {
						kept, all, deep = kept+1, all+stack, deep+max(0, stack-first)
					}
				}
				taken := pool.Used() - page
				if want := (max(0, all-free) + page - 1) / page * page; taken != want || taken > c.limit-page {
					t.Errorf("after calls %d deep it keeps %d bytes of stacks, and %d are taken for them, want %d", depth, all, taken, want)
				}
				if deep > most {
					t.Errorf("after calls %d deep it keeps %d bytes of large stacks, want at most %d", depth, deep, most)
				}
				if c.limit > 2*page && depth == 1 && kept != functions || kept == 0 && depth <= 300 {
					t.Errorf("after calls %d deep it keeps %d stacks", depth, kept)
				}
			}
			if err := i.Close(); err != nil || pool.Used() != 0 {
				t.Errorf("%v; %d bytes are taken for a closed instance", err, pool.Used())
			}
		})
	}
}

// The stack that a deep call needed is not kept for the next one, which may never come.
func TestTheStackOfADeepCallIsLetGo(t *testing.T) {
	i := instantiate(t, "deep", vm.InstanceOptions{Fuel: 1 << 40})
	const least, most = 8 << 10, 128 << 10
	depths := i.Func("deep")
	for _, c := range []struct {
		depth uint64
		kept  bool
	}{{1, true}, {100, true}, {3000, false}, {9000, false}, {100, true}} {
		if got := call(t, i, "deep", c.depth); got != uint64(c.depth) {
			t.Errorf("%d deep: got %d", c.depth, got)
		}
		if got := depths.NativeStack(); c.kept && (got < least || got > most) || !c.kept && got != 0 {
			t.Errorf("after a call %d deep: it keeps %d bytes of stack; to keep: %v", c.depth, got, c.kept)
		}
	}
}
