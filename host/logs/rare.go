package logs

import (
	"log/slog"
	"sync"
	"time"
)

// RareEvery is the shortest time between two lines of a [Rare].
const RareEvery = time.Minute

// Rare counts what is worth a line in the log, but not each time. The zero Rare is usable.
type Rare struct {
	mu    sync.Mutex
	next  time.Time
	count int
}

// Take counts n more and returns how many a line, if it is time for one, is to
// speak of.
func (r *Rare) Take(now time.Time, n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count += n
	if now.Before(r.next) {
		return 0
	}
	r.next = now.Add(RareEvery)
	n, r.count = r.count, 0
	return n
}

// Rest returns how many no line has spoken of yet, for one that is written all the same.
func (r *Rare) Rest() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, r.count = r.count, 0
	return n
}

// Warn writes a line if it is time for one.
func (r *Rare) Warn(log *slog.Logger, message string, attrs ...any) {
	if count := r.Take(time.Now(), 1); count > 0 {
		log.Warn(message, append(attrs, slog.Int("times", count))...)
	}
}
