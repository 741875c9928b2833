package plugin

import (
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// usage is what a filter has computed for one stream. Its lock is the instance's.
type usage struct {
	began time.Time // when it had used a share of its budget, or was given some of it again
	spent int64     // beside what it was given for the bytes that it was shown
	// worst and budget are of the callback that came nearest to its budget, of those
	// that came near to it.
	worst, budget int64
}

// The share of its budget from which on a callback, or a stream, is worth a word in
// the log.
const highShare = 2 // the half of it

// note takes down what a callback used of its budget, granted of which was for bytes.
func (u *usage) note(used, budget, granted, streamBudget int64) {
	u.spent += max(used-granted, 0)
	if u.began.IsZero() && u.spent > streamBudget/64 && streamBudget > 0 {
		u.began = time.Now() // most streams never need a clock
	}
	if used >= budget/highShare && float64(used)*float64(u.budget) >= float64(u.worst)*float64(budget) {
		u.worst, u.budget = used, budget
	}
}

// over tells whether the stream's budget is used up. A stream that lasts is given it
// again, little by little, in each minute: who watches events for days computes
// more than who asks once, and not more in a second.
func (u *usage) over(budget int64) bool {
	if budget <= 0 || u.spent < budget {
		return false
	}
	now := time.Now()
	earned := int64(float64(budget) * now.Sub(u.began).Minutes())
	if earned > 0 {
		u.began = now
		u.spent = max(u.spent-earned, 0)
	}
	return u.spent >= budget
}

// Usage is what a filter has computed for one stream, as the times that limits are
// written in.
type Usage struct {
	// Callback is the callback that came nearest to its budget, CallbackBudget that
	// one; both 0 where none used half of it.
	Callback, CallbackBudget time.Duration
	// Stream is what all callbacks have used, beside what they were given for bytes,
	// StreamBudget what they may; both 0 below the half of it.
	Stream, StreamBudget time.Duration
}

// Usage is what is worth telling of what the filter computed for the stream. The
// caller keeps callbacks of the stream from running.
func (s *Stream) Usage() (u Usage, high bool) {
	if s.usage.budget > 0 {
		u.Callback, u.CallbackBudget = duration(s.usage.worst), duration(s.usage.budget)
	}
	if s.instance != nil {
		if budget := s.instance.plugin.streamBudget; budget > 0 && s.usage.spent >= budget/highShare {
			u.Stream, u.StreamBudget = duration(s.usage.spent), duration(budget)
		}
	}
	return u, u != Usage{}
}

// duration is the time that fuel stands for; see vm.Fuel.
func duration(units int64) time.Duration { return time.Duration(units) }

// tally takes down what a callback has used. The caller holds the instance's lock.
func (i *Instance) tally() {
	i.used = i.vm.Used()
	i.paid = i.used + i.vm.Owed()
	i.plugin.spend(i.paid)
	if i.timed {
		i.plugin.metrics.Used(i.shard, i.used)
	}
}

// streamFuel is a stream's budget in units; 0 for none.
func streamFuel(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(vm.Fuel(d), 1)
}
