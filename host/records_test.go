package host_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/record"
)

const chunkedJSON = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

// someID is the id of whatever the engine is asked about.
var someID = strings.Repeat("5", 64)

// chunk is one chunk of a body.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// chunks are the pieces in a chunk each, and the last chunk.
func chunks(pieces ...string) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(chunk(p))
	}
	return b.String() + "0\r\n\r\n"
}

// frame is one frame of a multiplexed stream.
func frame(stream record.Stream, text string) string {
	return string(record.AppendFrame(nil, stream, text))
}

// saw returns what the guest "records" said of the records that it was called with.
func saw(log *hosttest.Log) (lines []string) {
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct {
			Msg       string
			ContextID int `json:"context_id"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.ContextID > 0 {
			lines = append(lines, entry.Msg)
		}
	}
	return lines
}

func wantSaw(t *testing.T, g *hosttest.Gateway, want ...string) {
	t.Helper()
	if got := saw(g.Log); !slices.Equal(got, want) {
		t.Errorf("the filter saw\n\t%q\nwant\n\t%q", got, want)
	}
}

// body reads a whole answer to a GET, and returns its body with the error that ended it.
func body(t *testing.T, g *hosttest.Gateway, target string) (string, error) {
	t.Helper()
	resp, err := g.Client().Get("http://d" + target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestAFilterGetsEventsOneByOne(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"a":1}`+"\n"+`{"D":2`, `}`+"\n", `{"R":3}{"b":4}`+"\r\n", "{\"A\":\"x\ny\"}")))
	engine.Handle("GET /containers/c/stats", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks(`{"R":1}`+"\n")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	got, err := body(t, g, "/events")
	if err == nil || got != `{"a":1}`+"\n"+`{"replaced":1}{"b":4}`+"\r\n" {
		t.Errorf("got %q, %v; want three records, and then a cut at what is no JSON", got, err)
	}
	wantSaw(t, g, `json//0:{"a":1}`+"\n", `json//0:{"D":2}`+"\n", `json//0:{"R":3}`, `json//0:{"b":4}`+"\r\n")
	g.Log.Wait(t, `what came is no JSON`)

	if got, err := body(t, g, "/containers/c/stats"); err != nil || got != `{"replaced":1}`+"\n" {
		t.Errorf("stats are %q, %v; want the replaced one with its line's end", got, err)
	}
}

func TestTheEndOfAStreamIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"with the last record": {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n", "json//1:{\"a\":1}\n"},
		"alone":                {chunkedJSON, "json//1:"},
	} {
		engine := hosttest.StartFakeDocker(t)
		step := make(chan struct{}, 2)
		step <- struct{}{}
		step <- struct{}{}
		engine.Handle("GET /events", hosttest.Pieces(step, c.answer, "0\r\n\r\n"))
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
		if _, err := body(t, g, "/events"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := saw(g.Log); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: the filter saw %q, want %q", name, got, c.want)
		}
	}
}

func TestAFilterGetsLogsByTheirStream(t *testing.T) {
	frames := frame(record.Stdout, "one") + frame(record.Stderr, "D two") + frame(record.Stderr, "R three") + frame(record.Stdout, "") + frame(record.Stdin, "A four")
	want := frame(record.Stdout, "one") + frame(record.Stderr, "replaced") + frame(record.Stdout, "") + frame(record.Stdin, "A four!")
	for name, c := range map[string]struct{ target, head, inspect string }{
		"no type, by the container": {"/v1.41/containers/c/logs?stdout=1", "", "GET /containers/c/json"},
		"no type, by the service":   {"/v1.41/services/c/logs?stdout=1", "", "GET /services/c"},
		"no type, by the task":      {"/v1.41/tasks/c/logs?stdout=1", "", "GET /tasks/c"},
		"a type":                    {"/v1.42/containers/c/logs?stdout=1", "Content-Type: application/vnd.docker.multiplexed-stream\r\n", ""},
		"a slash in its name":       {"/v1.41/containers/d%2Fc/logs?stdout=1", "", "GET /containers/d/c/json"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			answer := hosttest.Raw("HTTP/1.1 200 OK\r\n" + c.head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(frames[:5], frames[5:20], frames[20:]))
			for _, path := range []string{"/containers/c/logs", "/containers/d/c/logs", "/services/c/logs", "/tasks/c/logs"} {
				engine.Handle("GET "+path, answer)
			}
			if c.inspect != "" {
				engine.Handle(c.inspect, hosttest.JSON(200, `{"Id":"`+someID+`","Config":{"Tty":false}}`))
			}
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
			if got, err := body(t, g, c.target); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			wantSaw(t, g, "frame/stdout/0:one", "frame/stderr/0:D two", "frame/stderr/0:R three", "frame/stdin/1:A four")
		})
	}
}

func TestATerminalsLogsAreGivenAsTheyCome(t *testing.T) {
	const output = "R looks like a frame: \x01\x00\x00\x00\x00\x00\x00\x01x\r\n"
	for name, c := range map[string]struct{ target, head, inspect, what string }{
		"by the container": {"/v1.41/containers/c/logs", "", "GET /containers/c/json", `{"Id":"` + someID + `","Config":{"Tty":true}}`},
		"by the service":   {"/v1.41/services/c/logs", "", "GET /services/c", `{"ID":"` + someID + `","Spec":{"TaskTemplate":{"ContainerSpec":{"TTY":true}}}}`},
		"by the task":      {"/v1.41/tasks/c/logs", "", "GET /tasks/c", `{"ID":"` + someID + `","Spec":{"ContainerSpec":{"TTY":true}}}`},
		"by its type":      {"/v1.42/containers/c/logs", "Content-Type: application/vnd.docker.raw-stream\r\n", "GET /none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			for _, kind := range []string{"containers", "services", "tasks"} {
				engine.Handle("GET /"+kind+"/c/logs", hosttest.Raw("HTTP/1.1 200 OK\r\n"+c.head+"Transfer-Encoding: chunked\r\n\r\n"+chunks(output)))
			}
			engine.Handle(c.inspect, hosttest.JSON(200, c.what))
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
			if got, err := body(t, g, c.target); err != nil || got != "replaced" {
				t.Errorf("got %q, %v", got, err)
			}
			wantSaw(t, g, "raw//1:"+output)
		})
	}
}

func TestAStreamWhoseRecordsCannotBeToldIsNotPassedOn(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/gone/logs", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks(frame(record.Stdout, "secret"))))
	engine.Handle("GET /events", hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nsecret"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	for _, target := range []string{"/v1.41/containers/gone/logs", "/events"} {
		if code, text := get(t, g, target, ""); code != 502 || !strings.Contains(text, "a filter asked for the records of this stream, and they cannot be told") {
			t.Errorf("%s: got %d %q, want a refusal", target, code, text)
		}
	}
	// A terminal's output where frames are due: the engine and its description disagree.
	engine.Handle("GET /containers/c/logs", hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks("plain secret\r\n")))
	engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Config":{"Tty":false}}`))
	got, err := body(t, g, "/v1.41/containers/c/logs")
	if err == nil || strings.Contains(got, "plain") {
		t.Errorf("got %q, %v; want a cut", got, err)
	}
	if !strings.HasPrefix(got, "\x03\x00\x00\x00") || !strings.Contains(got, "what came is no frame") {
		t.Errorf("got %q, want the reason as an error of the engine's", got)
	}
}

func TestARecordPassesTheMomentItIsComplete(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	step := make(chan struct{})
	engine.Handle("GET /events", hosttest.Pieces(step, chunkedJSON, chunk(`{"a":1}`+"\n"+`{"b"`), chunk(`:2}`+"\n")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records", "noop", "records"))
	conn, r := g.Dial()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	step <- struct{}{}
	readHead(t, r)
	for _, want := range []string{chunk(`{"a":1}` + "\n"), chunk(`{"b":2}` + "\n")} {
		step <- struct{}{}
		if got := read(t, r, len(want)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAHeldRecordHoldsUpOnlyWhatComesBehindIt(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"a":1}`+"\n"+`{"P":2}`+"\n"+`{"b":3}`+"\n"+`{"P":4}`+"\n")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records instances: 1"))
	if got, err := body(t, g, "/events"); err != nil || got != `{"a":1}`+"\n"+`{"P":2}`+"\n"+`{"b":3}`+"\n"+`{"P":4}`+"\n" {
		t.Errorf("got %q, %v; want all records in their order", got, err)
	}

	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"a":1}`+"\n"+`{"H":2}`+"\n"+`{"b":3}`+"\n")))
	g = hosttest.StartGateway(t, engine.Address(), "limits: {pause: 300ms}\n"+filters(t, "records"))
	conn, r := g.Dial()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	readHead(t, r)
	want := chunk(`{"a":1}` + "\n")
	if got := read(t, r, len(want)); got != want {
		t.Errorf("got %q while the next record is held, want %q", got, want)
	}
	if rest, err := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("after the time to hold a record: %q, %v; want a cut", rest, err)
	}
	g.Log.Wait(t, "limits.pause")
}

func TestAClientThatLeavesEndsAHeldRecord(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.ThenClose(hosttest.Raw(chunkedJSON+chunk(`{"H":1}`+"\n"))))
	engine.Handle("POST /exec/e1/start", hosttest.Hijack(hosttest.Upgraded, frame(record.Stdout, "H")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	for _, request := range []string{"GET /events HTTP/1.1\r\nHost: d\r\n\r\n", execStart("/v1.41", askUpgrade, "{}")} {
		conn, r := g.Dial()
		write(t, conn, "%s", request)
		readHead(t, r)
		for deadline := time.Now().Add(time.Minute); len(saw(g.Log)) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the filter saw no record")
			}
		}
		conn.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); g.Stats().Streams > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) { // limits.pause is longer
			t.Fatal("a stream outlives its client")
		}
	}
}

func TestADeniedRecordCutsTheStreamWithItsReason(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records", "records"))

	engine.Handle("POST /build", hosttest.Raw(chunkedJSON+chunks(`{"stream":"a"}`+"\r\n"+`{"X":"b"}`+"\r\n"+`{"stream":"c"}`+"\r\n")))
	resp, err := g.Client().Post("http://d/build", "application/x-tar", strings.NewReader("tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	lines := strings.Split(string(text), "\r\n")
	if err == nil || len(lines) != 3 || lines[0] != `{"stream":"a"}` || !strings.HasPrefix(lines[1], `{"errorDetail":{"message":"denied by filter \"records-2\": secret (request `) {
		t.Errorf("a build shows %q, %v; want what came before, and the reason", text, err)
	}

	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"a":1}`+"\n"+`{"X":2}`+"\n")))
	if got, err := body(t, g, "/events"); err == nil || got != `{"a":1}`+"\n" {
		t.Errorf("events show %q, %v; want what came before", got, err)
	}
	g.Log.Wait(t, `"verdict":"deny","filter":"records-2","reason":"denied in the response body: secret"`)
}

func TestATrapInARecordFollowsThePolicy(t *testing.T) {
	const stream = `{"a":1}` + "\n" + `{"T":2}` + "\n" + `{"R":3}` + "\n" + `{"R":`
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(stream, "4}\n")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	if got, err := body(t, g, "/events"); err == nil || got != `{"a":1}`+"\n" {
		t.Errorf("deny: got %q, %v; want a cut before the record that was not judged", got, err)
	}
	g = hosttest.StartGateway(t, engine.Address(), filters(t, "records on_failure: allow"))
	if got, err := body(t, g, "/events"); err != nil || got != stream+"4}\n" {
		t.Errorf("allow: got %q, %v; want the rest without the filter", got, err)
	}
}

// What one filter makes of a record is cut anew for the next: none is shown less, or more, than a client takes for a record.
func TestTheNextFilterIsShownWhatAClientWouldDecode(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"A":1}`+"\n")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records", "records"))
	// The one nearer to the engine makes two of it, and the second is no JSON. The other one is shown the first, and does the same.
	if got, err := body(t, g, "/events"); err == nil || got != `{"A":1}`+"\n!\n" {
		t.Errorf("got %q, %v; want a cut before what nobody can judge", got, err)
	}
	wantSaw(t, g, `json//1:{"A":1}`+"\n", `json//0:{"A":1}`+"\n")
	g.Log.Wait(t, `"filter":"records-1","reason":"the stream is cut: what came is no JSON"`)
}

func TestARecordIsBounded(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", hosttest.Raw(chunkedJSON+chunks(`{"a":1}`+"\n", `{"b":"`+strings.Repeat("x", 2000), `"}`+"\n")))
	g := hosttest.StartGateway(t, engine.Address(), "limits: {record: 1KiB}\n"+filters(t, "records"))
	if got, err := body(t, g, "/events"); err == nil || got != `{"a":1}`+"\n" {
		t.Errorf("got %q, %v; want a cut", got, err)
	}
	g.Log.Wait(t, "a record is longer than limits.record (1024 bytes)")
}

func TestTheEngineIsAskedForPlainBodiesWhereFiltersReadThem(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	for name, c := range map[string]struct {
		chain string
		want  bool
	}{
		"no filter":                   {"", true},
		"a filter that reads nothing": {filters(t, "noop stages: [request_headers]"), true},
		"a filter that reads bodies":  {filters(t, "noop"), false},
		"one of another operation":    {filters(t, "noop match: {operations: [SystemVersion]}"), true},
	} {
		g := hosttest.StartGateway(t, engine.Address(), c.chain)
		conn, r := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\naccept-encoding: gzip\r\n\r\n")
		status(t, r)
		requests := engine.Requests()
		if got := requests[len(requests)-1].Header.Get("Accept-Encoding") != ""; got != c.want {
			t.Errorf("%s: the engine is told what it may encode with: %v, want %v", name, got, c.want)
		}
	}
}

func TestOrdinaryAnswersAreNotCutIntoRecords(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/json", hosttest.JSON(200, "[]\n{}")) // in a list nobody would read on
	engine.Handle("GET /containers/c/logs", hosttest.JSON(404, `{"message":"No such container: c"}`+"\n"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	if code, text := get(t, g, "/containers/json", ""); code != 200 || text != "[]\n{}" {
		t.Errorf("got %d %q", code, text)
	}
	if code, text := get(t, g, "/containers/c/logs", ""); code != 404 || text != `{"message":"No such container: c"}`+"\n" {
		t.Errorf("got %d %q", code, text)
	}
	wantSaw(t, g, "//1:[]\n{}", `json//1:{"message":"No such container: c"}`+"\n")
}

func TestAHijackedStreamPassesInFrames(t *testing.T) {
	frames := frame(record.Stdout, "one") + frame(record.Stderr, "D two") + frame(record.Stdout, "R three")
	for name, c := range map[string]struct {
		request, head string
		terminal      bool
	}{
		"attach":             {attach, hosttest.Upgraded, false},
		"attach, 200":        {strings.Replace(attach, askUpgrade, "", 1), hosttest.Hijacked200, false},
		"attach, new":        {strings.Replace(attach, "1.41", "1.43", 1), strings.Replace(hosttest.Upgraded, "raw", "multiplexed", 1), true},
		"exec":               {execStart("/v1.41", askUpgrade, `{"Tty":false}`), hosttest.Upgraded, true},
		"exec, no body":      {"POST /v1.41/exec/e1/start HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\n\r\n", hosttest.Upgraded, true},
		"exec, 200, new API": {execStart("/v1.43", "", `{"Tty":false}`), hosttest.Hijacked200, true},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			engine.Handle("POST /containers/c/attach", engineStream(c.head, frames))
			engine.Handle("POST /exec/e1/start", engineStream(c.head, frames))
			// Of those that do not go by it this would be wrong.
			engine.Handle("GET /containers/c/json", hosttest.JSON(200, fmt.Sprintf(`{"Id":%q,"Config":{"Tty":%v}}`, someID, c.terminal)))
			g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
			conn, r := g.Dial()
			write(t, conn, "%s", c.request)
			readHead(t, r)
			write(t, conn, "input")
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if want := frame(record.Stdout, "one") + frame(record.Stdout, "replaced") + frame(record.Stdout, "input"); err != nil || string(got) != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			wantSaw(t, g, "frame/stdout/0:one", "frame/stderr/0:D two", "frame/stdout/0:R three", "frame/stdout/0:input", "frame/stdout/1:")
		})
	}
}

// engineStream hijacks, writes output in pieces of three bytes, and gives the whole of stdin back in one frame once that has ended.
func engineStream(head, output string) hosttest.Behaviour {
	return func(x *hosttest.Exchange) bool {
		if _, err := io.Copy(io.Discard, x.Body); err != nil || !x.Write("%s", head) {
			return false
		}
		for piece := range slices.Chunk([]byte(output), 3) {
			if _, err := x.Conn.Write(piece); err != nil {
				return false
			}
		}
		stdin, err := io.ReadAll(x.Reader)
		if err == nil {
			_, _ = io.WriteString(x.Conn, frame(record.Stdout, string(stdin)))
		}
		return false
	}
}

func TestATerminalsExecPassesAsItComes(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /exec/e1/start", hosttest.Hijack(hosttest.Upgraded, "$ "))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, `{"Tty":true}`))
	readHead(t, r)
	if got := read(t, r, 2); got != "$ " {
		t.Errorf("the prompt is %q", got)
	}
	write(t, conn, "R")
	if got := read(t, r, 8); got != "replaced" {
		t.Errorf("the echo is %q", got)
	}
	wantSaw(t, g, "raw//0:$ ", "raw//0:R")
}

func TestADeniedFrameCutsAHijackedStream(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /exec/e1/start", hosttest.Hijack(hosttest.Upgraded, frame(record.Stdout, "one")+frame(record.Stdout, "X")))
	g := hosttest.StartGateway(t, engine.Address(), "listeners:\n  - address: tcp://127.0.0.1:0\n"+filters(t, "records"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.Addresses()[0], "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, "{}"))
	r := bufio.NewReader(conn)
	readHead(t, r)
	if got := frames(t, r); len(got) != 2 || got[0] != "1:one" || !strings.HasPrefix(got[1], `3:denied by filter "records-1": secret (request `) {
		t.Errorf("got %q, want what came before and the reason as an error of the engine's", got)
	}
	conn.Close()
	g.Log.Wait(t, `"error":"cut by a filter"`)
}

func TestAWebSocketPassesInMessages(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n"
	const request = "GET /v1.41/containers/c/attach/ws?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/c/attach/ws", hosttest.ThenClose(hosttest.Raw(head+"\r\n\x82\x03one\x82\x05D two\x89\x01p\x82\x07R three\x88\x02\x03\xe8")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "records"))
	conn, r := g.Dial()
	write(t, conn, "%s", request)
	readHead(t, r)
	got, err := io.ReadAll(r)
	if want := "\x82\x03one\x89\x01p\x82\x08replaced\x88\x02\x03\xe8"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	wantSaw(t, g, "raw//0:one", "raw//0:D two", "raw//0:R three", "raw//1:")

	engine.Handle("GET /containers/c/attach/ws", hosttest.ThenClose(hosttest.Raw(head+"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xc2\x03one")))
	conn, r = g.Dial()
	write(t, conn, "%s", request)
	readHead(t, r)
	if got, err := io.ReadAll(r); err != nil || !bytes.Contains(got, []byte("permessage-deflate")) || got[0] != 0x81 {
		t.Errorf("got %q, %v; want a message that says why", got, err)
	}
}

// A filter that was not written for streams sees a hijacked one all the same: it is not to be passed by because it did not
// know of it.
func TestAFilterThatAsksForNothingSeesAHijackedStreamToo(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /exec/e1/start", hosttest.ThenClose(hosttest.Raw(hosttest.Upgraded+"output")))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body stages: [response_body]")) // it wants the body whole
	conn, r := g.Dial()
	write(t, conn, "%s", execStart("/v1.41", askUpgrade, "{}"))
	readHead(t, r)
	if got, err := io.ReadAll(r); err != nil || string(got) != "output [seen]" {
		t.Errorf("got %q, %v; want what the filter made of it", got, err)
	}
}

func TestAFilterThatCollectsAStreamThatDoesNotEndIsStopped(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /exec/e1/start", hosttest.Hijack(hosttest.Upgraded, "output"))
	step := make(chan struct{}, 2)
	engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
		step <- struct{}{}
		step <- struct{}{}
		hosttest.Pieces(step, chunkedJSON, chunk("{}\n"))(x)
		<-x.Stopped
		return false
	})
	for policy, want := range map[string]string{"deny": "", "allow": "output"} {
		g := hosttest.StartGateway(t, engine.Address(), "limits: {pause: 100ms}\n"+filters(t, "append-body stages: [response_body], on_failure: "+policy))
		conn, r := g.Dial()
		write(t, conn, "%s", execStart("/v1.41", askUpgrade, "{}"))
		readHead(t, r)
		if got := read(t, r, len(want)); got != want {
			t.Errorf("%s: got %q, want %q", policy, got, want)
		}
		if policy == "deny" {
			rest, err := io.ReadAll(r)
			if want := "\x03\x00\x00\x00"; err != nil || !strings.HasPrefix(string(rest), want) || !strings.Contains(string(rest), "append-body-1") || strings.Contains(string(rest), "output") {
				t.Errorf("deny: got %q, %v; want a frame of the engine's errors that names the filter, and nothing of the output", rest, err)
			}
		}
		conn.Close()
		resp, err := g.Client().Get("http://d/events")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 3)
		n, err := io.ReadFull(resp.Body, b)
		if got := string(b[:n]); policy == "allow" && got != "{}\n" || policy == "deny" && (got != "" || err == nil) {
			t.Errorf("%s: events show %q, %v", policy, got, err)
		}
	}
}
