package vm

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tickPeriod is how often running calls are looked at, and so how exactly
	// their time is measured.
	tickPeriod = 5 * time.Millisecond
	// idleTicks without a running call stop the ticks until there is one.
	idleTicks = 200
	// expired is the stamp of an instance whose call was over its time.
	expired = 1<<64 - 1
)

// watchdog ends calls that take too long. Time is counted in its own ticks, so
// that beginning and ending a call costs a few atomic operations, and a machine
// that stalls never makes a call look longer than it was.
type watchdog struct {
	tick   atomic.Uint64 // from 1
	parked atomic.Bool   // no ticks; a call that begins must wake it
	wake   chan struct{}
	stop   chan struct{}
	done   sync.WaitGroup

	mu        sync.Mutex // guards what follows
	instances []*Instance
}

func newWatchdog() *watchdog {
	w := &watchdog{wake: make(chan struct{}, 1), stop: make(chan struct{})}
	w.tick.Store(1)
	w.done.Go(w.run)
	return w
}

func (w *watchdog) close() {
	close(w.stop)
	w.done.Wait()
}

func (w *watchdog) add(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i.slot = len(w.instances)
	w.instances = append(w.instances, i)
}

func (w *watchdog) remove(i *Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.instances) - 1
	w.instances[i.slot] = w.instances[last]
	w.instances[i.slot].slot = i.slot
	w.instances[last] = nil
	w.instances = w.instances[:last]
}

func (w *watchdog) run() {
	timer := time.NewTimer(tickPeriod)
	defer timer.Stop()
	for idle := 0; ; {
		select {
		case <-w.stop:
			return
		case <-timer.C:
		}
		if w.look(w.tick.Add(1)) {
			idle = 0
		} else if idle++; idle > idleTicks {
			// A call that begins stamps itself and then looks at parked; here it
			// is the other way round. So one of the two sees the other.
			w.parked.Store(true)
			if !w.look(w.tick.Load()) {
				select {
				case <-w.stop:
					return
				case <-w.wake:
				}
			}
			w.parked.Store(false)
			idle = 0
		}
		timer.Reset(tickPeriod)
	}
}

// look ends the calls that are over their time at the given tick, and tells
// whether any call runs.
func (w *watchdog) look(now uint64) (running bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.instances {
		stamp := i.stamp.Load()
		if stamp == 0 || stamp == expired {
			continue
		}
		running = true
		// When the call just ended and another began in the same tick, that one
		// is as old.
		if now-stamp > i.limit.Load() && i.stamp.CompareAndSwap(stamp, expired) {
			close(i.done)
		}
	}
	return running
}

// begin stamps an instance whose outermost call begins.
func (w *watchdog) begin(i *Instance) {
	i.stamp.Store(w.tick.Load())
	if w.parked.Load() {
		select {
		case w.wake <- struct{}{}:
		default: // somebody else did
		}
	}
}

// end takes the stamp off, and tells whether the call was in time.
func (w *watchdog) end(i *Instance) bool {
	stamp := i.stamp.Load()
	return stamp != expired && i.stamp.CompareAndSwap(stamp, 0)
}

// ticks is a time limit in ticks: rounded up, and one more because the first is
// not whole.
func ticks(d time.Duration) uint64 {
	return uint64((d+tickPeriod-1)/tickPeriod) + 1
}
