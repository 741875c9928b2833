package plugin

import (
	"log/slog"
	"sync"
	"time"
)

// LogLimit bounds what is logged: so much in a second all the time, and five times as
// much at once.
type LogLimit struct {
	Lines int
	Bytes int64
}

// DefaultLogLimit is what a filter may log when Options do not say.
var DefaultLogLimit = LogLimit{Lines: 100, Bytes: 64 << 10}

// logBurst is how many seconds' worth may be logged at once.
const logBurst = 5

// logBucket counts what is logged by a filter, or by those of a tenant, so that none
// can fill a disk or hide what others say.
type logBucket struct {
	mu    sync.Mutex
	lines float64 // leaking
	bytes float64
	last  time.Time
}

// take asks for a line of so many bytes. The zero limit bounds nothing.
func (b *logBucket) take(limit LogLimit, now time.Time, size int) bool {
	if limit == (LogLimit{}) {
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
	if b.lines+1 > logBurst*float64(limit.Lines) || b.bytes+float64(size) > logBurst*float64(limit.Bytes) {
		return false
	}
	b.lines++
	b.bytes += float64(size)
	return true
}

// give takes a line back that was not written after all.
func (b *logBucket) give(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines, b.bytes = max(0, b.lines-1), max(0, b.bytes-float64(size))
}

// mayLog tells whether the filter may log a line now. What it may not is counted, and
// told of now and then.
func (p *Plugin) mayLog(now time.Time, size int) bool {
	limit, name := p.options.LogLimit, "limits.log_"
	lines := &p.options.History.lines
	ok := lines.take(limit, now, size)
	if t := p.options.Tenant; ok && t != nil && !t.lines.take(t.limits.Log, now, size) {
		lines.give(size)
		limit, name, ok = t.limits.Log, "tenant_limits.log_", false
	}
	if ok {
		return true
	}
	p.metrics.Dropped()
	if n := p.droppedLines.take(now, 1); n > 0 {
		p.log.Warn("the filter logs too much; lines are dropped", slog.Int("dropped", n),
			slog.Int(name+"lines", limit.Lines), slog.Int64(name+"bytes", limit.Bytes))
	}
	return false
}
