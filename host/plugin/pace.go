package plugin

import (
	"context"
	"sync"
	"time"
)

// An instance that crashed takes the host a hundred times as long as a stream that ends well:
// another has to be made, and started. Its tenant pays for that, but what a tenant may compute
// in a second it may compute at once, and on as many processors as it has requests. So behind
// a crash of a tenant's filter there is a rest, of so many times what the crash has cost: a
// filter that crashes with every request takes a fifth of one processor, whatever it crashes by.
//
// An operator's filter has none. It serves everybody, and whoever knows a request that crashes
// it would keep the others waiting.
const (
	restTimes = 4
	// restMost is the longest rest. Ten who wait for their turn behind the dearest crashes
	// have it within acquireWait.
	restMost = acquireWait / 10
	// restFor is how long after a crash instances are made no faster than that.
	restFor = time.Second
)

// rest is how long the filter rests behind a crash of the instance.
func (p *Plugin) rest(crashed *Instance) time.Duration {
	if p.options.Tenant == nil {
		return 0
	}
	return min(restTimes*duration(crashed.made+crashed.paid), restMost)
}

// A pace gives those who need an instance made a turn each, so that between two of them there
// is a rest as long as the last crash wants it. The zero value has no rests.
type pace struct {
	mu    sync.Mutex // guards what follows
	rest  time.Duration
	until time.Time // when that is forgotten
	due   time.Time // of the next turn
}

// crashed begins a rest.
func (p *pace) crashed(rest time.Duration) {
	if rest <= 0 {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest, p.until = rest, now.Add(restFor)
	if due := now.Add(rest); due.After(p.due) {
		p.due = due
	}
}

// turn is how long it is until one's turn. False: that is longer than patience, and it is
// nobody's.
func (p *pace) turn(patience time.Duration) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() {
		return 0, true
	}
	now := time.Now()
	mine := p.due
	if mine.Before(now) {
		mine = now
	}
	wait := mine.Sub(now)
	if wait > patience {
		return 0, false
	}
	if now.Before(p.until) {
		p.due = mine.Add(p.rest)
	}
	return wait, true
}

// made returns an instance that is made now, or when it is its turn; or one that was put back
// meanwhile. Its start waits for what terms say.
func (f *freshSupply) made(terms startTerms, patience time.Duration) (*Instance, error) {
	wait, ok := f.pace.turn(patience)
	if !ok {
		return nil, ErrNoInstance
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case instance := <-f.warm:
			return instance, nil
		case <-f.plugin.ctx.Done():
			return nil, ErrClosed // for refill, terms.ctx is the same
		case <-terms.ctx.Done():
			if f.plugin.ctx.Err() != nil {
				return nil, ErrClosed
			}
			return nil, context.Cause(terms.ctx)
		}
	}
	return f.plugin.startInstance(freshShard, terms)
}

// madeForStream is made for a stream that waits. What is computed until then is its tenant's
// to pay as callbacks are, and no part of what starts may take: those who come are not turned
// away meanwhile, but wait. They wait no longer than for anything else.
func (f *freshSupply) madeForStream(ctx context.Context) (*Instance, error) {
	return f.made(startTerms{ctx: ctx, until: time.Now().Add(acquireWait)}, acquireWait)
}
