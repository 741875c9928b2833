package plugin

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// An Allowance is how much the filters that share it may compute in a second,
// together: so much is put into a bucket each second, which holds no more than
// that, and every callback takes out what it has used. Who finds it empty waits,
// for a second at most, and is then turned away; a callback that runs is never
// stopped by it, but may leave a debt for those that come. It counts fuel, see
// vm.Fuel, so that a busy machine makes nobody poorer.
//
// Nil bounds nothing. It is safe for concurrent use.
type Allowance struct {
	perSecond int64
	most      int64         // that the bucket holds
	value     time.Duration // as it was written

	mu    sync.Mutex // guards what follows
	level int64      // below 0: a debt
	since time.Time

	low atomic.Bool // the level is below the strain; read without mu
}

// NewAllowance returns one that is full. perSecond is as for vm.Fuel: 250
// milliseconds are a quarter of one processor.
func NewAllowance(perSecond time.Duration) *Allowance {
	units := max(vm.Fuel(perSecond), 1)
	return &Allowance{perSecond: units, most: units, value: perSecond, level: units, since: time.Now()}
}

// partOf is what something may take that is kept apart from the rest: so many seconds' allowance at
// once, and then one part in so many of each second's.
func partOf(perSecond time.Duration, burst, part int64) *Allowance {
	a := NewAllowance(perSecond)
	a.most = burst * a.perSecond
	a.level = a.most
	a.perSecond = max(a.perSecond/part, 1)
	return a
}

// written is what a second brings.
func (a *Allowance) written() time.Duration {
	if a == nil {
		return 0
	}
	return a.value
}

// fill brings the level up to date. The caller holds mu.
func (a *Allowance) fill() {
	now := time.Now()
	elapsed := min(now.Sub(a.since), time.Minute)
	if gained := int64(float64(a.perSecond) * elapsed.Seconds()); gained > 0 {
		a.level = min(a.level+gained, a.most)
		a.since = now
		a.see()
	}
}

// spend takes out what was used.
func (a *Allowance) spend(units int64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.level = max(a.level-units, -1<<50)
	a.see()
}

// Pay implements vm.Payer: it waits until there is something to pay with.
func (a *Allowance) Pay(ctx context.Context, units int64) error {
	if !wait(ctx, a.empty) {
		return context.Cause(ctx)
	}
	a.spend(units)
	return nil
}

// Owe implements vm.Payer.
func (a *Allowance) Owe(units int64) { a.spend(units) }

// strain is the part of what a bucket holds that is missing where a filter is strained: it
// has computed more than a second brings for a while. What is left could still be used up by
// many short callbacks at once, on all processors, before anybody has to wait.
const strain = 4

// see takes down whether the level is low. The caller holds mu.
func (a *Allowance) see() {
	if low := a.level < a.most-a.most/strain; low != a.low.Load() {
		a.low.Store(low)
	}
}

// strained tells whether the callbacks of those who share it are to take turns from their
// beginning; see vm.InstanceOptions.Strained. It is right as of when somebody last asked
// for a turn, or used something.
func (a *Allowance) strained() bool { return a != nil && a.low.Load() }

// empty tells whether nobody may compute now, and for how long about.
func (a *Allowance) empty() (bool, time.Duration) {
	if a == nil {
		return false, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fill()
	if a.level > 0 {
		return false, 0
	}
	return true, time.Duration(float64(1-a.level) / float64(a.perSecond) * float64(time.Second))
}

// wait returns when there is something to use up, and how much of the caller's patience
// is left then.
func (a *Allowance) wait(patience time.Duration) (left time.Duration, err error) {
	for {
		empty, need := a.empty()
		switch {
		case !empty:
			return patience, nil
		case need > patience:
			return 0, ErrAllowance
		}
		need = max(need, time.Millisecond)
		time.Sleep(need)
		patience -= need
	}
}

// wait returns when nothing is to be waited for any more, however long that takes. False means that
// ctx ended before that.
func wait(ctx context.Context, exhausted func() (bool, time.Duration)) bool {
	for ctx.Err() == nil {
		empty, need := exhausted()
		if !empty {
			return true
		}
		select {
		case <-time.After(max(need, time.Millisecond)):
		case <-ctx.Done():
		}
	}
	return false
}
