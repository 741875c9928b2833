package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/store"
)

// forms runs a test with a store in memory and with one in a file.
func forms(t *testing.T, limits store.Limits, test func(*testing.T, store.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, store.NewMemory(limits)) })
	t.Run("file", func(t *testing.T) {
		test(t, open(t, t.TempDir(), limits))
	})
}

func open(t testing.TB, dir string, limits store.Limits) store.Store {
	t.Helper()
	s, err := store.OpenFile(store.FileOptions{Dir: dir, Sync: time.Second}, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// space is a space with words for what tests do with it.
type space struct {
	store.Space
	t testing.TB
}

func spaceOf(t testing.TB, s store.Store, vmID string) space {
	return space{s.Space(store.Namespace{VMID: vmID}), t}
}

func (s space) set(key, value string, cas uint32, want error) {
	s.t.Helper()
	if err := s.Set([]byte(key), []byte(value), cas); !errors.Is(err, want) {
		s.t.Fatalf("set %q if %d: got %v, want %v", key, cas, err, want)
	}
}

func (s space) delete(key string, cas uint32, want error) {
	s.t.Helper()
	if err := s.Delete([]byte(key), cas); !errors.Is(err, want) {
		s.t.Fatalf("delete %q if %d: got %v, want %v", key, cas, err, want)
	}
}

func (s space) get(key, want string) (cas uint32) {
	s.t.Helper()
	value, cas, err := s.Get([]byte(key))
	if err != nil || string(value) != want || cas == 0 {
		s.t.Fatalf("get %q: got %q, number %d, %v, want %q", key, value, cas, err, want)
	}
	return cas
}

func (s space) absent(key string) {
	s.t.Helper()
	if value, _, err := s.Get([]byte(key)); err != store.ErrNotFound {
		s.t.Fatalf("get %q: got %q, %v, want that it is not found", key, value, err)
	}
}

func (s space) register(name string) store.QueueID {
	s.t.Helper()
	id, err := s.Register(name)
	if err != nil || id == 0 {
		s.t.Fatalf("register %q: got %d, %v", name, id, err)
	}
	return id
}

func (s space) enqueue(id store.QueueID, item string, want error) {
	s.t.Helper()
	if err := s.Enqueue(id, []byte(item), 0); err != want {
		s.t.Fatalf("enqueue %q: got %v, want %v", item, err, want)
	}
}

func (s space) dequeue(id store.QueueID, want string) {
	s.t.Helper()
	item, _, err := s.Dequeue(id)
	if err == store.ErrEmpty {
		item = []byte("(empty)")
	} else if err != nil {
		s.t.Fatalf("dequeue: %v", err)
	}
	if string(item) != want {
		s.t.Fatalf("dequeue: got %q, want %q", item, want)
	}
}

func TestOfTwoThatReadTheSameOneWriteSucceeds(t *testing.T) {
	forms(t, store.Limits{}, func(t *testing.T, s store.Store) {
		a, b := spaceOf(t, s, "a"), spaceOf(t, s, "a")
		a.set("k", "1", 0, nil)
		first, second := a.get("k", "1"), b.get("k", "1")
		if first != second {
			t.Errorf("the same value has the numbers %d and %d", first, second)
		}
		a.set("k", "2", first, nil)
		b.set("k", "3", second, store.ErrMismatch)
		b.get("k", "2")
		b.set("k", "4", 0, nil)
		a.get("k", "4")
	})
}

func TestADeletedKeyHasNoNumberAndNeverGetsAnOldOne(t *testing.T) {
	forms(t, store.Limits{}, func(t *testing.T, s store.Store) {
		a := spaceOf(t, s, "a")
		seen := map[uint32]bool{}
		for round := range 5 {
			for write := range 3 {
				a.set("k", fmt.Sprint(write), 0, nil)
				cas := a.get("k", fmt.Sprint(write))
				if seen[cas] {
					t.Fatalf("round %d: the number %d comes again", round, cas)
				}
				seen[cas] = true
				a.set("other", "x", 0, nil)
			}
			last := a.get("k", "2")
			a.delete("k", last-1, store.ErrMismatch)
			a.delete("k", last, nil)
			a.absent("k")
			a.set("k", "back", last, store.ErrMismatch)
			a.delete("k", last, store.ErrMismatch)
			a.delete("k", 0, nil)
		}
	})
}

func TestAnEmptyValueIsAValue(t *testing.T) {
	forms(t, store.Limits{}, func(t *testing.T, s store.Store) {
		a := spaceOf(t, s, "a")
		a.set("", "", 0, nil)
		a.get("", "")
	})
}

func TestNamespacesDoNotMeet(t *testing.T) {
	forms(t, store.Limits{}, func(t *testing.T, s store.Store) {
		a, b := spaceOf(t, s, "a"), spaceOf(t, s, "b")
		stranger := space{s.Space(store.Namespace{Tenant: "t", VMID: "a"}), t}
		a.set("k", "1", 0, nil)
		b.absent("k")
		stranger.absent("k")

		id := a.register("q")
		a.enqueue(id, "1", nil)
		b.enqueue(id, "guessed", store.ErrNotFound)
		if _, _, err := b.Dequeue(id); err != store.ErrNotFound {
			t.Errorf("a queue that was guessed: %v", err)
		}
		if _, err := stranger.Resolve("a", "q"); err != store.ErrNotFound {
			t.Errorf("a queue of another tenant: %v", err)
		}
		if _, err := b.Resolve("a", "none"); err != store.ErrNotFound {
			t.Errorf("a queue that nobody registered: %v", err)
		}
		if _, err := b.Resolve("nobody", "q"); err != store.ErrNotFound {
			t.Errorf("a queue of a namespace that is not there: %v", err)
		}
		for _, resolve := range []func() (store.QueueID, error){
			func() (store.QueueID, error) { return b.Resolve("a", "q") },
			func() (store.QueueID, error) { return a.Resolve("", "q") },
			func() (store.QueueID, error) { return a.Resolve("a", "q") },
			func() (store.QueueID, error) { return a.Register("q") },
		} {
			if got, err := resolve(); got != id || err != nil {
				t.Errorf("got queue %d, %v, want %d", got, err, id)
			}
		}
		b.enqueue(id, "2", nil)
		b.dequeue(id, "1")
		a.dequeue(id, "2")
		a.dequeue(id, "(empty)")
	})
}

func TestWhatIsOverABoundIsRefusedAndCounted(t *testing.T) {
	limits := store.Limits{Keys: 2, Bytes: 10, Queues: 1, QueueItems: 2, QueueBytes: 5}
	forms(t, limits, func(t *testing.T, s store.Store) {
		a := spaceOf(t, s, "a")
		a.set("k1", "123", 0, nil)
		a.set("k2", "123", 0, nil)
		a.set("k3", "", 0, store.ErrFull)     // keys
		a.set("k1", "1234", 0, store.ErrFull) // bytes
		a.set("k1", "12", 0, nil)
		a.set("k2", "1234", 0, nil)
		a.get("k1", "12")
		a.delete("k1", 0, nil)
		a.set("k3", "123", 0, store.ErrFull)
		a.set("k3", "12", 0, nil)
		a.set(strings.Repeat("k", store.MaxNameBytes+1), "", 0, store.ErrTooLong)

		id := a.register("q")
		if _, err := a.Register("r"); err != store.ErrFull {
			t.Errorf("one queue more: %v", err)
		}
		if _, err := a.Register(strings.Repeat("q", store.MaxNameBytes+1)); err != store.ErrTooLong {
			t.Errorf("a long name: %v", err)
		}
		a.enqueue(id, "123456", store.ErrFull)
		a.enqueue(id, "123", nil)
		a.enqueue(id, "456", store.ErrFull)
		a.enqueue(id, "", nil)
		a.enqueue(id, "", store.ErrFull)
		a.dequeue(id, "123")
		a.enqueue(id, "12345", nil)

		spaceOf(t, s, "b").set("k", "0123456789"[:9], 0, nil) // has bounds of its own
		want := []store.Stats{
			{Namespace: store.Namespace{VMID: "a"}, Keys: 2, Bytes: 10, Queues: 1, Items: 2, Queued: 5, Refused: 7},
			{Namespace: store.Namespace{VMID: "b"}, Keys: 1, Bytes: 10},
		}
		if diff := cmp.Diff(want, s.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		// Wider bounds take effect at once; narrower ones take nothing away.
		s.Configure(store.Limits{Keys: 1, Bytes: 100})
		a.set("k2", "a long value", 0, nil)
		a.set("k4", "", 0, store.ErrFull)
		a.get("k3", "12")
	})
}

func TestQueuesGiveBackInTheirOrder(t *testing.T) {
	forms(t, store.Limits{}, func(t *testing.T, s store.Store) {
		a := spaceOf(t, s, "a")
		id := a.register("q")
		in, out := 0, 0
		for round := range 50 {
			for range 1 + round*7%13 {
				a.enqueue(id, fmt.Sprint(in), nil)
				in++
			}
			for range 1 + round*5%11 {
				if out == in {
					a.dequeue(id, "(empty)")
					break
				}
				a.dequeue(id, fmt.Sprint(out))
				out++
			}
			if out < in {
				item, _, err := a.Dequeue(id)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Requeue(id, item, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		for ; out < in; out++ {
			a.dequeue(id, fmt.Sprint(out))
		}
		a.dequeue(id, "(empty)")
	})
}

func TestTheLastListenerIsToldAndThenTheOneBefore(t *testing.T) {
	a := spaceOf(t, store.NewMemory(store.Limits{}), "a")
	id := a.register("q")
	told := map[string]int{}
	listen := func(name string) (stop func()) {
		stop, err := a.Listen(id, func() { told[name]++ })
		if err != nil {
			t.Fatal(err)
		}
		return stop
	}
	expect := func(when string, want map[string]int) {
		t.Helper()
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s: told (-want +got):\n%s", when, diff)
		}
		clear(told)
	}
	a.enqueue(id, "before anybody listens", nil)
	first := listen("first")
	expect("at its start", map[string]int{"first": 1})
	second := listen("second")
	expect("at the second's start", map[string]int{"second": 1})
	a.enqueue(id, "x", nil)
	expect("an item", map[string]int{"second": 1})
	second()
	second()
	expect("the second has stopped", map[string]int{"first": 1})
	a.dequeue(id, "before anybody listens")
	a.dequeue(id, "x")
	third := listen("third")
	expect("nothing there", map[string]int{})
	first()
	a.enqueue(id, "y", nil)
	expect("an item", map[string]int{"third": 1})
	third()
	a.enqueue(id, "z", nil)
	expect("nobody listens", map[string]int{})
	if _, err := a.Listen(99, func() {}); err != store.ErrNotFound {
		t.Errorf("an unknown queue: %v", err)
	}
}

func TestKeysLiveAsLongAsTheirPrefixSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.NewMemory(store.Limits{Keys: 3, TTL: []store.TTL{
			{Prefix: "s/", After: time.Minute},
			{Prefix: "s/long/", After: time.Hour},
			{Prefix: "s/keep/", After: 0},
		}})
		a := spaceOf(t, s, "a")
		a.set("s/1", "v", 0, nil)
		a.set("s/long/1", "v", 0, nil)
		a.set("s/keep/1", "v", 0, nil)
		time.Sleep(time.Minute - 1)
		last := a.get("s/1", "v")
		a.set("other", "v", 0, store.ErrFull)
		time.Sleep(time.Nanosecond)
		a.absent("s/1")
		a.set("s/1", "v", last, store.ErrMismatch) // it is gone
		a.set("other", "v", 0, nil)                // and makes room
		a.delete("other", 0, nil)

		a.set("s/1", "v", 0, nil)
		if again := a.get("s/1", "v"); again == last {
			t.Errorf("the number %d comes again", again)
		}
		time.Sleep(30 * time.Second)
		a.set("s/1", "w", 0, nil) // lives from its last write
		time.Sleep(59 * time.Second)
		a.get("s/1", "w")
		// What is there keeps its time when the rules change, until it is written.
		s.Configure(store.Limits{})
		time.Sleep(time.Second)
		a.absent("s/1")
		a.set("s/long/1", "v", 0, nil)
		time.Sleep(1000 * time.Hour)
		a.get("s/long/1", "v")
		a.get("s/keep/1", "v")
		if got := s.Stats()[0]; got.Keys != 2 || got.Bytes != int64(len("s/long/1v")+len("s/keep/1v")) {
			t.Errorf("stats: %+v", got)
		}
	})
}

// Hundreds of writers, and nothing is lost: each success is one step.
func TestCompareAndSetUnderContention(t *testing.T) {
	forms(t, store.Limits{TTL: []store.TTL{{Prefix: "t", After: time.Millisecond}}}, func(t *testing.T, s store.Store) {
		const writers, steps = 64, 50
		spaceOf(t, s, "a").set("n", "0", 0, nil)
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				a := spaceOf(t, s, "a")
				id := a.register("q")
				for range steps {
					for done := false; !done; {
						value, cas, err := a.Get([]byte("n"))
						if err != nil {
							t.Error(err)
							return
						}
						n, _ := strconv.Atoi(string(value))
						done = a.Set([]byte("n"), []byte(strconv.Itoa(n+1)), cas) == nil
					}
					_ = a.Set([]byte("t"), nil, 0)
					_ = a.Delete([]byte("t"), 0)
					if err := a.Enqueue(id, nil, 0); err != nil && err != store.ErrFull {
						t.Error(err)
					}
					_, _, _ = a.Dequeue(id) // somebody's
					s.Stats()
				}
			})
		}
		all.Wait()
		spaceOf(t, s, "a").get("n", strconv.Itoa(writers*steps))
	})
}
