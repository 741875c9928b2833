package plugin

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/vm"
)

// checkMemory refuses a plugin whose instances, as many as are started before the
// first stream comes, have no room for the memory that their module begins with.
func (p *Plugin) checkMemory() error {
	each := p.module.Footprint()
	if limit := p.options.MemoryLimit; limit > 0 && each > limit {
		return &vm.MemoryError{Need: each, Limit: limit}
	}
	return p.room(p.options.Instances, p.options.Instances)
}

// CheckInstances tells why a plugin with one instance could not be started with n, 0 for
// GOMAXPROCS.
func (p *Plugin) CheckInstances(n int) error {
	n = Options{Instances: n, Service: p.options.Service}.withDefaults().Instances
	if err := p.room(n, n-1); err != nil {
		return &StartError{Step: "memory", Err: err}
	}
	return nil
}

// room tells whether there is memory for so many of n instances.
func (p *Plugin) room(n, more int) error {
	each := p.module.Footprint()
	if err := p.options.Memory.Check(each * uint64(more)); err != nil {
		return fmt.Errorf("%d instances are to be started, with %d bytes each: %w", n, each, err)
	}
	return nil
}

// refusedMemory is told by an instance whose guest did not get what it asked for.
// Mostly it traps then, and does not say why.
func (p *Plugin) refusedMemory(err error) {
	p.metrics.Refused(metrics.Memory)
	n := p.memoryRefusals.Take(time.Now(), 1)
	if n == 0 {
		return
	}
	limit, value := "limits.memory", p.options.MemoryLimit
	var full *vm.PoolError
	if errors.As(err, &full) {
		limit, value = full.Pool, full.Limit
	}
	p.log.Warn("the filter did not get the memory that it asked for", slog.Any("reason", err), slog.String("limit", limit), slog.Uint64("value", value), slog.Int("times", n))
}

// Memory is how many bytes of memory the plugin's instances have.
func (p *Plugin) Memory() int64 { return p.options.Memory.Used() }
