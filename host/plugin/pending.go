package plugin

import (
	"log/slog"
	"slices"
	"time"
)

// A guest may answer false to proxy_on_done to finish something first, and is
// then to call proxy_done. Until it does, its context and all that the stream's
// state refers to is kept: so neither how many wait, nor how long, is left to it.
const (
	maxPending  = 64 // contexts of an instance
	pendingTime = 30 * time.Second
)

// keep lets a context wait for proxy_done. The oldest one makes room. The caller
// holds the lock.
func (i *Instance) keep(s *Stream) {
	s.phase = phaseWaiting
	s.since = time.Now()
	i.pending = append(i.pending, s)
	i.scheduleExpiry()
	i.expire(func(*Stream) bool { return len(i.pending) > maxPending })
}

// scheduleExpiry sets the timer to the time of the oldest context, if none is
// set. The caller holds the lock.
func (i *Instance) scheduleExpiry() {
	if i.expiry != nil || len(i.pending) == 0 || i.lost.Load() {
		return
	}
	i.expiry = time.AfterFunc(pendingTime-time.Since(i.pending[0].since), func() {
		i.background(i.plugin.ownParty, func() error {
			i.expiry = nil
			now := time.Now()
			i.expire(func(s *Stream) bool { return now.Sub(s.since) >= pendingTime })
			i.scheduleExpiry()
			return nil
		})
	})
}

// expire ends the oldest contexts while they are too many or too old. The
// caller holds the lock.
func (i *Instance) expire(over func(oldest *Stream) bool) {
	ended := 0
	for len(i.pending) > 0 && over(i.pending[0]) {
		ended++
		if i.pending[0].delete() != nil {
			break // lost, and the others with it
		}
	}
	if ended == 0 {
		return
	}
	if total := i.plugin.overdue.Take(time.Now(), ended); total > 0 {
		i.plugin.log.Warn("the filter asked for more time at proxy_on_done and did not call proxy_done; contexts were ended without it",
			slog.Int("contexts", total), slog.Int("limit", maxPending), slog.Duration("timeout", pendingTime))
	}
}

// settled takes a context off those that wait. The caller holds the lock.
func (i *Instance) settled(s *Stream) {
	if at := slices.Index(i.pending, s); at >= 0 {
		i.pending = slices.Delete(i.pending, at, at+1)
	}
}
