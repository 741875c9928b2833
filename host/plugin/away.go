package plugin

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// Requests that a filter cannot judge are denied, which takes less than to serve them: clients that
// send the next one at once would have more of the gateway the worse their tenant's filter is. So
// there are so many such answers for each tenant in a second, and as many at once; further ones come
// later. No request is denied for that which would not be anyway.
const (
	refusedMost  = 1000
	refusedUnits = time.Second / refusedMost
)

// TurnAway returns when it is time to answer a request that the filter could not judge; at once,
// where the filter is the operator's. It returns when ctx ends, too.
func (p *Plugin) TurnAway(ctx context.Context) {
	if t := p.options.Tenant; t != nil {
		_ = t.refused.Pay(ctx, vm.Fuel(refusedUnits)) // who has gone is answered to nobody's cost
	}
}
