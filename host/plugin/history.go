package plugin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
)

// A History is what is remembered of a filter beyond its plugin: its crashes, what it
// has logged lately, and how many calls to services it has under way. Plugins that run the same, one after the other or while an old one
// drains, have it in common, so that nobody gets out of a quarantine, or more calls, by a reload that
// changes nothing of the filter. The zero value remembers nothing yet. It is safe for
// concurrent use.
type History struct {
	// until is when the filter is asked again, in nanoseconds since 1970; 0
	// when it is in no quarantine. It is read without mu by every new stream.
	until atomic.Int64

	lines logs.Bucket
	calls slots // see takeCall

	// compiled is set when the filter was to be compiled.
	compiled atomic.Bool
	// started is set while the filter came up when it was last started.
	started atomic.Bool

	mu      sync.Mutex  // guards what follows
	recent  []time.Time // crashes within the window, the oldest first
	crashes int         // in a row, of instances that served no stream; for the backoff
}

// crash counts one, and tells whether it is the one too many.
func (h *History) crash(budget CrashBudget, now time.Time) (over bool) {
	if budget.Crashes <= 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until.Load() != 0 {
		return false // those that were running when it began
	}
	for len(h.recent) > 0 && now.Sub(h.recent[0]) > budget.Window {
		h.recent = h.recent[1:]
	}
	if len(h.recent) < budget.Crashes {
		h.recent = append(h.recent, now)
		return false
	}
	h.recent = nil
	h.until.Store(now.Add(budget.Quarantine).UnixNano())
	return true
}

// holds tells whether the filter is not to be asked, and whether its quarantine
// has just ended.
func (h *History) holds() (holds, ended bool) {
	until := h.until.Load()
	switch {
	case until == 0:
		return false, false
	case time.Now().UnixNano() < until:
		return true, false
	default:
		return false, h.until.CompareAndSwap(until, 0)
	}
}

// lost counts instances that have to be replaced in a row, for the backoff, and returns
// their number. One that served a stream before begins a new row.
func (h *History) lost(served bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if served {
		h.crashes = 0
	}
	h.crashes++
	return h.crashes
}
