package plugin

import (
	"context"
	"errors"
	"time"
)

// errNoSlot is returned by takeSlot.
var errNoSlot = errors.New("no slot became free in time")

// takeSlot puts something into a channel that is full while all its slots are taken. It
// waits for one for as long as it is told to, or until the context ends, whose cause it
// returns then.
func takeSlot(ctx context.Context, slots chan<- struct{}, patience time.Duration) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errNoSlot
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
