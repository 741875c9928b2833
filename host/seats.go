package host

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// seat is where the connections of one tenant are.
type seat struct {
	tenant string
	conns  map[*client]struct{}

	waiting int           // for one of them
	freed   chan struct{} // closed when there is one again; nil if nobody waits
	ways    ways
	made    time.Time // when one of them was last seen to make way

	refused int       // since the last line about it
	silent  time.Time // no line until then
}

// seatLine is the shortest time between two lines about one tenant's connections.
const seatLine = time.Minute

// move counts the connection, which was at a seat or at none, as one of another tenant's,
// who may have so many. Where that one has them all, and none of them makes way, it is
// counted nowhere, and refused is how many were refused since that was last told, if it
// is time to tell it.
func (s *seats) move(c *client, tenant string, limit int) (ok bool, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(c)
	to := s.of[tenant]
	if to == nil {
		to = &seat{tenant: tenant, conns: make(map[*client]struct{})}
		s.of[tenant] = to
	}
	if len(to.conns) < limit || s.await(to, limit) {
		to.conns[c] = struct{}{}
		c.seat.Store(to)
		return true, 0
	}
	to.refused++
	if now := time.Now(); !now.Before(to.silent) {
		to.silent = now.Add(seatLine)
		refused, to.refused = to.refused, 0
	}
	return false, refused
}

// Those who wait for a seat have one of 8 as many connections as the tenant may have, or so many, beside them.
const (
	waitingShare  = 8
	waitingAtOnce = 8
)

// await has idle connections of the tenant make way for one of its own, and waits for that; and
// a moment in any case, since one that has just been answered, or closed by its client, is not
// known to be idle or gone. The caller holds mu, which is let go of meanwhile.
func (s *seats) await(at *seat, limit int) bool {
	if at.waiting >= max(waitingAtOnce, limit/waitingShare) {
		return false
	}
	at.waiting++
	defer func() { at.waiting-- }()
	n := max(1, limit/roomShare)
	began := time.Now()
	until := began.Add(readTime)
	for now := began; now.Before(until); now = time.Now() {
		var all []*client
		if at.ways.take(n, now) {
			all = slices.Collect(maps.Keys(at.conns))
		}
		if at.freed == nil {
			at.freed = make(chan struct{})
		}
		freed := at.freed
		s.mu.Unlock()
		leaving := makeWayAmong(all, n)
		select {
		case <-freed:
		case <-time.After(lookAgain):
		}
		s.mu.Lock()
		if leaving {
			at.made = now
		}
		if now.Sub(at.made) < readTime {
			until = began.Add(yieldTime)
		}
		if len(at.conns) < limit {
			return true
		}
	}
	return false
}

// leave counts it as nobody's.
func (s *seats) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(c)
}

// release is leave. The caller holds mu.
func (s *seats) release(c *client) {
	from := c.seat.Swap(nil)
	if from == nil {
		return
	}
	delete(from.conns, c)
	if from.freed != nil {
		close(from.freed)
		from.freed = nil
	}
	if len(from.conns) == 0 && from.waiting == 0 && time.Now().After(from.silent) {
		delete(s.of, from.tenant)
	}
}

// counts are how many each tenant has.
func (s *seats) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.of))
	for tenant, at := range s.of {
		counts[tenant] = len(at.conns)
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
	ok, refused := x.gateway.seats.move(x.client, tenant, limit)
	if ok {
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
	if c.seat.Load() != nil {
		c.gateway.seats.leave(c)
	}
}
