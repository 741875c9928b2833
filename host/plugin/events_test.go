package plugin_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/store"
)

// worker is a started queue-worker with its queue.
type worker struct {
	*plugin.Plugin
	t     *testing.T
	log   *logged
	space store.Space
	queue store.QueueID
}

// startWorkers starts a queue-worker on a space, or on one of its own.
func startWorkers(t *testing.T, mode string, instances int, space store.Space) *worker {
	t.Helper()
	if space == nil {
		space = store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "vm"})
	}
	w := &worker{t: t, log: new(logged), space: space}
	w.Plugin = start(t, "queue-worker", plugin.Options{Config: []byte(mode), Instances: instances, Logger: w.log.logger(), Space: space})
	var err error
	if w.queue, err = space.Register("jobs"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *worker) enqueue(items ...string) {
	w.t.Helper()
	for _, item := range items {
		if err := w.space.Enqueue(w.queue, []byte(item), 0); err != nil {
			w.t.Fatal(err)
		}
	}
}

// done are the items that the guest has taken, in their order.
func (w *worker) done() []string {
	var items []string
	for _, line := range w.log.messages() {
		if _, item, ok := strings.Cut(line, "msg=job:"); ok {
			items = append(items, item)
		}
	}
	return items
}

// wait returns once the guest has taken these items.
func (w *worker) wait(want ...string) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("items %q", want), func() bool { return len(w.done()) >= len(want) })
	if diff := cmp.Diff(want, w.done()); diff != "" {
		w.t.Fatalf("items (-want +got):\n%s", diff)
	}
}

func TestAGuestThatTakesOneAtATimeIsCalledUntilNoneIsLeft(t *testing.T) {
	w := startWorkers(t, "1", 2, nil)
	w.enqueue("1", "2", "3")
	w.Activate()
	w.wait("1", "2", "3")
	w.enqueue("4")
	w.wait("1", "2", "3", "4")
}

func TestEventsForWhatWasTakenAlreadyAreLeftOut(t *testing.T) {
	w := startWorkers(t, "a", 1, nil)
	var want []string
	w.Activate()
	for i := range 500 {
		want = append(want, fmt.Sprint(i))
	}
	w.enqueue(want...)
	w.wait(want...)
	w.Close(t.Context()) // waits for events that run
	if items, _, _ := w.space.Depth(w.queue); items != 0 {
		t.Errorf("%d items are left", items)
	}
}

func TestAGuestThatTakesNothingIsCalledOnceAnItem(t *testing.T) {
	w := startWorkers(t, "n", 1, nil)
	w.Activate()
	for n := 1; n <= 3; n++ {
		w.enqueue("item")
		eventually(t, "an event", func() bool { return w.log.count("msg=none") >= n })
	}
	w.Close(t.Context())
	if got := w.log.count("msg=none"); got != 3 {
		t.Errorf("%d events for 3 items", got)
	}
}

// A plugin that stands by, or that is going, leaves what is in the queue to the one
// that serves.
func TestTheQueueGoesToTheGenerationThatServes(t *testing.T) {
	first := startWorkers(t, "1", 1, nil)
	first.enqueue("1")
	second := startWorkers(t, "1", 1, first.space)
	first.Activate()
	first.wait("1")
	first.Quiesce()
	first.Quiet()
	first.enqueue("2", "3")
	second.Activate()
	second.wait("2", "3")
	first.Close(t.Context())
	second.enqueue("4")
	second.wait("2", "3", "4")
	first.wait("1")
}

func TestAnItemThatCrashesTheGuestDoesNotStopTheQueue(t *testing.T) {
	w := startWorkers(t, "1", 2, nil)
	w.Activate()
	w.enqueue("before", "crash", "after", "crash", "end")
	w.wait("before", "after", "end")
	eventually(t, "replacements", func() bool { return w.Instances() == 2 })
}

func TestEventsGoToAnotherInstanceWhenOneIsLost(t *testing.T) {
	w := startWorkers(t, "1", 3, nil)
	w.Activate()
	var want []string
	for i := range 4 { // the pauses grow
		// Whichever it is that gets the events, it will crash in the end.
		w.enqueue("crash", fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
		w.wait(want...)
		eventually(t, "replacements", func() bool { return w.Instances() == 3 })
	}
}

// A guest is never entered while one of its callbacks runs, be it the one that
// puts the item into the queue.
func TestAFilterThatFeedsItsOwnQueue(t *testing.T) {
	w := startWorkers(t, "1", 2, nil)
	w.Activate()
	var want []string
	var all sync.WaitGroup
	for i := range 8 {
		for j := range 25 {
			want = append(want, fmt.Sprintf("%d-%d", i, j))
		}
		all.Go(func() {
			for j := range 25 {
				var s state
				s.fields.Add("x-job", fmt.Sprintf("%d-%d", i, j))
				if err := w.Open(t.Context(), &s.stream, &s); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.stream.RequestHeaders(1, true); err != nil {
					t.Error(err)
				}
				s.stream.Done()
			}
		})
	}
	all.Wait()
	eventually(t, "all items", func() bool { return len(w.done()) == len(want) })
	got := w.done()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// An instance that belongs to a stream, or will, is not called for what others put
// into a queue.
func TestFreshInstancesGetNoEvents(t *testing.T) {
	var log logged
	space := store.NewMemory(store.Limits{}).Space(store.Namespace{VMID: "vm"})
	p := start(t, "queue-worker", plugin.Options{Config: []byte("1"), Isolation: plugin.PerStream, Instances: 1, Logger: log.logger(), Space: space})
	p.Activate()
	id, err := space.Resolve("", "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if err := space.Enqueue(id, []byte("item"), 0); err != nil {
		t.Fatal(err)
	}
	p.Close(t.Context())
	if items, _, _ := space.Depth(id); items != 1 {
		t.Errorf("%d items are left", items)
	}
}

// Swaps, crashes, streams and items at once: every item that does not crash the
// filter is taken, and nothing is left over.
func TestQueueEventsUnderHammering(t *testing.T) {
	space := store.NewMemory(store.Limits{QueueItems: 1 << 20}).Space(store.Namespace{VMID: "vm"})
	var logs []*logged
	var current *worker
	next := func() {
		w := startWorkers(t, "1", 2, space)
		logs = append(logs, w.log)
		if current != nil {
			current.Quiesce()
			current.Quiet()
		}
		w.Activate()
		if current != nil {
			current.Close(context.Background())
		}
		current = w
	}
	next()
	const producers, items = 4, 100 // fewer than log lines are allowed
	var all sync.WaitGroup
	for range producers {
		all.Go(func() {
			for range items {
				if err := space.Enqueue(jobs(space), []byte("item"), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		next()
	}
	all.Wait()
	taken := func() int {
		n := 0
		for _, log := range logs {
			n += log.count("msg=job:item")
		}
		return n
	}
	eventually(t, "all items", func() bool { return taken() == producers*items })
	current.Close(t.Context()) // waits for events that run
	if got := taken(); got != producers*items {
		t.Errorf("%d items were taken, want %d", got, producers*items)
	}
}

// jobs is the queue of a space.
func jobs(space store.Space) store.QueueID {
	id, err := space.Resolve("", "jobs")
	if err != nil {
		panic(err)
	}
	return id
}

func TestTheVMIDIsAProperty(t *testing.T) {
	for vmID, want := range map[string]string{"": "noop", "shared": "shared"} {
		p := start(t, "noop", plugin.Options{VMID: vmID})
		if got, ok := p.Property("plugin_vm_id"); !ok || !bytes.Equal(got, []byte(want)) {
			t.Errorf("with vm_id %q the property is %q", vmID, got)
		}
	}
}

func TestTheOperatorIsToldWhatWasRefused(t *testing.T) {
	var log logged
	space := store.NewMemory(store.Limits{QueueItems: 1}).Space(store.Namespace{VMID: "vm"})
	p := start(t, "queue-worker", plugin.Options{Config: []byte("1"), Instances: 1, Logger: log.logger(), Space: space})
	for range 5 {
		var s state
		s.fields.Add("x-job", "item")
		if err := p.Open(t.Context(), &s.stream, &s); err != nil {
			t.Fatal(err)
		}
		if _, err := s.stream.RequestHeaders(1, true); err != nil {
			t.Fatal(err)
		}
		s.stream.Done()
	}
	if n := log.count("changes of what the filter shares were refused"); n != 1 {
		t.Errorf("the log has %d lines about it:\n%q", n, log.messages())
	}
}
