package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/wire"
)

// inside is how the filters of one generation call the engine: each call is a
// connection inside of the process with one request on it, which goes the way of
// every request from its first byte on. So there is nothing that a filter's call
// can say which a client's could not, and no second way to the engine.
//
// A call goes through no filter, or, with through: chain and for the filters of
// tenants, through all of them, as a request of the client whose stream called.
type inside struct {
	gateway  *Gateway // nil where nothing is served
	gen      *generation
	through  bool
	depth    int
	straight *chain.Chain
	ready    chan struct{}  // closed when the generation can serve
	serving  sync.WaitGroup // calls
}

// An insider is what makes a client of a call.
type insider struct {
	gen    *generation
	chain  *chain.Chain
	client chain.Client
	depth  int
	parent string // the request whose stream called, "" for none
}

func newInside(gateway *Gateway, gen *generation) *inside {
	in := &inside{gateway: gateway, gen: gen, ready: make(chan struct{})}
	for i := range gen.config.Upstreams {
		if u := &gen.config.Upstreams[i]; u.Name == config.DockerUpstream {
			in.through, in.depth = u.Through == config.ThroughChain, u.Depth
		}
	}
	return in
}

// begin lets calls pass: those that were made while the filters started have
// waited.
func (in *inside) begin() {
	in.straight = bareChain(in.gen.config)
	close(in.ready)
}

var (
	errNotServed   = errors.New("nothing is served here: the configuration is only being checked")
	errGenerations = errors.New("the filter's generation has ended")
	errShutDown    = errors.New("the gateway is shut down")
)

// dial implements callout.Options.Dial.
func (in *inside) dial(ctx context.Context, caller callout.Caller) (net.Conn, error) {
	if in.gateway == nil {
		return nil, &callout.Failure{Reason: callout.ReasonConnect, Err: errNotServed}
	}
	select {
	case <-in.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	origin, _ := caller.Stream.(chain.Origin)
	who := &insider{gen: in.gen, chain: in.straight, depth: max(origin.Depth, caller.Depth) + 1, parent: origin.RequestID}
	if in.through || caller.Tenant != "" {
		if who.depth > in.depth {
			whose := "request " + origin.RequestID
			if origin.RequestID == "" {
				whose = "what the filter took from a queue was put there in a request that"
			}
			return nil, &callout.Failure{Reason: callout.ReasonDepth, Err: fmt.Errorf(
				"%s is itself a call through the chain; it may make none of its own (upstreams, docker: depth: %d): "+
					"the filter can tell by the property sluice.callout_depth", whose, in.depth)}
		}
		who.chain = in.gen.chain()
	}
	who.client = clientOf(&caller, &origin, who.depth)
	// What a filter does on its own behalf, in a tick, keeps no generation from its end.
	if origin.RequestID == "" && in.gen.retired.Load() || !in.gen.join() {
		return nil, &callout.Failure{Reason: callout.ReasonConnect, Err: errGenerations}
	}
	ours, theirs, err := wire.Pair()
	if err != nil {
		in.gen.leave()
		return nil, &callout.Failure{Reason: callout.ReasonConnect, Err: err}
	}
	c := in.gateway.newInsider(ours, who, caller.Filter)
	if !in.gateway.enter(c) {
		in.gen.leave()
		_, _ = ours.Close(), theirs.Close()
		return nil, &callout.Failure{Reason: callout.ReasonConnect, Err: errShutDown}
	}
	in.serving.Add(1)
	go func() {
		defer in.serving.Done()
		defer in.gen.leave()
		defer in.gateway.exit(c)
		c.serveCall()
	}()
	return theirs, nil
}

// clientOf is whose request a call is: that of the client whose stream called,
// or, where it is no stream's, of the filter's own tenant, and of nobody known.
func clientOf(caller *callout.Caller, origin *chain.Origin, depth int) chain.Client {
	client := origin.Client
	facts := chain.FactMap{chain.CalloutDepth: strconv.Itoa(depth), chain.CalloutFilter: caller.Filter}
	if origin.RequestID == "" {
		client = chain.Client{Tenant: caller.Tenant}
	} else {
		facts["request\x00parent"] = origin.RequestID
	}
	client.Facts = chain.MoreFacts{More: facts, Facts: client.Facts}
	return client
}

// newInsider makes a client of a connection inside of the process.
func (g *Gateway) newInsider(conn net.Conn, who *insider, filter string) *client {
	c := &client{
		gateway:  g,
		net:      conn,
		conn:     wire.NewConn(conn, wire.Options{MaxHead: who.gen.config.Limits.Head, HeadTimeout: headTimeout}),
		listener: "inside",
		peer:     "filter=" + filter,
		insider:  who,
		accepted: time.Now(),
		number:   g.numbers.Add(1),
	}
	c.state.Store(clientBusy) // a shutdown waits for whoever calls
	return c
}

// enter makes a client one of those that are cut at the end; false when that was.
func (g *Gateway) enter(c *client) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.life.Err() != nil {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *Gateway) exit(c *client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

// serveCall answers the one request of a filter's call.
func (c *client) serveCall() {
	defer c.conn.Close()
	defer c.survive()
	if err := c.conn.ReadRequest(&c.request); err != nil {
		c.refuse(err)
		return
	}
	c.handle()
}

// generation is the one that the next request of the client is served by, joined.
// A filter's call stays with that of its filter.
func (c *client) generation() *generation {
	if c.insider == nil {
		return c.gateway.acquire()
	}
	c.insider.gen.join() // as its connection has: it cannot be finished
	return c.insider.gen
}

// asking is what is known of the client before its request is looked at.
func (c *client) asking(gen *generation) chain.Client {
	if c.insider != nil {
		return c.insider.client
	}
	return chain.Client{Facts: c.factsFor(gen)}
}

// depth is how many filters' calls the client's requests are inside of.
func (c *client) depth() int {
	if c.insider != nil {
		return c.insider.depth
	}
	return 0
}

// chain is what the request passes.
func (x *exchange) chain() *chain.Chain {
	if x.insider != nil {
		return x.insider.chain
	}
	return x.gen.chain()
}
