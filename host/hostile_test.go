package host_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

// Each attack ends within its budget and costs its own stream, whether the filter is granted everything or has what a tenant's filter has: another
// tenant's stream, and his requests, go on. The log says who it was, and what he came to. Then everything is as before.
func TestTheMenagerie(t *testing.T) {
	for _, a := range menagerie.All() {
		t.Run(a.Name(), func(t *testing.T) {
			if a.Unstarted {
				newField(t, a).quarantine(t)
				return
			}
			f := newField(t, a)
			want := map[string]menagerie.Outcome{"hostile": a.Outcome, "poor": a.Outcome}
			if a.Poor != nil {
				want["poor"] = *a.Poor
			}
			f.attackOnce(t) // the first one leaves connections that are kept
			before := measure()
			for range 3 {
				for filter, got := range f.attackOnce(t) {
					if status := want[filter].Status; status != 0 && got != status {
						t.Errorf("%s: the attack got %d, want %d", filter, got, status)
					}
				}
			}
			for filter, outcome := range want {
				eventually(t, fmt.Sprintf("line of the log on %s with %q", filter, outcome.Says), func() bool { return f.logged(filter, outcome.Says) })
			}
			f.othersGoOn(t)
			before.goroutines += a.Kept
			settles(t, before)
		})
	}
}

// field is a started gateway with three tenants: evil, whose filter attacks, poor, whose filter is the same and is granted nothing, and good, who has
// a stream open.
type field struct {
	*hosttest.Gateway
	attack           menagerie.Attack
	evil, poor, good string // sockets
	service          string // the address of what the attack calls
	step             chan struct{}
	events           *bufio.Reader
}

// pieces are what the engine has to say in the stream of good.
const pieces = 10

func newField(t *testing.T, a menagerie.Attack) *field {
	engine := infoEngine(t)
	f := &field{attack: a, step: make(chan struct{}, pieces+1)}
	said := []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"}
	for range pieces {
		said = append(said, "3\r\n{}\n\r\n")
	}
	engine.Handle("GET /events", hosttest.Pieces(f.step, said...))
	engine.Handle("POST /images/load", echoAll)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Name":"/c","Config":{"Tty":true}}`))
	dir := shortDir(t)
	f.evil, f.poor, f.good = filepath.Join(dir, "e"), filepath.Join(dir, "p"), filepath.Join(dir, "g")
	switch a.Service {
	case menagerie.HTTP:
		f.service = serveHTTP(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }))
	case menagerie.GRPC:
		l, err := net.Listen("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		f.service = hosttest.StartGRPC(t, l, pong)
	}
	f.Gateway = hosttest.StartGateway(t, engine.Address(), f.config(t, !a.Unstarted))

	f.step <- struct{}{}
	f.step <- struct{}{}
	conn, r := dialTo(t, f.good)
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	readHead(t, r)
	f.events = r
	f.piece(t)
	f.ask(t, f.good)
	return f
}

func (f *field) config(t *testing.T, attacks bool) string {
	pause := 5 * time.Second
	if f.attack.Pause > 0 {
		pause = f.attack.Pause
	}
	limits := f.attack.Limits
	if f.attack.Unstarted {
		limits = "cpu: 1m" // a loop in a start is soon over
	}
	text := fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}, {address: 'unix://%[3]s'}]
tenants:
  - {name: evil, match: {listeners: ['unix://%[1]s']}, capabilities: all, limits: {%[6]s}}
  - {name: poor, match: {listeners: ['unix://%[2]s']}, capabilities: all, limits: {%[6]s}}
  - {name: good, match: {listeners: ['unix://%[3]s']}, capabilities: all}
limits: {callback: 10ms, memory: 4MiB, body: 64KiB, pause: %[4]s}
shared_data: {keys: 100, bytes: 1MiB}
shared_queues: {queues: 10, items: 100, bytes: 64KiB}
metrics: {series: 100}
filters:
  - {name: decent, module: %[5]s, tenant: good, capabilities: all}
`, f.evil, f.poor, f.good, pause, hosttest.Guest(t, "header-adder"), limits)
	if !attacks {
		return text
	}
	module := hosttest.Guest(t, filepath.Join("hostile", f.attack.Guest))
	text += f.attack.Filter("hostile", "evil", module, f.attack.Everything())
	if !f.attack.Unstarted { // it does not come far enough for a grant
		text += f.attack.Filter("poor", "poor", module, "")
	}
	if f.service != "" {
		text += fmt.Sprintf("upstreams: [{name: svc, address: '%s'}]\n", f.service)
	}
	return text
}

// attackOnce is one request each of evil's and poor's. It returns their statuses by the names of their filters, 0 where there is none.
func (f *field) attackOnce(t *testing.T) map[string]int {
	if f.attack.By == menagerie.Nothing {
		return nil
	}
	evil, _ := send(t.Context(), f.evil, f.attack.By)
	poor, _ := send(t.Context(), f.poor, f.attack.By)
	return map[string]int{"hostile": evil, "poor": poor}
}

// quarantine loads a filter that cannot be started. Its tenant's requests are denied, the log says why, and everybody else's go on.
func (f *field) quarantine(t *testing.T) {
	before := measure()
	f.Write(f.config(t, true))
	if err := f.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, err := visit(t.Context(), f.evil); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, %v, want %d", status, err, http.StatusServiceUnavailable)
	}
	eventually(t, fmt.Sprintf("line of the log with %q", f.attack.Says), func() bool { return f.logged("hostile", append(f.attack.Says, "in quarantine")) })
	f.othersGoOn(t)
	settles(t, before)
}

// othersGoOn tells that neither the stream of good nor his requests were cut.
func (f *field) othersGoOn(t *testing.T) {
	t.Helper()
	f.step <- struct{}{}
	f.piece(t)
	f.ask(t, f.good)
	if strings.Contains(f.Log.String(), "panicked") {
		t.Error("the gateway panicked")
	}
}

func (f *field) piece(t *testing.T) {
	t.Helper()
	if line, err := f.events.ReadString('}'); err != nil || !strings.HasSuffix(line, "{}") {
		t.Fatalf("the stream of another tenant: %q, %v", line, err)
	}
}

func (f *field) ask(t *testing.T, socket string) {
	t.Helper()
	conn, r := dialTo(t, socket)
	defer conn.Close()
	write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	if code, body := status(t, r); code != 200 {
		t.Errorf("a request of another tenant got %d %q", code, body)
	}
}

// logged tells whether one line of the log names the filter and says all of it.
func (f *field) logged(filter string, parts []string) bool {
	if len(parts) == 0 {
		return true
	}
next:
	for line := range strings.Lines(f.Log.String()) {
		for _, part := range append([]string{`"filter":"` + filter + `"`}, parts...) {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return true
	}
	return false
}

func dialTo(t *testing.T, socket string) (*net.UnixConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second)) // a test that hangs fails
	return conn.(*net.UnixConn), bufio.NewReader(conn)
}

// held is what a process holds.
type held struct {
	goroutines int
	heap       uint64
}

func measure() held {
	runtime.GC()
	runtime.GC() // what the first one left to finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{runtime.NumGoroutine(), m.HeapAlloc}
}

// settles waits until the process holds no more than before, but for connections to the engine that are kept, and what
// caches and logs keep.
func settles(t *testing.T, before held) {
	t.Helper()
	const goroutines, heap = 3, 8 << 20
	var now held
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now = measure()
		if now.goroutines <= before.goroutines+goroutines && now.heap <= before.heap+heap {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines and %d KiB, before: %d and %d\n%s", now.goroutines, now.heap>>10, before.goroutines, before.heap>>10, buf[:runtime.Stack(buf, true)])
}
