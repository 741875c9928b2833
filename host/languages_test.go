package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// A language has the program "conformance" in it: .ci/gosdk.d, .ci/assemblyscript.d and testdata/guests.
type language struct {
	name   string
	module func(t *testing.T) string
	// without are lines that the language's SDK has no words for.
	without []string
	// own is the prefix of golden files of its own.
	own string
}

var languages = []language{
	{name: "WAT", module: func(t *testing.T) string { return hosttest.Guest(t, "conformance") }},
	// The SDK shows its users one end of a stream, at proxy_on_log.
	{name: "Go", module: func(t *testing.T) string { return goSDK(t, "go") }, without: []string{"done", "delete"}},
	{name: "TinyGo", module: func(t *testing.T) string { return goSDK(t, "tinygo") }, without: []string{"done", "delete"}},
	{name: "AssemblyScript, Gcore's SDK", module: func(t *testing.T) string { return hosttest.Guest(t, "conformance-gcore") }},
	// Of what the others call, this SDK's functions for the half do not compile or do not work.
	{name: "AssemblyScript, Solo.io's SDK", module: func(t *testing.T) string { return hosttest.Guest(t, "conformance-solo") }, without: []string{"add 2"}, own: "solo-"},
}

func goSDK(t *testing.T, compiler string) string {
	t.Helper()
	dir := os.Getenv("SLUICE_GOSDK")
	if dir == "" {
		t.Skip("SLUICE_GOSDK is not set: SLUICE_GOSDK=$(.ci/gosdk) go test ./host -run Language")
	}
	return filepath.Join(dir, compiler, "conformance.wasm")
}

var requestID = regexp.MustCompile(`\(request [^)]*\)`)

// transcript is what the guest has logged, without the SDK's own lines, which are below info, and the gateway's about a request.
func transcript(log *hosttest.Log) []string {
	var lines []string
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct{ Level, Msg, Filter string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Filter == "conformance" && entry.Level == "INFO" && entry.Msg != "request" {
			// Gcore's SDK logs to its standard output, and writes the level there.
			lines = append(lines, requestID.ReplaceAllString(strings.TrimPrefix(entry.Msg, "[INFO]: "), "(request ID)"))
		}
	}
	return lines
}

// inEveryLanguage runs a scenario with each language's guest, and compares the guest's transcript, and behind it what else the scenario saw, with
// the golden file of that name. The scenario is over when the transcript holds the last two lines.
func inEveryLanguage(t *testing.T, name, keys string, last [2]string, scenario func(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker) []string) {
	for _, language := range languages {
		golden := filepath.Join("..", "testdata", "conformance", language.own+name+".golden")
		if _, err := os.Stat(golden); language.own != "" && err != nil {
			continue // it has no part in it
		}
		t.Run(language.name, func(t *testing.T) {
			module := language.module(t)
			cache := t.TempDir()
			if dir := os.Getenv("SLUICE_GOSDK"); dir != "" {
				cache = filepath.Join(dir, "cache")
			}
			answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); r.URL.Path != "/call" || string(body) != "ping" || r.Header.Get("X-From") != "guest" {
					t.Errorf("the service was asked for %s %s with %q %q", r.Method, r.URL, r.Header, body)
				}
				w.Header()["Date"] = nil
				w.Header().Set("Trailer", "X-Behind")
				fmt.Fprint(w, "pong")
				w.Header().Set("X-Behind", "the body")
			})
			engine := hosttest.StartFakeDocker(t)
			g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("cache_dir: %s\nupstreams: [{name: service, address: '%s'}, {name: closed, address: 'unix://%s'}]\n"+
				"filters:\n  - {name: conformance, module: %s, callouts: [service, closed], vm_config: the machine's, config: %s, %s}\n",
				cache, serveHTTP(t, "unix", answers), filepath.Join(shortDir(t), "nobody"), module, name, keys))
			seen := scenario(t, g, engine)
			for _, line := range last {
				if !slices.Contains(language.without, line) {
					eventually(t, line, func() bool { return slices.Contains(transcript(g.Log), line) })
				}
			}
			got := strings.Join(append(transcript(g.Log), seen...), "\n") + "\n"
			if *update && (language.name == "WAT" || language.own != "") {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			lines := slices.DeleteFunc(strings.Split(string(want), "\n"), func(line string) bool { return slices.Contains(language.without, line) })
			if diff := cmp.Diff(strings.Join(lines, "\n"), got); diff != "" {
				t.Errorf("%s: transcript (-want +got):\n%s", golden, diff)
			}
			// At its end, some SDKs crash; that is not for the operator to hear of.
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := g.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			if strings.Contains(g.Log.String(), "its instance is discarded") {
				t.Error("the guest crashed")
			}
		})
	}
}

// sent is what the engine got of the last request; its body comes back.
func sent(engine *hosttest.FakeDocker) string {
	requests := engine.Requests()
	if len(requests) == 0 {
		return "the engine got nothing"
	}
	last := requests[len(requests)-1]
	return fmt.Sprintf("the engine got %q", last.Head)
}

func TestEveryLanguageGoesThroughARequest(t *testing.T) {
	inEveryLanguage(t, "request", "instances: 1", [2]string{"add 2", "delete"}, func(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker) []string {
		engine.Handle("POST /images/load", echo)
		conn, r := g.Dial()
		write(t, conn, "POST /images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nX-Tag: a\r\nX-Tag: b\r\nX-Replaced: 1\r\nX-Removed: 1\r\nContent-Type: application/x-tar\r\nContent-Length: 5\r\n\r\nhello")
		head := readHead(t, r)
		return []string{sent(engine), fmt.Sprintf("the client got %q", head)}
	})
}

func TestEveryLanguageDenies(t *testing.T) {
	inEveryLanguage(t, "deny", "instances: 1", [2]string{"add 2", "delete"}, func(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker) []string {
		conn, r := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nX-Deny: 1\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return []string{sent(engine), fmt.Sprintf("the client got %d %q %q", resp.StatusCode, resp.Header.Get("X-Why"), requestID.ReplaceAll(body, []byte("(request ID)")))}
	})
}

func TestEveryLanguageIsCalledWithTrailers(t *testing.T) {
	const keys = "instances: 1, stages: [request_headers, request_body, request_trailers, response_headers, response_body, response_trailers]"
	inEveryLanguage(t, "trailers", keys, [2]string{"add 2", "delete"}, func(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker) []string {
		came := make(chan string, 1)
		engine.Handle("POST /images/load", func(x *hosttest.Exchange) bool {
			body, ok := framed(x)
			came <- body
			return ok && x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbye\r\n0\r\nX-Tag: t\r\nX-Replaced: 1\r\n\r\n")
		})
		conn, r := g.Dial()
		write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nX-Trailers: 1\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n"+
			"5\r\nhello\r\n0\r\nX-Tag: a\r\nX-Replaced: 1\r\nX-Removed: 1\r\n\r\n")
		_, body := answered(t, r)
		return []string{sent(engine), "its body came as " + <-came, "the client got " + body}
	})
}

func TestEveryLanguageServesAConnection(t *testing.T) {
	inEveryLanguage(t, "connection", "instances: 1, stages: [downstream_data, upstream_data]", [2]string{"log", "delete"}, func(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker) []string {
		engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, ""))
		engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Name":"/c","Config":{"Tty":true}}`))
		conn, r := hijack(t, g, "")
		write(t, conn, "data")
		back := read(t, r, len("changed"))
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return []string{fmt.Sprintf("the client got %q", back+string(rest))}
	})
}

func TestEveryLanguageIsAService(t *testing.T) {
	inEveryLanguage(t, "service", "kind: service", [2]string{"call closed 0", "http_call_response 0 0 0"}, func(*testing.T, *hosttest.Gateway, *hosttest.FakeDocker) []string { return nil })
}

// What a guest says of its tenth request is what it said of the first, whether its instance serves them all or is put back into its first state.
func TestEveryLanguageSaysTheSameOfEachRequest(t *testing.T) {
	const times = 10
	for _, language := range languages {
		for _, isolation := range []string{"shared", "stream"} {
			t.Run(language.name+", "+isolation, func(t *testing.T) {
				cache := t.TempDir()
				if dir := os.Getenv("SLUICE_GOSDK"); dir != "" {
					cache = filepath.Join(dir, "cache")
				}
				g := hosttest.StartGateway(t, hosttest.StartFakeDocker(t).Address(), fmt.Sprintf("cache_dir: %s\nfilters: [{name: conformance, module: %s, instances: 1, isolation: %s, config: deny}]\n",
					cache, language.module(t), isolation))
				conn, r := g.Dial()
				for range times {
					write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nX-Deny: 1\r\n\r\n")
					if code, body := status(t, r); code != 403 {
						t.Fatalf("got %d %q, want 403", code, body)
					}
				}
				eventually(t, "end of the last stream", func() bool { stats := g.Stats(); return stats.Streams == 0 && stats.Contexts == 0 })
				lines := slices.DeleteFunc(transcript(g.Log), func(line string) bool { // of instances that are started meanwhile
					return strings.HasPrefix(line, "vm_start") || strings.HasPrefix(line, "configure")
				})
				if len(lines)%times != 0 || len(lines) < 8*times {
					t.Fatalf("%d lines of %d requests:\n%s", len(lines), times, strings.Join(lines, "\n"))
				}
				first := lines[:len(lines)/times]
				for got := range slices.Chunk(lines, len(first)) {
					if diff := cmp.Diff(first, got); diff != "" {
						t.Fatalf("of a later request it said otherwise (-first +later):\n%s", diff)
					}
				}
			})
		}
	}
}
