package host

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/buildkit"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/wire"
)

// This file is how BuildKit's connections are served, by the configuration's
// mode: not at all, as bytes, or call by call (package buildkit).

// buildkitPolicy is what the configuration says of mediated calls.
func buildkitPolicy(cfg *config.Config, c *chain.Chain) *buildkit.Policy {
	return &buildkit.Policy{
		Mediated:    cfg.BuildKit.Mode == config.BuildKitMediated,
		Chain:       c,
		Grants:      buildkit.Grants{Secrets: cfg.BuildKit.Secrets, SSH: cfg.BuildKit.SSH},
		ShowUnknown: cfg.BuildKit.UnknownFields == config.UnknownShow,
	}
}

// isBuildKit tells whether the call opens one of BuildKit's connections.
func isBuildKit(call *dockerapi.Call) bool {
	return call.Operation == dockerapi.Grpc || call.Operation == dockerapi.Session
}

// mediated tells whether the connection's calls are streams of their own.
func (x *exchange) mediated() bool {
	return isBuildKit(x.stream.Call()) && x.gen.config.BuildKit.Mode == config.BuildKitMediated
}

// admitBuildKit decides, when the filters have let the request pass, whether its
// connection can be served in the configuration's mode. False means that the
// stream is to be answered.
func (x *exchange) admitBuildKit() bool {
	call := x.stream.Call()
	opens := isBuildKit(call)
	if !opens && call.Operation != dockerapi.ImageBuild {
		return true
	}
	switch x.gen.config.BuildKit.Mode {
	case config.BuildKitDeny:
		if opens || usesBuildKit(call.Query) {
			x.stream.Refuse(403, "builds with BuildKit are switched off in this gateway's configuration (buildkit.mode: deny): "+
				"build with DOCKER_BUILDKIT=0, or have it write mode: mediated")
			return false
		}
	case config.BuildKitMediated:
		if opens && x.request.Upgrade != "" && !strings.EqualFold(x.request.Upgrade, h2c) {
			x.stream.Refuse(400, "BuildKit's connections are upgraded to h2c, and to nothing else")
			return false
		}
	}
	return true
}

// h2c is the protocol of an upgrade to HTTP/2 without TLS.
const h2c = "h2c"

// usesBuildKit tells whether a build's query chooses BuildKit, or anything but
// the classic builder.
func usesBuildKit(query string) bool {
	values, err := url.ParseQuery(query)
	version := values.Get("version")
	return err != nil || version != "" && version != "1"
}

// exposeSession takes those methods out of a session's head that the engine
// must not be told of.
func (x *exchange) exposeSession(fields []abi.Pair) []abi.Pair {
	grants := &x.gen.buildkit().Grants
	kept := fields[:0]
	for _, f := range fields {
		if !abi.EqualFold(f.Key, "x-docker-expose-session-grpc-method") || grants.Exposes(f.Value) {
			kept = append(kept, f)
		}
	}
	return kept
}

// prepareSession is exposeSession for the request as it came, and tells filters
// of the session by its id.
func (x *exchange) prepareSession() {
	if x.info.Call.Operation != dockerapi.Session || x.gen.config.BuildKit.Mode != config.BuildKitMediated {
		return
	}
	x.request.Header = x.exposeSession(x.request.Header)
	x.info.Client.Facts = chain.MoreFacts{More: sessionFacts(x.request.Header), Facts: x.info.Client.Facts}
}

// sessionFacts is the property docker.session, the id of the session that a
// request opens.
func sessionFacts(fields []abi.Pair) chain.FactMap {
	for _, f := range fields {
		if abi.EqualFold(f.Key, "x-docker-expose-session-uuid") {
			return chain.FactMap{buildkit.SessionFact: f.Value}
		}
	}
	return chain.FactMap{}
}

// mediate serves a connection of BuildKit's whose upgrade the engine has
// answered and the client was told of. Every call on it is a stream of its own.
func (x *exchange) mediate() {
	more := sessionFacts(x.stream.RequestFields())
	more["request\x00parent"] = x.info.RequestID
	client := x.info.Client
	client.Facts = chain.MoreFacts{More: more, Facts: client.Facts}
	o := &buildkit.Options{
		Acquire: func() (*buildkit.Policy, func()) { return x.gateway.acquireBuildKit(client.Tenant) },
		NewID:   x.gateway.ids.next,
		Life:    x.gateway.life,
		Client:  client,
		Log:     x.gateway.log,
		Finished: func(r *buildkit.Record) {
			x.countCall(r)
			x.logCall(r)
		},
	}
	serve := buildkit.ServeSession
	if x.stream.Call().Operation == dockerapi.Grpc {
		serve = buildkit.ServeControl
	}
	traffic, err := serve(o, rawConn(x.conn), rawConn(x.engine))
	x.in, x.out = x.in+traffic.Up, x.out+traffic.Down
	if err != nil {
		x.problem = err.Error()
	}
}

// acquireBuildKit is the policy of the current generation, for one call of a tenant's.
func (g *Gateway) acquireBuildKit(tenant string) (*buildkit.Policy, func()) {
	current := g.acquire()
	g.streams.Add(1)
	policy := current.buildkit()
	if tenant != "" { // nobody's are bounded by connections
		held := *policy
		held.Hold = current.shared.holder(tenant).Hold
		policy = &held
	}
	return policy, func() {
		g.streams.Add(-1)
		current.leave()
	}
}

// refuseCalls opens the connection that a client asked for and refuses every
// call on it: of an ordinary answer to such a request clients show the status
// only.
func (x *exchange) refuseCalls(message string) error {
	x.reply = wire.Response{Status: 101, Reason: "UPGRADED", Upgrade: h2c, Header: x.reply.Header[:0]}
	if err := x.conn.WriteResponse(&x.reply); err != nil {
		return err
	}
	if err := x.conn.Flush(); err != nil {
		return err
	}
	x.conn.BoundWrites(0)
	x.conn.Hijack()
	defer x.beginSession()()
	buildkit.Refuse(x.gateway.life, rawConn(x.conn), message, x.gateway.log)
	return nil
}

// rawConn is a hijacked connection with what came early on it.
func rawConn(c *wire.Conn) net.Conn {
	early := append([]byte(nil), c.Buffered()...)
	nc := c.NetConn()
	if len(early) == 0 {
		return nc
	}
	return &earlyConn{Conn: nc, r: io.MultiReader(strings.NewReader(string(early)), nc)}
}

type earlyConn struct {
	net.Conn
	r io.Reader
}

func (c *earlyConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// countCall counts a gRPC call. Its bytes are counted with the connection's.
func (x *exchange) countCall(r *buildkit.Record) {
	transport := dockerapi.Unary
	if r.Stream {
		transport = dockerapi.Stream
	}
	x.gateway.counted.Request(metrics.Request{
		Operation: string(r.Operation),
		Tenant:    x.info.Client.Tenant,
		Transport: int(transport),
		Verdict:   metrics.Verdict(r.Outcome.Verdict),
		Status:    r.HTTPStatus(),
		Took:      time.Since(r.Begin),
	})
}

// logCall writes the line of a gRPC call, as exchange.log does that of a request.
func (x *exchange) logCall(r *buildkit.Record) {
	level := slog.LevelInfo
	if r.Outcome.Verdict == chain.VerdictFail {
		level = slog.LevelWarn
	}
	log := x.gateway.log
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	to := "engine"
	if r.ToClient {
		to = "client"
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("req", r.RequestID),
		slog.String("parent", x.info.RequestID),
		slog.String("listener", x.listener),
		slog.String("peer", x.peer),
		slog.String("op", string(r.Operation)),
		slog.String("to", to),
		slog.String("path", r.Path),
		slog.Int("grpc_status", r.Code),
		slog.String("verdict", r.Outcome.Verdict.String()),
	)
	if r.Outcome.Filter != "" {
		attrs = append(attrs, slog.String("filter", r.Outcome.Filter))
	}
	if r.Outcome.Reason != "" {
		attrs = append(attrs, slog.String("reason", r.Outcome.Reason))
	}
	if r.Problem != "" {
		attrs = append(attrs, slog.String("error", r.Problem))
	}
	attrs = append(attrs, slog.Int64("bytes_in", r.In), slog.Int64("bytes_out", r.Out), slog.Duration("dur", time.Since(r.Begin)))
	log.LogAttrs(ctx, level, "call", attrs...)
}
