package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// A tenant's filter that cannot be started is tried again after mendFirst, and then
// after twice as long each time, up to mendMost.
const (
	mendFirst = time.Second
	mendMost  = 5 * time.Minute
)

// mending is what a generation knows of tenants' filters that could not be started with
// it: they are in quarantine, so that what one tenant uploads stops nobody else. Where a
// later try may go better, there is one. What is wrong with the module itself is mended by
// another file, and so by a reload.
type mending struct {
	ctx    context.Context
	cancel context.CancelFunc
	tries  sync.WaitGroup

	// serves is closed when the generation serves, without those that have not started
	// yet, and log is there.
	serves chan struct{}
	log    *slog.Logger

	mu     sync.Mutex // guards what follows, and that one plugin is replaced at a time
	broken []brokenFilter
	// active has the tenants whose filters do more than answer streams, "" the operator; ended is set when no further one's do.
	active map[string]bool
	ended  bool
}

type brokenFilter struct {
	index  int // in config.Plugins
	filter config.Filter
	err    error
}

func (m *mending) init() {
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.serves = make(chan struct{})
}

// note takes down that a filter could not be started.
func (m *mending) note(index int, f *config.Filter, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = append(m.broken, brokenFilter{index, *f, err})
}

// end waits until nothing is tried any more.
func (m *mending) end() {
	m.cancel()
	m.tries.Wait()
}

// mend says which filters are in quarantine, now that the generation serves, and begins
// to try them again.
func (g *generation) mend(log *slog.Logger) {
	m := &g.mending
	for _, b := range m.broken { // no more come
		if errors.Is(b.err, plugin.ErrStarting) {
			about(log, &b.filter).Warn("the tenant's filter is still starting: it is not asked before it has, and its on_failure decides",
				slog.String("limit", "limits.start"), slog.Duration("value", g.config.Limits.Start))
			continue // startTenants goes on
		}
		m.tries.Add(1)
		go func() {
			defer m.tries.Done()
			g.quarantined(b, log)
		}()
	}
	m.log = log
	close(m.serves)
}

func about(log *slog.Logger, f *config.Filter) *slog.Logger {
	return log.With(slog.String("filter", f.Name), slog.String("tenant", f.Tenant))
}

// quarantined says that a filter is in quarantine, and tries it again if that may help.
func (g *generation) quarantined(b brokenFilter, log *slog.Logger) {
	log = about(log, &b.filter)
	const text = "the tenant's filter could not be started and is in quarantine: it is not asked, and its on_failure decides; "
	attrs := []any{slog.String("kind", b.filter.Kind), slog.String("module", b.filter.Module), slog.String("on_failure", b.filter.OnFailure), slog.Any("error", b.err)}
	if !mayMend(b.err) {
		log.Error(text+"it is tried again when a file of it changes", attrs...)
		return
	}
	log.Error(text+"it is tried again when a file of it changes, and every now and then", attrs...)
	g.tryAgain(b, log)
}

// startedLate is what becomes of a filter whose start is over after the generation began to
// serve: it came up as p, or b says why not.
func (g *generation) startedLate(b brokenFilter, p *plugin.Plugin, options plugin.Options) {
	if g.mending.ctx.Err() != nil && b.err != nil {
		return
	}
	g.shared.past(&b.filter).tried(b.err)
	if b.err == nil {
		g.replace(b.index, p)
		about(g.mending.log, &b.filter).Info("the tenant's filter has started: it is asked from now on")
		return
	}
	g.replace(b.index, plugin.Unstarted(options, b.err))
	g.quarantined(b, g.mending.log)
}

// mayMend tells whether a filter that was not started for the reason of err may be
// started later: what its own code says when it starts, and how much memory there is, may
// change. What a module is does not.
func mayMend(err error) bool {
	var start *plugin.StartError
	return errors.As(err, &start) && start.Step != "link"
}

// tryAgain starts a filter, sooner or later.
func (g *generation) tryAgain(b brokenFilter, log *slog.Logger) {
	past := g.shared.past(&b.filter)
	for {
		timer := time.NewTimer(past.due())
		select {
		case <-timer.C:
		case <-g.mending.ctx.Done():
			timer.Stop()
			return
		}
		options, err := pluginOptions(&b.filter, g.config, g.shared)
		if err != nil {
			return // it was right before
		}
		if !options.WaitAllowed(g.mending.ctx) { // the last try may have been dear
			return
		}
		p, err := startPlugin(g.mending.ctx, g.engine.vm, &b.filter, options)
		if g.mending.ctx.Err() != nil && err != nil {
			return
		}
		past.tried(err)
		if err != nil {
			log.Warn("the tenant's filter still cannot be started", slog.Any("error", err), slog.Duration("again", past.due().Round(time.Second)))
			continue
		}
		g.replace(b.index, p)
		log.Info("the tenant's filter was started: its quarantine is over")
		return
	}
}

// replace lets a plugin serve new streams in the place of one that was not started.
func (g *generation) replace(index int, p *plugin.Plugin) {
	g.mending.mu.Lock()
	defer g.mending.mu.Unlock()
	plugins := append([]*plugin.Plugin(nil), g.plugins()...)
	before := plugins[index]
	plugins[index] = p
	g.serve(plugins)
	if g.mending.active[p.Tenant()] {
		p.Activate()
	}
	before.Close(context.WithoutCancel(g.mending.ctx))
}
