package host

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// handoverPatience is how long a reload waits for callbacks of the old generation that no stream waits for.
const handoverPatience = time.Second

// handOver has the next generation do what the old one did beside answering streams: queue events, and the ticks of
// services. Of one tenant's filters, or the operator's, never do both: those of the next begin when no callback of the old
// ones runs any more, nor of those before. That may take them a while, with which the others have nothing to do, and a
// reload not much. The caller holds reloading.
func (g *Gateway) handOver(ctx context.Context, old, next *generation) {
	old.quiesce()
	under := make(map[string]<-chan struct{})
	for _, tenant := range ownersOf(old, next) {
		done := make(chan struct{})
		before := g.handovers[tenant]
		under[tenant] = done
		g.retiring.Go(func() {
			defer close(done)
			if before != nil {
				<-before
			}
			old.quiet(tenant)
			next.activate(tenant)
		})
	}
	for tenant, done := range g.handovers {
		if _, again := under[tenant]; !again && !isClosed(done) {
			under[tenant] = done
		}
	}
	g.handovers = under
	patient, cancel := context.WithTimeout(ctx, handoverPatience)
	defer cancel()
	for tenant, done := range under {
		select {
		case <-done:
		case <-patient.Done():
			if !isClosed(done) {
				g.log.Warn("a filter of an older configuration is busy with a queue event or a tick; those of this one begin with theirs when that has ended",
					slog.String("tenant", tenant), slog.Duration("waited", handoverPatience))
			}
		}
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// ownersOf are the tenants that have filters in generations, and "" for the operator.
func ownersOf(generations ...*generation) []string {
	owners := []string{""}
	known := map[string]bool{"": true}
	for _, g := range generations {
		for _, f := range g.config.Plugins() {
			if !known[f.Tenant] {
				known[f.Tenant] = true
				owners = append(owners, f.Tenant)
			}
		}
	}
	return owners
}

// of are the plugins of a tenant's, "" for the operator's.
func (g *generation) of(tenant string) (of []*plugin.Plugin) {
	for _, p := range g.plugins() {
		if p != nil && p.Tenant() == tenant {
			of = append(of, p)
		}
	}
	return of
}

// activate begins what no stream asks for in a tenant's filters, unless quiesce came before.
func (g *generation) activate(tenant string) {
	m := &g.mending
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	if m.active == nil {
		m.active = make(map[string]bool)
	}
	m.active[tenant] = true
	for _, p := range g.of(tenant) {
		p.Activate()
	}
}

// quiesce ends what activate began, for good, and waits for nothing.
func (g *generation) quiesce() {
	m := &g.mending
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active, m.ended = nil, true
	for _, p := range g.plugins() {
		if p != nil {
			p.Quiesce()
		}
	}
}

// quiet waits, after quiesce, for callbacks of a tenant's filters.
func (g *generation) quiet(tenant string) {
	for _, p := range g.of(tenant) {
		p.Quiet()
	}
}
