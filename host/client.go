package host

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/listener"
	"github.com/sluice-gateway/sluice/host/wire"
)

const (
	// headTimeout is how long the head of a request may take from its first
	// byte, and the TLS handshake before it.
	headTimeout = 30 * time.Second
	// lingerTime is how long a client may go on sending what nobody reads
	// any more, so that it finds the answer that says why.
	lingerTime = 5 * time.Second
	// acceptPause is how long to wait when the system has no connection to give.
	acceptPause = 50 * time.Millisecond
)

// The states of a client connection, for a shutdown.
const (
	clientIdle int32 = iota
	clientBusy
	clientClosing
)

// client is one connection of a client.
type client struct {
	gateway  *Gateway
	net      net.Conn
	conn     *wire.Conn
	listener string
	peer     string            // for the log
	facts    map[string]string // the connection's properties, by path
	state    atomic.Int32
	// engine is the connection that the running request has to the engine, for
	// abort.
	engine atomic.Pointer[wire.Conn]

	// The request that is being served; one at a time.
	request  wire.Request  // as it came
	outgoing wire.Request  // as it goes to the engine
	response wire.Response // as the engine answers
	reply    wire.Response // as it goes to the client
}

func (g *Gateway) newClient(conn net.Conn, l *listener.Listener) *client {
	limits := &g.current.Load().config.Limits
	return &client{
		gateway:  g,
		net:      conn,
		conn:     wire.NewConn(conn, wire.Options{MaxHead: limits.Head, HeadTimeout: headTimeout}),
		listener: l.Address(),
	}
}

// serve answers the connection's requests, one after the other.
func (c *client) serve() {
	defer c.conn.Close()
	defer c.survive()
	log := c.gateway.log
	ctx, cancel := context.WithTimeout(c.gateway.life, headTimeout)
	peer, err := listener.Identify(ctx, c.net)
	cancel()
	if err != nil {
		log.Warn("client refused", slog.String("listener", c.listener), slog.Any("error", err))
		return
	}
	c.identify(&peer)
	for {
		err := c.conn.ReadRequest(&c.request)
		if err != nil {
			c.refuse(err)
			return
		}
		if !c.state.CompareAndSwap(clientIdle, clientBusy) && c.state.Load() == clientClosing {
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
			slog.String("listener", c.listener), slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		c.conn.Abort()
	}
}

// refuse answers a request that cannot be read.
func (c *client) refuse(err error) {
	var malformed *wire.Error
	if !errors.As(err, &malformed) {
		if !errors.Is(err, io.EOF) {
			c.gateway.log.Debug("client connection ended", slog.String("listener", c.listener), slog.Any("error", err))
		}
		return
	}
	c.gateway.log.Warn("malformed request refused", slog.String("listener", c.listener), slog.String("peer", c.peer),
		slog.Int("status", malformed.Status), slog.String("reason", malformed.Message))
	c.answerPlain(malformed.Status, "sluice: "+malformed.Message)
	_ = c.conn.CloseLinger(lingerTime)
}

// answerPlain sends a response of the gateway's own that no filter sees, and
// ends the connection's use. It is for requests that never became a stream.
func (c *client) answerPlain(status int, message string) {
	body := dockerapi.ErrorBody(message)
	c.reply = wire.Response{
		Status: status,
		Header: append(c.reply.Header[:0], jsonType),
		Body:   wire.Framing{Kind: wire.Length, Length: int64(len(body))},
		Close:  true,
	}
	if err := c.conn.WriteResponse(&c.reply); err != nil {
		return
	}
	_, _ = c.conn.WriteBody(body)
	_ = c.conn.FinishBody(nil)
	_ = c.conn.Flush()
}

// identify keeps what is known of the peer, for filters and for the log.
func (c *client) identify(p *listener.Peer) {
	facts := map[string]string{
		"listener\x00address":   c.listener,
		"connection\x00mtls":    "\x00", // booleans are one byte
		"peer\x00cert\x00cn":    p.CommonName,
		"peer\x00cert\x00names": strings.Join(p.Names, ","),
	}
	var who []string
	if p.Address != "" {
		facts["source\x00address"] = p.Address
		who = append(who, p.Address)
	}
	if p.UID >= 0 {
		facts["peer\x00uid"] = strconv.Itoa(p.UID)
		facts["peer\x00gid"] = strconv.Itoa(p.GID)
		facts["peer\x00pid"] = strconv.Itoa(p.PID)
		who = append(who, "uid="+facts["peer\x00uid"], "pid="+facts["peer\x00pid"])
	}
	if p.Fingerprint != "" {
		facts["connection\x00mtls"] = "\x01"
		facts["connection\x00sha256_peer_certificate_digest"] = p.Fingerprint
		who = append(who, "cn="+p.CommonName)
	}
	c.facts, c.peer = facts, strings.Join(who, " ")
}

// closeWhenIdle ends the connection now if no request runs on it, and after the
// one that does otherwise.
func (c *client) closeWhenIdle() {
	if c.state.Swap(clientClosing) == clientIdle {
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
