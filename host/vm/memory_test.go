package vm_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/host/vm"
)

const page = 64 << 10

// growBy grows the memory by a page, so many times, and counts how often it did.
func growBy(t *testing.T, i *vm.Instance, times int) (got int) {
	t.Helper()
	for range times {
		answer, err := i.Func("grow").Call()
		if err != nil {
			t.Fatal(err)
		}
		got += int(uint32(answer))
	}
	return got
}

func TestInstancesOfAPoolHaveNoMoreThanIsInIt(t *testing.T) {
	engine := newEngine(t, vm.Options{MemoryLimit: 8 * page})
	module := compile(t, engine, "grower")
	total := vm.NewMemoryPool("total", 10*page, nil)
	ci, dev := vm.NewMemoryPool("ci's", 6*page, total), vm.NewMemoryPool("dev's", 20*page, total)
	var refusals []string
	instantiate := func(pool *vm.MemoryPool, limit uint64) (*vm.Instance, error) {
		return module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool, Limit: limit, Refused: func(err error) {
			refusals = append(refusals, err.Error())
		}}})
	}
	first, err := instantiate(ci, 3*page)
	if err != nil {
		t.Fatal(err)
	}
	second, err := instantiate(ci, 0)
	if err != nil {
		t.Fatal(err)
	}
	third, err := instantiate(dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		instance *vm.Instance
		want     int
		why      string
	}{
		{first, 2, "more than the limit of 192 KiB"}, // its own
		{second, 2, "of ci's, which is 384 KiB, 384 KiB are in use"},
		{third, 3, "of total, which is 640 KiB, 640 KiB are in use"},
	} {
		refusals = nil
		if got := growBy(t, of.instance, 10); got != of.want {
			t.Errorf("it grew by %d pages, want %d", got, of.want)
		}
		if len(refusals) != 10-of.want || len(refusals) > 0 && !strings.Contains(refusals[0], of.why) {
			t.Errorf("refusals: %q, want %q", refusals, of.why)
		}
	}
	var full *vm.PoolError
	if _, err := instantiate(ci, 0); !errors.As(err, &full) || full.Need != page || full.Used != 6*page || full.Limit != 6*page {
		t.Errorf("another instance: %v, want a PoolError", err)
	}
	if err := dev.Check(page); !errors.As(err, &full) || full.Pool != "total" {
		t.Errorf("check: %v, want that total is full", err)
	}
	if total.Used() != 10*page || ci.Used() != 6*page || dev.Used() != 4*page || ci.Refused() == 0 {
		t.Errorf("in use: %d, %d, %d", total.Used(), ci.Used(), dev.Used())
	}
	// What one gives back another can have.
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got := growBy(t, third, 10); got != 3 {
		t.Errorf("after another was closed it grew by %d pages, want 3", got)
	}
	for _, i := range []*vm.Instance{first, third} {
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if total.Used() != 0 || ci.Used() != 0 || dev.Used() != 0 {
		t.Errorf("all are closed, and in use are %d, %d, %d", total.Used(), ci.Used(), dev.Used())
	}
}

// The pages of a memory that grew are zero, and what was in it stays.
func TestAMemoryThatGrowsKeepsItsContent(t *testing.T) {
	t.Run("in its address space", func(t *testing.T) { keepsItsContent(t, newEngine(t, vm.Options{})) })
	t.Run("without address space", func(t *testing.T) {
		engine := newEngine(t, vm.Options{})
		engine.WithoutSpace()
		keepsItsContent(t, engine)
	})
}

func keepsItsContent(t *testing.T, engine *vm.Engine) {
	i, err := compile(t, engine, "grower").Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: vm.NewMemoryPool("p", 64*page, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	i.Memory().WriteUint32Le(8, 0xabcdef)
	for n := 1; n < 60; n++ {
		if growBy(t, i, 1) != 1 {
			t.Fatalf("it did not grow to %d pages", n+1)
		}
		view, ok := i.Memory().Read(uint32(n*page), page)
		if !ok || strings.Trim(string(view), "\x00") != "" {
			t.Fatalf("page %d is not zero", n)
		}
		for at := range view {
			view[at] = 0xff
		}
	}
	if got, _ := i.Memory().ReadUint32Le(8); got != 0xabcdef {
		t.Errorf("got %#x", got)
	}
}

func TestAPoolUnderHammering(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "grower")
	total := vm.NewMemoryPool("total", 12*page, nil)
	var wait sync.WaitGroup
	for n := range 4 {
		pool := vm.NewMemoryPool("part", uint64(4+n)*page, total)
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 50 {
				i, err := module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool}})
				if err != nil {
					continue // the others have it all
				}
				for range 6 {
					_, _ = i.Func("grow").Call()
				}
				if pool.Used() > int64(4+n)*page {
					t.Error("a pool is overdrawn")
				}
				_ = i.Close()
			}
		}()
	}
	wait.Wait()
	if total.Used() != 0 {
		t.Errorf("%d bytes are in use by nobody", total.Used())
	}
}

// What is taken from a pool is what the guest has, page by page.
func TestAMemoryIsCountedAsItGrows(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	countPages(t, engine, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11)
}

// Beyond two megabytes pages are made, and taken, up to the next two, if the pool has as many.
func TestALargeMemoryIsCountedByChunks(t *testing.T) {
	hasSpace(t)
	engine := newEngine(t, vm.Options{})
	pool := vm.NewMemoryPool("the pool", 100*page, nil)
	i, err := compile(t, engine, "grow-by").Instantiate(vm.InstanceOptions{Fuel: 1 << 40, Memory: vm.MemoryOptions{Pool: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for _, c := range []struct{ to, taken int64 }{{31, 31}, {32, 32}, {33, 64}, {64, 64}, {65, 96}, {97, 97}, {100, 100}} {
		call(t, i, "grow", uint64(c.to-int64(i.Memory().Size())/page))
		if size, taken := int64(i.Memory().Size())/page, pool.Used()/page; size != c.to || taken != c.taken {
			t.Errorf("it has %d pages, and %d are taken; want %d and %d", size, taken, c.to, c.taken)
		}
		if view, ok := i.Memory().Read(uint32(c.to-1)*page, page); !ok || len(bytes.Trim(view, "\x00")) > 0 {
			t.Errorf("page %d is not zero", c.to)
		}
	}
	if got := call(t, i, "grow", 1); got != 0 || pool.Refused() != 1 {
		t.Errorf("beyond the pool it grew by %d pages, with %d refusals; want none, and one", got, pool.Refused())
	}
}

// Where a memory has to be moved to grow, what is taken is what there is, and not what the
// guest has of it so far: it is given twice as much each time. Where there is not as much in the
// pool it is given what it asked for.
func TestAMemoryIsCountedWithItsSpareRoom(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	engine.WithoutSpace()
	countPages(t, engine, 2, 4, 4, 8, 8, 8, 8, 9, 10, 11, 11)
}

// countPages grows a memory to the eleven pages of its pool, and beyond.
func countPages(t *testing.T, engine *vm.Engine, want ...int64) {
	t.Helper()
	module := compile(t, engine, "grower")
	pool := vm.NewMemoryPool("the pool", 11*page, nil)
	i, err := module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	var got []int64
	for range 11 {
		growBy(t, i, 1)
		got = append(got, pool.Used()/page)
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages in use while it grew to 11 and beyond: %d, want %d", got, want)
	}
	if pool.Refused() != 1 {
		t.Errorf("%d refusals, want the last one", pool.Refused())
	}
}

// Where a memory has to be moved to grow, and its pool is nearly empty, all of it is moved for each
// page: that is paid for, beside the page, and in a loop that keeps its fuel to itself too.
func TestAMemoryThatIsMovedIsPaidFor(t *testing.T) {
	const pages = 40 // up to 32 it is given twice as many
	engine := newEngine(t, vm.Options{})
	engine.WithoutSpace()
	i, err := compile(t, engine, "grow-by").Instantiate(vm.InstanceOptions{
		Fuel: 1 << 40, Memory: vm.MemoryOptions{Pool: vm.NewMemoryPool("the pool", pages*page, nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if got := call(t, i, "grow", pages-1); got != pages-1 {
		t.Fatalf("it got %d pages, want %d", got, pages-1)
	}
	moved := int64(1 + 2 + 4 + 8 + 16)
	for n := int64(32); n < pages; n++ {
		moved += n
	}
	if got, least := i.Used(), (pages-1)*page+moved*page/8; got < int64(least) || got > int64(least)+100_000 {
		t.Errorf("it used %d units, want %d and a little", got, least)
	}
}

// Tables, segments and the like are the host's memory. What a module has more of than most
// is taken from the pools and limits of its instances' memory.
func TestTheHostsMemoryForAnInstanceIsCounted(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "wide-table")
	const each = 17 * page // its memory, and 8 bytes for each of 131,072 elements
	if got := module.Footprint(); got != each {
		t.Errorf("an instance takes %d bytes, want %d", got, each)
	}
	pool := vm.NewMemoryPool("the pool", 3*each-1, nil)
	for n := range 3 {
		i, err := module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool}})
		var full *vm.PoolError
		switch {
		case n < 2 && err != nil, n == 2 && (!errors.As(err, &full) || full.Need != each || full.Used != 2*each):
			t.Errorf("instance %d: got %v", n, err)
		case err == nil:
			defer func() {
				i.Close()
				if pool.Used()%each != 0 {
					t.Errorf("%d bytes are in use by nobody", pool.Used()%each)
				}
			}()
		}
	}
	var most *vm.MemoryError
	if _, err := module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Limit: 16 * page}}); !errors.As(err, &most) || most.Need != each {
		t.Errorf("with a limit of 16 pages: got %v, want a MemoryError", err)
	}
}

// What instances are put back to is memory like theirs.
func TestASnapshotIsTakenFromThePool(t *testing.T) {
	engine := newEngine(t, vm.Options{})
	module := compile(t, engine, "grower")
	pool := vm.NewMemoryPool("the pool", 2*page, nil)
	i, err := module.Instantiate(vm.InstanceOptions{Memory: vm.MemoryOptions{Pool: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	i.Memory().WriteByte(page-1, 1)
	first, err := i.Snapshot()
	if err != nil || pool.Used() != 2*page {
		t.Fatalf("%v, and %d bytes are in use; want two pages", err, pool.Used())
	}
	var full *vm.PoolError
	if _, err := i.Snapshot(); !errors.As(err, &full) || full.Need != page {
		t.Errorf("got %v, want a PoolError", err)
	}
	first.Free()
	first.Free()
	if pool.Used() != page {
		t.Errorf("%d bytes are in use, want one page", pool.Used())
	}
}
