package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// An attack is what one hostile filter does to requests of one tenant's, while another tenant, whose filter is another,
// goes on.
type attack struct {
	guest  string // in testdata/guests/hostile
	config string // what it is told to do
	keys   string // further keys of its filter
	by     string // what the client does: one of ways; "" means get
	status int    // what that is answered with; 0: it is cut, or any
	// says are parts of the one line of the log that is the operator's: it names the filter, and what it came to.
	says []string
	// refused says that its filter must not come up, for the reason of says.
	refused bool
	kept    int // goroutines of connections to the upstream
}

func (a attack) name() string { return strings.TrimSuffix(a.guest+" "+a.config, " ") }

// What the attacks end by.
var (
	fuel   = []string{"used up its fuel of 1000", `"limit":"limits.callback","value":"10ms"`}
	stack  = []string{"call stack larger than 1 MiB"}
	memory = []string{"did not get the memory", `"limit":"limits.memory","value":4194304`}
)

// menagerie is every guest of testdata/guests/hostile with all that it can do.
func menagerie() []attack {
	var all []attack
	const stages = "stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data, request_trailers, response_trailers]"
	// In each callback: what a client does to get there, and what it is answered.
	for _, where := range []struct {
		letters, by string
		status      int
	}{
		{"nh", "get", 503},
		{"bH", "post", 503},
		{"B", "post", 0}, // its head is out
		{"e", "trailers", 503},
		{"E", "trailers", 0}, // its head is out
		{"NduDLK", "hijack", 0},
		{"xy", "hijack", 0},
		{"DLK", "get", 0}, // the next one may have begun on the instance that is lost
		{"p", "get", 503},
		{"t", "nothing", 0},
		{"q", "get", 0}, // its queue event may take the instance from the request
		{"a1234", "get", 503},
	} {
		for _, at := range where.letters {
			for how, says := range map[string][]string{"l": fuel, "t": {"unreachable"}, "r": stack} {
				all = append(all, attack{guest: "everywhere", config: how + string(at), keys: stages, by: where.by, status: where.status, says: says})
			}
		}
	}
	each := func(guest, letters string, a attack) {
		for _, letter := range letters {
			a.guest, a.config = guest, string(letter)
			all = append(all, a)
		}
	}
	for how, reason := range map[string]string{"l": "used up its fuel of 5000000000 units", "t": "unreachable", "r": "call stack larger than 1 MiB"} {
		all = append(all,
			attack{guest: "everywhere", config: how + "v", keys: "vm_config: " + how + "v", refused: true, says: []string{"on_vm_start", reason}},
			attack{guest: "everywhere", config: how + "c", refused: true, says: []string{"on_configure", reason}})
	}
	all = append(all,
		attack{guest: "loop-in-start", refused: true, says: []string{"_start trapped", "used up its fuel of 5000000000 units"}},
		attack{guest: "loop-in-start-section", refused: true, says: []string{"used up its fuel of 5000000000 units"}})
	each("recursion", "nmisw", attack{status: 503, says: stack})
	each("recursion", "d", attack{status: 503, says: fuel})
	each("bulk", "fcistTIgmr", attack{status: 503, says: fuel})
	each("grow", "pw", attack{status: 503, says: memory})
	each("grow", "a", attack{status: 503, says: fuel}) // which new memory is paid with
	each("grow", "k", attack{status: 200, keys: "isolation: stream"})
	each("branches", "tebpind", attack{status: 503, says: fuel})
	each("allocator", "0oesmh", attack{status: 200})
	each("allocator", "n", attack{says: memory})
	all = append(all, attack{guest: "pointers", status: 200}, attack{guest: "forge", status: 200},
		attack{guest: "twice", status: 418}, attack{guest: "resume"}, attack{guest: "body-bomb", by: "post", status: 200})
	each("storm", "ncehpPrdslfRjwq", attack{status: 503, says: fuel})
	each("flood", "lo", attack{status: 200, says: []string{"logs too much", `"limits.log_lines":100,"limits.log_bytes":65536`}})
	each("flood", "m", attack{status: 200, says: []string{"too many metrics", `"limit":100`}})
	each("flood", "kv", attack{status: 200, says: []string{"were refused", "over the limit", `"shared_data":{"keys":100,"bytes":1048576}`}})
	each("flood", "qi", attack{status: 200, says: []string{"were refused", "over the limit", `"shared_queues":{"queues":10,"items":100,"bytes":65536}`}})
	each("flood", "c", attack{status: 200, says: []string{"too many calls", `"limit":"limits.stream_callouts","value":16`}, kept: 100})
	each("flood", "pPt", attack{status: 200})
	each("flood", "F", attack{status: 503, says: fuel}) // each one looks through all
	each("flood", "H", attack{})
	each("heap", "kmgs", attack{status: 503, says: fuel})
	each("heap", "r", attack{status: 503, says: []string{"hostile"}})
	each("heap", "pni", attack{status: 503, says: []string{"unreachable"}})
	return all
}

// Each attack ends within its budget and costs its own stream: another tenant's stream, and his requests, go on. The log
// says who it was, and what he came to. Then everything is as before.
func TestTheMenagerie(t *testing.T) {
	for _, a := range menagerie() {
		t.Run(a.name(), a.run)
	}
}

func (a attack) run(t *testing.T) {
	f := newField(t, a)
	if a.refused {
		f.refuse(t, a)
		return
	}
	f.attack(t, a) // the first one leaves connections that are kept
	before := measure()
	for range 3 {
		if got := f.attack(t, a); a.status != 0 && got != a.status {
			t.Errorf("the attack got %d, want %d", got, a.status)
		}
	}
	eventually(t, fmt.Sprintf("line of the log with %q", a.says), func() bool { return f.logged(a.says) })
	f.othersGoOn(t)
	before.goroutines += a.kept
	settles(t, before)
}

// field is a started gateway with two tenants: evil, whose filter attacks, and good, who has a stream open.
type field struct {
	*hosttest.Gateway
	evil, good string // sockets
	step       chan struct{}
	events     *bufio.Reader
}

// pieces are what the engine has to say in the stream of good.
const pieces = 10

func newField(t *testing.T, a attack) *field {
	engine := infoEngine(t)
	f := &field{step: make(chan struct{}, pieces+1)}
	said := []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"}
	for range pieces {
		said = append(said, "3\r\n{}\n\r\n")
	}
	engine.Handle("GET /events", hosttest.Pieces(f.step, said...))
	engine.Handle("POST /images/load", echoAll)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Name":"/c","Config":{"Tty":true}}`))
	dir := shortDir(t)
	f.evil, f.good = filepath.Join(dir, "e"), filepath.Join(dir, "g")
	f.Gateway = hosttest.StartGateway(t, engine.Address(), f.config(t, a, !a.refused))

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

func (f *field) config(t *testing.T, a attack, attacks bool) string {
	text := fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}]
tenants:
  - {name: evil, match: {listeners: ['unix://%[1]s']}}
  - {name: good, match: {listeners: ['unix://%[2]s']}}
limits: {callback: 10ms, memory: 4MiB, body: 64KiB, pause: 5s}
shared_data: {keys: 100, bytes: 1MiB}
shared_queues: {queues: 10, items: 100, bytes: 64KiB}
metrics: {series: 100}
filters:
  - {name: decent, module: %[3]s, match: {tenants: [good]}}
`, f.evil, f.good, hosttest.Guest(t, "header-adder"))
	if !attacks {
		return text
	}
	keys, upstream := "", ""
	if a.keys != "" {
		keys = ", " + a.keys
	}
	switch {
	case a.guest == "everywhere" && a.config[1] == 'a', a.guest == "flood" && a.config == "c":
		upstream = serveHTTP(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }))
	case a.guest == "everywhere" && a.config[1] <= '4':
		l, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
		if err != nil {
			t.Fatal(err)
		}
		upstream = hosttest.StartGRPC(t, l, pong)
	}
	if upstream != "" {
		keys += ", callouts: [svc]"
	}
	text += fmt.Sprintf("  - {name: hostile, module: %s, match: {tenants: [evil]}, instances: 1, config: '%s'%s}\n",
		hosttest.Guest(t, filepath.Join("hostile", a.guest)), a.config, keys)
	if upstream != "" {
		text += fmt.Sprintf("upstreams: [{name: svc, address: '%s'}]\n", upstream)
	}
	return text
}

// attack is one request of evil's. It returns its status, 0 where there is none.
func (f *field) attack(t *testing.T, a attack) int {
	conn, r := dialTo(t, f.evil)
	defer conn.Close()
	switch a.by {
	case "nothing":
		return 0
	case "post":
		write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 4\r\n\r\nbody")
	case "trailers": // which are answered with some
		write(t, conn, "POST /images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Tag: a\r\n\r\n")
	case "hijack":
		write(t, conn, "%s", attach)
		write(t, conn, "typed")
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, r) // it ends, which is all that matters
		return 0
	default:
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// refuse tries to load the attacker. The gateway says why not, and goes on as it was.
func (f *field) refuse(t *testing.T, a attack) {
	before := measure()
	f.Write(f.config(t, a, true))
	err := f.Reload(t.Context())
	if err == nil {
		t.Fatal("the filter came up")
	}
	for _, part := range append([]string{"hostile"}, a.says...) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, which does not say %q", err, part)
		}
	}
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

// logged tells whether one line of the log names the attacker and says all of it.
func (f *field) logged(parts []string) bool {
	if len(parts) == 0 {
		return true
	}
next:
	for line := range strings.Lines(f.Log.String()) {
		for _, part := range append([]string{`"filter":"hostile"`}, parts...) {
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
