package plugin

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// shard is one place for an instance. The pointer is nil while a replacement
// is being started.
type shard struct {
	instance atomic.Pointer[Instance]
	_        [56]byte // own cache line: shards are read by different cores
}

// acquireWait bounds how long a new stream waits, in all, for replacements of
// crashed instances before it is refused.
const acquireWait = time.Second

// acquire chooses the instance for a new stream and returns it locked. A stream
// that waited for an instance which did not outlive its callback, or belongs to others by now,
// has no context yet, and so nothing to lose: it goes to another one.
func (p *Plugin) acquire(ctx context.Context, party string) (*Instance, error) {
	if p.Quarantined() {
		return nil, ErrQuarantined
	}
	if p.fresh != nil {
		return p.fresh.acquire(ctx, party)
	}
	patience := acquireWait
	for {
		instance := p.pick(party)
		if instance == nil {
			since := time.Now()
			var err error
			if instance, err = p.await(ctx, party, patience); err != nil {
				return nil, err
			}
			patience -= time.Since(since)
		}
		instance.enterFor(party)
		if !instance.lost.Load() && !p.misplaced(party, instance) {
			return instance, nil
		}
		instance.unlock()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// await waits for a replacement when all instances crashed at once. The first
// ones are started immediately, so a short wait spares an innocent request.
func (p *Plugin) await(ctx context.Context, party string, patience time.Duration) (*Instance, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		p.mu.Lock()
		closed, changed := p.closed, p.changed
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if instance := p.pick(party); instance != nil {
			return instance, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, ErrNoInstance
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// pick takes a place in the queue of an instance, of those that the party is to have: see
// heavy. It is the next one round robin that is idle, so that nobody waits for a long
// callback who need not, or else the one with the shortest queue. The caller goes on by
// enterFor and ends by unlock. There may be none.
func (p *Plugin) pick(party string) *Instance {
	from, to := p.heavy.shards(party, len(p.shards))
	instance := p.pickOf(p.shards[from:to])
	if instance == nil && from > 0 { // who is heavy waits for his own to be replaced
		instance = p.pickOf(p.shards)
	}
	return instance
}

// misplaced tells whether the party became heavy while it waited for the instance, which is none of its own.
func (p *Plugin) misplaced(party string, i *Instance) bool {
	_, to := p.heavy.shards(party, len(p.shards))
	return i.shard >= to
}

func (p *Plugin) pickOf(shards []shard) *Instance {
	n := uint32(len(shards))
	first := p.next.Add(1)
	for {
		var best *Instance
		var shortest int32
		for i := range n {
			instance := shards[(first+i)%n].instance.Load()
			if instance == nil {
				continue
			}
			if instance.lost.Load() {
				p.replace(instance) // closed behind our back; see replace
				continue
			}
			queue := instance.queue.Load()
			if queue == 0 && instance.queue.CompareAndSwap(0, 1) {
				return instance
			}
			if best == nil || queue < shortest {
				best, shortest = instance, queue
			}
		}
		if best == nil || best.queue.CompareAndSwap(shortest, shortest+1) {
			return best
		}
	}
}

// replace takes a crashed instance out of service and starts another in its
// place, in the background.
func (p *Plugin) replace(crashed *Instance) {
	if p.fresh != nil {
		p.fresh.discard(crashed) // its stream ends with it
		return
	}
	if !p.shards[crashed.shard].instance.CompareAndSwap(crashed, nil) {
		return // somebody else does
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	// An instance that served a stream before it crashed is worth replacing at
	// once, however often that happens: otherwise whoever knows a request that
	// crashes the filter could shut everybody else out.
	delay := max(backoff(p.options.History.lost(crashed.served.Load())), p.rest(crashed))
	p.wait.Add(1)
	go func() {
		defer p.wait.Done()
		p.restart(crashed.shard, delay)
	}()
}

const (
	backoffFree = 3 // crashes in a row that are made good at once
	backoffBase = 10 * time.Millisecond
	backoffMax  = acquireWait / 2 // so that a stream which waits gets its turn
)

// backoff is the pause before the nth replacement in a row.
func backoff(crashes int) time.Duration {
	if crashes <= backoffFree {
		return 0
	}
	delay := backoffBase << min(crashes-backoffFree-1, 20)
	return min(delay, backoffMax)
}

func (p *Plugin) restart(shard int, delay time.Duration) {
	for {
		if delay > 0 {
			select {
			case <-p.ctx.Done():
				return
			case <-time.After(delay):
			}
		}
		if !p.waitAllowed() {
			return
		}
		err := p.protect(func() error {
			instance, err := p.startInstance(shard, p.startTerms())
			if err != nil {
				p.tell(slog.LevelError, "cannot start another instance", slog.Any("error", err))
				return err
			}
			p.install(instance)
			return nil
		})
		if err == nil {
			return
		}
		delay = max(backoff(p.options.History.lost(false)), backoffBase)
		if p.ctx.Err() != nil {
			return
		}
	}
}

func (p *Plugin) install(instance *Instance) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		instance.abandon()
		return
	}
	defer p.mu.Unlock()
	p.shards[instance.shard].instance.Store(instance)
	if p.active || !p.options.Service {
		instance.armTick()
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
