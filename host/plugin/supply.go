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

// acquireWait bounds how long a new stream waits for the replacement of a
// crashed instance before it is refused.
const acquireWait = time.Second

// acquire picks the instance for a new stream.
func (p *Plugin) acquire(ctx context.Context) (*Instance, error) {
	if instance := p.pick(); instance != nil {
		return instance, nil
	}
	// All instances crashed at once. The first replacements are started
	// immediately, so a short wait spares an innocent request.
	timer := time.NewTimer(acquireWait)
	defer timer.Stop()
	for {
		p.mu.Lock()
		closed, changed := p.closed, p.changed
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if instance := p.pick(); instance != nil {
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

func (p *Plugin) pick() *Instance {
	n := uint32(len(p.shards))
	first := p.next.Add(1)
	for i := range n {
		instance := p.shards[(first+i)%n].instance.Load()
		if instance == nil {
			continue
		}
		if instance.lost.Load() {
			p.replace(instance) // closed behind our back; see replace
			continue
		}
		return instance
	}
	return nil
}

// replace takes a crashed instance out of service and starts another in its
// place, in the background.
func (p *Plugin) replace(crashed *Instance) {
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
	if crashed.served.Load() {
		p.crashes = 0
	}
	p.crashes++
	delay := backoff(p.crashes)
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
		instance, err := p.startInstance(shard)
		if err == nil {
			p.install(instance)
			return
		}
		p.log.Error("cannot replace a crashed instance", slog.Any("error", err))
		p.mu.Lock()
		p.crashes++
		delay = max(backoff(p.crashes), backoffBase)
		p.mu.Unlock()
		if p.ctx.Err() != nil {
			return
		}
	}
}

func (p *Plugin) install(instance *Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		instance.close()
		return
	}
	p.shards[instance.shard].instance.Store(instance)
	instance.armTick()
	close(p.changed)
	p.changed = make(chan struct{})
}
