package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// usesTable makes uses in callbacks of a gateway, and notes what they are answered.
type usesTable struct {
	t      *testing.T
	d      *hosttest.Driver
	g      *hosttest.Gateway
	uses   []use
	mu     sync.Mutex
	steps  []int           // the uses that are to be made
	wanted map[string]bool // in these callbacks, once in each
	ring   bool            // the next tick is to fill the queue
	hold   string          // the callback with a body that holds it until its trailers
	call   string          // the next request's headers make this call, and wait for its answer
	token  uint32          // of that call
	stream uint32          // that it was made in
	number map[known]uint32
	plans  map[*hosttest.Callback]*usesPlan
	found  []map[string]abi.Status // of each use, by callback
	// briefly leaves out the functions that need a stream for each use. They do not differ by version.
	briefly bool
	wrong   []string
}

// usesPlan is what a callback does, call by call; use is -1 where the status is not noted.
type usesPlan struct {
	use  []int
	call []func(c *hosttest.Callback) *hosttest.HostCall
}

func (p *usesPlan) add(use int, call func(c *hosttest.Callback) *hosttest.HostCall) {
	p.use, p.call = append(p.use, use), append(p.call, call)
}

// next is the Driver's Next.
func (u *usesTable) next(c *hosttest.Callback, n int) *hosttest.HostCall {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n == 0 {
		u.plans[c] = u.plan(c)
	}
	plan := u.plans[c]
	if n > 0 && plan.use[n-1] >= 0 {
		if found := u.found[plan.use[n-1]]; found != nil {
			found[u.place(c)] = c.Last.Status
		}
	}
	if n < len(plan.call) {
		return plan.call[n](c)
	}
	delete(u.plans, c)
	if c.Name == "request_headers" && u.call == "" && u.token != 0 || c.Name == u.hold {
		c.Answer = uint32(abi.ActionPause)
	}
	return nil
}

// place is what the golden files call a callback: trailers behind a body that is held are another place than those behind one that has gone on.
func (u *usesTable) place(c *hosttest.Callback) string {
	if way, ok := strings.CutSuffix(c.Name, "_trailers"); ok && u.hold == way+"_body" {
		return c.Name + " of a held body"
	}
	return c.Name
}

// plan says what a callback does.
func (u *usesTable) plan(c *hosttest.Callback) *usesPlan {
	plan := new(usesPlan)
	simply := func(name string, args ...any) {
		plan.add(-1, func(*hosttest.Callback) *hosttest.HostCall { return u.d.Call(name, args...) })
	}
	answer := strings.HasPrefix(c.Name, "grpc_") || c.Name == "http_call_response"
	switch {
	case c.Name == "vm_start" && len(u.number) == 0:
		for i, of := range numbersOf {
			plan.add(-1, func(c *hosttest.Callback) *hosttest.HostCall {
				if i > 0 {
					u.number[numbersOf[i-1].number] = numberIn(c.Memory)
				}
				return of.use.call(u.d, 1, nil)
			})
		}
		plan.add(-1, func(c *hosttest.Callback) *hosttest.HostCall {
			u.number[numbersOf[len(numbersOf)-1].number] = numberIn(c.Memory)
			u.number["nothing"] = 1 << 20
			return u.d.Call(abi.ImportSetTickPeriodMilliseconds, 1)
		})
	case c.Name == "tick" && u.ring:
		u.ring = false
		simply(abi.ImportEnqueueSharedQueue, int(u.number["queue"]), "item")
	case c.Name == "request_headers" && u.call != "":
		name, args := abi.ImportHTTPCall, []any{"service", string(abi.AppendPairs(nil, pairs(":method", "POST", ":path", "/call", ":authority", "service"))), "", "", 0, hosttest.Result{}}
		if u.call == "grpc" {
			name, args = abi.ImportGRPCStream, []any{"grpc", "Greeter", "Hello", "", hosttest.Result{}}
		}
		u.call, u.stream = "", c.Context
		simply(name, args...)
		plan.add(-1, func(c *hosttest.Callback) *hosttest.HostCall {
			u.token = numberIn(c.Memory)
			return u.d.Call(abi.ImportGRPCSend, int(u.token), "ping", 1) // of no meaning for a call of HTTP
		})
		return plan
	case c.Name == "queue_ready":
		simply(abi.ImportDequeueSharedQueue, int(c.About), hosttest.Result{}, hosttest.Result{})
	}
	ours := !answer || c.About == u.token
	if u.wanted[u.place(c)] && ours && !(c.Name == "context_create" && c.Context == 1) {
		delete(u.wanted, u.place(c))
		for _, i := range u.steps {
			if before := u.uses[i].before; before != nil {
				plan.add(-1, func(c *hosttest.Callback) *hosttest.HostCall { return before.call(u.d, c.Context, u.number) })
			}
			plan.add(i, func(c *hosttest.Callback) *hosttest.HostCall {
				u.number[given] = numberIn(c.Memory)
				return u.uses[i].call(u.d, c.Context, u.number)
			})
			if after := u.uses[i].after; after != nil {
				plan.add(-1, func(c *hosttest.Callback) *hosttest.HostCall { return after.call(u.d, c.Context, u.number) })
			}
		}
	}
	if ours && (c.Name == "http_call_response" || c.Name == "grpc_close") { // whatever was done: the stream goes on
		simply(abi.ImportSetEffectiveContext, int(u.stream))
		simply(abi.ImportContinueStream, 0)
		u.token = 0
	}
	return plan
}

// make has uses made in callbacks, which trigger brings about.
func (u *usesTable) make(uses []int, callbacks []string, trigger func()) {
	u.t.Helper()
	u.mu.Lock()
	u.steps, u.wanted, u.token = uses, make(map[string]bool), 0 // what is still said of an earlier call is of no interest
	for _, callback := range callbacks {
		u.wanted[callback] = true
	}
	u.mu.Unlock()
	trigger()
	eventually(u.t, strings.Join(callbacks, ", "), func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.wanted) == 0
	})
	eventually(u.t, "end of the stream", func() bool {
		stats := u.g.Stats()
		return stats.Streams == 0 && stats.Contexts == 0
	})
}

// send sends a request and reads whatever is answered.
func (u *usesTable) send(text string) {
	u.t.Helper()
	conn, err := net.Dial("unix", u.g.Socket)
	if err != nil {
		u.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		u.t.Fatal(err)
	}
	// Not before there is an answer: until then, who has said his last word may have gone away.
	answer := bufio.NewReader(conn)
	_, _ = answer.Peek(1)
	_ = conn.(*net.UnixConn).CloseWrite()
	_, _ = io.Copy(io.Discard, answer) // it may be cut
}

// everywhere makes uses in the callbacks of a kind of stream: all that leave the others alone in one stream, and each other one in one of its own for
// each callback.
func (u *usesTable) everywhere(callbacks []string, trigger func()) {
	u.t.Helper()
	var together []int
	for i := range u.uses {
		if !u.uses[i].alone {
			together = append(together, i)
		}
	}
	for some := range slices.Chunk(together, 100) {
		u.make(some, callbacks, trigger)
	}
	for i := range u.uses {
		if u.uses[i].alone && !u.briefly {
			for _, callback := range callbacks {
				u.make([]int{i}, []string{callback}, trigger)
			}
		}
	}
}

// Every function, used as it is meant to be and as it is not, in every callback: what it answers is in testdata/conformance/functions, a file each.
func TestEveryFunctionInEveryCallback(t *testing.T) {
	for _, version := range []abi.Version{abi.V0_2_1, abi.V0_2_0, abi.V0_1_0} {
		t.Run(version.String(), func(t *testing.T) { makeEveryUse(t, version) })
	}
}

func makeEveryUse(t *testing.T, version abi.Version) {
	u := &usesTable{t: t, d: hosttest.NewDriver(t), uses: everyUse(), number: make(map[known]uint32), plans: make(map[*hosttest.Callback]*usesPlan)}
	u.briefly = version != abi.V0_2_1
	for range u.uses {
		u.found = append(u.found, make(map[string]abi.Status))
	}
	for i := range u.uses {
		if !u.uses[i].alone || u.uses[i].function != abi.ImportSetTickPeriodMilliseconds {
			u.steps = append(u.steps, i)
		}
	}
	u.d.Next = u.next
	u.d.Wrong = func(format string, args ...any) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.wrong = append(u.wrong, fmt.Sprintf(format, args...))
	}
	service := serveHTTP(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") }))
	l, err := net.Listen("unix", filepath.Join(shortDir(t), "g"))
	if err != nil {
		t.Fatal(err)
	}
	echoes := hosttest.StartGRPC(t, l, func(_ any, stream grpc.ServerStream) error {
		_ = stream.SendHeader(metadata.Pairs("x-status", "begun"))
		stream.SetTrailer(metadata.Pairs("x-status", "done"))
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		return stream.SendMsg(&message)
	})
	engine := echoing(t)
	engine.Handle("POST /containers/create", echo)
	engine.Handle("POST /images/load", echoAll)
	u.wanted = map[string]bool{"vm_start": true, "configure": true}
	u.g = hosttest.StartGatewayWith(t, engine.Address(), "limits: {body: 4KiB, callback: 5s, callouts: 4096, stream_callouts: 1024}\nupstreams: [{name: service, address: '"+service+"'}, {name: grpc, address: '"+echoes+"'}]\n"+
		"filters: [{name: driver, module: "+u.d.Module(t, version)+", instances: 1, callouts: [service, grpc], stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers, response_trailers]}]\n", u.d.Functions())
	create := func() {
		u.send("POST /containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\nX-Tag: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	}
	u.everywhere([]string{"tick"}, func() {})
	u.everywhere([]string{"queue_ready"}, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.ring = true
	})
	u.everywhere([]string{"context_create", "request_headers", "request_body", "response_headers", "response_body", "done", "log", "delete"}, create)
	holding := func(callback string) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.hold = callback
	}
	trailers := func(hold string, callbacks ...string) {
		holding(hold)
		defer holding("")
		u.everywhere(callbacks, func() {
			u.send("POST /images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\nX-Tag: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Tag: t\r\n\r\n")
		})
	}
	trailers("", "request_trailers")
	trailers("", "response_trailers")
	trailers("request_body", "request_trailers of a held body")
	trailers("response_body", "response_trailers of a held body")
	u.everywhere([]string{"new_connection", "downstream_data", "upstream_data", "downstream_connection_close", "upstream_connection_close"}, func() {
		u.send(strings.Replace(attach, "Host: \r\n", "Host: \r\nX-Tag: a\r\n", 1) + "data")
	})
	for call, callbacks := range map[string][]string{
		"http": {"http_call_response"},
		"grpc": {"grpc_receive_initial_metadata", "grpc_receive", "grpc_receive_trailing_metadata", "grpc_close"},
	} {
		u.everywhere(callbacks, func() {
			u.mu.Lock()
			u.call = call
			u.mu.Unlock()
			create()
		})
	}
	for _, text := range u.wrong {
		t.Error(text)
	}
	u.compare(version)
}

// compare compares what was found with the golden files. A function that answers guests of an older version otherwise has one more for it.
func (u *usesTable) compare(version abi.Version) {
	callbacks := []string{
		"vm_start", "configure", "tick", "queue_ready", "context_create", "request_headers", "request_body", "request_trailers", "request_trailers of a held body",
		"response_headers", "response_body", "response_trailers", "response_trailers of a held body", "new_connection", "downstream_data", "upstream_data",
		"downstream_connection_close", "upstream_connection_close", "http_call_response", "grpc_receive_initial_metadata", "grpc_receive",
		"grpc_receive_trailing_metadata", "grpc_close", "done", "log", "delete",
	}
	texts := make(map[string]*strings.Builder)
	left := make(map[string]bool)
	for _, use := range u.uses {
		left[use.function] = left[use.function] || use.alone && u.briefly
	}
	for i, use := range u.uses {
		if left[use.function] {
			continue
		}
		b := texts[use.function]
		if b == nil {
			b = new(strings.Builder)
			texts[use.function] = b
		}
		fmt.Fprintf(b, "%s\n", use)
		var statuses []abi.Status
		in := make(map[abi.Status][]string)
		for _, callback := range callbacks {
			status, ok := u.found[i][callback]
			if !ok && use.function != abi.ImportSetTickPeriodMilliseconds {
				u.t.Errorf("%s was not made in %s", use, callback)
			}
			if !slices.Contains(statuses, status) {
				statuses = append(statuses, status)
			}
			in[status] = append(in[status], callback)
		}
		for _, status := range statuses {
			where := strings.Join(in[status], ", ")
			if len(statuses) == 1 {
				where = "everywhere"
			}
			fmt.Fprintf(b, "  %v: %s\n", status, where)
		}
	}
	for _, name := range hostcall.Names() {
		if left[name] {
			continue
		}
		if version == abi.V0_2_1 {
			u.holdToContract(name, callbacks)
		}
		golden := filepath.Join("..", "testdata", "conformance", "functions", name+".golden")
		if special := strings.TrimSuffix(golden, "golden") + version.String() + ".golden"; version != abi.V0_2_1 {
			if _, err := os.Stat(special); err == nil {
				golden = special
			}
		}
		if texts[name] == nil {
			u.t.Errorf("%s is not used", name)
			continue
		}
		got := texts[name].String()
		if *update && (version == abi.V0_2_1 || strings.Contains(golden, version.String())) {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				u.t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			u.t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			u.t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}
