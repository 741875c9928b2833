package plugin

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// Isolation says what streams of one filter share.
type Isolation uint8

const (
	// Shared streams run on a few instances, many at a time on each. A filter can
	// keep what it learned from one for the next.
	Shared Isolation = iota
	// PerStream gives every stream an instance of its own that nothing is left of
	// afterwards: no filter can carry anything from one stream to another, however
	// it was attacked.
	PerStream
)

// Isolated streams do not pay for an instance's start: after a stream, the memory
// and the globals of its instance are put back to what they were once the canary
// was configured, which takes microseconds, and not a byte of the stream is left in
// them. An instance that cannot be put back, because its memory grew, or which
// trapped, is thrown away, and another is started.

// DefaultMaxInstances is how many instances a plugin of isolation PerStream has
// at a time when Options do not say.
const DefaultMaxInstances = 512

// freshShard is the shard of an instance that belongs to a stream.
const freshShard = -1

// freshSupply is where the streams of isolation PerStream get their instances
// from: some are started in advance, and all are thrown away after one stream.
type freshSupply struct {
	plugin *Plugin
	ready  int            // how many are started in advance
	warm   chan *Instance // started, and nobody's
	slots  *slots         // of the instances that belong to streams
	wanted chan struct{}  // something was taken out of warm, and not put back
	// origin is what every stream finds; nil where instances cannot be put back.
	origin *origin
	pace   pace // at which what crashed is replaced

	mu     sync.Mutex            // guards what follows
	live   map[*Instance]*holder // those of streams, by whose slots they have
	closed bool
}

// keepWarm is how many instances are kept for streams to come, though they were
// not started in advance.
const keepWarm = 64

func newFreshSupply(p *Plugin, options *Options) *freshSupply {
	ready, most := options.Instances, options.MaxInstances
	return &freshSupply{
		plugin: p,
		ready:  ready,
		warm:   make(chan *Instance, max(ready, min(most, keepWarm))),
		slots:  newSlots(most, options.ShareInstances),
		wanted: make(chan struct{}, 1),
		live:   make(map[*Instance]*holder),
	}
}

// origin is the state of an instance after its start.
type origin struct {
	guest  *vm.Snapshot
	values map[string][]byte // of the root context
	period time.Duration     // of its ticks
	// lastCall is the number of the last call that it made, which its guest may
	// still wait for. The next stream is not told how many there were since.
	lastCall uint32
}

// remember keeps the canary's state. An error says that there is no memory for it.
func (f *freshSupply) remember(canary *Instance) error {
	canary.lock(f.plugin.ownParty) // as in takeHints
	defer canary.unlock()
	if canary.lost.Load() {
		return nil
	}
	guest, err := canary.vm.Snapshot()
	if guest != nil {
		f.origin = &origin{guest: guest, values: maps.Clone(canary.root.values), period: canary.tick.interval(), lastCall: canary.callouts.lastID}
	}
	return err
}

// restore puts an instance back into the state in which the stream got it. False
// means that it is of no more use. The caller holds the instance's lock.
func (f *freshSupply) restore(i *Instance) bool {
	o := f.origin
	if o == nil || i.lost.Load() || len(i.contexts) > 0 || !i.vm.Reset(o.guest) {
		return false
	}
	i.plugin.spend(o.guest.Units())
	i.tick.rest(o.period)
	i.root.values = maps.Clone(o.values)
	i.callouts.lastID = o.lastCall
	i.current = &i.root
	i.nextID = rootID
	i.spent = false
	i.served.Store(false)
	return true
}

// acquire returns an instance that no stream has seen, locked.
func (f *freshSupply) acquire(ctx context.Context, party string) (*Instance, error) {
	slot, err := f.slots.take(ctx, party, acquireWait)
	if err != nil {
		return nil, f.plugin.refuseInstance(party, err)
	}
	instance, err := f.take(ctx)
	if err != nil {
		f.slots.give(slot)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.closed { // and so is the module
			return nil, ErrClosed
		}
		return nil, err
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		f.slots.give(slot)
		instance.abandon()
		return nil, ErrClosed
	}
	f.live[instance] = slot
	f.mu.Unlock()
	instance.lock(party)
	if instance.lost.Load() { // closed with the plugin just now, or crashed by an answer to a call of its start
		f.discard(instance)
		instance.unlock()
		return nil, ErrInstanceLost
	}
	instance.armTick()
	return instance, nil
}

// take returns an instance that was started in advance, or starts one.
func (f *freshSupply) take(ctx context.Context) (*Instance, error) {
	select {
	case instance := <-f.warm:
		if f.origin == nil { // it will not come back
			f.want()
		}
		return instance, nil
	default:
		return f.madeForStream(ctx)
	}
}

// discard ends an instance whose stream is over, or which crashed. The caller
// holds the instance's lock.
func (f *freshSupply) discard(instance *Instance) {
	f.mu.Lock()
	slot, lives := f.live[instance]
	delete(f.live, instance)
	f.mu.Unlock()
	if !lives {
		return
	}
	defer f.slots.give(slot)
	if instance.lost.Load() {
		f.pace.crashed(f.plugin.rest(instance))
		f.want()
		return
	}
	instance.tick.disarm()
	instance.callouts.forget()
	if f.restore(instance) && f.keep(instance) {
		return
	}
	f.want()
	instance.close()
}

// keep puts an instance that was restored to those that are ready. False means
// that there are enough.
func (f *freshSupply) keep(instance *Instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	select {
	case f.warm <- instance:
		return true
	default:
		return false
	}
}

// want asks for another instance to be started.
func (f *freshSupply) want() {
	select {
	case f.wanted <- struct{}{}:
	default:
	}
}

// refill keeps instances ready until the plugin is closed.
func (f *freshSupply) refill() {
	defer f.plugin.wait.Done()
	failures := 0
	for {
		for len(f.warm) < f.ready && f.plugin.waitAllowed() {
			err := f.plugin.protect(func() error {
				instance, err := f.made(f.plugin.startTerms(), math.MaxInt64)
				if errors.Is(err, ErrClosed) {
					return nil
				}
				if err != nil {
					f.plugin.tell(slog.LevelError, "cannot start an instance in advance", slog.Any("error", err))
					return err
				}
				if !f.keep(instance) {
					instance.abandon()
				}
				return nil
			})
			if err == nil {
				failures = 0
				continue
			}
			failures++
			select {
			case <-time.After(max(backoff(failures), backoffBase)):
			case <-f.plugin.ctx.Done():
			}
		}
		select {
		case <-f.wanted:
		case <-f.plugin.ctx.Done():
			return
		}
	}
}

// close ends all instances. Nobody refills any more; callbacks that run are
// waited for.
func (f *freshSupply) close() {
	f.mu.Lock()
	f.closed = true
	live := make([]*Instance, 0, len(f.live))
	for instance := range f.live {
		live = append(live, instance)
	}
	f.mu.Unlock()
	for _, instance := range live {
		instance.lock(f.plugin.ownParty)
		f.discard(instance)
		instance.unlock()
	}
	for {
		select {
		case instance := <-f.warm:
			instance.abandon()
		default:
			if f.origin != nil {
				f.origin.guest.Free()
			}
			return
		}
	}
}

// count is how many instances there are.
func (f *freshSupply) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.warm) + len(f.live)
}
