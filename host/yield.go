package host

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"
)

// party is whose a connection is, where some have to make room for others: the tenant's
// of its last request; and as long as that is not known, of everybody who looks the
// same at the listener.
type party struct {
	tenant   string
	listener int
	uid      int64
	host     netip.Addr
}

// party finds it out. It is for when it matters, so that nothing is kept of it.
func (c *client) party() party {
	if s := c.seat.Load(); s != nil {
		return party{tenant: s.tenant}
	}
	p := party{listener: c.listenerIndex, uid: c.uid.Load()}
	if at, ok := c.net.RemoteAddr().(*net.TCPAddr); ok {
		p.host = at.AddrPort().Addr()
	}
	return p
}

// roomShare is which part of all connections is closed at once, the least one: to look
// for them at all costs more than to close a few, and whoever makes others do that
// should have to come again as often.
const roomShare = 64

// yieldTime is how long a connection has to end that was told to. It takes microseconds, unless somebody has found a way not to.
const yieldTime = time.Second

// waysPerSecond is how many connections may be closed on behalf of those that come to one
// listener: clients who open another one for each that they lose would otherwise keep
// the gateway busy with nothing else.
const waysPerSecond = 2000

// ways says when an accept loop may look for connections to close.
type ways struct {
	saved float64
	since time.Time
}

// take tells whether it is time for n.
func (w *ways) take(n int, now time.Time) bool {
	if w.since.IsZero() {
		w.saved = float64(n)
	}
	w.saved = min(w.saved+waysPerSecond*now.Sub(w.since).Seconds(), float64(n))
	w.since = now
	if w.saved < float64(n) {
		return false
	}
	w.saved = 0
	return true
}

// waysOf is what one accept loop calls while all that may be open are.
func (g *Gateway) waysOf() (full func()) {
	var w ways
	return func() {
		if n := max(1, g.current.Load().config.Limits.Connections/roomShare); w.take(n, time.Now()) {
			g.makeWay(n)
		}
	}
}

// candidate is a connection that could make room.
type candidate struct {
	*client
	since int64
	head  bool // one of a request has begun
}

// makeWay has n connections closed that can be without harm, since all that may be open
// are. Such as have been answered for the last time, and whose clients do not leave, go first. Then
// those that wait for a request: of the party that has most of them the oldest, and before one whose request
// has begun to come all others of the party. Where there are none nothing is done: streams are never
// ended.
func (g *Gateway) makeWay(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var lingering, waiting []candidate
	now, leaving := time.Now(), false
	for c := range g.conns {
		if c.insider != nil {
			continue // it has no slot
		}
		at := candidate{c, c.active.Load(), c.conn.Begun()}
		switch state := c.state.Load(); {
		case state == clientLingering:
			lingering = append(lingering, at)
		case state == clientIdle, state == clientYielding && at.head:
			waiting = append(waiting, at)
		case state == clientYielding && now.Sub(time.Unix(0, c.told.Load())) > yieldTime:
			c.conn.Abort()
			fallthrough
		case state == clientYielding:
			leaving = true
		}
	}
	switch {
	case leaving: // so there will be room in a moment
	case len(lingering) > 0:
		for _, c := range oldestOfMost(lingering, n) {
			if c.state.CompareAndSwap(clientLingering, clientClosing) {
				g.counted.Yielded()
				c.conn.Abort()
			}
		}
	default:
		for _, c := range oldestOfMost(waiting, n) {
			c.yield()
		}
	}
}

// oldestOfMost picks n of them, one after the other: the oldest one of the party that has
// most of those that are left.
func oldestOfMost(all []candidate, n int) (picked []candidate) {
	slices.SortFunc(all, func(a, b candidate) int {
		switch {
		case a.head == b.head:
			return cmp.Compare(a.since, b.since)
		case a.head:
			return 1
		}
		return -1
	})
	var parties [][]candidate
	index := make(map[party]int)
	for _, c := range all {
		p := c.party()
		at, ok := index[p]
		if !ok {
			at = len(parties)
			index[p] = at
			parties = append(parties, nil)
		}
		parties[at] = append(parties[at], c)
	}
	for range min(n, len(all)) {
		most := 0 // the first of equal ones is the one with the oldest, or had it
		for at, of := range parties {
			if len(of) > len(parties[most]) {
				most = at
			}
		}
		picked = append(picked, parties[most][0])
		parties[most] = parties[most][1:]
	}
	return picked
}

// yield has the connection closed unless a request comes meanwhile; one whose head has
// begun in any case. The caller holds the gateway's lock.
func (c *candidate) yield() {
	if !c.state.CompareAndSwap(clientIdle, clientYielding) && c.state.Load() != clientYielding {
		return
	}
	c.told.Store(time.Now().UnixNano())
	if c.head {
		c.conn.InterruptHead()
	} else {
		c.conn.Interrupt()
	}
}

// begin tells whether the request that was read is to be served.
func (c *client) begin() bool {
	if c.state.CompareAndSwap(clientIdle, clientBusy) {
		return true
	}
	// It was quicker than what wanted the connection closed, whoever that was: see yield.
	c.gateway.mu.Lock()
	defer c.gateway.mu.Unlock()
	if !c.state.CompareAndSwap(clientYielding, clientBusy) {
		return false // a shutdown
	}
	c.conn.Resume()
	return true
}

// yielded ends the connection, which makes room for another one.
func (c *client) yielded() {
	c.gateway.counted.Yielded()
	if len(c.conn.Buffered()) > 0 {
		c.answerPlain(503, "sluice: all connections that may be open (limits.connections) are, and of the requests that had not come to an end this was the oldest: send it again")
	}
}

// part closes the connection behind an answer, when the client has had the time to read
// it; at once where the connection is needed.
func (c *client) part() {
	for state := c.state.Load(); state != clientClosing && !c.state.CompareAndSwap(state, clientLingering); state = c.state.Load() {
	}
	_ = c.conn.CloseLinger(lingerTime)
}
