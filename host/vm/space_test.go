package vm_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"unsafe"

	"github.com/sluice-gateway/sluice/host/vm"
)

// hasSpace skips where memories are moved when they grow.
func hasSpace(t testing.TB) {
	t.Helper()
	if os := runtime.GOOS; os != "linux" && os != "darwin" && os != "freebsd" || strconv.IntSize < 64 {
		t.Skip("no address space is reserved here")
	}
}

// start is where a memory begins.
func start(t testing.TB, i *vm.Instance) *byte {
	t.Helper()
	view, ok := i.Memory().Read(0, 1)
	if !ok {
		t.Fatal("the memory cannot be read")
	}
	return unsafe.SliceData(view)
}

// However often a memory grows, it is moved once.
func TestAMemoryThatGrowsIsMovedOnce(t *testing.T) {
	hasSpace(t)
	for _, name := range []string{"grow-by", "large-grower"} {
		i := instantiate(t, name, vm.InstanceOptions{Fuel: 1 << 40})
		at := start(t, i)
		call(t, i, "grow", 1)
		moved := start(t, i)
		if moved == at {
			t.Errorf("%s grew where it began", name)
		}
		for range 100 {
			call(t, i, "grow", 3)
		}
		if start(t, i) != moved {
			t.Errorf("%s was moved again", name)
		}
	}
}

// The guest pays for new pages when it grows, and once; what has to be moved the first time is paid
// for too.
func TestNewPagesArePaidFor(t *testing.T) {
	hasSpace(t)
	const pages, space = 40, 10_000
	for _, function := range []string{"grow", "at-once"} {
		i := instantiate(t, "grow-by", vm.InstanceOptions{Fuel: 1 << 40})
		call(t, i, function, pages)
		if got, least := i.Used(), int64(pages*page+page/2+space); got < least || got > least+10_000 {
			t.Errorf("%s: it used %d units for %d pages, want %d and a little", function, got, pages, least)
		}
		call(t, i, "grow", 1)
		if got := i.Used(); got < page || got > page+1000 {
			t.Errorf("%s: it used %d units for one more page", function, got)
		}
	}
}

// What it cannot pay for it does not get.
func TestAMoveThatIsNotPaidForIsNotMade(t *testing.T) {
	hasSpace(t)
	const fuel = page + 20_000
	i := instantiate(t, "grow-by", vm.InstanceOptions{Fuel: fuel, Memory: vm.MemoryOptions{Refused: func(err error) { t.Error("refused:", err) }}})
	_, err := i.Func("at-once").Call(1)
	trapped(t, err, fmt.Sprintf("used up its fuel of %d units", fuel))
	if got := i.Memory().Size(); got != page {
		t.Errorf("it has %d bytes", got)
	}
}

// One that grows by much at once waits for its turn in the middle of that, like one that fills it.
func TestALongGrowthIsInterrupted(t *testing.T) {
	hasSpace(t)
	i := interrupted(t, "grow-by", "at-once", []uint64{500}, func(i *vm.Instance) {
		if got := i.Memory().Size(); got != page {
			t.Errorf("it has %d bytes while it waits, want one page", got)
		}
	})
	if got := i.Memory().Size(); got != 501*page {
		t.Errorf("it has %d bytes, want 501 pages", got)
	}
}

// While a large memory is made, others get their turn.
func TestALargeMemoryIsMadeInTurns(t *testing.T) {
	hasSpace(t)
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "large-memory")
	others := gather(engine)
	made := make(chan error)
	go func() {
		i, err := module.Instantiate(vm.InstanceOptions{Party: "maker"})
		if err == nil {
			err = i.Close()
		}
		made <- err
	}()
	others.holdUp(t, 1, "instance in the making")
	entered := make(chan struct{})
	go func() {
		engine.EnterLane("another")
		close(entered)
	}()
	others.holdUp(t, 2, "another that waits")
	engine.LeaveLane()
	<-entered // though the instance is not made: it waits for its next turn
	others.holdUp(t, 1, "instance that waits again")
	others.leave()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
}

// Whoever holds the memory of an instance that is closed finds nothing there. The process would
// crash, or read another tenant's.
func TestTheMemoryOfAClosedInstanceIsOutOfBounds(t *testing.T) {
	for _, grow := range []uint64{0, 20} {
		engine := newEngine(t, vm.Options{})
		i, err := compile(t, engine, "grow-by").Instantiate(vm.InstanceOptions{Fuel: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		if grow > 0 {
			call(t, i, "grow", grow)
		}
		memory := i.Memory()
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		if _, ok := memory.Read(8, 4); ok || memory.Size() != 0 {
			t.Errorf("grown by %d: %d bytes can be read", grow, memory.Size())
		}
		if memory.WriteByte(0, 1) {
			t.Errorf("grown by %d: it can be written to", grow)
		}
	}
}

// A module that is nothing has no memory, and its instances are closed like others.
func TestAnInstanceWithoutAMemoryIsClosed(t *testing.T) {
	module, err := newEngine(t, vm.Options{}).Compile(t.Context(), "nothing", []byte("\x00asm\x01\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	defer module.Close(t.Context())
	i, err := module.Instantiate(vm.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// Instances grow, are looked at and closed side by side, each under its own lock: what one
// has in its memory no other gets, and nothing is left in the end.
func TestMemoriesThatComeAndGoAreApart(t *testing.T) {
	engine := newEngine(t, vm.Options{MemoryLimit: 16 << 20})
	module := compile(t, engine, "grow-by")
	pool := vm.NewMemoryPool("all of them", 1<<30, nil)
	space, areas := mapped(t)
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			mark := bytes.Repeat([]byte{byte(worker + 1)}, 100)
			for round := range 50 {
				i, err := module.Instantiate(vm.InstanceOptions{Fuel: 1 << 40, Memory: vm.MemoryOptions{Pool: pool}})
				if err != nil {
					t.Error(err)
					return
				}
				for n := range uint64(5) {
					if _, err := i.Func("grow").Call(1 + n*uint64(round%7)); err != nil {
						t.Error(err)
					}
					end := i.Memory().Size() - 100
					if view, ok := i.Memory().Read(end, 100); !ok || len(bytes.Trim(view, "\x00")) > 0 {
						t.Errorf("new memory has %x in it", view)
					}
					i.Memory().Write(end, mark)
					if view, _ := i.Memory().Read(end, 100); !bytes.Equal(view, mark) {
						t.Error("what was written is not there")
					}
				}
				if err := i.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if pool.Used() != 0 {
		t.Errorf("%d bytes are taken by nobody", pool.Used())
	}
	// Each has reserved 16 MiB.
	if spaceNow, areasNow := mapped(t); spaceNow > space+400<<20 || areasNow > areas+50 {
		t.Errorf("%d MiB of address space in %d areas, before %d in %d", spaceNow>>20, areasNow, space>>20, areas)
	}
}

// mapped is how much address space the process has, and in how many areas; 0 where the
// system does not tell.
func mapped(t *testing.T) (bytesOf, areas int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(maps) {
		from, rest, _ := bytes.Cut(line, []byte("-"))
		to, _, _ := bytes.Cut(rest, []byte(" "))
		a, _ := strconv.ParseUint(string(from), 16, 64)
		b, _ := strconv.ParseUint(string(to), 16, 64)
		bytesOf += int(b - a)
		areas++
	}
	return bytesOf, areas
}
