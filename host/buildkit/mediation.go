package buildkit

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/logs"
)

// Policy is what the configuration says when a call begins.
type Policy struct {
	// Mediated says that calls are passed on at all; a configuration that came since the connection may have ended that.
	Mediated bool
	// Chain is what every call passes.
	Chain *chain.Chain
	// Grants bound what an engine may ask of a client.
	Grants Grants
	// ShowUnknown shows fields of messages that the gateway does not know to the filters, instead of refusing them.
	ShowUnknown bool
	// Hold counts bytes of messages that the client's tenant has in the gateway, fewer than 0 for those that it has no more. An error says that
	// there are too many, and that they were not counted. Nil counts nothing.
	Hold func(bytes int64) error
	// MessageTime is how long a message may take to come for which room is held, and a second more for each 64 KiB of it. 0 means 30 s.
	MessageTime time.Duration
}

// Record is what is known of a call at its end.
type Record struct {
	RequestID string
	Operation dockerapi.Operation // Unknown for a method that is not listed
	Path      string              // the method
	ToClient  bool                // called by the engine
	Stream    bool                // the caller may send more than one message
	Code      int                 // the gRPC status
	Outcome   chain.Outcome
	Problem   string // what went wrong, "" for nothing
	In, Out   int64  // bytes of the request and of the answer
	Begin     time.Time
}

// Options are what a mediated connection needs of its gateway. All fields are required.
type Options struct {
	// Acquire returns the policy for a call that begins, and what to call at its end.
	Acquire func() (policy *Policy, release func())
	// NewID makes the id of a call.
	NewID func() string
	// Life ends when the gateway is cut.
	Life context.Context
	// Client is whose connection it is, on which every call is a stream of the same client, also those that the engine makes.
	Client chain.Client
	// Finished is told of every call at its end.
	Finished func(*Record)
	// Log gets what concerns no single call.
	Log *slog.Logger

	documents *documents // nil until the connection is mediated
}

// Traffic is how many bytes a connection carried.
type Traffic struct {
	Up   int64 // from the client
	Down int64 // to the client
}

// ServeControl mediates a connection on which a client calls the engine, as behind POST /grpc, until one of the two closes it. Both are
// closed on return. An error says why not a single call could be made.
func ServeControl(o *Options, clientConn, engineConn net.Conn) (Traffic, error) {
	from := watch(clientConn)
	err := mediate(o, engine, from, watch(engineConn))
	return Traffic{Up: from.in.Load(), Down: from.out.Load()}, err
}

// ServeSession mediates a connection on which the engine calls a client, as behind POST /session. See ServeControl.
func ServeSession(o *Options, clientConn, engineConn net.Conn) (Traffic, error) {
	to := watch(clientConn)
	err := mediate(o, client, watch(engineConn), to)
	return Traffic{Up: to.in.Load(), Down: to.out.Load()}, err
}

// Refuse answers every call on a client's connection with a denial, until the client closes it. It is for clients that show no other
// answer: what is said instead of the 101 they drop.
func Refuse(ctx context.Context, conn net.Conn, message string, log *slog.Logger) {
	s := newServer(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		(&status{code: codePermissionDenied, message: message, whole: true}).write(w, "")
	}), log)
	_ = serve(s, watch(conn), ctx.Done(), new(tally))
}

// mediation is one mediated connection.
type mediation struct {
	*Options
	side   side
	callee *http.ClientConn
	calls  tally
}

func mediate(o *Options, s side, from, to *watchedConn) error {
	defer to.Close()
	defer from.Close()
	ctx, cancel := context.WithCancel(o.Life)
	defer cancel()
	callee, err := dial(ctx, to)
	if err != nil {
		return fmt.Errorf("begin HTTP/2 with %s: %w", s, err)
	}
	defer callee.Close()
	m := &mediation{Options: o, side: s, callee: callee}
	if o.documents == nil { // else those of the connection that this one is inside of
		own := *o
		own.documents = new(documents)
		m.Options = &own
	}
	err = serve(newServer(ctx, m, o.Log), from, to.closed, &m.calls)
	cancel()
	callee.Close()
	m.calls.wait(0, nil)
	return err
}

// ServeHTTP takes one call from its first byte to its last.
func (m *mediation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.calls.add(1)
	defer m.calls.add(-1)
	policy, release := m.Acquire()
	defer release()
	c := &call{mediation: m, w: w, r: r, policy: policy}
	c.share.call = c
	c.record = c.newRecord(dockerapi.Unknown)
	defer func() {
		if cause := recover(); cause != nil {
			m.Log.Error("panic in a BuildKit call, which is cut: please report this", slog.Any("panic", cause), slog.Any("stack", logs.Long(debug.Stack())))
			c.cut = true
		}
		c.finish()
		if c.cut {
			panic(http.ErrAbortHandler) // a reset
		}
	}()
	if err := c.serve(); err != nil {
		c.end(err)
	}
}
