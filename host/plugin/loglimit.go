package plugin

import (
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
)

// LogLimit bounds what is logged: so much in a second all the time, and five times as
// much at once.
type LogLimit = logs.Limit

// DefaultLogLimit is what a filter may log when Options do not say.
var DefaultLogLimit = LogLimit{Lines: 100, Bytes: 64 << 10}

// mayLog tells whether the filter may log a line now. What it may not is counted, and
// told of now and then.
func (p *Plugin) mayLog(now time.Time, size int) bool {
	limit, name := p.options.LogLimit, "limits.log_"
	lines := &p.options.History.lines
	ok := lines.Take(limit, now, size)
	if t := p.options.Tenant; ok && t != nil && !t.lines.Take(t.limits.Log, now, size) {
		lines.Give(size)
		limit, name, ok = t.limits.Log, "tenant_limits.log_", false
	}
	if ok {
		return true
	}
	p.metrics.Dropped()
	if n := p.droppedLines.Take(now, 1); n > 0 {
		p.log.Warn("the filter logs too much; lines are dropped", slog.Int("dropped", n),
			slog.Int(name+"lines", limit.Lines), slog.Int64(name+"bytes", limit.Bytes))
	}
	return false
}
