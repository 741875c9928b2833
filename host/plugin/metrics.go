package plugin

import (
	"errors"
	"time"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/vm"
)

// Metrics implements hostcall.Caller.
func (i *Instance) Metrics() hostcall.Metrics { return i.plugin.metrics }

// Traps is how many instances the filter has lost since it was configured first,
// in all generations.
func (p *Plugin) Traps() uint64 { return p.metrics.Traps() }

// Fuel is what the filter's callbacks have used since it was configured first, as the
// time that limits are written in, and the most that one of them has. Both are 0
// where nobody looks at metrics.
func (p *Plugin) Fuel() (total, most time.Duration) {
	units, one := p.metrics.Fuel()
	return duration(units), duration(one)
}

// Refusals is how often the filter was refused more of something, by what it was.
func (p *Plugin) Refusals() map[string]uint64 { return p.metrics.Refusals() }

// stageOf is what a callback's time is counted as, plus one; 0 for those whose time
// is not taken: those of the start, and those that every stream has beside its stages,
// which would cost it two looks at the clock each. What they use is in the fuel.
var stageOf = [callbackCount]metrics.Stage{
	onRequestHeaders:   1 + metrics.RequestHeaders,
	onRequestBody:      1 + metrics.RequestBody,
	onRequestTrailers:  1 + metrics.RequestTrailers,
	onResponseHeaders:  1 + metrics.ResponseHeaders,
	onResponseBody:     1 + metrics.ResponseBody,
	onResponseTrailers: 1 + metrics.ResponseTrailers,
	onNewConnection:    1 + metrics.NewConnection,
	onDownstreamData:   1 + metrics.DownstreamData,
	onUpstreamData:     1 + metrics.UpstreamData,
	onDownstreamClose:  1 + metrics.ConnectionClose,
	onUpstreamClose:    1 + metrics.ConnectionClose,
	onTick:             1 + metrics.Tick,
	onQueueReady:       1 + metrics.Queue,

	onHTTPCallResponse:            1 + metrics.Callout,
	onGRPCReceiveInitialMetadata:  1 + metrics.Callout,
	onGRPCReceive:                 1 + metrics.Callout,
	onGRPCReceiveTrailingMetadata: 1 + metrics.Callout,
	onGRPCClose:                   1 + metrics.Callout,
}

// why is what the loss of an instance is counted as.
func why(err error) metrics.Trap {
	var trap *vm.TrapError
	var panicked *panicError
	switch {
	case errors.As(err, &trap) && trap.OutOfFuel:
		return metrics.Fuel
	case errors.As(err, &panicked):
		return metrics.Panic
	default:
		return metrics.Crash
	}
}
