package host

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/listener"
	"github.com/sluice-gateway/sluice/host/logs"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/wire"
)

const (
	// headTimeout is how long the head of a request may take from its first
	// byte, and the TLS handshake before it.
	headTimeout = 30 * time.Second
	// lingerTime is how long a client may go on sending what nobody reads
	// any more, so that it finds the answer that says why.
	lingerTime = 5 * time.Second
	// answerTime is how long a client may read nothing of what the gateway itself answers, or of
	// the answer to a ping of somebody who may do nothing else.
	answerTime = 10 * time.Second
	// acceptPause is how long to wait when the system has no connection to give.
	acceptPause = 50 * time.Millisecond
)

// The states of a client connection, for a shutdown, and for when others need it.
const (
	clientIdle int32 = iota
	clientBusy
	clientClosing
	clientYielding  // to be closed unless a request comes
	clientLingering // answered for the last time
)

// client is one connection of a client.
type client struct {
	gateway  *Gateway
	net      net.Conn
	conn     *wire.Conn
	listener string
	// listenerIndex is the listener's place in the configuration.
	listenerIndex int
	accepted      time.Time
	number        uint64 // among the gateway's connections
	identity      *identity.Client
	facts         *facts
	peer          string // for the log
	state         atomic.Int32
	seat          atomic.Pointer[seat] // the tenant's whose the last request was; changed by its own goroutine
	active        atomic.Int64         // when that began, or the connection, in Unix nanoseconds
	told          atomic.Int64         // when it was told to make way, or began to linger, the same
	telling       sync.Mutex           // held by who tells it, and by who takes that back
	uid           atomic.Int64         // the peer's, -1 where nobody says
	insider       *insider             // nil for one from outside
	pinging       atomic.Bool          // the request is the ping of somebody who may do nothing else
	leave         atomic.Bool          // behind the answer to it: somebody needs the connection
	// engine is the connection that the running request has to the engine, for
	// abort.
	engine atomic.Pointer[wire.Conn]

	// The request that is being served; one at a time.
	request  wire.Request  // as it came
	outgoing wire.Request  // as it goes to the engine
	response wire.Response // as the engine answers
	reply    wire.Response // as it goes to the client
}

func (g *Gateway) newClient(conn net.Conn, l *listener.Listener, index int) *client {
	limits := &g.current.Load().config.Limits
	c := &client{
		gateway:  g,
		net:      conn,
		listener: l.Address(),

		listenerIndex: index,
		accepted:      time.Now(),
		number:        g.numbers.Add(1),
	}
	c.conn = wire.NewConn(conn, wire.Options{MaxHead: limits.Head, HeadTimeout: headTimeout, WentOn: c.wentOn})
	c.active.Store(c.accepted.UnixNano())
	c.uid.Store(-1)
	return c
}

// serve answers the connection's requests, one after the other.
func (c *client) serve() {
	defer c.leaveSeat()
	defer c.conn.Close()
	defer c.survive()
	ctx, cancel := context.WithTimeout(c.gateway.life, headTimeout)
	peer, err := listener.Identify(ctx, c.net)
	cancel()
	if err != nil && (c.state.Load() == clientYielding || c.closing()) {
		c.yielded() // in the middle of a handshake
		return
	}
	if err != nil {
		c.gateway.counted.Refused(metrics.Peer)
		c.logAtDoor(c.party(), slog.LevelWarn, "client refused", slog.String("listener", c.listener), slog.Any("error", err))
		return
	}
	c.uid.Store(int64(peer.UID))
	// Tenants name a listener as the configuration does: with port 0 where it says so.
	c.identity = identity.NewClient(c.net, c.gateway.current.Load().config.Listeners[c.listenerIndex].Address, &peer, c.accepted)
	c.peer = c.identity.String()
	for {
		err := c.conn.ReadRequest(&c.request)
		if errors.Is(err, wire.ErrInterrupted) {
			c.yielded()
			return
		}
		if err != nil {
			c.refuse(err)
			return
		}
		if !c.begin() {
			return
		}
		if !c.handle() {
			return
		}
		if !c.state.CompareAndSwap(clientBusy, clientIdle) {
			return // closing
		}
	}
}

// survive keeps a bug that shows in one connection from ending all of them.
func (c *client) survive() {
	if cause := recover(); cause != nil {
		c.gateway.log.Error("panic while serving a client; its connection is cut: please report this",
			slog.String("listener", c.listener), slog.Any("panic", cause), slog.Any("stack", logs.Long(debug.Stack())))
		c.conn.Abort()
	}
}

// refuse answers a request that cannot be read.
func (c *client) refuse(err error) {
	var malformed *wire.Error
	if !errors.As(err, &malformed) {
		if !errors.Is(err, io.EOF) {
			c.logAtDoor(c.party(), slog.LevelDebug, "client connection ended", slog.String("listener", c.listener), slog.Any("error", err))
		}
		return
	}
	c.gateway.counted.Refused(metrics.Malformed)
	reason := malformed.Message
	if c.gateway.current.Load().tenants.Tokens() {
		reason = "malformed request; what is wrong with it was told to the client only, since it may be about a token"
	}
	c.logAtDoor(c.party(), slog.LevelWarn, "malformed request refused", slog.String("listener", c.listener), slog.String("peer", c.peer),
		slog.Int("status", malformed.Status), slog.String("reason", reason))
	c.answerPlain(malformed.Status, "sluice: "+malformed.Message)
	c.part()
}

// askToken is what every 401 has to say.
var askToken = abi.Pair{Key: "WWW-Authenticate", Value: `Bearer realm="sluice"`}

// answerPlain sends a response of the gateway's own that no filter sees, and
// ends the connection's use. It is for requests that never became a stream.
func (c *client) answerPlain(status int, message string) {
	c.conn.BoundWrites(answerTime)
	body := dockerapi.ErrorBody(message)
	c.reply = wire.Response{
		Status: status,
		Header: append(c.reply.Header[:0], jsonType),
		Body:   wire.Framing{Kind: wire.Length, Length: int64(len(body))},
		Close:  true,
	}
	if status == 401 {
		c.reply.Header = append(c.reply.Header, askToken)
	}
	if err := c.conn.WriteResponse(&c.reply); err != nil {
		return
	}
	_, _ = c.conn.WriteBody(body)
	_ = c.conn.FinishBody(nil)
	_ = c.conn.Flush()
}

// closeWhenIdle ends the connection now if no request runs on it, and after the
// one that does otherwise.
func (c *client) closeWhenIdle() {
	switch c.state.Swap(clientClosing) {
	case clientIdle, clientYielding:
		c.conn.AbortRead()
	}
}

func (c *client) closing() bool { return c.state.Load() == clientClosing }

// abort cuts the connection, and that to the engine, from any goroutine.
func (c *client) abort() {
	c.conn.Abort()
	if engine := c.engine.Load(); engine != nil {
		engine.Abort()
	}
}

// pauseAccept waits a little; false when the gateway ended meanwhile.
func pauseAccept(ctx context.Context) bool {
	select {
	case <-time.After(acceptPause):
		return true
	case <-ctx.Done():
		return false
	}
}
