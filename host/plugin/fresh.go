package plugin

import (
	"context"
	"log/slog"
	"sync"
	"time"
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

// DefaultMaxInstances is how many instances a plugin of isolation PerStream has
// at a time when Options do not say.
const DefaultMaxInstances = 512

// freshShard is the shard of an instance that belongs to a stream.
const freshShard = -1

// freshSupply is where the streams of isolation PerStream get their instances
// from: some are started in advance, and all are thrown away after one stream.
type freshSupply struct {
	plugin *Plugin
	warm   chan *Instance // started, and not yet anybody's
	slots  chan struct{}  // one for each instance that belongs to a stream
	wanted chan struct{}  // something was taken out of warm

	mu     sync.Mutex // guards what follows
	live   map[*Instance]struct{}
	closed bool
}

func newFreshSupply(p *Plugin, warm, most int) *freshSupply {
	return &freshSupply{
		plugin: p,
		warm:   make(chan *Instance, warm),
		slots:  make(chan struct{}, most),
		wanted: make(chan struct{}, 1),
		live:   make(map[*Instance]struct{}),
	}
}

// acquire returns an instance that no stream has seen, locked.
func (f *freshSupply) acquire(ctx context.Context) (*Instance, error) {
	if err := f.slot(ctx); err != nil {
		return nil, err
	}
	instance, err := f.take()
	if err != nil {
		<-f.slots
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
		<-f.slots
		instance.close()
		return nil, ErrClosed
	}
	f.live[instance] = struct{}{}
	f.mu.Unlock()
	instance.lock()
	if instance.lost.Load() { // closed with the plugin just now
		instance.unlock()
		return nil, ErrClosed
	}
	instance.armTick()
	return instance, nil
}

// slot waits for a place among the instances that may live.
func (f *freshSupply) slot(ctx context.Context) error {
	select {
	case f.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(acquireWait)
	defer timer.Stop()
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrTooManyInstances
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take returns an instance that was started in advance, or starts one.
func (f *freshSupply) take() (*Instance, error) {
	select {
	case instance := <-f.warm:
		select {
		case f.wanted <- struct{}{}:
		default:
		}
		return instance, nil
	default:
		return f.plugin.startInstance(freshShard)
	}
}

// discard ends an instance whose stream is over, or which crashed. The caller
// holds the instance's lock.
func (f *freshSupply) discard(instance *Instance) {
	f.mu.Lock()
	_, lives := f.live[instance]
	delete(f.live, instance)
	f.mu.Unlock()
	if !lives {
		return
	}
	<-f.slots
	if !instance.lost.Load() {
		instance.tick.disarm()
		instance.close()
	}
}

// refill keeps instances ready until the plugin is closed.
func (f *freshSupply) refill() {
	defer f.plugin.wait.Done()
	failures := 0
	for {
		for len(f.warm) < cap(f.warm) && f.plugin.ctx.Err() == nil {
			err := f.plugin.protect(func() error {
				instance, err := f.plugin.startInstance(freshShard)
				if err != nil {
					f.plugin.log.Error("cannot start an instance in advance", slog.Any("error", err))
					return err
				}
				f.warm <- instance // nobody else fills it
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
		instance.lock()
		f.discard(instance)
		instance.unlock()
	}
	for {
		select {
		case instance := <-f.warm:
			instance.close()
		default:
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
