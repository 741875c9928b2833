package plugin

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// CrashBudget says how often a filter may crash before it is asked no more.
type CrashBudget struct {
	// Crashes is how many there may be in Window. 0 means any number: what crashes
	// is then replaced, more slowly where no instance came to serve, for ever.
	Crashes int
	// Window defaults to a minute.
	Window time.Duration
	// Quarantine is how long the filter is not asked after that: every Open
	// answers ErrQuarantined, and the stream's failure policy decides. Default
	// five minutes.
	Quarantine time.Duration
}

// quarantine counts crashes against a budget.
type quarantine struct {
	budget CrashBudget
	// until is when the filter is asked again, in nanoseconds since 1970; 0
	// when it is in no quarantine. It is read without mu by every new stream.
	until atomic.Int64

	mu     sync.Mutex  // guards what follows
	recent []time.Time // crashes within the window, the oldest first
}

func (b CrashBudget) withDefaults() CrashBudget {
	if b.Window <= 0 {
		b.Window = time.Minute
	}
	if b.Quarantine <= 0 {
		b.Quarantine = 5 * time.Minute
	}
	return b
}

// crash counts one, and tells whether it is the one too many.
func (q *quarantine) crash(now time.Time) (over bool) {
	if q.budget.Crashes <= 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.until.Load() != 0 {
		return false // those that were running when it began
	}
	for len(q.recent) > 0 && now.Sub(q.recent[0]) > q.budget.Window {
		q.recent = q.recent[1:]
	}
	if len(q.recent) < q.budget.Crashes {
		q.recent = append(q.recent, now)
		return false
	}
	q.recent = nil
	q.until.Store(now.Add(q.budget.Quarantine).UnixNano())
	return true
}

// holds tells whether the filter is not to be asked, and whether its quarantine
// has just ended.
func (q *quarantine) holds() (holds, ended bool) {
	until := q.until.Load()
	switch {
	case until == 0:
		return false, false
	case time.Now().UnixNano() < until:
		return true, false
	default:
		return false, q.until.CompareAndSwap(until, 0)
	}
}

// crashed counts a crash of an instance.
func (p *Plugin) crashed() {
	b := &p.quarantine.budget
	if p.quarantine.crash(time.Now()) {
		p.log.Error("the filter crashed too often and is in quarantine: it is not asked, and on_failure decides; mend it and reload, or wait",
			slog.Int("crashes", b.Crashes+1), slog.Duration("window", b.Window), slog.Duration("quarantine", b.Quarantine))
	}
}

// Quarantined tells whether the filter is not asked because it crashed too often, or was
// not started.
func (p *Plugin) Quarantined() bool {
	if p.unstarted != nil {
		return true
	}
	holds, ended := p.quarantine.holds()
	if ended {
		p.log.Info("the filter's quarantine is over: it is asked again")
	}
	return holds
}

// rests tells whether nothing is to be asked of a plugin beside streams, which have
// their failure policy. Ticks of a filter go on: they may be what lets go of streams
// that other instances hold.
func (p *Plugin) rests() bool { return p.options.Service && p.Quarantined() }
