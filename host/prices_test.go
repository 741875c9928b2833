package host_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// BenchmarkPrices compares what a host call costs the host with what the guest is charged: each function as it is meant to be used and as it is not, with
// everything granted and with nothing, in a gateway that runs. A unit is to be a nanosecond: what costs more nanoseconds than units is something to
// flood a gateway with, and what costs far fewer is why a filter runs out of fuel that does its work.
//
//	go test -run '^$' -bench Prices -benchtime 4000x ./host
func BenchmarkPrices(b *testing.B) {
	b.Run("granted", func(b *testing.B) { benchmarkPrices(b, "capabilities: all, callouts: [service]") })
	b.Run("not-granted", func(b *testing.B) { benchmarkPrices(b, "capabilities: {foreign_functions: [drive.it]}") })
}

func benchmarkPrices(b *testing.B, grants string) {
	service := serveHTTP(b, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") }))
	engine := hosttest.StartFakeDocker(b)
	engine.Handle("POST /images/load", echoAll)
	p := &prices{d: hosttest.NewDriver(b), numbers: make(map[known]uint32)}
	p.d.Next = p.next
	p.g = hosttest.StartGatewayWith(b, engine.Address(), fmt.Sprintf(`%s
limits: {callback: 100s, stream: 1000s}
metrics: {series: 100}
shared_queues: {queues: 10, items: 100, bytes: 64KiB}
shared_data: {keys: 100, bytes: 1MiB}
upstreams: [{name: service, address: '%s'}]
tenants: [{name: t, match: {uids: [%d]}, capabilities: all, limits: {cpu: 1000s}}]
filters: [{name: driver, module: %s, instances: 1, tenant: t, crash_budget: 0, %s, %s}]
`, adminYAML, service, os.Getuid(), p.d.Module(b, abi.V0_2_1), grants, everyStage), p.d.Functions())
	for _, c := range priced() {
		b.Run(strings.NewReplacer(" ", "", "/", "|").Replace(c.String()), func(b *testing.B) {
			p.b, p.price = b, c
			least, _ := p.ask(1)
			var units int64
			var took time.Duration
			calls := 0
			b.ResetTimer()
			for left := b.N; left > 0; left -= 1000 {
				n := min(left, 1000)
				paid, time := p.ask(uint32(n) + 1)
				units, took, calls = units+paid-least, took+time, calls+n
			}
			nanoseconds := float64(took) / float64(calls)
			b.ReportMetric(nanoseconds, "ns/call")
			b.ReportMetric(float64(units)/float64(calls), "units/call")
			b.ReportMetric(nanoseconds*float64(calls)/float64(max(units, 1)), "ns/unit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// A price is a use that is paid for.
type price struct {
	use
	in  string // the callback that it is made in
	put string // into the guest's memory, where the use has no text of its own
}

func (p price) String() string { return p.use.String() + " in " + p.in }

// priced are the uses that are.
func priced() (all []price) {
	for _, u := range readableUses() {
		all = append(all, price{use: u, in: "request_headers"})
		if u.function == abi.ImportGetBufferBytes || u.function == abi.ImportSetBufferBytes {
			all = append(all, price{use: u, in: "request_body"})
		}
	}
	result := hosttest.Result{}
	add := func(in, function string, args ...any) {
		all = append(all, price{use: use{function: function, args: args}, in: in})
	}
	large := strings.Repeat("v", 14_000)
	add("request_headers", abi.ImportLog, abi.LogLevelWarn, large)
	add("request_headers", abi.ImportLog, abi.LogLevelTrace, large)
	add("request_headers", abi.ImportSetSharedData, "large", large, 0)
	add("request_headers", abi.ImportGetSharedData, "large", result, result, result)
	add("request_headers", abi.ImportSetProperty, "large", large)
	add("request_headers", abi.ImportEnqueueSharedQueue, known("queue"), large)
	add("request_headers", abi.ImportAddHeaderMapValue, abi.MapTypeHTTPRequestHeaders, "x-large", large)
	add("request_headers", abi.ImportReplaceHeaderMapValue, abi.MapTypeHTTPRequestHeaders, "x-large", large)
	add("request_headers", abi.ImportHTTPCall, "service", pairs(":method", "POST", ":path", "/call", ":authority", "service"), large, "", 1000, result)
	add("request_body", abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, 1<<31-1, 0, large)
	add("request_body", abi.ImportSetBufferBytes, abi.BufferTypeHTTPRequestBody, 0, 1<<31-1, large)
	for i := range 20 {
		add("request_headers", abi.ImportRegisterSharedQueue, fmt.Sprint("queue", i), result)
	}
	add("request_headers", abi.ImportRegisterSharedQueue, large, result)
	words := func(all ...uint32) (text string) {
		for _, w := range all {
			text += string(binary.LittleEndian.AppendUint32(nil, w))
		}
		return text
	}
	wasi := func(function, put string, args ...any) {
		all = append(all, price{use: use{function: function, args: args}, in: "request_headers", put: put})
	}
	line := words(hosttest.DriverInput+8, 6) + "a line\n"
	wasi("fd_write", line, 1, hosttest.DriverInput, 1, result)
	wasi("fd_write", words(hosttest.DriverInput+8, 7)+"a line\n", 1, hosttest.DriverInput, 1, result)
	wasi("fd_write", words(hosttest.DriverInput+8, 0), 1, hosttest.DriverInput, 1, result)
	wasi("fd_write", words(hosttest.DriverInput, 0), 7, hosttest.DriverInput, 1, result)
	wasi("fd_read", words(hosttest.DriverInput+8, 7), 0, hosttest.DriverInput, 1, result)
	wasi("fd_fdstat_get", "", 1, result)
	wasi("fd_filestat_get", "", 1, result)
	wasi("fd_prestat_get", "", 3, result)
	wasi("fd_seek", "", 1, uint64(0), 0, result)
	wasi("fd_close", "", 9)
	wasi("path_open", "", 3, 0, hosttest.DriverInput, 4, 0, uint64(0), uint64(0), 0, result)
	wasi("clock_time_get", "", 0, uint64(1), result)
	wasi("clock_res_get", "", 0, result)
	wasi("args_sizes_get", "", result, result)
	wasi("environ_get", "", result, result)
	wasi("random_get", "", result, 8)
	wasi("random_get", "", result, 10_000)
	wasi("sched_yield", "")
	wasi("poll_oneoff", strings.Repeat("\x00", 48), hosttest.DriverInput, hosttest.DriverOutput, 1, result)
	return all
}

// prices has a use made again and again.
type prices struct {
	b       *testing.B
	d       *hosttest.Driver
	g       *hosttest.Gateway
	mu      sync.Mutex // guards what follows
	price   price
	times   uint32
	began   time.Time
	took    time.Duration
	done    bool
	numbers map[known]uint32
}

// next is the Driver's Next.
func (p *prices) next(c *hosttest.Callback, n int) *hosttest.HostCall {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Name == "vm_start" {
		if n > 0 {
			p.numbers[numbersOf[n-1].number] = numberIn(c.Memory)
		}
		if n == len(numbersOf) {
			return nil
		}
		return numbersOf[n].use.call(p.d, 1, nil)
	}
	if c.Name != p.price.in || p.done {
		return nil
	}
	if p.price.before != nil {
		if n == 0 {
			return p.price.before.call(p.d, c.Context, p.numbers)
		}
		n--
	}
	if n == 1 {
		p.took, p.done = now.Sub(p.began), true
		return nil
	}
	if p.price.before != nil {
		p.numbers[given] = numberIn(c.Memory)
	}
	call := p.price.call(p.d, c.Context, p.numbers)
	if p.price.put != "" {
		call.Put = []byte(p.price.put)
	}
	call.Times = p.times
	p.began = time.Now()
	return call
}

// ask has the use made so often for a request, and returns what was paid for all of the request, and how long it took.
func (p *prices) ask(times uint32) (units int64, took time.Duration) {
	p.b.Helper()
	p.mu.Lock()
	p.times, p.done = times, false
	p.mu.Unlock()
	before := p.fuel()
	conn, _ := p.g.Dial()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(conn, "POST /v1.41/images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nX-Tag: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
	_, _ = io.Copy(io.Discard, conn)
	for p.g.Stats().Streams > 0 {
		time.Sleep(time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.b.Fatalf("%v was not made: %s", p.price, p.g.Log)
	}
	return p.fuel() - before, p.took
}

// fuel is what the filter has used.
func (p *prices) fuel() int64 {
	resp, err := http.Get("http://" + strings.TrimPrefix(p.g.AdminAddress(), "tcp://") + "/metrics")
	if err != nil {
		p.b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "sluice_filter_fuel_seconds_sum") {
			var seconds float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &seconds); err != nil {
				p.b.Fatal(err)
			}
			return int64(seconds*1e9 + 0.5)
		}
	}
	return 0
}
