package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// examples is where .ci/gosdk has built the examples of the official SDK for Go,
// by compiler.
func examples(t *testing.T, run func(t *testing.T, example func(name, keys string) string)) {
	dir := os.Getenv("SLUICE_GOSDK")
	if dir == "" {
		t.Skip("SLUICE_GOSDK is not set: SLUICE_GOSDK=$(.ci/gosdk) go test ./host -run GoSDK")
	}
	for _, compiler := range []string{"go", "tinygo"} {
		t.Run(compiler, func(t *testing.T) {
			run(t, func(name, keys string) string {
				// A module of plain Go takes its time to start.
				return fmt.Sprintf("cache_dir: %s\nfilters:\n  - {name: %s, module: %s, %s}\n",
					filepath.Join(dir, "cache"), name, filepath.Join(dir, compiler, name+".wasm"), keys)
			})
		})
	}
}

// What an example is in the configuration.
const (
	single    = "instances: 1"
	asService = "kind: service" // it has a root context only
)

// said waits until the log has each of the texts.
func said(t *testing.T, g *hosttest.Gateway, texts ...string) {
	t.Helper()
	for _, text := range texts {
		g.Log.Wait(t, strings.ReplaceAll(text, `"`, `\"`))
	}
}

// web is the services that the examples call.
func web(t *testing.T, name string, handler http.HandlerFunc) string {
	t.Helper()
	return fmt.Sprintf("upstreams: [{name: %s, address: '%s'}]\n", name, serveHTTP(t, "unix", handler))
}

func TestGoSDKDispatchCallOnTick(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		upstreams := web(t, "web_service", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/fail" {
				w.WriteHeader(503)
			}
		})
		g := hosttest.StartGateway(t, hosttest.StartFakeDocker(t).Address(), upstreams+example("dispatch_call_on_tick", "callouts: [web_service], "+asService))
		for n := 1; n < 6; n++ {
			said(t, g, fmt.Sprintf("called %d for contextID=1", n))
		}
		said(t, g, ":status: 200", ":status: 503")
	})
}

func TestGoSDKForeignCallOnTick(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		g := hosttest.StartGateway(t, hosttest.StartFakeDocker(t).Address(), example("foreign_call_on_tick", asService))
		for n := 1; n < 4; n++ {
			said(t, g, fmt.Sprintf("foreign function (compress) called: %d, result: 78", n)) // as zlib begins
		}
	})
}

func TestGoSDKHelloworld(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		g := hosttest.StartGateway(t, hosttest.StartFakeDocker(t).Address(), example("helloworld", asService))
		said(t, g, "OnPluginStart from Go!", "It's")
	})
}

func TestGoSDKHTTPAuthRandom(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		n := 0
		upstreams := web(t, "httpbin", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1.41/info" || r.Header.Get("This-Is-Key") != "this-is-value" {
				t.Errorf("asked for %s with %q", r.URL, r.Header)
			}
			n++
			fmt.Fprint(w, n) // and its hash decides
		})
		engine := infoEngine(t)
		g := hosttest.StartGateway(t, engine.Address(), upstreams+example("http_auth_random", single+", callouts: [httpbin]"))
		granted, denied := 0, 0
		for range 10 {
			switch code, header, body := asks(t, g, "GET", "/v1.41/info", "", map[string]string{"this-is-key": "this-is-value"}); {
			case code == 200:
				granted++
			case code == 403 && strings.Contains(body, "access forbidden") && header.Get("Powered-By") == "proxy-wasm-go-sdk!!":
				denied++
			default:
				t.Fatalf("got %d %q", code, body)
			}
		}
		if granted == 0 || denied == 0 || len(engine.Requests()) != granted {
			t.Errorf("%d were granted and %d denied, and the engine got %d", granted, denied, len(engine.Requests()))
		}
		said(t, g, "access forbidden", "access granted", "response header from httpbin: :status: 200")
	})
}

func TestGoSDKHTTPBody(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /images/load", echo)
		g := hosttest.StartGateway(t, engine.Address(), example("http_body", single))
		if code, _, body := asks(t, g, "GET", "/info", "", nil); code != 400 || !strings.Contains(body, "content must be provided") {
			t.Errorf("without a body: got %d %q", code, body)
		}
		for _, mode := range []string{"request", "response"} {
			for op, want := range map[string]string{
				"append": `[original body][this is appended body]`, "prepend": `[this is prepended body][original body]`,
				"replace": `[this is replaced body]`, "invalid": `[this is replaced body]`,
			} {
				code, _, body := asks(t, g, "POST", "/images/load", "[original body]", map[string]string{"buffer-replace-at": mode, "buffer-operation": op})
				if code != 200 || body != want {
					t.Errorf("%s %s: got %d %q, want %q", mode, op, code, body, want)
				}
			}
			said(t, g, "original "+mode+" body: [original body]")
		}
	})
}

func TestGoSDKHTTPBodyChunk(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /images/load", echo)
		// A filter before it shows when a piece has come: pieces are what a read brings.
		config := strings.Replace(example("http_body_chunk", single), "filters:\n", "filters:\n  - {name: before, module: "+hosttest.Guest(t, "transcript")+"}\n", 1)
		g := hosttest.StartGateway(t, engine.Address(), config)
		conn, r := g.Dial()
		fmt.Fprint(conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n")
		for n, chunk := range []string{"one", "two"} {
			fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk)
			eventually(t, "the filter has "+chunk, func() bool { return strings.Count(g.Log.String(), `"msg":"request_body"`) == n+1 })
		}
		fmt.Fprint(conn, "7\r\npattern\r\n")
		if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 403 ") || !strings.Contains(head, "powered-by: proxy-wasm-go-sdk") {
			t.Errorf("got %q", head)
		}
		said(t, g, "pattern found in chunk: 3")
		if code, _, body := asks(t, g, "POST", "/images/load", "nothing", nil); code != 200 || body != "nothing" {
			t.Errorf("got %d %q", code, body)
		}
		said(t, g, "pattern not found")
	})
}

func TestGoSDKHTTPHeaders(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := infoEngine(t)
		g := hosttest.StartGateway(t, engine.Address(), example("http_headers", single+", config: {header: x-wasm-header, value: demo-wasm}"))
		code, header, body := asks(t, g, "GET", "/info", "", map[string]string{"this-is-key": "this-is-value"})
		if code != 200 || header.Get("X-Wasm-Header") != "demo-wasm" || header.Get("X-Proxy-Wasm-Go-Sdk-Example") != "http_headers" {
			t.Errorf("got %d %q %q", code, header, body)
		}
		if got := engine.Requests()[0].Header.Get("Test"); got != "best" {
			t.Errorf("the engine got test: %q", got)
		}
		said(t, g, "request header --> this-is-key: this-is-value", "response header <-- :status: 200", "response header <-- x-wasm-header: demo-wasm", "finished")
	})
}

func TestGoSDKHTTPRouting(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := infoEngine(t)
		g := hosttest.StartGateway(t, engine.Address(), example("http_routing", single))
		for range 40 {
			asks(t, g, "GET", "/info", "", nil)
		}
		var hosts []string
		for _, r := range engine.Requests() {
			_, host, _ := strings.Cut(r.Head, "\r\nHost: ")
			host, _, _ = strings.Cut(host, "\r\n")
			hosts = append(hosts, host)
		}
		slices.Sort(hosts)
		if got := slices.Compact(hosts); !slices.Equal(got, []string{"docker", "docker-canary"}) {
			t.Errorf("the engine was called %q", got)
		}
	})
}

func TestGoSDKJSONValidation(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := infoEngine(t)
		engine.Handle("POST /containers/create", echo)
		g := hosttest.StartGateway(t, engine.Address(), example("json_validation", single+`, config: {requiredKeys: [Image, Cmd]}`))
		for body, want := range map[string]int{"": 403, `{"Image":"a"}`: 403, `{"Image":"a","Cmd":["b"]}`: 200} {
			method, target := "POST", "/containers/create"
			if body == "" {
				method, target = "GET", "/info"
			}
			if code, _, answer := asks(t, g, method, target, body, nil); code != want {
				t.Errorf("%s: got %d %q, want %d", body, code, answer, want)
			}
		}
		said(t, g, "required key (Cmd) is missing")
	})
}

func TestGoSDKMultipleDispatches(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		upstreams := web(t, "httpbin", func(http.ResponseWriter, *http.Request) {})
		g := hosttest.StartGateway(t, infoEngine(t).Address(), upstreams+example("multiple_dispatches", single+", callouts: [httpbin]"))
		if code, header, body := asks(t, g, "GET", "/info", "", nil); code != 200 || header.Get("Total-Dispatched") != "10" {
			t.Errorf("got %d %q, total-dispatched %q", code, body, header.Get("Total-Dispatched"))
		}
		for n := 9; n > 0; n-- {
			said(t, g, fmt.Sprintf("pending dispatched requests: %d", n))
		}
		said(t, g, "response resumed after processed 10 dispatched request")
	})
}

func TestGoSDKPostponeRequests(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		g := hosttest.StartGateway(t, infoEngine(t).Address(), example("postpone_requests", single))
		if code, _, body := asks(t, g, "GET", "/info", "", nil); code != 200 {
			t.Errorf("got %d %q", code, body)
		}
		said(t, g, "postpone request with contextID=2", "resume request with contextID=2")
	})
}

func TestGoSDKProperties(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		text := strings.Replace(example("properties", single), "filters:\n", "filters:\n  - {name: route, module: "+hosttest.Guest(t, "route-metadata")+"}\n", 1)
		g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
		for _, c := range []struct {
			auth, field string
			want        int
		}{{"cookie", "", 401}, {"cookie", "cookie", 200}, {"authorization", "cookie", 401}, {"authorization", "authorization", 200}, {"", "", 200}} {
			fields := map[string]string{}
			for name, value := range map[string]string{"x-auth": c.auth, c.field: "value"} {
				if name != "" && value != "" {
					fields[name] = value
				}
			}
			if code, _, body := asks(t, g, "GET", "/info", "", fields); code != c.want {
				t.Errorf("%+v: got %d %q", c, code, body)
			}
		}
		said(t, g, `auth header is "cookie"`, `auth header is "authorization"`, "no auth header for route", "finished")
	})
}

func TestGoSDKSharedData(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		g := hosttest.StartGateway(t, infoEngine(t).Address(), example("shared_data", single))
		for range 10 {
			if code, _, body := asks(t, g, "GET", "/info", "", nil); code != 200 {
				t.Errorf("got %d %q", code, body)
			}
		}
		said(t, g, "shared value: 10000010")
	})
}

func TestGoSDKMetrics(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		admin := filepath.Join(shortDir(t), "admin")
		// The patterns are what the example's configuration of Envoy has in its stats_tags.
		g := hosttest.StartGateway(t, infoEngine(t).Address(), "admin: {address: 'unix://"+admin+"'}\n"+
			"metrics: {tags: [{name: value, pattern: '(_value=([a-zA-Z]+))'}, {name: reporter, pattern: '(_reporter=([a-zA-Z]+))'}]}\n"+
			example("metrics", single))
		want := map[string]int{"foo": 3, "bar": 5}
		for value, times := range want {
			for range times {
				if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"my-custom-header": value}); code != 200 {
					t.Errorf("got %d %q", code, body)
				}
			}
		}
		text := scrape(t, admin)
		for value, times := range want {
			series := fmt.Sprintf(`custom_header_value_counts{filter="metrics",reporter="wasmgosdk",value="%s"} %d`, value, times)
			if !strings.Contains(text, series+"\n") {
				t.Errorf("no %s in\n%s", series, text)
			}
		}
	})
}

// scrape reads the metrics from the admin's socket.
func scrape(t *testing.T, socket string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) },
	}}
	resp, err := client.Get("http://admin/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A connection here is what docker exec and attach make of a request.
func TestGoSDKNetwork(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "from the engine"))
		g := hosttest.StartGateway(t, engine.Address(), example("network", single+", stages: [downstream_data, upstream_data]"))
		conn, r := g.Dial()
		fmt.Fprint(conn, "POST /containers/c/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("got %q", head)
		}
		fmt.Fprint(conn, "This-Is-Key")
		said(t, g, "new connection!", "downstream data received", "This-Is-Key", "upstream data received", "from the engine", "remote address: unix:///")
		conn.Close()
		said(t, g, "downstream connection close!", "connection complete!")
	})
}

func TestGoSDKSharedQueue(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		all := example("shared_queue_receiver", asService+", vm_id: receiver, config: http_request_headers")
		for _, more := range []string{
			strings.Replace(example("shared_queue_receiver", asService+", vm_id: receiver, config: http_response_headers"), "{name: ", "{name: second_", 1),
			example("shared_queue_sender", single+", config: http"),
		} {
			_, filter, _ := strings.Cut(more, "filters:\n")
			all += filter
		}
		g := hosttest.StartGateway(t, infoEngine(t).Address(), all)
		if code, _, body := asks(t, g, "GET", "/info", "", nil); code != 200 {
			t.Errorf("got %d %q", code, body)
		}
		said(t, g, `enqueued data: {"key": ":method","value": "GET"}`, "dequeued data from http_request_headers", "dequeued data from http_response_headers")
	})
}

func TestGoSDKVMPluginConfiguration(t *testing.T) {
	examples(t, func(t *testing.T, example func(name, keys string) string) {
		g := hosttest.StartGateway(t, infoEngine(t).Address(),
			example("vm_plugin_configuration", asService+`, vm_config: {name: vm configuration}, config: {name: plugin configuration}`))
		said(t, g, `vm config: {"name":"vm configuration"}`, `plugin config: {"name":"plugin configuration"}`)
	})
}
