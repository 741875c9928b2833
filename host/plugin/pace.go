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
	first time.Time // when the rest behind the last crash is over
}

// A turn is when it is somebody's.
type turn struct {
	at    time.Time
	wait  time.Duration // until then
	after time.Time     // when it is the next one's
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
	p.first = now.Add(rest)
	if p.first.After(p.due) {
		p.due = p.first
	}
}

// take gives a turn. False: it is longer until then than patience lasts, and the turn is nobody's.
func (p *pace) take(patience time.Duration) (turn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() {
		return turn{}, true
	}
	now := time.Now()
	mine := p.due
	if mine.Before(now) {
		mine = now
	}
	wait := mine.Sub(now)
	if wait > patience {
		return turn{}, false
	}
	if now.Before(p.until) {
		p.due = mine.Add(p.rest)
	}
	return turn{at: mine, wait: wait, after: p.due}, true
}

// giveBack is for a turn of which no use was made. The last in line goes to whoever comes next, no
// sooner than behind the last crash. Any other passes unused, since those behind it were told theirs: as
// none is further away than its taker was patient, all of them are over within acquireWait, and nobody
// waits longer behind those who have gone than behind those who stay.
func (p *pace) giveBack(t turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !t.after.Equal(p.due) {
		return
	}
	if p.due = t.at; p.first.After(t.at) {
		p.due = p.first
	}
}

// made returns an instance that is made now, or when it is its turn; or one that was put back
// meanwhile. Its start waits for what terms say.
func (f *freshSupply) made(terms startTerms, patience time.Duration) (*Instance, error) {
	mine, ok := f.pace.take(patience)
	if !ok {
		return nil, ErrNoInstance
	}
	if mine.wait > 0 {
		timer := time.NewTimer(mine.wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case instance := <-f.warm:
			f.pace.giveBack(mine)
			return instance, nil
		case <-f.plugin.ctx.Done():
			return nil, ErrClosed // for refill, terms.ctx is the same
		case <-terms.ctx.Done():
			if f.plugin.ctx.Err() != nil {
				return nil, ErrClosed
			}
			f.pace.giveBack(mine)
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
