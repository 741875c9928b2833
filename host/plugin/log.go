package plugin

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
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
	if !i.plugin.mayLog(time.Now(), len(message)) || !i.Charge(hostcall.WrittenUnits) {
		return
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

// guestWriter turns what a guest prints on fd 1 and 2 into log lines.
type guestWriter struct {
	caller hostcall.Caller
	level  abi.LogLevel
}

func (w guestWriter) Write(line []byte) (int, error) {
	w.caller.Log(w.level, string(line))
	return len(line), nil
}
