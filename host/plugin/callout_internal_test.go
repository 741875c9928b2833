package plugin

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/vm"
)

// startCaller starts the guest callout, with one instance and an upstream "svc".
func startCaller(t *testing.T, config string, upstream callout.Options) *Plugin {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", "callout.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	upstream.Name = "svc"
	u, err := callout.New(upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	p, err := New(t.Context(), engine, Options{Name: "callout", Code: code, Config: []byte(config), Instances: 1, Upstreams: map[string]*callout.Upstream{"svc": u}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "svc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnIDIsNotGivenAgainWhileItsCallIsUnderWay(t *testing.T) {
	c := callouts{lastID: math.MaxUint32 - 2, pending: map[uint32]*pendingCall{math.MaxUint32: {}, 1: {}, 2: {}}}
	for _, want := range []uint32{math.MaxUint32 - 1, 3, 4} { // 0 is no id
		if got := c.newID(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

// A filter that is closed is told nothing any more, and its calls end.
func TestCallsOfAClosedFilterEnd(t *testing.T) {
	l := listenUnix(t)
	arrived, ended := make(chan struct{}, 100), make(chan struct{}, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	p := startCaller(t, `["c"]`, callout.Options{Address: "unix://" + l.Addr().String(), Timeout: time.Minute})
	for range 3 {
		<-arrived
	}
	instance := p.shards[0].instance.Load()
	p.Close(t.Context())
	for range 3 {
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("a call goes on")
		}
	}
	if n := p.options.History.calls.taken; n != 0 {
		t.Errorf("%d calls are counted", n)
	}
	if instance.callouts.pending != nil || instance.vm.Memory() != nil {
		t.Error("the instance is still there")
	}
}

func TestStatusesOfGRPCCalls(t *testing.T) {
	release := make(chan struct{})
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		select {
		case <-release:
		case <-s.Context().Done():
		}
		return io.ErrUnexpectedEOF
	}))
	l := listenUnix(t)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	p := startCaller(t, "{}", callout.Options{Address: "unix://" + l.Addr().String(), Timeout: time.Minute, Body: 100})
	i := p.shards[0].instance.Load()
	i.lock("")
	defer i.unlock()
	c := &i.callouts
	open := func(make func([]byte, hostcall.GRPCCall) (uint32, abi.Status)) uint32 {
		id, status := make([]byte("svc"), hostcall.GRPCCall{Service: "test.Service", Method: "Do", Message: []byte("m")})
		if status != abi.StatusOK {
			t.Fatal(status)
		}
		return id
	}
	call, stream, closed, cancelled := open(c.GRPCCall), open(c.GRPCStream), open(c.GRPCStream), open(c.GRPCStream)
	httpID, status := c.HTTPCall([]byte("svc"), hostcall.HTTPCall{Headers: []abi.Pair{{Key: ":method", Value: "GET"}, {Key: ":path", Value: "/"}, {Key: ":authority", Value: "a"}}})
	if status != abi.StatusOK {
		t.Fatal(status)
	}
	limit := func(id uint32) abi.Status { _, status := c.GRPCSendLimit(id); return status }
	full := func() abi.Status { // the transport may take some first
		for range 100_000 {
			if status := c.GRPCSend(stream, make([]byte, 100), false); status != abi.StatusOK {
				return status
			}
		}
		return abi.StatusOK
	}
	for _, test := range []struct {
		what      string
		got, want abi.Status
	}{
		{"a stream may send", limit(stream), abi.StatusOK},
		{"a unary call may not", limit(call), abi.StatusBadArgument},
		{"nor may an HTTP call", limit(httpID), abi.StatusNotFound},
		{"nor one that there is not", limit(999), abi.StatusNotFound},
		{"sending until it is too much", full(), abi.StatusInternalFailure},
		{"closing a stream", c.GRPCClose(closed), abi.StatusOK},
		{"closing it again", c.GRPCClose(closed), abi.StatusOK},
		{"sending after it", c.GRPCSend(closed, nil, true), abi.StatusBadArgument},
		{"cancelling", c.GRPCCancel(cancelled), abi.StatusOK},
		{"cancelling again", c.GRPCCancel(cancelled), abi.StatusNotFound},
		{"sending after it", limit(cancelled), abi.StatusNotFound},
		{"closing a unary call", c.GRPCClose(call), abi.StatusOK},
		{"which has cancelled it", c.GRPCClose(call), abi.StatusNotFound},
		{"cancelling an HTTP call", c.GRPCCancel(httpID), abi.StatusNotFound},
		{"closing one that there is not", c.GRPCClose(999), abi.StatusNotFound},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", test.what, test.got, test.want)
		}
	}
	for name, g := range map[string]hostcall.GRPCCall{"no service": {Method: "Do"}, "a path": {Service: "a/b", Method: "Do"}, "a line": {Service: "s", Method: "Do", Metadata: []abi.Pair{{Key: "a", Value: "\n"}}}} {
		if _, status := c.GRPCCall([]byte("svc"), g); status != abi.StatusBadArgument {
			t.Errorf("%s: %v", name, status)
		}
	}
	close(release)
}

// A filter that has used up what it may compute is told of answers when it may go
// on, and not before.
func TestAnswersWaitForTheAllowance(t *testing.T) {
	allowance := NewAllowance(100 * time.Millisecond)
	allowance.spend(vm.Fuel(140 * time.Millisecond)) // 40 ms of debt: 400 ms
	call := &pendingCall{instance: &Instance{plugin: &Plugin{options: Options{Allowance: allowance}}}}
	call.ctx, call.cancel = context.WithCancel(t.Context())
	defer call.cancel()
	call.waitAllowance()
	if empty, _ := allowance.empty(); empty {
		t.Error("it did not wait")
	}
	allowance.spend(vm.Fuel(time.Hour))
	time.AfterFunc(20*time.Millisecond, call.cancel)
	call.waitAllowance() // returns, as the call has ended
}
