package plugin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

// slogLevels maps the ABI's levels to slog's; trace lies below debug and
// critical above error.
var slogLevels = [...]slog.Level{
	abi.LogLevelTrace:    slog.LevelDebug - 4,
	abi.LogLevelDebug:    slog.LevelDebug,
	abi.LogLevelInfo:     slog.LevelInfo,
	abi.LogLevelWarn:     slog.LevelWarn,
	abi.LogLevelError:    slog.LevelError,
	abi.LogLevelCritical: slog.LevelError + 4,
}

// logger names the filter, and whose it is, in all lines of it and about it.
func logger(options *Options) *slog.Logger {
	log := options.Logger.With(slog.String("filter", options.Name))
	if options.Tenant != nil {
		log = log.With(slog.String("tenant", options.Tenant.Name()))
	}
	return log
}

// Log implements hostcall.Caller.
func (i *Instance) Log(level abi.LogLevel, message string) {
	if i.root.isOpen && level >= abi.LogLevelWarn {
		i.root.said = message
	}
	if int(level) >= len(slogLevels) {
		return
	}
	at := slogLevels[level]
	log := i.plugin.log
	if !log.Enabled(context.Background(), at) {
		return
	}
	allowed, dropped := i.plugin.lines.take(time.Now())
	if !allowed {
		i.plugin.metrics.Dropped()
		if dropped == 1 {
			log.Warn("the filter logs too much; lines are dropped", slog.Int("lines_a_second", logRate), slog.Int("at_once", logBurst))
		}
		return
	}
	if dropped > 0 {
		log.Warn("the filter logs too much; lines were dropped", slog.Int("dropped", dropped))
	}
	if stream, ok := i.current.(interface{ ContextID() uint32 }); ok {
		log.Log(context.Background(), at, message, slog.Uint64("context_id", uint64(stream.ContextID())))
		return
	}
	log.Log(context.Background(), at, message)
}

// LogLevel implements hostcall.Caller: the lowest level that is not dropped.
func (i *Instance) LogLevel() abi.LogLevel {
	if i.root.isOpen {
		return abi.LogLevelTrace // a refused configuration's reason goes into an error
	}
	for level, at := range slogLevels {
		if i.plugin.log.Enabled(context.Background(), at) {
			return abi.LogLevel(level)
		}
	}
	return abi.LogLevelCritical
}

const (
	logBurst = 500 // lines that a filter may log at once
	logRate  = 100 // lines a second that it may log all the time
)

// logLimit is a token bucket for one filter's log lines, all instances
// together, so that a filter cannot fill a disk or hide what others say.
type logLimit struct {
	mu      sync.Mutex
	used    float64 // lines, leaking at logRate
	last    time.Time
	dropped int
}

// take asks for a line. dropped is how many were refused since the last one that
// was not, with this one.
func (l *logLimit) take(now time.Time) (allowed bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() {
		l.used = max(0, l.used-logRate*now.Sub(l.last).Seconds())
	}
	l.last = now
	if l.used+1 > logBurst {
		l.dropped++
		return false, l.dropped
	}
	l.used++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// rareEvery is the shortest time between two lines of a rareLine.
const rareEvery = time.Minute

// rareLine counts what is worth a line in the log, but not each time.
type rareLine struct {
	mu    sync.Mutex
	next  time.Time
	count int
}

// take counts n more and returns how many a line, if it is time for one, is to
// speak of.
func (r *rareLine) take(now time.Time, n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count += n
	if now.Before(r.next) {
		return 0
	}
	r.next = now.Add(rareEvery)
	n, r.count = r.count, 0
	return n
}

// guestWriter turns what a guest prints on fd 1 and 2 into log lines.
type guestWriter struct {
	instance *Instance
	level    abi.LogLevel
}

func (w guestWriter) Write(line []byte) (int, error) {
	w.instance.Log(w.level, string(line))
	return len(line), nil
}
