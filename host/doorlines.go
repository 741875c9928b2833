package host

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/logs"
)

// What may be logged of what came to no filter: in a second, and logs.Burst times as much at once.
var (
	// partyLimit is for each party that came with it.
	partyLimit = logs.Limit{Lines: 100, Bytes: 64 << 10}
	// strangersLimit is for all who are no tenant's clients, together.
	strangersLimit = logs.Limit{Lines: 400, Bytes: 256 << 10}
)

// maxDoorParties is of how many parties the lines are counted apart, in memory of some 150 bytes each.
const maxDoorParties = 1024

// doorLines bounds the lines about what came to no filter: whoever can reach a listener can cause as many
// as connections can be opened. What filters have judged is a line each time.
type doorLines struct {
	strangers logs.Bucket

	mu     sync.Mutex // guards what follows
	of     map[party]*partyLines
	others partyLines // all others' together, when there are too many of them
	swept  time.Time
}

// partyLines are those about one party.
type partyLines struct {
	lines logs.Bucket
	left  logs.Rare // out
}

// may tells whether there may be a line about the party now. Where there may not be, left is of how many there were none, if it is time to tell.
func (d *doorLines) may(p party, now time.Time, size int) (ok bool, left int) {
	at := d.at(p, now)
	ok = at.lines.Take(partyLimit, now, size)
	if ok && p.tenant == "" && !d.strangers.Take(strangersLimit, now, size) {
		at.lines.Give(size)
		ok = false
	}
	if !ok {
		left = at.left.Take(now, 1)
	}
	return ok, left
}

// at is where the party's lines are counted. Those of which there was nothing to log for a while make room.
func (d *doorLines) at(p party, now time.Time) *partyLines {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := d.of[p]; at != nil {
		return at
	}
	if len(d.of) >= maxDoorParties && now.Sub(d.swept) >= time.Second {
		d.swept = now
		maps.DeleteFunc(d.of, func(_ party, at *partyLines) bool { return at.lines.Idle(now) })
	}
	if len(d.of) >= maxDoorParties {
		return &d.others
	}
	if d.of == nil {
		d.of = make(map[party]*partyLines)
	}
	at := new(partyLines)
	d.of[p] = at
	return at
}

// logAtDoor writes a line about what came to no filter, or leaves it out.
func (c *client) logAtDoor(p party, level slog.Level, message string, attrs ...slog.Attr) {
	log, ctx, now := c.gateway.log, context.Background(), time.Now()
	if !log.Enabled(ctx, level) {
		return
	}
	ok, left := c.gateway.door.may(p, now, logs.Size(message, attrs))
	if ok {
		log.LogAttrs(ctx, level, message, attrs...)
		return
	}
	c.gateway.counted.LineDropped()
	if left == 0 {
		return
	}
	log.Warn("lines about what came to no filter are left out, since there are too many about one client, or about all whom no tenant's rule fits",
		slog.String("listener", c.listener), slog.String("peer", c.peer), slog.String("tenant", p.tenant), slog.Int("left_out", left))
}

// whose is who asks, as far as that is known.
func (x *exchange) whose() party {
	if tenant := x.info.Client.Tenant; tenant != "" {
		return party{tenant: tenant}
	}
	return x.party()
}
