package plugin

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/metrics"
)

// ErrResolves is returned by BeginQuestion.
var ErrResolves = errors.New("the filters of the tenant ask the engine for as much as they may")

// questionWait is how long a question waits for its turn, as what computes does: an
// engine answers thousands in a second, and a burst of requests is nobody's fault.
const questionWait = time.Second

var _ foreign.Turns = (*Plugin)(nil)

// BeginQuestion implements foreign.Turns. Who owes for the answers to others waits.
func (p *Plugin) BeginQuestion(ctx context.Context) error {
	if _, err := p.waitTurn(questionWait); err != nil {
		return err
	}
	t := p.options.Tenant
	if t == nil || t.questions == nil {
		return nil
	}
	switch err := takeSlot(ctx, t.questions, questionWait); {
	case err == nil:
		return nil
	case !errors.Is(err, errNoSlot) && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return err // nobody wants to know any more
	}
	p.metrics.Refused(metrics.Resolves)
	limit := cap(t.questions)
	p.waitsToAsk.Warn(p.log, "the filters of the tenant ask the engine for too much; nobody waits longer for a turn",
		slog.String("limit", "tenant_limits.resolves"), slog.Int("value", limit))
	return t.exceeded("resolves", int64(limit), ErrResolves)
}

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

// EndQuestion implements foreign.Turns.
func (p *Plugin) EndQuestion(units int64) {
	p.Pay(units)
	if t := p.options.Tenant; t != nil && t.questions != nil {
		<-t.questions
	}
}
