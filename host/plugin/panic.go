package plugin

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/sluice-gateway/sluice/host/logs"
)

// A panicError is what is left of a panic: a fault of the gateway, not of the
// guest, whose own faults are traps.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// protect runs work of a goroutine that no stream waits for. There, a panic
// would end the process with everybody's streams; here it is logged with its
// stack, and is an error.
func (p *Plugin) protect(work func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value}
			p.log.Error("the gateway panicked on behalf of the filter; please report it",
				slog.Any("panic", value), slog.Any("stack", logs.Long(debug.Stack())))
		}
	}()
	return work()
}

// background runs work on the instance that no stream waits for, on behalf of a party,
// under its lock, and tells whether the instance is still in service.
func (i *Instance) background(party string, work func() error) bool {
	i.lock(party)
	defer i.unlock()
	if i.lost.Load() {
		return false
	}
	if err := i.plugin.protect(work); err != nil {
		i.lose(err) // a trap has been dealt with by call
	}
	return !i.lost.Load()
}
