package host_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/record"
)

// told returns what the guests "connection" of a chain said, a line each: the
// filter's number and what it logged.
func told(log *hosttest.Log) (lines []string) {
	for line := range strings.SplitSeq(log.String(), "\n") {
		var entry struct {
			Msg       string
			Filter    string
			ContextID int `json:"context_id"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.ContextID > 0 {
			lines = append(lines, entry.Filter[len(entry.Filter)-1:]+" "+entry.Msg)
		}
	}
	return lines
}

// hijack opens a connection through the gateway with further fields in its head,
// and reads the answer's.
func hijack(t *testing.T, g *hosttest.Gateway, fields string) (*net.UnixConn, *bufio.Reader) {
	t.Helper()
	conn, r := g.Dial()
	write(t, conn, "%s", strings.Replace(attach, "Host: \r\n", "Host: \r\n"+fields, 1))
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 101") {
		t.Fatalf("head is %q, want 101", head)
	}
	return conn, r
}

func echoing(t *testing.T) *hosttest.FakeDocker {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, ""))
	engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Name":"/c","Config":{"Tty":true}}`))
	return engine
}

func TestWhatPassesOnAConnectionPassesTheFiltersForthAndBack(t *testing.T) {
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection", "connection"))
	conn, r := hijack(t, g, "")
	write(t, conn, "world")
	if got := read(t, r, 5); got != "world" {
		t.Errorf("got %q, want world", got)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "\ndone: 5 bytes\n" {
		t.Errorf("after stdin's end: %q, %v; want what the engine said last", rest, err)
	}
	g.Log.Wait(t, `"msg":"request"`)
	got := told(g.Log)
	want := []string{
		"1 new", "2 new", "1 down:world", "2 down:world", "2 up:world", "1 up:world", "1 down.:", "2 down.:",
		"2 up:\ndone: 5 bytes\n", "1 up:\ndone: 5 bytes\n", "2 up.:", "1 up.:",
		"1 downstream closed 1", "1 upstream closed 2", "2 downstream closed 1", "2 upstream closed 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the filters saw\n\t%q\nwant\n\t%q", got, want)
	}
}

func TestAFilterReplacesWhatPassesOnAConnection(t *testing.T) {
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection"))
	conn, r := hijack(t, g, "")
	write(t, conn, "rather not")
	if got := read(t, r, 8); got != "replaced" {
		t.Errorf("got %q, want what the filter made of it", got)
	}
	write(t, conn, "Rather not")
	if got := read(t, r, 8); got != "replaced" {
		t.Errorf("the engine's data came as %q, want what the filter made of it", got)
	}
}

func TestAFilterHoldsWhatPassesUntilItContinues(t *testing.T) {
	for letter, direction := range map[string]string{"p": "down", "P": "up"} {
		g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection"))
		conn, r := hijack(t, g, "x-connection: p\r\n") // the new connection is held too
		write(t, conn, "%s", letter)
		if got := read(t, r, 1); got != letter {
			t.Errorf("%s: got %q, want %q once the tick let go of it", direction, got, letter)
		}
		if got := told(g.Log); !slices.Contains(got, "1 "+direction+":"+letter) {
			t.Errorf("%s: the filter saw %q", direction, got)
		}
	}
}

func TestWhatIsHeldOfAConnectionGathers(t *testing.T) {
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection")+"limits: {body: 1KiB}\n")
	conn, r := hijack(t, g, "")
	write(t, conn, "hold")
	g.Log.Wait(t, "down:hold")
	write(t, conn, " on")
	g.Log.Wait(t, "down:hold on")
	write(t, conn, "%s", strings.Repeat("x", 1<<10))
	rest, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(rest), "holds more of the client's data than limits.body (1024 bytes)") {
		t.Errorf("got %q, %v, want the connection's end and why", rest, err)
	}
	conn.Close()
	g.Log.Wait(t, `"verdict":"deny"`)
}

func TestAConnectionIsNotHeldForLongerThanAPause(t *testing.T) {
	for name, c := range map[string]struct{ fields, data string }{
		"data": {"", "hold"}, "the end": {"", ""},
	} {
		g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection")+"limits: {pause: 100ms}\n")
		conn, r := hijack(t, g, c.fields)
		write(t, conn, "%s", c.data)
		if name == "the end" {
			write(t, conn, "hold")
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		rest, err := io.ReadAll(r)
		if err != nil || !strings.Contains(string(rest), "denied") {
			t.Errorf("%s: got %q, %v, want the connection's end and why", name, rest, err)
		}
		conn.Close()
		g.Log.Wait(t, "limits.pause (100ms)")
	}
}

func TestADeniedConnectionIsNoneAndSaysWhy(t *testing.T) {
	for action, want := range map[string]string{"d": "no such input", "t": "failed", "h": "failed", "c": ""} {
		engine := echoing(t)
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "connection", "connection match: {methods: [POST]}")+"limits: {pause: 100ms}\n")
		conn, r := g.Dial()
		write(t, conn, "%sinput", strings.Replace(attach, "Connection: Upgrade\r\nUpgrade: tcp\r\n", "x-connection: "+action+"\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n", 1))
		if want == "" {
			if answer, err := io.ReadAll(r); len(answer) > 0 {
				t.Errorf("%s: got %q, %v, want the connection's end", action, answer, err)
			}
		} else if code, body := status(t, r); code < 400 || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %q, want %q in it", action, code, body, want)
		}
		g.Log.Wait(t, `"msg":"request"`)
		for _, line := range told(g.Log) {
			if strings.Contains(line, "down:") || strings.Contains(line, "up:") {
				t.Errorf("%s: data passed: %q", action, line)
			}
		}
	}
}

func TestWhatAFilterDeniesOfAConnectionEndsIt(t *testing.T) {
	for _, letter := range []string{"d", "D", "t", "T", "c", "C"} {
		engine := echoing(t)
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "connection", "connection stages: [upstream_data]"))
		conn, r := hijack(t, g, "")
		write(t, conn, "fine")
		if got := read(t, r, 4); got != "fine" {
			t.Fatalf("%s: got %q, want fine", letter, got)
		}
		write(t, conn, "%s", letter)
		rest, err := io.ReadAll(r)
		reason := map[string]string{"d": "no such input", "t": "failed", "c": "closed the stream"}[strings.ToLower(letter)]
		if err != nil || !strings.Contains(string(rest), reason) || strings.Contains(string(rest), "done:") {
			t.Errorf("%s: got %q, %v, want the reason %q and no more", letter, rest, err, reason)
		}
		conn.Close()
		g.Log.Wait(t, `"msg":"request"`)
		if got := told(g.Log); strings.ToLower(letter) == letter && slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, "up:"+letter) }) {
			t.Errorf("%s: it passed to the engine, which echoed it: %q", letter, got)
		}
	}
}

func TestAFilterThatMayFailLetsAConnectionGoOn(t *testing.T) {
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection on_failure: allow", "connection"))
	conn, r := hijack(t, g, "")
	write(t, conn, "T") // crashes both: only the second decides
	rest, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(rest), "connection-2") {
		t.Errorf("got %q, %v, want the second filter to be named", rest, err)
	}
	g = hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection on_failure: allow"))
	conn, r = hijack(t, g, "")
	write(t, conn, "t1")
	if got := read(t, r, 2); got != "t1" {
		t.Errorf("got %q, want what the filter crashed on", got)
	}
	write(t, conn, "t2")
	if got := read(t, r, 2); got != "t2" {
		t.Errorf("got %q, want what came behind it", got)
	}
}

func TestAClientThatGoesAwayEndsAConnectionThatFiltersWatch(t *testing.T) {
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection"))
	conn, r := hijack(t, g, "")
	write(t, conn, "x")
	read(t, r, 1)
	conn.Close()
	g.Log.Wait(t, "upstream closed 1")
	if got := told(g.Log); !slices.Contains(got, "1 downstream closed 2") {
		t.Errorf("the filter saw %q, want that the client closed", got)
	}
}

func TestOnlyFiltersThatAskTakePartInConnections(t *testing.T) {
	for name, c := range map[string]struct {
		filters, fields string
		want            []string
	}{
		"an SDK's filter":   {"every-callback", "", nil},
		"one direction":     {"connection stages: [upstream_data]", "", []string{"1 new", "1 up:world"}},
		"the other one":     {"connection stages: [downstream_data]", "", []string{"1 new", "1 down:world"}},
		"skipped":           {"connection", "x-skip: 1\r\n", []string{"1 new", "1 up:world"}},
		"another operation": {"connection match: {operations: [ExecStart]}", "", nil},
	} {
		g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, c.filters))
		conn, r := hijack(t, g, c.fields)
		write(t, conn, "world")
		if got := read(t, r, 5); got != "world" {
			t.Errorf("%s: got %q, want world", name, got)
		}
		if got := told(g.Log); !slices.Equal(got, c.want) {
			t.Errorf("%s: the filter saw %q, want %q", name, got, c.want)
		}
		conn.Close()
		g.Log.Wait(t, `"msg":"request"`)
	}
	g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "every-callback stages: [downstream_data]"))
	conn, r := g.Dial()
	write(t, conn, "%s", attach)
	if code, body := status(t, r); code != 503 || !strings.Contains(body, "failed") {
		t.Errorf("got %d %q, want the crash of the filter that was made to take part", code, body)
	}
}

func TestAConnectionOfFramesEndsWithTheReason(t *testing.T) {
	for name, c := range map[string]struct{ early, want string }{
		"between frames": {frame(record.Stdout, "hello"), "no such input"},
		"within one":     {frame(record.Stdout, "hello")[:9], ""},
	} {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /exec/e/start", hosttest.Hijack(hosttest.Upgraded, c.early))
		engine.Handle("GET /exec/e/json", hosttest.JSON(200, `{"ExitCode":null}`))
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "connection stages: [downstream_data]"))
		conn, r := g.Dial()
		write(t, conn, "POST /exec/e/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		readHead(t, r)
		if got := read(t, r, len(c.early)); got != c.early {
			t.Fatalf("%s: got %q, want %q", name, got, c.early)
		}
		write(t, conn, "danger")
		rest, err := io.ReadAll(r)
		conn.Close()
		if code, body := get(t, g, "/exec/e/json", ""); code != 409 {
			t.Errorf("%s: asked for its exit code: %d %q, want 409: it was denied", name, code, body)
		}
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "" && len(rest) > 0:
			t.Errorf("%s: got %q, want the end", name, rest)
		case c.want != "" && (len(rest) < 8 || rest[0] != byte(record.SystemErr) || !strings.Contains(string(rest[8:]), c.want)):
			t.Errorf("%s: got %q, want a frame of the engine's errors with %q", name, rest, c.want)
		}
	}
}

// The body that says whether an exec has a terminal lies in the client's buffer, where what is typed comes to lie too: at the same
// place when the body came by itself, as it does here behind a 100.
func TestWhatIsTypedDoesNotHideWhatTheExecIs(t *testing.T) {
	for body, want := range map[string]string{
		`{"Tty":false}`: string(rune(record.SystemErr)) + "\x00\x00\x00",
		`{"Tty":true}`:  "\r\ndenied by filter",
	} {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /exec/e/start", hosttest.Hijack(hosttest.Upgraded, ""))
		engine.Handle("GET /exec/e/json", hosttest.JSON(200, `{"ExitCode":null}`))
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "connection"))
		conn, r := g.Dial()
		write(t, conn, "POST /exec/e/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nExpect: 100-continue\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
		if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 100") {
			t.Fatalf("head is %q, want 100", head)
		}
		write(t, conn, "%s", body)
		readHead(t, r)
		write(t, conn, "danger, in more bytes than the body had")
		rest, err := io.ReadAll(r)
		conn.Close()
		if err != nil || !strings.HasPrefix(string(rest), want) || !strings.Contains(string(rest), "no such input") {
			t.Errorf("%s: got %q, %v, want the reason in the form of the exec", body, rest, err)
		}
		if code, said := get(t, g, "/exec/e/json", ""); code != 409 {
			t.Errorf("%s: asked for its exit code: %d %q, want 409: it was denied", body, code, said)
		}
	}
}

func TestAFilterClosesAConnectionOnWhichNothingPasses(t *testing.T) {
	for _, keys := range []string{"", " stages: [downstream_data]"} {
		g := hosttest.StartGateway(t, echoing(t).Address(), filters(t, "connection"+keys))
		conn, r := hijack(t, g, "")
		write(t, conn, "keep")
		rest, err := io.ReadAll(r)
		conn.Close()
		if err != nil || !strings.HasPrefix(string(rest), "keep") || !strings.Contains(string(rest), "closed the stream") {
			t.Errorf("%q: got %q, %v, want what passed, and the end by the filter's tick", keys, rest, err)
		}
		g.Log.Wait(t, `"msg":"request"`)
		if got := told(g.Log); !slices.Contains(got, "1 downstream closed 1") || !slices.Contains(got, "1 upstream closed 1") {
			t.Errorf("%q: the filter saw %q, want that the gateway closed both sides", keys, got)
		}
	}
}
