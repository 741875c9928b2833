package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// What a filter computes on connections and behind bodies is its time as any other.
func TestTheTimeOfEveryStageIsShown(t *testing.T) {
	engine := echoing(t)
	engine.Handle("POST /images/load", func(x *hosttest.Exchange) bool {
		if _, err := io.ReadAll(x.Body); err != nil {
			return false
		}
		return x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Note: mine\r\n\r\n")
	})
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+filters(t, "connection",
		"trailers stages: [request_body, request_trailers, response_body, response_trailers], match: {operations: [ImageLoad]}"))
	conn, r := hijack(t, g, "")
	write(t, conn, "world")
	if got := read(t, r, 5); got != "world" {
		t.Fatalf("got %q, want world", got)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	if status, answer := loads(t, g, "/images/load", "body", "X-Note: mine\r\n"); status != 200 {
		t.Fatalf("got %d %q, want 200", status, answer)
	}
	series(t, g,
		`sluice_filter_seconds_count{filter="connection-1",stage="new_connection"} 1`,
		`sluice_filter_seconds_count{filter="connection-1",stage="downstream_data"} 2`, // and its end
		`sluice_filter_seconds_count{filter="connection-1",stage="upstream_data"} 3`,   // the echo, the last words, the end
		`sluice_filter_seconds_count{filter="connection-1",stage="connection_close"} 2`,
		`sluice_filter_seconds_count{filter="trailers-2",stage="request_trailers"} 1`,
		`sluice_filter_seconds_count{filter="trailers-2",stage="response_trailers"} 1`,
	)
}

const adminYAML = "admin: {address: 'tcp://127.0.0.1:0'}\n"

// askAdmin asks the gateway about itself.
func askAdmin(t *testing.T, g *hosttest.Gateway, path string) (status int, body string) {
	t.Helper()
	network, address, _ := strings.Cut(g.AdminAddress(), "://")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// series waits until the metrics page has all these lines: a request is counted after
// its answer.
func series(t *testing.T, g *hosttest.Gateway, want ...string) (page string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		status, page := askAdmin(t, g, "/metrics")
		missing := ""
		for _, line := range want {
			if !strings.Contains("\n"+page, "\n"+line+"\n") {
				missing = line
			}
		}
		if status == 200 && missing == "" {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d, and no line %q:\n%s", status, missing, page)
		}
	}
}

func TestMetricsOfTheGateway(t *testing.T) {
	engine := infoEngine(t)
	text := adminYAML + filters(t, "trap-on-header", "deny")
	g := hosttest.StartGateway(t, engine.Address(), text)
	get(t, g, "/info", "")
	get(t, g, "/info", "X-Trap")
	conn, r := g.Dial()
	fmt.Fprint(conn, "GET /../x HTTP/1.1\r\nHost: docker\r\n\r\n")
	readHead(t, r)
	broken, r := g.Dial()
	fmt.Fprint(broken, "nonsense\r\n\r\n")
	readHead(t, r)
	g.Write("filters: [")
	if err := g.Reload(t.Context()); err == nil {
		t.Error("nonsense was loaded")
	}
	g.Write(text + "# the same\n")
	_ = g.Reload(t.Context())
	g.Write(adminYAML + filters(t, "trap-on-header"))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	get(t, g, "/info", "")
	page := series(t, g,
		`sluice_requests_total{code="4xx",operation="SystemInfo",verdict="deny"} 1`,
		`sluice_requests_total{code="5xx",operation="SystemInfo",verdict="fail"} 1`,
		`sluice_requests_total{code="2xx",operation="SystemInfo",verdict="allow"} 1`,
		`sluice_requests_total{code="4xx",operation="none",verdict="deny"} 1`,
		`sluice_refused_connections_total{reason="malformed"} 1`,
		`sluice_reloads_total{result="failed"} 1`,
		`sluice_reloads_total{result="ok"} 1`,
		`sluice_generation 2`,
		`sluice_streams 0`,
		`sluice_hijacked_connections 0`,
		`sluice_filter_traps_total{filter="trap-on-header-1",reason="crash"} 1`,
		// The filter's counters outlive its generation, and go with its name.
		`sluice_filter_seconds_count{filter="trap-on-header-1",stage="request_headers"} 3`,
	)
	for deadline := time.Now().Add(time.Minute); strings.Contains(page, `filter="deny-2"`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a filter that is gone is shown")
		}
		_, page = askAdmin(t, g, "/metrics")
	}
	if strings.Contains(page, "/info") || strings.Contains(page, "/../x") {
		t.Error("a path is shown")
	}
	// The library speaks of its own series as well; ours have to be right.
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "sluice_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
}

// The module was written for Envoy, and its names are taken apart as its example
// says.
func TestMetricsOfFilters(t *testing.T) {
	engine := infoEngine(t)
	text := adminYAML + `
metrics:
  series: 4
  tags:
    - {name: value, pattern: '(_value=([a-zA-Z]+))'}
    - {name: reporter, pattern: '(_reporter=([a-zA-Z]+))'}
filters:
` + sdkFilter(t, "meter", "meter", "")
	g := hosttest.StartGateway(t, engine.Address(), text)
	for range 3 {
		request(t, g, "X-Value", "foo")
	}
	request(t, g, "X-Value", "bar")
	for i := range 10 { // clients cannot make up as many series as they like, and crash nobody by trying
		request(t, g, "X-Value", strings.Repeat("x", i+1))
	}
	series(t, g,
		`# TYPE custom_header_value_counts counter`,
		`custom_header_value_counts{filter="meter",reporter="wasmgosdk",value="foo"} 6`,
		`custom_header_value_counts{filter="meter",reporter="wasmgosdk",value="bar"} 2`,
		`# TYPE under_way gauge`,
		`under_way{filter="meter"} 0`,
		`# TYPE path_bytes histogram`,
		`path_bytes_bucket{filter="meter",of="request",le="5"} 14`,
		`path_bytes_sum{filter="meter",of="request"} 70`,
		`sluice_filter_traps_total{filter="meter",reason="crash"} 0`,
	)
	if log := g.Log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log has errors:\n%s", log)
	}
	// A reload keeps what was counted.
	g.Write(text + "limits: {body: 1MiB}\n")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	request(t, g, "X-Value", "foo")
	series(t, g, `custom_header_value_counts{filter="meter",reporter="wasmgosdk",value="foo"} 8`)
}

func TestReadinessFollowsTheEngine(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /_ping", hosttest.JSON(200, `"OK"`))
	g := hosttest.StartGateway(t, engine.Address(), "admin: {address: 'unix://"+filepath.Join(t.TempDir(), "a")+"'}\n")
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := askAdmin(t, g, path); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	engine.Stop()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		status, body := askAdmin(t, g, "/readyz")
		if status == 503 && strings.HasPrefix(body, "not ready: connect to the engine at unix://") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the engine is gone, and readyz says %d %s", status, body)
		}
	}
	if status, _ := askAdmin(t, g, "/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
}

func TestFiltersAreShownWithoutTheirSecrets(t *testing.T) {
	engine := infoEngine(t)
	module := hosttest.Guest(t, "trap-on-header")
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+fmt.Sprintf(
		"filters:\n  - {name: guard, module: %q, config: {password: hunter2}, vm_id: quota, instances: 2, stages: [request_headers]}\n", module))
	get(t, g, "/info", "X-Trap")
	status, body := askAdmin(t, g, "/filters")
	var shown admin.Filters
	if err := json.Unmarshal([]byte(body), &shown); err != nil || status != 200 || len(shown.Filters) != 1 || shown.Generation != 1 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	f := shown.Filters[0]
	if f.Name != "guard" || len(f.Digest) != 64 || f.ABI != "0.2.1" || fmt.Sprint(f.Stages) != "[request_headers]" ||
		f.OnFailure != "deny" || f.VMID != "quota" || f.Traps != 1 || f.Quarantined {
		t.Errorf("got %+v", f)
	}
	for _, secret := range []string{"hunter2", "password", module, filepath.Dir(module)} {
		if strings.Contains(body, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func TestTheAdminAddressStays(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML)
	g.Write("limits: {body: 1MiB}\n")
	if err := g.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "admin cannot be changed while the gateway runs") {
		t.Errorf("got %v", err)
	}
	if status, _ := askAdmin(t, g, "/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	address := strings.TrimPrefix(g.AdminAddress(), "tcp://")
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it is open after the end")
	}
	if without := hosttest.StartGateway(t, engine.Address(), ""); without.AdminAddress() != "" {
		t.Errorf("nobody asked for the admin address %s", without.AdminAddress())
	}
}

func TestHijackedConnectionsAreCounted(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	g := hosttest.StartGateway(t, engine.Address(), adminYAML)
	conn, r := g.Dial()
	fmt.Fprint(conn, attach)
	readHead(t, r)
	series(t, g, `sluice_hijacked_connections 1`, `sluice_streams 1`, `sluice_connections 1`)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	series(t, g,
		`sluice_hijacked_connections 0`, `sluice_streams 0`, `sluice_connections 0`,
		`sluice_requests_total{code="1xx",operation="ContainerAttach",verdict="allow"} 1`,
		`sluice_request_seconds_count{transport="hijack"} 1`,
		fmt.Sprintf(`sluice_transferred_bytes_total{direction="out"} %d`, len(rest)),
	)
}
