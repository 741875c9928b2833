package plugin

import (
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/host/metrics"
)

var (
	// ErrContexts is returned by Open when the filters of a tenant have as many
	// streams as they may.
	ErrContexts = errors.New("the filters of the tenant have as many streams as they may")

	// ErrHeld is returned by Hold.
	ErrHeld = errors.New("as much of bodies is held for the tenant as may be")
)

// quota is a number of things that the filters of a tenant may have at a time. A limit of
// 0 bounds nothing.
type quota struct {
	limit int64
	used  *atomic.Int64 // in all generations
}

func newQuota(limit int64) quota { return quota{limit: limit, used: new(atomic.Int64)} }

// next is what there may be for the next generation, of which is used what is used.
func (q quota) next(limit int64) quota { return quota{limit: limit, used: q.used} }

// take takes n, if there is as much.
func (q quota) take(n int64) bool {
	if q.used.Add(n) > q.limit && q.limit > 0 && n > 0 {
		q.used.Add(-n)
		return false
	}
	return true
}

// exceeded is the error of a tenant's limit.
func (t *Tenant) exceeded(limit string, value int64, err error) error {
	return &LimitError{Tenant: t.Name(), Limit: "tenant_limits." + limit, Value: strconv.FormatInt(value, 10), Err: err}
}

// takeContext counts a context that a stream opens.
func (p *Plugin) takeContext() error {
	t := p.options.Tenant
	if t == nil || t.contexts.take(1) {
		return nil
	}
	p.metrics.Refused(metrics.Contexts)
	return t.exceeded("contexts", t.contexts.limit, ErrContexts)
}

// giveContexts counts contexts that are gone.
func (p *Plugin) giveContexts(n int) {
	if t := p.options.Tenant; t != nil {
		t.contexts.take(-int64(n))
	}
}

// takeCall counts a call to a service that is made for the party. False means that as many are under way of
// the filter, of the party's in it, or of the tenant's filters together, as may be, which is counted and told.
func (p *Plugin) takeCall(party string) (slot *holder, ok bool) {
	slot, ok = p.options.History.calls.try(party)
	if !ok {
		p.refuseCall("limits.callouts", int64(p.options.Callouts), party)
		return nil, false
	}
	if t := p.options.Tenant; t != nil && !t.calls.take(1) {
		p.options.History.calls.give(slot)
		p.refuseCall("tenant_limits.callouts", t.calls.limit, party)
		return nil, false
	}
	return slot, true
}

// giveCall counts a call that is over.
func (p *Plugin) giveCall(slot *holder) {
	p.options.History.calls.give(slot)
	if t := p.options.Tenant; t != nil {
		t.calls.take(-1)
	}
}

// Holds tells whether what the plugin holds of bodies is to be counted, by Hold.
func (p *Plugin) Holds() bool { return p.options.Tenant != nil }

// Hold counts bytes of bodies that the filter holds; fewer than 0 that it has let go
// of. The error says that there are too many, and that they were not counted.
func (p *Plugin) Hold(bytes int) error {
	err := p.options.Tenant.Hold(int64(bytes))
	if err != nil {
		p.metrics.Refused(metrics.Held)
	}
	return err
}

// Hold counts bytes of bodies that are held for the tenant, as Plugin.Hold does, for its filters or for the gateway itself.
func (t *Tenant) Hold(bytes int64) error {
	if t == nil || t.held.take(bytes) {
		return nil
	}
	return t.exceeded("held", t.held.limit, ErrHeld)
}

// Held is how many bytes that is now.
func (t *Tenant) Held() int64 { return t.held.used.Load() }
