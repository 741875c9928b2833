package host

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
)

func TestConnectionsAreClosedForOthersOnlySoOften(t *testing.T) {
	var w ways
	start := time.Now()
	closed := 0
	for at := time.Duration(0); at < time.Second; at += 100 * time.Microsecond {
		if w.take(64, start.Add(at)) {
			closed += 64
		}
	}
	if closed < waysPerSecond-64 || closed > waysPerSecond+64 {
		t.Errorf("%d were closed in a second", closed)
	}
	if !w.take(64, start.Add(time.Hour)) || w.take(64, start.Add(time.Hour)) {
		t.Error("what was not used is saved for longer than for one time")
	}
}

// connection is one of a gateway that nobody serves, in a state that it was told to be in, so long ago.
func connection(t *testing.T, state int32, told time.Duration) *client {
	t.Helper()
	server, peer := net.Pipe()
	t.Cleanup(func() { peer.Close() })
	c := &client{gateway: &Gateway{}, net: server}
	c.conn = wire.NewConn(server, wire.Options{WentOn: c.wentOn})
	t.Cleanup(func() { c.conn.Close() })
	c.state.Store(state)
	c.told.Store(time.Now().Add(-told).UnixNano())
	return c
}

func isCut(c *client) bool {
	_ = c.net.SetReadDeadline(time.Unix(1, 0))
	_, err := c.net.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Of a connection that is cut since it takes too long to make way no request is served whose head has just come: nobody could
// be told what came of it. The other way round one that is served is not cut.
func TestARequestIsNotServedOnAConnectionThatWasCut(t *testing.T) {
	c := connection(t, clientYielding, time.Hour)
	makeWayAmong([]*client{c}, 1)
	if !isCut(c) || c.begin() {
		t.Error("what was told to make way long ago is not cut, or is served all the same")
	}
	c = connection(t, clientYielding, time.Hour)
	if !c.begin() {
		t.Error("a request that came in time is not served")
	}
	if makeWayAmong([]*client{c}, 1); isCut(c) {
		t.Error("a connection is cut while a request is served on it")
	}
	c = connection(t, clientYielding, -time.Hour)
	if !makeWayAmong([]*client{c}, 1) || isCut(c) {
		t.Error("what was just told to make way has no time to")
	}
}

// One that was told to make way, and of a request of which something had come, has as much time from then on as any other.
func TestWhoGoesOnIsToldAnew(t *testing.T) {
	c := connection(t, clientYielding, time.Hour)
	c.wentOn()
	if !makeWayAmong([]*client{c}, 1) || isCut(c) || c.state.Load() != clientYielding {
		t.Error("it is cut, or not told")
	}
	if makeWayAmong([]*client{c}, 1); isCut(c) {
		t.Error("it has no time")
	}
}

// An answer may be on its way still when nothing more is to be said.
func TestAnAnswerHasTheTimeToBeRead(t *testing.T) {
	c := connection(t, clientLingering, -time.Hour)
	other := connection(t, clientIdle, 0)
	other.seat.Store(&seat{tenant: "dev"})
	another := connection(t, clientLingering, -time.Hour)
	if !makeWayAmong([]*client{c, other, another}, 1) || isCut(c) || isCut(another) {
		t.Error("a connection is cut behind an answer that was just sent")
	}
	if other.state.Load() != clientIdle {
		t.Error("somebody else has to make way meanwhile, who has less")
	}
	c = connection(t, clientLingering, readTime)
	if !makeWayAmong([]*client{c}, 1) || !isCut(c) {
		t.Error("a connection whose client does not leave is not cut")
	}
}

// Whom oldestOfMost picks is whom one finds who looks anew for each.
func TestTheOldestOfWhoHasMostIsPickedEachTime(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var all []candidate
		for since := range random.IntN(40) {
			c := &client{}
			c.seat.Store(&seat{tenant: string(rune('a' + random.IntN(1+random.IntN(8))))})
			all = append(all, candidate{client: c, since: int64(since), order: order(max(0, random.IntN(7)-4))})
		}
		n := random.IntN(20)
		left := slices.Clone(all)
		slices.SortStableFunc(left, func(a, b candidate) int {
			return int(a.order - b.order)
		})
		first := map[string]int{} // in which order the parties came
		for at, c := range left {
			if _, ok := first[c.seat.Load().tenant]; !ok {
				first[c.seat.Load().tenant] = at
			}
		}
		var want []int64
		for len(want) < n && len(left) > 0 {
			size := map[string]int{}
			for _, c := range left {
				size[c.seat.Load().tenant]++
			}
			best := 0
			for at, c := range left {
				a, b := c.seat.Load().tenant, left[best].seat.Load().tenant
				if size[a] > size[b] || size[a] == size[b] && first[a] < first[b] {
					best = at
				}
			}
			want = append(want, left[best].since)
			left = slices.Delete(left, best, best+1)
		}
		var got []int64
		for _, c := range oldestOfMost(all, n) {
			got = append(got, c.since)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v", seed, got, want)
		}
	}
}

func BenchmarkTheOldestOfMany(b *testing.B) {
	var all []candidate
	for since := range 65536 {
		c := &client{}
		c.seat.Store(&seat{tenant: string(rune(since))})
		all = append(all, candidate{client: c, since: int64(since)})
	}
	for b.Loop() {
		oldestOfMost(all, len(all)/roomShare)
	}
}

// Who has one address of an IPv6 network has all of it.
func TestAHostOfIPv6IsItsNetwork(t *testing.T) {
	for at, want := range map[string]string{
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::1": "2001:db8:1:2::", "2001:db8:1:3::1": "2001:db8:1:3::",
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "fe80::1%eth0": "fe80::",
	} {
		if got := hostOf(netip.MustParseAddr(at)).String(); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}

// writing is a connection on which an answer is being written of which nobody reads a byte.
func writing(t *testing.T, bound time.Duration) *client {
	t.Helper()
	server, peer := net.Pipe()
	c := &client{gateway: &Gateway{}, net: server, conn: wire.NewConn(server, wire.Options{})}
	c.state.Store(clientBusy)
	go func() { _, _ = io.WriteString(peer, "GET / HTTP/1.1\r\nHost: docker\r\n\r\n") }()
	if err := c.conn.ReadRequest(new(wire.Request)); err != nil {
		t.Fatal(err)
	}
	c.conn.BoundWrites(bound)
	done := make(chan struct{})
	t.Cleanup(func() {
		c.conn.Abort()
		<-done
	})
	go func() {
		defer close(done)
		_ = c.conn.WriteResponse(&wire.Response{Status: 204})
		_ = c.conn.Flush()
	}()
	return c
}

// While others wait, an answer of the gateway's own is waited for that nobody reads as long as anybody
// may take to make way, and that to a stranger's ping as long as anybody has to read one. A stream is waited for for ever.
func TestAnAnswerThatNobodyReadsMakesWay(t *testing.T) {
	for _, at := range []struct {
		name    string
		bound   time.Duration
		pinging bool
		after   time.Duration
	}{
		{"an answer", time.Hour, false, yieldTime},
		{"the answer to a stranger's ping", time.Hour, true, readTime},
		{"a stream", 0, false, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := writing(t, at.bound)
			c.pinging.Store(at.pinging)
			synctest.Wait()
			time.Sleep(at.after)
			makeWayAmong([]*client{c}, 1)
			if isCut(c) {
				t.Errorf("%s is cut after %v", at.name, at.after)
			}
			if c.leave.Load() != at.pinging {
				t.Errorf("%s: it is the last one: %v", at.name, c.leave.Load())
			}
			time.Sleep(time.Millisecond)
			if leaving := makeWayAmong([]*client{c}, 1); leaving != (at.bound > 0) {
				t.Errorf("%s: somebody leaves: %v", at.name, leaving)
			}
			if got, want := isCut(c), at.bound > 0; got != want {
				t.Errorf("%s is cut: %v, want %v", at.name, got, want)
			}
		})
	}
}

// A connection with a stranger's ping is closed behind the answer; the first to go of its party.
func TestWhoPingsOnlyLeavesBehindTheAnswer(t *testing.T) {
	c, idle := connection(t, clientBusy, time.Hour), connection(t, clientIdle, time.Hour)
	c.pinging.Store(true)
	if !makeWayAmong([]*client{idle, c}, 1) || !c.leave.Load() || idle.state.Load() != clientIdle || isCut(c) {
		t.Error("it is not told, or cut, or somebody else has to make way")
	}
	if !makeWayAmong([]*client{idle, c}, 1) || idle.state.Load() != clientIdle {
		t.Error("it has no time")
	}
	c.told.Store(time.Now().Add(-yieldTime).UnixNano())
	if !makeWayAmong([]*client{idle, c}, 1) || idle.state.Load() != clientYielding {
		t.Error("the engine does not answer the ping, and nobody else makes way meanwhile")
	}
	other := connection(t, clientBusy, 0)
	if makeWayAmong([]*client{other}, 1) || other.leave.Load() {
		t.Error("somebody else's request is told to leave")
	}
}
