package metrics

import (
	"cmp"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
)

// Options of a Registry. The zero value is usable.
type Options struct {
	// Series is how many series each filter may define. 0 means DefaultSeries.
	Series int
	// TenantSeries is how many series all filters of a tenant may define together,
	// which says 0 for a tenant that nothing but Series bounds. Nil bounds none.
	TenantSeries func(tenant string) int
	// Tags are taken out of the names that filters define.
	Tags []Tag
	// Shown says that somebody may look: only then is it worth while to take the time
	// of callbacks.
	Shown bool
	// Logger receives what becomes of definitions that cannot be kept. Nil discards.
	Logger *slog.Logger
}

// DefaultSeries is how many series a filter may define when Options do not say.
const DefaultSeries = 1000

// Tag is a label that stands in the names of metrics.
type Tag struct {
	// Name is the label's.
	Name string
	// Pattern finds it: what its first group matches is taken out of the name, and
	// the label's value is what its second group matches, or the first where there is
	// one only. It is applied once to each name.
	Pattern *regexp.Regexp
}

// Registry keeps what the filters of a gateway count. Its methods may be called
// from any goroutine.
type Registry struct {
	options atomic.Pointer[Options]
	shown   bool
	log     *slog.Logger

	mu       sync.Mutex // guards what follows
	filters  map[filterKey]*Filter
	families map[string]*family // by every name that they take up
	series   map[string]int     // that are defined, by tenant; none of the operator's
}

// filterKey is a filter's name, and whose it is.
type filterKey struct{ tenant, name string }

// New returns an empty registry.
func New(options Options) *Registry {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Registry{
		shown:    options.Shown,
		log:      options.Logger,
		filters:  make(map[filterKey]*Filter),
		families: make(map[string]*family),
		series:   make(map[string]int),
	}
	r.Configure(options)
	return r
}

// Configure sets Series and Tags for what is defined from now on.
func (r *Registry) Configure(options Options) {
	if options.Series <= 0 {
		options.Series = DefaultSeries
	}
	r.options.Store(&options)
}

// Filter returns the operator's filter of that name, as TenantFilter does.
func (r *Registry) Filter(name string) *Filter { return r.TenantFilter("", name) }

// TenantFilter returns a tenant's filter of that name, of which there is one for all
// generations. Release must be called when it is not used any more; after the last
// one its series are gone.
func (r *Registry) TenantFilter(tenant, name string) *Filter {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := filterKey{tenant, name}
	f := r.filters[key]
	if f == nil {
		f = &Filter{registry: r, tenant: tenant, name: name}
		f.init()
		r.filters[key] = f
	}
	f.users++
	return f
}

// Release ends one use.
func (f *Filter) Release() {
	r := f.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.users--; f.users > 0 {
		return
	}
	delete(r.filters, filterKey{f.tenant, f.name})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.series {
		r.leave(m.family)
	}
	if r.series[f.tenant] -= len(f.series); r.series[f.tenant] <= 0 {
		delete(r.series, f.tenant)
	}
}

// hasRoom tells whether a tenant may define one more series. The caller holds the lock.
func (r *Registry) hasRoom(tenant string) bool {
	limit := r.options.Load().TenantSeries
	if tenant == "" || limit == nil {
		return true
	}
	most := limit(tenant)
	return most <= 0 || r.series[tenant] < most
}

// all are the filters there are, by name.
func (r *Registry) all() []*Filter {
	r.mu.Lock()
	defer r.mu.Unlock()
	filters := make([]*Filter, 0, len(r.filters))
	for _, f := range r.filters {
		filters = append(filters, f)
	}
	slices.SortFunc(filters, func(a, b *Filter) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.tenant, b.tenant)) })
	return filters
}
