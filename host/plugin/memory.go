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
	each := p.module.Memory()
	if limit := p.options.MemoryLimit; limit > 0 && each > limit {
		return &vm.MemoryError{Need: each, Limit: limit}
	}
	n := p.options.Instances
	if err := p.options.Memory.Check(each * uint64(n)); err != nil {
		return fmt.Errorf("%d instances are to be started, with %d bytes each: %w", n, each, err)
	}
	return nil
}

// refusedMemory is told by an instance whose guest did not get what it asked for.
// Mostly it traps then, and does not say why.
func (p *Plugin) refusedMemory(err error) {
	p.metrics.Refused(metrics.Memory)
	n := p.memoryRefusals.take(time.Now(), 1)
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
