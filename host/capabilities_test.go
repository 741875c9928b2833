package host_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/admin"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// What the guest "greedy" gets for its tries where nothing is granted but its log:
// the same in every callback, whether there would be something to be had or not.
const nothingGranted = "00112222" + "012" + "12121212" + "11111" + "22" + "12" + "211" + "111111" + "00" + "2" + "4" + "1" + "2" + "2" + "2"

// greedyLines are the lines of the guest "greedy": the callbacks and their digits.
func greedyLines(log *hosttest.Log) map[string][]string {
	lines := make(map[string][]string)
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Filter != "greedy-1" {
			continue
		}
		if phase, digits, ok := strings.Cut(entry.Msg, ":"); ok && len(digits) == len(nothingGranted) {
			lines[phase] = append(lines[phase], digits)
		}
	}
	return lines
}

// withSecret sends a request with a body, and with what a client proves itself by.
func withSecret(t *testing.T, g *hosttest.Gateway, target, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://docker"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Basic secret")
	req.Header.Set("X-Job", "1")
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if field := resp.Header.Get("X-Greedy"); field != "" {
		t.Errorf("the answer has X-Greedy: %s", field)
	}
	return resp.StatusCode, string(text)
}

// deadService is an upstream that does not answer.
const deadService = "upstreams: [{name: service, address: 'unix:///nonexistent/service.sock'}]\n"

const everyStage = "stages: [request_headers, request_body, response_headers, response_body, downstream_data, upstream_data]"

func TestAFilterThatIsGrantedNothingGetsNothingInAnyCallback(t *testing.T) {
	engine := echoing(t)
	engine.Handle("POST /containers/create", echo)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+filters(t, "greedy instances: 1, capabilities: {log: true}, "+everyStage))
	const body = `{"Image":"alpine","Labels":{"a":"b"}}`
	if status, answer := withSecret(t, g, "/containers/create", body); status != 200 || answer != body {
		t.Errorf("got %d %s, want the body as it was", status, answer)
	}
	if got := engine.Requests()[0]; got.Header.Get("X-Greedy") != "" || got.Header.Get("Authorization") != "Basic secret" || got.Target != "/containers/create" {
		t.Errorf("the engine got %s with %v", got.Target, got.Header)
	}
	conn, r := hijack(t, g, "")
	write(t, conn, "data")
	if got := read(t, r, 4); got != "data" {
		t.Errorf("the connection carried %q", got)
	}
	conn.Close()
	g.Log.Wait(t, "upstream_connection_close:")
	eventually(t, "both contexts are deleted", func() bool { return len(greedyLines(g.Log)["delete"]) == 2 })

	lines := greedyLines(g.Log)
	for _, phase := range []string{
		"vm_start", "configure", "context_create", "request_headers", "request_body", "response_headers", "response_body",
		"new_connection", "downstream_data", "upstream_data", "downstream_connection_close", "upstream_connection_close", "done", "log", "delete",
	} {
		if len(lines[phase]) == 0 {
			t.Errorf("%s was not called", phase)
		}
		for _, got := range lines[phase] {
			if got != nothingGranted {
				t.Errorf("%s: got %s, want %s", phase, got, nothingGranted)
			}
		}
	}

	// It was counted, and said once.
	if n := strings.Count(g.Log.String(), `"capability":"request_body.read"`); n != 1 {
		t.Errorf("the refusal of the body was logged %d times, want once", n)
	}
	_, page := askAdmin(t, g, "/metrics")
	for _, c := range []string{"request_headers.read", "request_body.write", "connection.read", "callouts", "local_response", "timers"} {
		if !strings.Contains(page, fmt.Sprintf("sluice_capability_refusals_total{capability=%q,filter=\"greedy-1\"}", c)) {
			t.Errorf("no refusals of %s among the metrics", c)
		}
	}
	_, text := askAdmin(t, g, "/filters")
	var shown admin.Filters
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		t.Fatal(err)
	}
	grants := make(map[string]string)
	for _, refusal := range shown.Filters[0].NotGranted {
		grants[refusal.Capability] = refusal.ToGrant
	}
	for c, want := range map[string]string{
		"request_headers.read": `capabilities: {request_headers: {read: [authorization, ":path"]}}`,
		"request_body.write":   `capabilities: {request_body: {write: all}}`,
		"properties.read":      `capabilities: {properties: {read: [peer.uid, docker.operation, docker.references, "docker.resource.*"]}}`,
		"foreign_functions":    `capabilities: {foreign_functions: [compress]}`,
		"namespaces":           `capabilities: {namespaces: [other]}`,
		"callouts":             `capabilities: {callouts: [service]}`,
		"timers":               `capabilities: {timers: true}`,
	} {
		if grants[c] != want {
			t.Errorf("%s: the line to add is %q, want %q", c, grants[c], want)
		}
	}
	if got := shown.Filters[0].Granted; got != "log: true" {
		t.Errorf("granted: %q", got)
	}
}

// The tries do succeed where they are granted: otherwise the test above would see
// nothing whatever happened.
func TestAFilterThatIsGrantedEverythingGetsIt(t *testing.T) {
	engine := echoing(t)
	g := hosttest.StartGateway(t, engine.Address(), deadService+filters(t, "greedy instances: 1, callouts: [service], "+everyStage))
	conn, _ := g.Dial()
	write(t, conn, "POST /containers/create HTTP/1.1\r\nHost: d\r\nAuthorization: Basic secret\r\nContent-Length: 2\r\n\r\n{}")
	g.Log.Wait(t, `"msg":"request_headers:`)
	got := greedyLines(g.Log)["request_headers"][0]
	for i, want := range "XXXX0000" + "012" + "12121212" + "XX1XX" + "00" + "X0" + "001" + "......" + "00" + "0" + "0" + "X" + "0" + "0" + "0" {
		if want != '.' && rune(got[i]) != want {
			t.Errorf("got %s, want %c at %d", got, want, i)
		}
	}
	if strings.Contains(g.Log.String(), "not granted") {
		t.Error("something was refused")
	}
}

// What comes of a grant comes with it and nothing else.
func TestTicksQueuesAndAnswersOpenNothingElse(t *testing.T) {
	engine := echoing(t)
	engine.Handle("POST /containers/create", echo)
	for _, test := range []struct{ grants, phase, at string }{
		{"timers: true", "tick", "..........................................T.."},
		{"queues: {read: [queue], write: [queue]}", "queue_ready", "............................00.QQQQQQ........"},
		{"callouts: [service]", "http_call_response", ".......................................CC...."},
	} {
		g := hosttest.StartGateway(t, engine.Address(), deadService+filters(t, "greedy instances: 1, capabilities: {log: true, "+test.grants+"}"))
		withSecret(t, g, "/containers/create", `{"Image":"alpine"}`)
		g.Log.Wait(t, `"msg":"`+test.phase+`:`)
		for phase, lines := range greedyLines(g.Log) {
			for _, got := range lines {
				for i := range got {
					if test.at[i] == '.' && got[i] != nothingGranted[i] {
						t.Errorf("%s: %s: got %s at %d, want %s there", test.grants, phase, got, i, nothingGranted)
						break
					}
				}
			}
		}
	}
}

// seen are the bodies that the guest "part-of-body" has logged.
func seen(log *hosttest.Log) (bodies []string) {
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) == nil && (strings.HasPrefix(entry.Msg, "request:") || strings.HasPrefix(entry.Msg, "response:")) {
			bodies = append(bodies, entry.Msg)
		}
	}
	return bodies
}

func TestAFilterSeesAndPatchesThePartsOfABodyThatItIsGranted(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	const grants = "stages: [request_body], capabilities: {log: true, request_body: {read: [/Image], write: [/Labels, /HostConfig/Memory]}}"
	const body = `{"Image":"alpine","Env":["TOKEN=secret"],"Labels":{"a":"b"},"HostConfig":{"Privileged":false,"Memory":1}}`
	for name, test := range map[string]struct{ rewrite, want, refused string }{
		"nothing": {"{}", body, ""},
		"what it may": {
			`{"Image":"alpine","Labels":{"a":"c","stamp":"1"},"HostConfig":{"Memory":2}}`,
			`{"Image":"alpine","Env":["TOKEN=secret"],"Labels":{"a":"c","stamp":"1"},"HostConfig":{"Privileged":false,"Memory":2}}`, "",
		},
		"what it may not": {
			`{"Image":"evil","Env":[],"HostConfig":{"Privileged":true,"Memory":1},"Labels":{"a":"b"},"Cmd":["sh"]}`, body,
			"[/Image /Env /HostConfig/Privileged /Cmd]",
		},
		"what it may not, in another spelling": {
			`{"image":"evil","hostconfig":{"Privileged":true},"Image":"alpine","HostConfig":{"Memory":1},"Labels":{"a":"b"}}`, body,
			"[/image /hostconfig]",
		},
		"all that it may taken away": {`{"Image":"alpine"}`, `{"Image":"alpine","Env":["TOKEN=secret"],"HostConfig":{"Privileged":false}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := hosttest.StartGateway(t, engine.Address(), adminYAML+filters(t, "part-of-body "+grants+", config: '"+test.rewrite+"'", "noop"))
			status, got := withSecret(t, g, "/containers/create", body)
			if status != 200 || got != test.want {
				t.Errorf("the engine got %s, want %s (%d)", got, test.want, status)
			}
			if shown := fmt.Sprint(seen(g.Log)); shown != `[request:0:{"Image":"alpine","Labels":{"a":"b"},"HostConfig":{"Memory":1}}]` {
				t.Errorf("it saw %s", shown)
			}
			_, text := askAdmin(t, g, "/filters")
			var all admin.Filters
			if err := json.Unmarshal([]byte(text), &all); err != nil {
				t.Fatal(err)
			}
			refused := ""
			for _, r := range all.Filters[0].NotGranted {
				if r.Capability == "request_body.write" {
					refused = fmt.Sprint(r.Names)
				}
			}
			if refused != test.refused {
				t.Errorf("refused %s, want %s", refused, test.refused)
			}
		})
	}
}

// What is put back is brought into the canonical form, as every rewrite is.
func TestAPatchIsReadAsEverybodyElseReadsIt(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	for rewrite, want := range map[string]struct {
		status int
		body   string
	}{
		`{"HostConfig":{"privileged":true}}`:                    {200, `{"Image":"alpine","HostConfig":{"Privileged":true}}`},
		`{"HostConfig":{"privileged":true,"Privileged":false}}`: {500, "rewrote the request"},
		`{"HostConfig":{"Memory":1},"HostConfig":{}}`:           {500, "rewrote the request"},
		`{"HostConfig":{"Memory":`:                              {500, "not one JSON document"},
	} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "part-of-body stages: [request_body], capabilities: {request_body: {write: [/HostConfig]}}, config: '"+rewrite+"'"))
		status, got := withSecret(t, g, "/containers/create", `{"Image":"alpine","HostConfig":{}}`)
		if status != want.status || !strings.Contains(got, want.body) {
			t.Errorf("%s: got %d %s, want %d %s", rewrite, status, got, want.status, want.body)
		}
	}
}

func TestAResponseIsShownInPartsWhenItIsWhole(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/json", func(x *hosttest.Exchange) bool {
		const body = `[{"Id":"1","Labels":{"x":"y"}},{"Id":"2","Labels":{}}]` + "\n"
		half := len(body) / 2
		return x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", half, body[:half]) &&
			x.Write("%x\r\n%s\r\n0\r\n\r\n", len(body)-half, body[half:])
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t,
		`part-of-body stages: [response_body], capabilities: {log: true, response_body: {read: [/*/Id], write: [/*/Labels]}}, config: '[{"Id":"1","Labels":{}},{"Id":"3","Labels":{"new":"1"}}]'`))
	_, body := g.Do("GET", "/containers/json", "", "")
	if want := `[{"Id":"1","Labels":{}},{"Id":"2","Labels":{"new":"1"}}]` + "\n"; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
	if got, want := fmt.Sprint(seen(g.Log)), `[response:0:[{"Id":"1","Labels":{"x":"y"}},{"Id":"2","Labels":{}}]]`; got != want {
		t.Errorf("it saw %s, want %s", got, want)
	}
}

func TestRecordsOfAStreamAreShownInParts(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
		return x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n") &&
			x.Write("1c\r\n{\"Type\":\"a\",\"Secret\":\"1\"}\n{\"\r\n10\r\nType\":\"b\",\"X\":1}\r\n0\r\n\r\n")
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t,
		`part-of-body stages: [response_body], capabilities: {log: true, response_body: {write: [/Type]}}, config: '{"Type":"c","Secret":"mine"}'`))
	_, body := g.Do("GET", "/events", "", "")
	if want := "{\"Type\":\"c\",\"Secret\":\"1\"}\n{\"Type\":\"c\",\"X\":1}"; strings.TrimSpace(body) != want {
		t.Errorf("got %s, want %s", body, want)
	}
	if got, want := fmt.Sprint(seen(g.Log)), `response:0:{"Type":"a"} response:0:{"Type":"b"}`; !strings.Contains(got, want) {
		t.Errorf("it saw %s, want %s", got, want)
	}
}

// Whoever is granted a part of a document sees nothing of what is no document.
func TestABodyThatIsNoDocumentIsNotShownInParts(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	g := hosttest.StartGateway(t, engine.Address(), filters(t,
		`part-of-body stages: [request_body], capabilities: {log: true, request_body: {write: [/Labels]}}, config: '{"Labels":{}}'`))
	_, body := g.Do("POST", "/images/load", "application/x-tar", `{"Labels":{"a":"b"}}`)
	if body != `{"Labels":{"a":"b"}}` {
		t.Errorf("the engine got %s", body)
	}
	if got := fmt.Sprint(seen(g.Log)); got != "[request:1:]" {
		t.Errorf("it saw %s, want NOT_FOUND", got)
	}
}

func TestATenantsFilterHasNothingUnlessItIsGranted(t *testing.T) {
	engine := echoing(t)
	engine.Handle("POST /containers/create", echo)
	tenant := fmt.Sprintf("tenants: [{name: ci, match: {uids: [%d]}, capabilities: {log: true, request_headers: {read: [':path']}}}]\n", os.Getuid())
	for grants, want := range map[string]string{
		"capabilities: {log: true}": nothingGranted,
		"capabilities: all":         "XX1X" + nothingGranted[4:22] + "X" + nothingGranted[23:],
		"on_failure: deny":          "", // it may not even log
		"capabilities: {}":          "",
		"capabilities: {log: false, request_headers: {read: [':path']}}": "",
	} {
		g := hosttest.StartGateway(t, engine.Address(), tenant+filters(t, "greedy tenant: ci, "+grants))
		withSecret(t, g, "/containers/create", `{}`)
		got := ""
		if lines := greedyLines(g.Log)["request_headers"]; len(lines) > 0 {
			got = lines[0]
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", grants, got, want)
		}
		if want == "" && !strings.Contains(g.Log.String(), `"tenant":"ci","capability":"log"`) {
			t.Errorf("%s: what it would have logged was dropped in silence", grants)
		}
	}
}

// The configuration of README.md: a filter made with the SDK does what it is for with
// the little that it needs.
func TestABundledFilterNeedsLittle(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	g := hosttest.StartGateway(t, engine.Address(), adminYAML+fmt.Sprintf(`
tenants:
  - name: ci
    match: {uids: [%d]}
    capabilities:
      request_headers: {read: ["*"]}
      request_body: {write: [/Labels]}
      properties: {read: [docker.*]}
      log: true
filters:
  - name: stamp
    module: %q
    tenant: ci
    config: {labels: {team: ci}}
    match: {operations: [ContainerCreate]}
    capabilities:
      request_body: {write: [/Labels]}
      properties: {read: [docker.operation]}
      log: true
`, os.Getuid(), bundled(t, "owner-label")))
	status, got := withSecret(t, g, "/v1.41/containers/create", `{"Image":"alpine","Env":["TOKEN=secret"]}`)
	if want := `{"Image":"alpine","Env":["TOKEN=secret"],"Labels":{"team":"ci"}}`; status != 200 || got != want {
		t.Errorf("got %d %s, want %s", status, got, want)
	}
	if _, text := askAdmin(t, g, "/filters"); strings.Contains(text, "not_granted") {
		t.Errorf("it was refused something: %s", text)
	}
}

// bundled is the path of a filter that comes with the gateway.
func bundled(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "filters", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// fieldsOf writes the lines of the guest "fields": the fields that it saw as
// key=value, the others as they are.
func fieldsOf(log *hosttest.Log) (lines []string) {
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Filter != "fields-1" {
			continue
		}
		if strings.HasPrefix(entry.Msg, "set:") {
			lines = append(lines, entry.Msg)
			continue
		}
		pairs, err := abi.ParsePairs([]byte(entry.Msg))
		if err != nil && entry.Msg != "" {
			continue
		}
		var shown []string
		for _, p := range pairs {
			shown = append(shown, p.Key+"="+p.Value)
		}
		lines = append(lines, strings.Join(shown, " "))
	}
	return lines
}

func TestAFilterSetsTheFieldsThatItIsGrantedAndNoOthers(t *testing.T) {
	engine := infoEngine(t)
	encoded := func(pairs ...abi.Pair) string {
		text, err := json.Marshal(string(abi.NewHeaderMap(pairs).Encoded()))
		if err != nil {
			t.Fatal(err)
		}
		return ", config: " + string(text) // JSON is YAML
	}
	const request = "GET /info HTTP/1.1\r\nHost: d\r\nX-CI-Job: 1\r\nX-Other: 2\r\nAuthorization: Basic secret\r\nX-CI-Job: 3\r\n\r\n"
	for name, test := range map[string]struct{ grants, config, saw, set, then, job, other string }{
		"what it saw": {
			"read: ['x-*'], write: [x-ci-*]", "",
			"x-ci-job=1 x-other=2 x-ci-job=3", "set:0", "x-other=2 x-ci-job=1 x-ci-job=3", "[1 3]", "[2]",
		},
		"what it may": {
			"read: ['x-*'], write: [x-ci-*]", encoded(abi.Pair{Key: "x-ci-new", Value: "4"}, abi.Pair{Key: "x-other", Value: "2"}),
			"x-ci-job=1 x-other=2 x-ci-job=3", "set:0", "x-other=2 x-ci-new=4", "[]", "[2]",
		},
		"another value of what it may only read": {
			"read: ['x-*'], write: [x-ci-*]", encoded(abi.Pair{Key: "x-other", Value: "evil"}),
			"x-ci-job=1 x-other=2 x-ci-job=3", "set:2", "x-ci-job=1 x-other=2 x-ci-job=3", "[1 3]", "[2]",
		},
		"what it may only read taken away": {
			"read: ['x-*'], write: [x-ci-*]", encoded(abi.Pair{Key: "x-ci-job", Value: "1"}),
			"x-ci-job=1 x-other=2 x-ci-job=3", "set:2", "x-ci-job=1 x-other=2 x-ci-job=3", "[1 3]", "[2]",
		},
		"what it does not see": {
			"write: [x-ci-*]", encoded(abi.Pair{Key: "x-ci-job", Value: "9"}),
			"", "set:0", "", "[9]", "[2]",
		},
		"somebody else's credentials": {
			"read: ['*'], write: ['*']", encoded(abi.Pair{Key: ":method", Value: "GET"}, abi.Pair{Key: ":path", Value: "/info"}, abi.Pair{Key: ":authority", Value: "d"},
				abi.Pair{Key: ":scheme", Value: "http"}, abi.Pair{Key: "Authorization", Value: "Basic mine"}),
			":method=GET :path=/info :authority=d :scheme=http x-ci-job=1 x-other=2 x-ci-job=3", "set:2",
			":method=GET :path=/info :authority=d :scheme=http x-ci-job=1 x-other=2 x-ci-job=3", "[1 3]", "[2]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "fields capabilities: {log: true, request_headers: {"+test.grants+"}}"+test.config))
			conn, r := g.Dial()
			write(t, conn, request)
			if code, body := status(t, r); code != 200 {
				t.Fatalf("got %d %s", code, body)
			}
			if got, want := fmt.Sprintf("%q", fieldsOf(g.Log)), fmt.Sprintf("%q", []string{test.saw, test.set, test.then}); got != want {
				t.Errorf("it saw and did %s, want %s", got, want)
			}
			requests := engine.Requests()
			head := requests[len(requests)-1].Header
			if got := fmt.Sprint(head.Values("X-Ci-Job")); got != test.job {
				t.Errorf("the engine got X-CI-Job %s, want %s", got, test.job)
			}
			if got := fmt.Sprint(head.Values("X-Other"), head.Values("Authorization")); got != test.other+" [Basic secret]" {
				t.Errorf("the engine got %s", got)
			}
		})
	}
}

// Every grant opens what it names, in the callbacks where there is something to be
// had, and nothing beside it.
func TestEachGrantOpensItselfAlone(t *testing.T) {
	for _, test := range []struct {
		grants, phase string
		opens         map[int]byte // the tries that go otherwise than with nothing granted
	}{
		{"request_headers: {read: [authorization]}", "request_headers", map[int]byte{0: 'X', 1: 'X', 2: 'X', 21: 'X', 22: 'X'}},
		{"request_headers: {read: [user-agent]}", "request_headers", map[int]byte{0: 'X', 1: 'X', 22: 'X'}},
		{"request_headers: {read: all}", "request_headers", map[int]byte{0: 'X', 1: 'X', 3: 'X', 22: 'X'}},
		{"request_headers: {read: all}", "request_body", map[int]byte{0: 'X', 1: 'X', 3: 'X', 22: 'X'}},
		{"request_headers: {read: all}", "configure", nil},
		{"request_headers: {write: [x-greedy]}", "request_headers", map[int]byte{4: '0', 5: '0'}},
		{"request_headers: {write: [x-greedy]}", "response_headers", nil},
		{"request_headers: {write: [authorization]}", "request_headers", map[int]byte{6: '0'}},
		{"response_headers: {read: [':status']}", "response_headers", map[int]byte{8: 'X', 9: 'X'}},
		{"response_headers: {read: [':status']}", "request_headers", nil},
		{"response_headers: {write: [x-greedy]}", "response_headers", map[int]byte{10: '0'}},
		{"request_body: {read: all}", "request_body", map[int]byte{11: 'X'}},
		{"request_body: {read: all}", "response_body", nil},
		{"request_body: {read: [/Image]}", "request_body", map[int]byte{11: 'X'}},
		{"request_body: {write: [/Labels]}", "request_body", map[int]byte{11: 'X', 12: '0'}},
		{"request_body: {write: all}", "request_body", map[int]byte{11: 'X', 12: '0'}},
		{"response_body: {read: all}", "response_body", map[int]byte{13: 'X'}},
		{"connection: {read: all}", "downstream_data", map[int]byte{15: 'X'}},
		{"connection: all", "upstream_data", map[int]byte{17: 'X', 18: '0'}},
		{"connection: all", "request_body", nil},
		{"properties: {read: [peer.*]}", "request_headers", map[int]byte{19: 'X'}},
		{"properties: {read: [peer.*]}", "tick", nil},
		{"properties: {read: all}", "request_headers", map[int]byte{19: 'X', 20: 'X', 25: '0'}},
		{"properties: {read: all}, request_body: {read: all}", "response_headers", map[int]byte{19: 'X', 20: 'X', 23: 'X', 25: '0'}},
		{"properties: {write: [mi*]}", "request_headers", map[int]byte{24: '0'}},
		{"properties: {read: [docker.resource.name]}", "configure", map[int]byte{25: '0'}},
		{"shared_data: {write: [key]}", "request_headers", map[int]byte{27: '0'}},
		{"shared_data: {read: [key], write: [k*]}", "request_headers", map[int]byte{26: 'X', 27: '0'}},
		{"shared_data: {read: [kex], write: [ke]}", "request_headers", nil},
		{"queues: {read: [queue]}", "configure", map[int]byte{28: '0', 31: '?', 33: '?', 35: '?'}},
		{"queues: {write: [queue]}", "configure", nil}, // there is none to be resolved
		{"namespaces: [other]", "configure", nil},
		{"foreign_functions: [comp*]", "configure", map[int]byte{41: 'X'}},
		{"timers: true", "configure", map[int]byte{42: '0'}},
		{"metrics: all", "configure", nil}, // as it looks to the filter
	} {
		engine := echoing(t)
		engine.Handle("POST /containers/create", echo)
		stages := ""
		if strings.Contains(test.grants, "connection") {
			stages = ", " + everyStage
		}
		more := ""
		if test.phase == "tick" {
			more = ", timers: true"
		}
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "greedy instances: 1, capabilities: {log: true, "+test.grants+more+"}"+stages))
		withSecretSent(t, g, `{"Image":"alpine","Labels":{"a":"b"}}`)
		if stages != "" {
			conn, r := hijack(t, g, "")
			write(t, conn, "data")
			_ = readSome(r)
			conn.Close()
		}
		g.Log.Wait(t, `"msg":"`+test.phase+`:`)
		got := greedyLines(g.Log)[test.phase][0]
		for i := range got {
			want := nothingGranted[i]
			if open, ok := test.opens[i]; ok {
				want = open
			}
			if want != '?' && got[i] != want && !(test.phase == "tick" && i == 42) {
				t.Errorf("%s: %s: got %s: %c at %d, want %c", test.grants, test.phase, got, got[i], i, want)
			}
		}
	}
}

// withSecretSent sends a request and does not care what becomes of it.
func withSecretSent(t *testing.T, g *hosttest.Gateway, body string) {
	t.Helper()
	conn, r := g.Dial()
	write(t, conn, "POST /containers/create HTTP/1.1\r\nHost: d\r\nUser-Agent: test\r\nAuthorization: Basic secret\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	_, _ = http.ReadResponse(r, nil)
	conn.Close()
}

// readSome reads what comes first.
func readSome(r io.Reader) int {
	n, _ := r.Read(make([]byte, 16))
	return n
}

// An SDK turns some statuses into crashes. What is not granted answers so that filters
// made with it go on, and can say what is missing.
func TestTinyGosSDKSurvivesWhatIsNotGranted(t *testing.T) {
	engine := echoing(t)
	engine.Handle("POST /containers/create", echo)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	survives := func(t *testing.T, text string) {
		t.Helper()
		for _, grants := range []string{"{}", "{log: true}", "{request_headers: {read: all}, response_headers: {read: all}}"} {
			g := hosttest.StartGateway(t, engine.Address(), strings.ReplaceAll(text, "GRANTS", "capabilities: "+grants))
			if status, answer := withSecret(t, g, "/containers/create", `{"Image":"alpine"}`); status != 200 || answer != `{"Image":"alpine"}` {
				t.Errorf("%s: got %d %s", grants, status, answer)
			}
			if strings.Contains(g.Log.String(), "the filter crashed") {
				t.Errorf("%s: it crashed", grants)
			}
			if !strings.Contains(g.Log.String(), "the filter is refused what it is not granted") {
				t.Errorf("%s: nothing was refused", grants)
			}
		}
	}
	for _, role := range []string{"counter", "sender", "meter"} {
		t.Run(role, func(t *testing.T) { survives(t, "filters:\n"+sdkFilter(t, role, role, ", GRANTS")) })
	}
}

// The configuration of README.md's section about filters of tenants.
func TestATenantsFilterSetsTheFieldsOfResponsesThatItIsGranted(t *testing.T) {
	engine := infoEngine(t)
	// Without waiting for limits.pause.
	for field, want := range map[string]string{"X-Team": "ci", "Docker-Experimental": ""} {
		g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf(`
tenants: [{name: ci, match: {uids: [%d]}, capabilities: {response_headers: {write: [x-*]}}}]
filters:
  - {name: ci-rules, module: %q, tenant: ci, capabilities: all, config: {set: {%s: ci}}}
`, os.Getuid(), bundled(t, "response-headers"), field))
		resp, body := g.Do("GET", "/info", "", "")
		if got := resp.Header.Get(field); got != want {
			t.Errorf("%s: got %q, want %q (%d)", field, got, want, resp.StatusCode)
		}
		// The SDK denies what it cannot do, which is not granted either, and holds.
		if denied := strings.Contains(body, `filter \"ci-rules\" failed`); denied != (want == "") {
			t.Errorf("%s: got %d %s", field, resp.StatusCode, body)
		}
	}
}

// A filter that may not answer denies with the first piece of a body, and takes what comes later for denied. It fails with the first piece.
func TestADenialThatIsNotGrantedIsNotForgottenWithTheNextPiece(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", repeatBody)
	g := hosttest.StartGateway(t, engine.Address(), filters(t,
		"deny-once stages: [request_body, request_trailers], capabilities: {request_body: all, request_headers: all}"))
	for name, rest := range map[string]string{"body": "4\r\nmore\r\n0\r\n\r\n", "trailers": "0\r\nX-Note: a\r\n\r\n", "end": "0\r\n\r\n"} {
		conn, r := g.Dial()
		write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n")
		// It fails with what has come, and the answer does not wait for more.
		if status, answer := answered(t, r); status != http.StatusServiceUnavailable {
			t.Errorf("%s: got %d %q, want 503", name, status, answer)
		}
		_, _ = io.WriteString(conn, rest)
		conn.Close()
	}
}

// What a filter sees of a large document is cut out for it: by the document's bytes, and not by those that it sees.
func TestSeeingAPartOfADocumentIsPaidFor(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("POST /containers/create", hosttest.JSON(201, `{"Id":"1"}`))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "part-of-body stages: [request_body], cpu: 1ms, capabilities: {request_body: {read: [/Image]}}"))
	create := func() int {
		resp, _ := g.Do("POST", "/v1.41/containers/create", "application/json", `{"Image":"a","Env":["`+strings.Repeat("x", 4<<20)+`"]}`)
		return resp.StatusCode
	}
	if status := create(); status != 201 {
		t.Errorf("the first one got %d, want 201", status)
	}
	// A hundred milliseconds; it may have one in a second.
	if status := create(); status != 503 {
		t.Errorf("the next one got %d, want 503 for what the filter has used up", status)
	}
}
