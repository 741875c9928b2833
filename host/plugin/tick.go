package plugin

import (
	"log/slog"
	"sync"
	"time"
)

// ticker calls proxy_on_tick of one instance. A tick that is still running, or
// waiting for the instance, when the next is due swallows it: ticks never
// queue up. What is left out is counted.
type ticker struct {
	mu     sync.Mutex
	period time.Duration
	armed  bool // the instance is in service
	timer  *time.Timer
	// service counts the times that it was in service: an instance that was put
	// back serves another stream, and a tick that came late is not that one's.
	service uint64
}

// set changes the period; 0 stops the ticks. Called by the guest, so under the
// instance's lock.
func (t *ticker) set(i *Instance, milliseconds uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.period = time.Duration(milliseconds) * time.Millisecond
	if least := i.plugin.options.TickPeriod; t.period > 0 && t.period < least {
		t.period = least
	}
	t.schedule(i)
}

// armTick lets the ticks begin that the guest asked for during its start.
func (i *Instance) armTick() {
	t := &i.tick
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = true
	t.schedule(i)
}

// disarm ends the ticks for good, or until the instance is in service again.
func (t *ticker) disarm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed, t.period = false, 0
	t.service++
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// isArmed tells whether ticks of this time in service may come.
func (t *ticker) isArmed(service uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.armed && t.service == service
}

// interval is the period, 0 without ticks.
func (t *ticker) interval() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.period
}

// rest gives a ticker that was disarmed the period that it begins with again.
func (t *ticker) rest(period time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.period = period
}

// schedule sets the timer anew. The caller holds t.mu.
func (t *ticker) schedule(i *Instance) {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if t.armed && t.period > 0 {
		service := t.service
		t.timer = time.AfterFunc(t.period, func() { i.onTick(service) })
	}
}

func (i *Instance) onTick(service uint64) {
	due := time.Now()
	serves := i.background(i.plugin.ownParty, func() error {
		if !i.tick.isArmed(service) {
			return nil // disarmed while this one waited for the instance
		}
		if empty, _ := i.plugin.exhausted(); empty || i.plugin.rests() {
			i.plugin.skippedTicks("the filter may not compute now", 1)
			return nil
		}
		if i.plugin.options.Service {
			_, err := i.plugin.queues.onDuty(i, onTick)
			return err
		}
		return i.callRoot(onTick)
	})
	if !serves {
		return // lose has disarmed the ticker
	}
	i.tick.mu.Lock()
	defer i.tick.mu.Unlock()
	if i.tick.service != service {
		return
	}
	if period := i.tick.period; i.tick.armed && period > 0 {
		if swallowed := int(time.Since(due) / period); swallowed > 0 {
			i.plugin.skippedTicks("a tick took longer than its period", swallowed)
		}
	}
	i.tick.schedule(i)
}

// skippedTicks counts ticks that were due and left out.
func (p *Plugin) skippedTicks(why string, n int) {
	p.metrics.SkippedTicks(n)
	if total := p.lateTicks.Take(time.Now(), n); total > 0 {
		p.log.Warn("ticks of the filter are left out", slog.String("reason", why), slog.Int("ticks", total))
	}
}
