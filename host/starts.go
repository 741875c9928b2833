package host

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// starts are those of a generation's plugins, while somebody waits for them.
type starts struct {
	generation *generation
	all        []config.Filter
	options    []plugin.Options
	plugins    []*plugin.Plugin
	errs       []error
	// ended has a tenant's filter that ended its start, if somebody still waits.
	ended chan started
}

// started is how one ended.
type started struct {
	index  int
	plugin *plugin.Plugin
	err    error
}

// startPlugins starts those of the configuration. With an error it returns those that
// came up.
//
// The operator's own are waited for: nothing is served without them. Those of tenants
// start beside them and beside each other, each as fast as its tenant's allowance comes
// in, and all of them together are waited for no longer than limits.start: what one tenant
// uploads delays nobody else for longer.
func (g *generation) startPlugins(ctx context.Context) ([]*plugin.Plugin, error) {
	all := g.config.Plugins()
	s := &starts{
		generation: g,
		all:        all,
		options:    make([]plugin.Options, len(all)),
		plugins:    make([]*plugin.Plugin, len(all)),
		errs:       make([]error, len(all)),
		ended:      make(chan started),
	}
	patience := time.NewTimer(g.config.Limits.Start)
	defer patience.Stop()
	theirs := s.beginTenants()
	s.startOwn(ctx)
	if errors.Join(s.errs...) == nil {
		s.await(ctx, theirs, patience.C)
	}
	return s.plugins, errors.Join(s.errs...)
}

func (s *starts) failed(index int, err error) {
	s.errs[index] = filterError(&s.all[index], err)
}

// beginTenants begins to start the filters of tenants, and returns how many were begun. One
// that failed lately is not among them: it is tried again later, and nobody waits for it.
func (s *starts) beginTenants() (begun int) {
	g := s.generation
	for i := range s.all {
		f := &s.all[i]
		options, err := pluginOptions(f, g.config, g.shared)
		if err != nil {
			s.failed(i, err)
			continue
		}
		s.options[i] = options
		if f.Tenant == "" {
			continue
		}
		if err := g.shared.past(f).rests(); err != nil {
			s.quarantine(i, err)
			continue
		}
		begun++
		g.mending.tries.Add(1)
		go func() {
			defer g.mending.tries.Done()
			g.startTenants(s.ended, i, f, options)
		}()
	}
	return begun
}

// startTenants starts a tenant's filter. Where nobody waits for it any more when that is
// over, the filter is in service, or in quarantine, from then on.
func (g *generation) startTenants(ended chan<- started, index int, f *config.Filter, options plugin.Options) {
	m := &g.mending
	p, err := startPlugin(m.ctx, g.engine.vm, f, options)
	select {
	case ended <- started{index, p, err}:
	case <-m.serves:
		g.startedLate(brokenFilter{index, *f, err}, p, options)
	case <-m.ctx.Done():
		if p != nil {
			p.Close(context.WithoutCancel(m.ctx))
		}
	}
}

// startOwn starts the operator's filters, several at a time.
func (s *starts) startOwn(ctx context.Context) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range s.all {
		if s.all[i].Tenant != "" || s.errs[i] != nil {
			continue
		}
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wait.Done() }()
			p, err := startPlugin(ctx, s.generation.engine.vm, &s.all[i], s.options[i])
			if s.plugins[i] = p; err != nil {
				s.failed(i, err)
			}
		}()
	}
	wait.Wait()
}

// await takes in what becomes of so many filters of tenants, as long as there is patience.
func (s *starts) await(ctx context.Context, begun int, patience <-chan time.Time) {
	for over := false; begun > 0; {
		select {
		case e := <-s.ended: // it was in time, though patience may have run out since
			s.end(e)
			begun--
			continue
		default:
		}
		if over {
			break
		}
		select {
		case e := <-s.ended:
			s.end(e)
			begun--
		case <-patience:
			over = true
		case <-ctx.Done():
			s.errs, over = append(s.errs, context.Cause(ctx)), true
		}
	}
	for i := range s.all {
		if s.all[i].Tenant != "" && s.plugins[i] == nil {
			s.quarantine(i, plugin.ErrStarting)
		}
	}
}

// end takes in what became of one.
func (s *starts) end(e started) {
	s.generation.shared.past(&s.all[e.index]).tried(e.err)
	if e.err != nil {
		s.quarantine(e.index, e.err)
		return
	}
	s.plugins[e.index] = e.plugin
}

// quarantine has the generation serve without a tenant's filter, for the reason of err.
func (s *starts) quarantine(index int, err error) {
	s.generation.mending.note(index, &s.all[index], err)
	s.plugins[index] = plugin.Unstarted(s.options[index], err)
}

func startPlugin(ctx context.Context, engine *vm.Engine, f *config.Filter, options plugin.Options) (*plugin.Plugin, error) {
	if f.Problem != nil {
		return nil, f.Problem
	}
	return plugin.New(ctx, engine, options)
}
