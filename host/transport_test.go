package host_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// write sends raw bytes.
func write(t *testing.T, conn net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, format, args...); err != nil {
		t.Fatal(err)
	}
}

// read reads n bytes.
func read(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	if m, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("read %q, then %v", b[:m], err)
	}
	return string(b)
}

// status reads a response and returns its status and body.
func status(t *testing.T, r *bufio.Reader) (int, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body after %q: %v", body, err)
	}
	return resp.StatusCode, string(body)
}

const attach = "POST /v1.41/containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"

func TestAttachKeepsEarlyBytesAndHalfCloses(t *testing.T) {
	old := strings.Replace(attach, "Connection: Upgrade\r\nUpgrade: tcp\r\n", "", 1)
	for name, c := range map[string]struct {
		request, head string
		chain         []string
	}{
		"101":                       {attach, hosttest.Upgraded, []string{"deny stages: [response_body]"}},
		"200 form":                  {old, hosttest.Hijacked200, []string{"deny stages: [response_body]"}},
		"101 through a filter":      {attach, hosttest.Upgraded, []string{"noop", "noop"}},
		"200 form through a filter": {old, hosttest.Hijacked200, []string{"noop", "noop"}},
		"101 through records":       {attach, hosttest.Upgraded, []string{"records", "noop", "records"}},
		"200 form, through records": {old, hosttest.Hijacked200, []string{"records", "noop", "records"}},
	} {
		t.Run(name, func(t *testing.T) {
			engine := hosttest.StartFakeDocker(t)
			// The engine says "early" with its head, echoes, and ends when stdin does.
			engine.Handle("POST /containers/c/attach", hosttest.Hijack(c.head, "early"))
			engine.Handle("GET /containers/c/json", hosttest.JSON(200, `{"Id":"`+someID+`","Config":{"Tty":true}}`)) // so it echoes plain bytes
			g := hosttest.StartGateway(t, engine.Address(), filters(t, c.chain...))
			conn, r := g.Dial()
			write(t, conn, "%ssent with the head", c.request) // the engine would lose it
			head := readHead(t, r)
			if want := strings.SplitN(c.head, "\r\n", 2)[0]; !strings.HasPrefix(head, want) {
				t.Fatalf("head is %q, want %q", head, want)
			}
			if strings.Contains(strings.ToLower(head), "content-length") || strings.Contains(strings.ToLower(head), "transfer-encoding") {
				t.Errorf("head of a hijacked connection frames its body: %q", head)
			}
			if got, want := read(t, r, len("earlysent with the head")), "earlysent with the head"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			write(t, conn, "more")
			if got := read(t, r, 4); got != "more" {
				t.Errorf("got %q, want more", got)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(r); err != nil || string(rest) != "\ndone: 22 bytes\n" {
				t.Errorf("after stdin's end: %q, %v; want what the engine said last", rest, err)
			}
		})
	}
}

func TestTheRequestBehindAnUpgradeThatDidNotHappenIsFiltered(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /exec/nope/start", hosttest.JSON(404, `{"message":"No such exec instance"}`))
	engine.Handle("POST /exec/detached/start", hosttest.JSON(200, ""))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	engine.Handle("POST /session", hosttest.JSON(400, `{"message":"no upgrade"}`))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny match: {operations: [ContainerCreate]}"))
	for _, first := range []string{
		"POST /exec/nope/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"POST /exec/detached/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"Detach\":true}",
		"GET /info HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: nonsense\r\n\r\n",
	} {
		conn, r := g.Dial()
		write(t, conn, "%sPOST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}", first)
		if code, _ := status(t, r); code == 101 {
			t.Fatalf("%q was upgraded", first)
		}
		if code, body := status(t, r); code != 403 {
			t.Errorf("behind %q: got %d %q, want the filter's 403", first[:24], code, body)
		}
	}
}

func TestUpgradesAreOfferedByHijackingOperationsOnly(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), "")
	conn, r := g.Dial()
	write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	status(t, r)
	if head := engine.Requests()[0].Head; strings.Contains(head, "Upgrade") {
		t.Errorf("the engine got %q, want no Upgrade", head)
	}
}

func TestAnUpgradeThatNobodyAskedForIsABadAnswer(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.Hijack(hosttest.Upgraded, "x"))
	g := hosttest.StartGateway(t, engine.Address(), "")
	if code, body := get(t, g, "/info", ""); code != 502 {
		t.Errorf("got %d %q, want 502", code, body)
	}
}

func TestTheHeadOfAStreamGoesOutBeforeItsBody(t *testing.T) {
	for _, chain := range []string{"", filters(t, "noop"), filters(t, "append-body")} {
		engine := hosttest.StartFakeDocker(t)
		step := make(chan struct{})
		engine.Handle("POST /containers/c/wait", hosttest.Pieces(step,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "10\r\n{\"StatusCode\":7}\r\n0\r\n\r\n"))
		g := hosttest.StartGateway(t, engine.Address(), chain)
		conn, r := g.Dial()
		write(t, conn, "POST /containers/c/wait?condition=removed HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n")
		step <- struct{}{}
		readHead(t, r) // fails at its deadline if the head is held for the body
		step <- struct{}{}
		if body := read(t, r, 20); !strings.Contains(body, `{"StatusCode"`) {
			t.Errorf("body begins with %q", body)
		}
	}
}

func TestEachPieceOfAStreamIsPassedOnAtOnce(t *testing.T) {
	for _, chain := range []string{"", filters(t, "trap-on-header-body")} { // with and without a filter on the body
		engine := hosttest.StartFakeDocker(t)
		step := make(chan struct{})
		engine.Handle("GET /events", hosttest.Pieces(step,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{1}\r\n", "3\r\n{2}\r\n", "0\r\n\r\n"))
		g := hosttest.StartGateway(t, engine.Address(), chain)
		conn, r := g.Dial()
		write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
		for _, want := range []string{"", "3\r\n{1}\r\n", "3\r\n{2}\r\n", "0\r\n\r\n"} {
			step <- struct{}{}
			if want == "" {
				readHead(t, r)
			} else if got := read(t, r, len(want)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

func TestAClientThatGoesAwayEndsTheEnginesStream(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	gone := make(chan struct{})
	engine.Handle("GET /events", hosttest.Silent(gone))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "noop"))
	conn, _ := g.Dial()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	engine.Wait(1)
	conn.Close()
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Fatal("the engine still streams to nobody")
	}
}

func TestAHalfClosedRequestIsAnswered(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/json", func(x *hosttest.Exchange) bool {
		time.Sleep(300 * time.Millisecond) // long enough for the client to be watched
		return hosttest.JSON(200, "[]")(x)
	})
	g := hosttest.StartGateway(t, engine.Address(), "")
	conn, r := g.Dial()
	write(t, conn, "GET /containers/json HTTP/1.0\r\n\r\n")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if code, body := status(t, r); code != 200 || body != "[]" {
		t.Errorf("got %d %q, want the list", code, body)
	}
}

func TestContinueIsSaidOnlyOnceTheFiltersAllowed(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	const load = "POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
	for _, chain := range []string{"", filters(t, "noop"), filters(t, "append-body")} {
		g := hosttest.StartGateway(t, engine.Address(), chain)
		conn, r := g.Dial()
		write(t, conn, load)
		if head := readHead(t, r); head != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("got %q, want 100", head)
		}
		write(t, conn, "data")
		if code, body := status(t, r); code != 200 || !strings.HasPrefix(body, "data") {
			t.Errorf("got %d %q, want the body back", code, body)
		}
	}
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	conn, r := g.Dial()
	write(t, conn, load)
	if code, _ := status(t, r); code != 403 {
		t.Errorf("got %d, want 403 instead of a 100", code)
	}
}

func TestARefusedUploadStillShowsItsMessage(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "deny"))
	for range 5 {
		conn, r := g.Dial()
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_, _ = fmt.Fprintf(conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n", 60<<20)
			_, _ = io.Copy(conn, io.LimitReader(zeros{}, 60<<20))
		}()
		if code, body := status(t, r); code != 403 || !strings.Contains(body, "not today") {
			t.Errorf("got %d %q, want the filter's message", code, body)
		}
		<-wrote
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnUploadMayBeAnsweredWhileItRuns(t *testing.T) {
	for _, chain := range []string{"", filters(t, "noop"), filters(t, "trap-on-header-body")} {
		engine := hosttest.StartFakeDocker(t)
		engine.Handle("POST /build", hosttest.Echo())
		g := hosttest.StartGateway(t, engine.Address(), chain)
		conn, r := g.Dial()
		write(t, conn, "POST /build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nstep\r\n")
		readHead(t, r)
		if line, err := r.ReadString('p'); err != nil || !strings.HasSuffix(line, "step") {
			t.Fatalf("the first piece came back as %q, %v", line, err)
		}
		write(t, conn, "4\r\ndone\r\n0\r\n\r\n")
		if rest := read(t, r, len("\r\n4\r\ndone\r\n0\r\n\r\n")); !strings.Contains(rest, "done") {
			t.Errorf("the rest is %q", rest)
		}
	}
}

func TestLargeBodiesPassBothWays(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	for _, chain := range []string{"", filters(t, "noop"), filters(t, "pause-in-body")} {
		g := hosttest.StartGateway(t, engine.Address(), chain)
		for _, chunked := range []bool{false, true} {
			r := io.Reader(bytes.NewReader(body))
			if chunked {
				r = io.MultiReader(r)
			}
			resp, err := g.Client().Post("http://d/images/load", "application/x-tar", r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("chunked %v: %d bytes came back, %v; want the %d that were sent", chunked, len(got), err, len(body))
			}
		}
	}
}

func TestAnEngineThatRestartedIsNoticed(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	g := hosttest.StartGateway(t, engine.Address(), "")
	for range 3 {
		if resp, body := g.Do("POST", "/containers/create", "application/json", "{}"); resp.StatusCode != 200 {
			t.Errorf("got %d %q, want 200 on a fresh connection", resp.StatusCode, body)
		}
		engine.CloseIdle() // what the gateway has pooled is dead now
	}
	engine.Stop()
	resp, body := g.Do("POST", "/containers/create", "application/json", "{}")
	if resp.StatusCode != 502 || !strings.Contains(body, engine.Socket()) {
		t.Errorf("got %d %q, want 502 that names the engine's address", resp.StatusCode, body)
	}
}

func TestACreateIsNotSentTwice(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", echo)
	g := hosttest.StartGateway(t, engine.Address(), "")
	g.Do("POST", "/containers/create", "application/json", "{}") // pools a connection
	engine.Handle("POST /containers/create", hosttest.Drop())
	if resp, body := g.Do("POST", "/containers/create", "application/json", "{}"); resp.StatusCode != 502 {
		t.Errorf("got %d %q, want 502: the engine may have created it", resp.StatusCode, body)
	}
	if n := len(engine.Requests()); n != 2 {
		t.Errorf("the engine got %d requests, want 2", n)
	}
}

func TestWhatIsNoHTTPIsRefusedInPlainWords(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	g := hosttest.StartGateway(t, engine.Address(), "")
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"HTTP/2 preface":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"two lengths":       {"POST /a HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"length and chunks": {"POST /a HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		"dot segments":      {"GET /containers/../info HTTP/1.1\r\nHost: d\r\n\r\n", 400},
		"query twice":       {"GET /images/create?fromImage=a&fromImage=b HTTP/1.1\r\nHost: d\r\n\r\n", 400},
		"connect":           {"CONNECT d:1 HTTP/1.1\r\nHost: d\r\n\r\n", 501},
	} {
		conn, r := g.Dial()
		write(t, conn, "%s", c.raw)
		if code, body := status(t, r); code != c.want || !strings.HasPrefix(body, `{"message":"sluice: `) {
			t.Errorf("%s: got %d %q, want %d with a message", name, code, body, c.want)
		}
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %d requests, want none", n)
	}
}

func TestHeadHasALengthAndNoBody(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	const pings = " match: {operations: [SystemPing, SystemPingHead]}"
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "append-body"+pings, "noop"+pings))
	conn, r := g.Dial()
	write(t, conn, "HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
	if head := readHead(t, r); !strings.Contains(head, "Content-Length: 0\r\n") || !strings.Contains(head, "Api-Version: 1.41") {
		t.Errorf("HEAD got %q", head)
	}
	if code, body := status(t, r); code != 200 || body != "OK [seen]" {
		t.Errorf("GET on the same connection got %d %q", code, body)
	}
}
