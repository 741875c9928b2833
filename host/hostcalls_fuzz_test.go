package host_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// vocabulary is what a fuzzed program's arguments may name, beside numbers: words that the host knows, so that programs come farther than to the
// first check.
var vocabulary = []string{
	"", "x-tag", ":path", ":status", ":method", "content-length", "/images/load?quiet=1", "/containers/create", "204", "GET", "key", "value", "jobs",
	"service", "grpc", "nobody", "compress", "sluice.resolve", "docker\x00operation", "sluice\x00request_body", "skip", "request\x00headers",
	"plugin_vm_memory", "my\x00own", "{}", `{"HostConfig":{"Privileged":true}}`, "Greeter", "Hello", "\x00\x01\x02",
	string(abi.AppendPairs(nil, []abi.Pair{{Key: ":method", Value: "POST"}, {Key: ":path", Value: "/call"}, {Key: ":authority", Value: "service"}})),
	string(abi.AppendPairs(nil, []abi.Pair{{Key: "x-tag", Value: "a"}, {Key: "connection", Value: "close"}})),
	"\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00",
}

// fuzzedProgram reads a program: a byte for the kind of request, of its end and of the guest's version; then for each call one for the callback that it is
// made in, one for the function (or, from 240 on, for what the callback answers), and two for each argument. The input itself is in the guest's memory too.
func fuzzedProgram(d *hosttest.Driver, functions []int, input []byte) (kind byte, calls map[string][]*hosttest.HostCall, answers map[string]uint32) {
	var put []byte
	var places [][2]uint32
	for _, word := range append(slices.Clone(vocabulary), string(input[:min(len(input), 4<<10)])) {
		places = append(places, [2]uint32{hosttest.DriverInput + uint32(len(put)), uint32(len(word))})
		put = append(put, word...)
	}
	calls, answers = make(map[string][]*hosttest.HostCall), make(map[string]uint32)
	next := func() (b byte) {
		if len(input) > 0 {
			b, input = input[0], input[1:]
		}
		return b
	}
	kind = next()
	for steps := 0; len(input) > 1 && steps < 32; steps++ {
		callback := fuzzedCallbacks[int(next())%len(fuzzedCallbacks)]
		f := next()
		if f >= 240 {
			answers[callback] = uint32(f - 240)
			continue
		}
		call := &hosttest.HostCall{Function: functions[int(f)%len(functions)], Put: put}
		for i := 0; i < d.Params(call.Function); i++ {
			how, v := next(), uint32(next())
			place := places[int(v)%len(places)]
			switch how % 10 {
			case 0:
				call.Args[i] = v
			case 1:
				if call.Args[i] = place[0]; how >= 128 && i+1 < len(call.Args) { // and its length
					i++
					call.Args[i] = place[1]
				}
			case 2:
				call.Args[i] = place[1]
			case 3:
				call.Args[i] = hosttest.DriverOutput + 8*v
			case 4:
				call.Args[i] = hosttest.DriverMemory - v
			case 5:
				call.Args[i] = -v - 1
			case 6:
				call.Args[i] = 1<<31 - 1 - v
			case 7:
				call.Args[i] = v << 24
			case 8:
				call.Args[i] = v << 12
			case 9:
				call.Args[i] = v << 3
			}
		}
		calls[callback] = append(calls[callback], call)
	}
	return kind, calls, answers
}

// fuzzedGateway is a gateway with one filter, a guest of one version of the ABI that does what the program says.
type fuzzedGateway struct {
	*hosttest.Gateway
	program *fuzzedCalls
	driver  *hosttest.Driver
	queue   uint32
}

// fuzzedCalls is what one input has guests do, and what went wrong.
type fuzzedCalls struct {
	mu      sync.Mutex
	active  *fuzzedGateway
	calls   map[string][]*hosttest.HostCall // by callback
	answers map[string]uint32
	wrong   []string
}

// left is how many calls a callback has still to make.
func (p *fuzzedCalls) left(callback string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls[callback])
}

// next is the Driver's Next: what the program says, and what brings its ticks and queue events about.
func (g *fuzzedGateway) next(c *hosttest.Callback, n int) *hosttest.HostCall {
	p, d := g.program, g.driver
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.Name == "configure" && n == 0:
		return d.Call(abi.ImportRegisterSharedQueue, "own", hosttest.Result{})
	case c.Name == "configure" && n == 1:
		g.queue = numberIn(c.Memory)
		return nil
	case p.active != g:
		return nil
	case c.Name == "context_create" && n < 4: // a program may have stopped the ticks for good
		return []*hosttest.HostCall{
			d.Call(abi.ImportSetEffectiveContext, 1), d.Call(abi.ImportSetTickPeriodMilliseconds, 1),
			d.Call(abi.ImportEnqueueSharedQueue, int(g.queue), "item"), d.Call(abi.ImportSetEffectiveContext, int(c.Context)),
		}[n]
	case c.Name == "queue_ready" && n == 0:
		return d.Call(abi.ImportDequeueSharedQueue, int(g.queue), hosttest.Result{}, hosttest.Result{})
	}
	if c.Name != "done" { // there, anything but 0 asks for time that nobody gives back
		c.Answer = p.answers[c.Name]
	}
	calls := p.calls[c.Name]
	if len(calls) == 0 {
		return nil
	}
	p.calls[c.Name] = calls[1:]
	return calls[0]
}

// fuzzedCallbacks are those that programs are made in. At the start, TestEveryFunctionInEveryCallback makes the calls.
var fuzzedCallbacks = []string{
	"context_create", "tick", "queue_ready", "request_headers", "request_body", "response_headers", "response_body", "new_connection", "downstream_data",
	"upstream_data", "downstream_connection_close", "upstream_connection_close", "http_call_response", "grpc_receive_initial_metadata", "grpc_receive",
	"grpc_receive_trailing_metadata", "grpc_close", "done", "log", "delete", "request_trailers", "response_trailers",
}

var fuzzedRequests = []string{
	"GET /info HTTP/1.1\r\nHost: d\r\nConnection: close\r\nX-Tag: a\r\n\r\n",
	"POST /images/load HTTP/1.1\r\nHost: d\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
	"POST /containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"POST /containers/c/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\ndata",
}

// fuzzedTrailers is a request with trailers, which is answered with some.
const fuzzedTrailers = "POST /images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Tag: a\r\n\r\n"

// startFuzzed starts a gateway for each version of the ABI.
func startFuzzed(f *testing.F, program *fuzzedCalls) (gateways []*fuzzedGateway) {
	f.Helper()
	service := serveHTTP(f, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") }))
	l, err := net.Listen("unix", filepath.Join(shortDir(f), "g"))
	if err != nil {
		f.Fatal(err)
	}
	echoes := hosttest.StartGRPC(f, l, func(_ any, stream grpc.ServerStream) error {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		return stream.SendMsg(&message)
	})
	engine := hosttest.StartFakeDocker(f)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	engine.Handle("POST /images/load", echoAll)
	engine.Handle("POST /containers/create", echo)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	for _, version := range []abi.Version{abi.V0_2_1, abi.V0_2_0, abi.V0_1_0} {
		g := &fuzzedGateway{program: program, driver: hosttest.NewDriver(f)}
		g.driver.Next = g.next
		g.driver.Wrong = func(format string, args ...any) {
			program.mu.Lock()
			defer program.mu.Unlock()
			program.wrong = append(program.wrong, fmt.Sprintf(format, args...))
		}
		g.Gateway = hosttest.StartGatewayWith(f, engine.Address(), "limits: {pause: 5ms, body: 64KiB}\n"+
			"upstreams: [{name: service, address: '"+service+"', timeout: 1s}, {name: grpc, address: '"+echoes+"', timeout: 1s}]\n"+
			"filters: [{name: driver, module: "+g.driver.Module(f, version)+", instances: 1, callouts: [service, grpc, docker], stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers, response_trailers]}]\n",
			g.driver.Functions())
		gateways = append(gateways, g)
	}
	return gateways
}

// FuzzHostCalls lets a guest call the functions of the ABI, of WASI and of emscripten with whatever the input says, in whichever callbacks, within
// requests and connections that a gateway serves, and in its ticks, queue events and answers. Nothing panics; every call answers what its contract
// tells of; the guest's memory changes where a result was asked for and nowhere else; and afterwards no stream, context or goroutine is left.
func FuzzHostCalls(f *testing.F) {
	program := new(fuzzedCalls)
	gateways := startFuzzed(f, program)
	d := gateways[0].driver
	var functions []int
	for i, name := range d.Names() {
		if name != "proc_exit" { // ends the callback, and costs the instance
			functions = append(functions, i)
		}
	}
	seedHostCalls(f, d, functions)
	most := 0
	f.Fuzz(func(t *testing.T, input []byte) {
		kind, calls, answers := fuzzedProgram(d, functions, input)
		g := gateways[int(kind/8)%len(gateways)]
		program.mu.Lock()
		program.active, program.calls, program.answers, program.wrong = g, calls, answers, nil
		program.mu.Unlock()
		if most == 0 {
			most = runtime.NumGoroutine() + 64 // connections that are kept
		}
		conn, err := net.Dial("unix", g.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		request := fuzzedRequests[int(kind)%len(fuzzedRequests)]
		if kind >= 128 {
			request = fuzzedTrailers
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if kind%8 < 4 { // the others hang up early
			_ = conn.(*net.UnixConn).CloseWrite()
			if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the answer: %v", err)
			}
		}
		conn.Close()
		for _, callback := range []string{"tick", "queue_ready"} {
			// A program can see to it that there is none.
			for end := time.Now().Add(10 * time.Millisecond); program.left(callback) > 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		}
		eventually(t, "end of everything", func() bool {
			stats := g.Stats()
			return stats.Streams == 0 && stats.Contexts == 0 && stats.Instances == 1 && runtime.NumGoroutine() < most
		})
		if log := g.Log.String(); strings.Contains(log, "panic") {
			t.Errorf("a panic:\n%s", log)
		}
		g.Log.Reset()
		program.mu.Lock()
		defer program.mu.Unlock()
		for _, text := range program.wrong {
			t.Error(text)
		}
	})
}

// seedHostCalls adds for each function a program that makes it in every callback; the corpus in testdata has what was found since.
func seedHostCalls(f *testing.F, d *hosttest.Driver, functions []int) {
	f.Helper()
	for i, function := range functions {
		results := hostcall.Results(d.Names()[function])
		for shape := range 3 { // texts; a number and texts; numbers
			for word, kind := range []byte{0, 1, 128} {
				program, word := []byte{kind + 8*byte(shape)}, byte(word)
				for callback := range byte(len(fuzzedCallbacks)) {
					program = append(program, callback, byte(i))
					for n, start := 0, shape == 1; n < d.Params(function); n++ {
						switch _, result := results[n]; {
						case result:
							program = append(program, 3, byte(n))
						case start || shape == 2:
							program = append(program, 0, word+callback%3)
							start = false
						default:
							program = append(program, 181, byte(i+n)+word+callback) // place and length
							n++
						}
					}
				}
				f.Add(program)
			}
		}
	}
}
