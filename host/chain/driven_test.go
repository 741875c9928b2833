package chain_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// driven is a filter that does in each callback what a test says.
type driven struct {
	*hosttest.Driver
	onFailure chain.OnFailure
	options   plugin.Options // but for its name, its code and its functions
}

// filter makes a driven filter: does is its hosttest.Driver.Next, and is given the filter to call with.
func filter(t *testing.T, does func(f *driven, c *hosttest.Callback, n int) *hosttest.HostCall) *driven {
	t.Helper()
	f := &driven{Driver: hosttest.NewDriver(t), onFailure: chain.Deny}
	f.Next = func(c *hosttest.Callback, n int) *hosttest.HostCall { return does(f, c, n) }
	return f
}

// crash has the filter crash in the callback that runs.
func (f *driven) crash() *hosttest.HostCall { return f.Call("proc_exit", 1) }

// set has the filter set a property, whose path is written with NULs.
func (f *driven) set(path, value string) *hosttest.HostCall {
	return f.Call("proxy_set_property", path, value)
}

// refuse has the filter answer with a status of its own.
func (f *driven) refuse(status int) *hosttest.HostCall {
	return f.Call("proxy_send_local_response", status, "", "no", "", 0, 0)
}

// read is what the call before gave the guest in the first of its results, a text.
func read(c *hosttest.Callback) string {
	at := binary.LittleEndian.Uint32(c.Memory[hosttest.DriverOutput:])
	return string(c.Memory[at:][:binary.LittleEndian.Uint32(c.Memory[hosttest.DriverOutput+16:])])
}

// drivenChain has the filters in their order, named a, b and so on.
func drivenChain(t *testing.T, filters ...*driven) *chain.Chain {
	t.Helper()
	engine := newEngine(t)
	c := &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 20 * time.Second, RecordLimit: 1 << 20}
	for i, f := range filters {
		code, err := os.ReadFile(f.Module(t, abi.V0_2_1))
		if err != nil {
			t.Fatal(err)
		}
		options := f.options
		options.Name, options.Code, options.Instances = string(rune('a'+i)), code, max(options.Instances, 1)
		if options.Functions, err = foreign.New(f.Functions()); err != nil {
			t.Fatal(err)
		}
		p, err := plugin.New(t.Context(), engine, options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close(context.Background()) })
		p.Activate()
		c.Filters = append(c.Filters, chain.Filter{Plugin: p, OnFailure: f.onFailure})
	}
	return c
}

// onlyDriven are grants of nothing but being driven.
func onlyDriven(t *testing.T) *capability.Grants {
	t.Helper()
	var set capability.Set
	set.Grant(capability.ForeignFunctions, "drive.it")
	grants, err := set.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return grants
}

// requesting opens a stream, which is closed with the test.
func requesting(t *testing.T, c *chain.Chain, method, target string) *chain.Stream {
	t.Helper()
	s := opening(t, c, method, target)
	t.Cleanup(s.Close)
	return s
}

// opening opens a stream.
func opening(t *testing.T, c *chain.Chain, method, target string) *chain.Stream {
	t.Helper()
	call, err := dockerapi.Classify(method, target)
	if err != nil {
		t.Fatal(err)
	}
	return c.Open(t.Context(), chain.Info{RequestID: "1", Method: method, Protocol: "HTTP/1.1", Call: call}, nil)
}

// service is an upstream "svc".
func service(tb testing.TB, answer http.HandlerFunc) map[string]*callout.Upstream {
	tb.Helper()
	return serviceAt(tb, serve(tb, answer))
}

// serve answers on a unix socket.
func serve(tb testing.TB, answer http.HandlerFunc) (socket string) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "svc") // a test's own may be too long for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	server := &http.Server{Handler: answer}
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(func() { server.Close() })
	return socket
}

// serviceAt is an upstream "svc" on that socket.
func serviceAt(tb testing.TB, socket string) map[string]*callout.Upstream {
	tb.Helper()
	upstream, err := callout.New(callout.Options{Name: "svc", Address: "unix://" + socket})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(upstream.Close)
	return map[string]*callout.Upstream{"svc": upstream}
}

// nothing answers with nothing.
func nothing(http.ResponseWriter, *http.Request) {}

// aCall is the head of a call to a service.
var aCall = string(abi.NewHeaderMap([]abi.Pair{{Key: ":method", Value: "GET"}, {Key: ":path", Value: "/"}, {Key: ":authority", Value: "svc"}}).Encoded())
