package logs

import (
	"log/slog"
	"sync"
	"time"
)

// Limit bounds what is logged: so much in a second all the time, and five times as
// much at once. The zero Limit bounds nothing.
type Limit struct {
	Lines int
	Bytes int64
}

// Burst is how many seconds' worth may be logged at once.
const Burst = 5

// Bucket counts what is logged by one of those who share a log, so that none can fill a disk or hide
// what others say. The zero Bucket is empty.
type Bucket struct {
	mu    sync.Mutex
	lines float64 // leaking
	bytes float64
	last  time.Time
}

// Take asks for a line of so many bytes.
func (b *Bucket) Take(limit Limit, now time.Time, size int) bool {
	if limit == (Limit{}) {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		elapsed := now.Sub(b.last).Seconds()
		b.lines = max(0, b.lines-float64(limit.Lines)*elapsed)
		b.bytes = max(0, b.bytes-float64(limit.Bytes)*elapsed)
	}
	b.last = now
	if b.lines+1 > Burst*float64(limit.Lines) || b.bytes+float64(size) > Burst*float64(limit.Bytes) {
		return false
	}
	b.lines++
	b.bytes += float64(size)
	return true
}

// Give takes a line back that was not written after all.
func (b *Bucket) Give(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines, b.bytes = max(0, b.lines-1), max(0, b.bytes-float64(size))
}

// Idle tells whether nobody has asked for a line for so long that it is as good as a new one.
func (b *Bucket) Idle(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Sub(b.last) > Burst*time.Second
}

// Size is how long a line with this in it is, nearly.
func Size(message string, attrs []slog.Attr) int {
	size := min(len(message), MaxLong)
	for _, a := range attrs {
		most := MaxValue
		if a.Value.Kind() == slog.KindLogValuer {
			most = MaxLong
		}
		size += len(a.Key) + min(len(a.Value.String()), most)
	}
	return size
}
