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
		p.host = hostOf(at.AddrPort().Addr())
	}
	return p
}

// hostOf is an address; in IPv6 its network, since whoever has one address there has 2^64.
func hostOf(at netip.Addr) netip.Addr {
	at = at.Unmap()
	if at.Is6() {
		at = netip.PrefixFrom(at, 64).Masked().Addr()
	}
	return at
}

// roomShare is which part of all connections is closed at once, the least one: to look
// for them at all costs more than to close a few, and whoever makes others do that
// should have to come again as often.
const roomShare = 64

// yieldTime is how long a connection has to end that was told to. It takes microseconds, unless somebody has found a way not to.
const yieldTime = time.Second

// readTime is how long a client has at least to read the answer behind which its connection is closed, and which may be on its way still.
const readTime = 100 * time.Millisecond

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
	order order
	stuck int64 // since when, if its client does not read
	party int   // whose it is, a number
	left  int   // how many of the party's are as young or younger
}

// order is who of a party goes first.
type order int

const (
	unread  order = iota - 2 // its client does not read what the gateway answers
	pinging                  // with a ping of somebody who may do nothing else
	resting
	inHead  // one of a request has begun
	parting // its last answer, or that to a stranger's ping, was sent just now: it is not cut yet, but will be
)

// makeWay has n connections closed, since all that may be open are. What it looks at, it looks at without
// the gateway's lock.
func (g *Gateway) makeWay(n int) {
	g.mu.Lock()
	all := make([]*client, 0, len(g.conns))
	for c := range g.conns {
		if c.insider == nil { // which has no slot
			all = append(all, c)
		}
	}
	g.mu.Unlock()
	makeWayAmong(all, n)
}

// makeWayAmong has n of the connections closed that can be without harm, and tells whether any is about to be.
// Such as have been answered for the last time, and whose clients do not leave though they had the time to, go first. Then
// those that wait for a request: of the party that has most of them the oldest, and before one whose request
// has begun to come all others of the party; and before all those of it whose clients do not read what the gateway itself answers, or
// ping without being allowed anything else, which are closed behind the answer; if it has none but such as were answered just now, those are waited for. Where there are none nothing is done: streams are never
// ended, however slowly they are read.
func makeWayAmong(all []*client, n int) (leaving bool) {
	var lingering, waiting []candidate
	now := time.Now()
	for _, c := range all {
		told := func() time.Duration { return now.Sub(time.Unix(0, c.told.Load())) }
		switch at := (candidate{client: c, since: c.active.Load()}); c.state.Load() {
		case clientLingering:
			if told() > readTime {
				lingering = append(lingering, at)
			} else {
				at.order = parting
				waiting = append(waiting, at)
			}
		case clientIdle:
			if c.conn.Begun() {
				at.order = inHead
			}
			waiting = append(waiting, at)
		case clientBusy:
			at.stuck = c.conn.WritingSince()
			writing := now.Sub(time.Unix(0, at.stuck))
			switch pings := c.pinging.Load(); {
			case at.stuck != 0 && (writing > yieldTime || pings && writing > readTime):
				at.order = unread
				waiting = append(waiting, at)
			case pings && at.stuck != 0:
				at.order = parting
				waiting = append(waiting, at)
			case pings && c.leave.Load():
				leaving = leaving || told() < yieldTime
			case pings:
				at.order = pinging
				waiting = append(waiting, at)
			}
		case clientYielding:
			if told() > yieldTime {
				c.cut(clientYielding)
			}
			leaving = true
		}
	}
	switch {
	case leaving: // so there will be room in a moment
	case len(lingering) > 0:
		for _, c := range oldestOfMost(lingering, n) {
			leaving = c.cut(clientLingering) || leaving
		}
	default:
		for _, c := range oldestOfMost(waiting, n) {
			leaving = c.yield() || leaving
		}
	}
	return leaving
}

// oldestOfMost picks n of them, one after the other: the oldest one of the party that has
// most of those that are left, and of equal parties of the one whose oldest is older.
func oldestOfMost(all []candidate, n int) (picked []candidate) {
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.since, b.since))
	})
	parties := make(map[party]int)
	var sizes []int
	for i := range all {
		p := all[i].client.party()
		at, ok := parties[p]
		if !ok {
			at = len(sizes)
			parties[p] = at
			sizes = append(sizes, 0)
		}
		all[i].party = at
		sizes[at]++
	}
	for i := range all {
		at := all[i].party
		all[i].left = sizes[at]
		sizes[at]--
	}
	// One is picked when its party has as many left as no other: so in this order.
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.left, a.left), cmp.Compare(a.party, b.party))
	})
	return all[:min(n, len(all))]
}

// cut ends the connection if it is in that state still. A request that is read from it all the same
// is not served.
func (c *client) cut(state int32) bool {
	if !c.state.CompareAndSwap(state, clientClosing) {
		return false
	}
	c.gateway.counted.Yielded()
	c.conn.Abort()
	return true
}

// cutUnread ends the connection if the write that waits since then is still waiting for its client to read.
func (c *client) cutUnread(since int64) bool {
	if !c.conn.AbortWrite(since) {
		return false
	}
	c.gateway.counted.Yielded()
	return true
}

// endPing is the end of a request that was a ping, maybe.
func (c *client) endPing() {
	if c.pinging.Load() {
		c.pinging.Store(false)
	}
}

// yield has the connection closed unless a request comes meanwhile; one whose head has
// begun in any case. It tells whether there will be room.
func (c *candidate) yield() bool {
	switch c.order {
	case parting:
		if c.pinging.Load() { // or it would come around again and again
			c.leave.Store(true)
		}
		return true
	case unread:
		return c.cutUnread(c.stuck)
	case pinging:
		c.told.Store(time.Now().UnixNano())
		c.leave.Store(true)
		return true
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.told.Store(time.Now().UnixNano())
	if !c.state.CompareAndSwap(clientIdle, clientYielding) {
		return false
	}
	if c.order == inHead {
		c.conn.InterruptHead()
	} else {
		c.conn.Interrupt()
	}
	return true
}

// wentOn is called when the connection was told to make way and a request has begun to come: it may be
// told anew, if that does not come to an end.
func (c *client) wentOn() { c.state.CompareAndSwap(clientYielding, clientIdle) }

// begin tells whether the request that was read is to be served.
func (c *client) begin() bool {
	if c.state.CompareAndSwap(clientIdle, clientBusy) {
		return true
	}
	// It was quicker than what wanted the connection closed, whoever that was: see yield.
	c.telling.Lock()
	defer c.telling.Unlock()
	if !c.state.CompareAndSwap(clientYielding, clientBusy) {
		return false // a shutdown, or it took too long to yield
	}
	c.conn.Resume()
	return true
}

// yielded ends the connection, which makes room for another one.
func (c *client) yielded() {
	if len(c.conn.Buffered()) > 0 {
		c.answerPlain(503, "sluice: all connections that may be open are (limits.connections, or tenant_limits.connections), and of the requests that had not come to an end this was the oldest: send it again")
	}
	if c.state.CompareAndSwap(clientYielding, clientClosing) { // or it was cut, and is counted
		c.gateway.counted.Yielded()
	}
}

// part closes the connection behind an answer, when the client has had the time to read
// it; at once where the connection is needed.
func (c *client) part() {
	c.telling.Lock() // or the time to read it would be over at once
	c.told.Store(time.Now().UnixNano())
	for state := c.state.Load(); state != clientClosing && !c.state.CompareAndSwap(state, clientLingering); state = c.state.Load() {
	}
	c.telling.Unlock()
	_ = c.conn.CloseLinger(lingerTime)
}
