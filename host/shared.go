package host

import (
	"log/slog"

	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/store"
)

// commons is what all generations of a gateway have in common.
type commons struct {
	functions *foreign.Registry
	store     store.Store
	metrics   *metrics.Registry // nil: what filters count is not kept
	log       *slog.Logger
	gateway   *Gateway // nil: nothing is served
	// What follows is of one generation, by name; tenants, pasts and memory go on from what
	// they are in the one before.
	callouts map[string]*callout.Upstream
	tenants  map[string]*plugin.Tenant
	holders  map[string]*plugin.Tenant // see holder
	pasts    map[string]*past
	memory   *operatorsMemory // of the filters that are no tenant's

	references *reference.Functions
}

func (g *Gateway) commons() *commons {
	c := &commons{functions: g.functions, store: g.store, metrics: g.metrics, log: g.log, gateway: g}
	if current := g.current.Load(); current != nil {
		c.tenants, c.pasts, c.memory = current.shared.tenants, current.shared.pasts, current.shared.memory
		c.holders = current.shared.holders
	}
	return c
}

// past is what is remembered of a filter.
func (c *commons) past(f *config.Filter) *past { return c.pasts[f.Name] }

// with adds functions of the gateway's own.
func (c *commons) with(own map[string]foreign.Function) *commons {
	more := *c
	more.functions = c.functions.With(own)
	return &more
}

// openStore opens what filters share: for the life of the gateway, whatever is
// reloaded meanwhile.
func openStore(cfg *config.Config, log *slog.Logger) (store.Store, error) {
	if cfg.Store.Dir == "" {
		return store.NewMemory(storeLimits(cfg)), nil
	}
	return store.OpenFile(store.FileOptions{Dir: cfg.Store.Dir, Sync: cfg.Store.Sync, Logger: log}, storeLimits(cfg))
}

func storeLimits(cfg *config.Config) store.Limits {
	limits := store.Limits{
		Keys:       cfg.SharedData.Keys,
		Bytes:      cfg.SharedData.Bytes,
		Queues:     cfg.SharedQueues.Queues,
		QueueItems: cfg.SharedQueues.Items,
		QueueBytes: cfg.SharedQueues.Bytes,
	}
	quota := func(t config.TenantLimits) store.TenantLimits {
		return store.TenantLimits{Keys: t.SharedKeys, Bytes: t.SharedBytes, QueueItems: t.QueueItems, QueueBytes: t.QueueBytes}
	}
	limits.Tenant, limits.Tenants = quota(cfg.TenantLimits), make(map[string]store.TenantLimits)
	for _, t := range cfg.Tenants {
		limits.Tenants[t.Name] = quota(t.Limits)
	}
	for _, t := range cfg.SharedData.TTL {
		limits.TTL = append(limits.TTL, store.TTL{Prefix: t.Prefix, After: t.TTL})
	}
	return limits
}
