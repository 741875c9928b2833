package host

import (
	"errors"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/wire"
)

// A JSON body is gathered whole before it goes on, whether there are filters or not. What
// clients have the gateway gather is bounded for those of each tenant together, beside what its filters hold,
// and a body that does not come holds its room for a while only.

// smallBody is how much memory for a body is not counted. A connection's own buffers may be larger.
const smallBody = 16 << 10

// holder is for whom the bodies of a tenant's clients are counted: with what is held by its filters where it has any.
// Clients that are no tenant's have one holder together.
func (c *commons) holder(tenant string) *plugin.Tenant {
	if t := c.tenants[tenant]; t != nil {
		return t
	}
	return c.holders[tenant]
}

// newHolders makes those of a configuration's tenants and of nobody's clients, of which that is held what was
// held of the generation before.
func newHolders(cfg *config.Config, before map[string]*plugin.Tenant) map[string]*plugin.Tenant {
	holders := make(map[string]*plugin.Tenant)
	add := func(name string) {
		holders[name] = before[name].Next(plugin.TenantLimits{Name: name, Held: cfg.LimitsOf(name).Held})
	}
	add("")
	for i := range cfg.Tenants {
		add(cfg.Tenants[i].Name)
	}
	return holders
}

// hold counts that so much memory is held for the request's body, until letGo.
func (x *exchange) hold(bytes int) error {
	if bytes <= smallBody {
		return nil
	}
	if x.holder == nil {
		x.holder = x.gen.shared.holder(x.info.Client.Tenant)
	}
	if err := x.holder.Hold(int64(bytes - x.held)); err != nil {
		return err
	}
	x.held = bytes
	return nil
}

// letGo ends that.
func (x *exchange) letGo() {
	if x.held > 0 {
		_ = x.holder.Hold(-int64(x.held)) // to let go is always allowed
		x.held = 0
	}
}

// refuseBody answers instead of what was gathered of a body, of which nothing is kept.
func (x *exchange) refuseBody(status int, message string) {
	x.letGo()
	x.stream.Refuse(status, message)
}

// bodyDue is when a body has to have come.
type bodyDue struct {
	began, at time.Time
	limit     time.Duration // 0: not yet set
}

// setDue sets when the body that is being read has to have come, by how much of it was announced, or has come.
func (x *exchange) setDue(d *bodyDue) {
	size := x.in
	if x.request.Body.Kind == wire.Length {
		size = min(x.request.Body.Length, int64(x.gen.chain().BodyLimit)) // more is refused when it has come
	}
	limit := buildkit.Patience(x.gateway.bodyTime, int(size))
	if limit == d.limit {
		return
	}
	if d.limit == 0 {
		d.began = time.Now()
	}
	d.limit, d.at = limit, d.began.Add(limit)
	x.conn.SetReadDeadline(d.at)
}

// over tells whether reading ended with that, and not because the connection was cut.
func (d *bodyDue) over(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(d.at)
}
