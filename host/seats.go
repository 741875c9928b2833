package host

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/identity"
)

// seats are the connections that each tenant has: those whose latest request was its. A
// bound that changes ends none.
type seats struct {
	mu sync.Mutex // guards what follows, and what is in the seats
	of map[string]*seat
}

// seat is where the connections of one tenant are counted.
type seat struct {
	tenant string
	used   int

	refused int       // since the last line about it
	silent  time.Time // no line until then
}

// seatLine is the shortest time between two lines about one tenant's connections.
const seatLine = time.Minute

// move counts a connection that was at a seat, nil for none, at that of another tenant,
// who may have so many. Where that one has them all it returns nil, the connection is
// counted nowhere, and refused is how many were refused since that was last told, if it
// is time to tell it.
func (s *seats) move(from *seat, tenant string, limit int) (to *seat, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(from)
	to = s.of[tenant]
	if to == nil {
		to = &seat{tenant: tenant}
		s.of[tenant] = to
	}
	if to.used < limit {
		to.used++
		return to, 0
	}
	to.refused++
	if now := time.Now(); !now.Before(to.silent) {
		to.silent = now.Add(seatLine)
		refused, to.refused = to.refused, 0
	}
	return nil, refused
}

// leave counts it as nobody's.
func (s *seats) leave(from *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(from)
}

// release is leave. The caller holds mu.
func (s *seats) release(from *seat) {
	if from == nil {
		return
	}
	if from.used--; from.used == 0 && time.Now().After(from.silent) {
		delete(s.of, from.tenant)
	}
}

// counts are how many each tenant has.
func (s *seats) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.of))
	for tenant, at := range s.of {
		counts[tenant] = at.used
	}
	return counts
}

// sit counts the connection as one of the tenant's whose request it has, if there is room
// for it.
func (x *exchange) sit() error {
	tenant, now := x.info.Client.Tenant, x.seat.Load()
	switch {
	case x.insider != nil, now == nil && tenant == "", now != nil && now.tenant == tenant:
		return nil
	case tenant == "":
		x.leaveSeat()
		return nil
	}
	limit := x.gen.config.LimitsOf(tenant).Connections
	next, refused := x.gateway.seats.move(now, tenant, limit)
	x.seat.Store(next)
	if next != nil {
		return nil
	}
	x.gateway.counted.Unseated(tenant)
	if refused > 0 {
		x.gateway.log.Warn("connections of a tenant are refused, since it has as many as it may", slog.String("tenant", tenant),
			slog.String("limit", "tenant_limits.connections"), slog.Int("value", limit), slog.Int("refused", refused))
	}
	return &identity.Refusal{Status: 503, Message: fmt.Sprintf(
		"tenant %q has all the connections that it may have open (tenant_limits.connections: %d): end some of them, or ask for more", tenant, limit)}
}

func (c *client) leaveSeat() {
	if at := c.seat.Swap(nil); at != nil {
		c.gateway.seats.leave(at)
	}
}
