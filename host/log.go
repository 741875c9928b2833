package host

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluice-gateway/sluice/host/chain"
)

// log writes the one line of a request, at its end; where it came to no filter, or is the ping of somebody who may do nothing
// else, there may be too many for that: see doorLines. Never in it: bodies,
// environment variables, Authorization and X-Registry-Auth; the query is left
// out too, since a build's holds build arguments.
func (x *exchange) log(outcome chain.Outcome) {
	x.count(outcome)
	level := slog.LevelInfo
	if outcome.Verdict == chain.VerdictFail {
		level = slog.LevelWarn
	}
	log := x.gateway.log
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	call, method := &x.info.Call, x.info.Method
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("req", x.info.RequestID),
		slog.String("listener", x.listener),
		slog.String("peer", x.peerName()),
		slog.String("op", string(call.Operation)),
		slog.String("api_version", call.APIVersion),
		slog.String("method", method),
		slog.String("path", call.Path),
		slog.Int("status", x.status),
		slog.String("verdict", outcome.Verdict.String()),
	)
	if x.insider != nil && x.insider.parent != "" {
		attrs = append(attrs, slog.String("parent", x.insider.parent))
	}
	if x.sent != 0 {
		attrs = append(attrs, slog.Int("sent", x.sent))
	}
	if x.info.Client.Tenant != "" {
		attrs = append(attrs, slog.String("tenant", x.info.Client.Tenant))
	}
	if outcome.Filter != "" {
		attrs = append(attrs, slog.String("filter", outcome.Filter))
	}
	if outcome.Reason != "" {
		attrs = append(attrs, slog.String("reason", outcome.Reason))
	}
	if outcome.Fuel != "" {
		attrs = append(attrs, slog.String("fuel", outcome.Fuel))
	}
	if x.problem != "" {
		attrs = append(attrs, slog.String("error", x.problem))
	}
	attrs = append(attrs,
		slog.Int64("bytes_in", x.bytesIn()),
		slog.Int64("bytes_out", x.out),
		slog.Duration("dur", time.Since(x.start)),
	)
	if x.stream == nil || x.pingOnly {
		x.logAtDoor(x.whose(), level, "request", attrs...)
		return
	}
	log.LogAttrs(ctx, level, "request", attrs...)
}

// peerName is the client with what the request itself said of it: which token it
// carried, but never the token.
func (x *exchange) peerName() string {
	if !x.token.Found {
		return x.peer
	}
	return x.peer + " token=" + x.token.Digest.Short()
}

// traffic implements chain.Traffic.
type traffic exchange

// Received implements chain.Traffic.
func (t *traffic) Received() int64 { return (*exchange)(t).bytesIn() }

// Sent implements chain.Traffic.
func (t *traffic) Sent() int64 { return t.out }
