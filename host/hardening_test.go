package host_test

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// Each test of this file is a bug that lived: found by review, proved by the
// test, mended.

func TestAResponseThatCannotBeSentIsRefusedOnce(t *testing.T) {
	engine := infoEngine(t)
	for _, chain := range []string{"bad-response", "noop,bad-response", "bad-response,noop", "bad-response,bad-response"} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, strings.Split(chain, ",")...))
		if code, body := get(t, g, "/info", ""); code != 502 || !strings.Contains(body, "bad-response") || !strings.Contains(body, "control character") {
			t.Errorf("%s: got %d %q, want 502 that names filter and field", chain, code, body)
		}
	}
}

func TestARequestThatCannotBeSentIsRefusedOnEveryConnection(t *testing.T) {
	engine := infoEngine(t)
	for _, guest := range []string{"bad-authority", "bad-method"} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, guest))
		for _, field := range []string{"x-bad", "", "x-bad"} { // fresh, fills the pool, pooled
			want := 500
			if field == "" {
				want = 200
			}
			if code, body := get(t, g, "/info", field); code != want || want == 500 && !strings.Contains(body, guest) {
				t.Errorf("%s, %q: got %d %q, want %d that names the filter", guest, field, code, body, want)
			}
		}
	}
}

func TestAnEngineThatHangsUpInAnIdleUploadIsReported(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", hosttest.Drop())
	for _, chain := range []string{"", filters(t, "noop")} {
		g := hosttest.StartGateway(t, engine.Address(), chain)
		conn, r := g.Dial()
		write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		if code, body := status(t, r); code != 502 { // fails at its deadline if both wait for each other
			t.Errorf("got %d %q, want 502", code, body)
		}
	}
}

func TestAFilterThatTrapsAfterARewriteDoesNotCarryItPastTheNext(t *testing.T) {
	for _, guard := range []string{"deny match: {operations: [ExecInspect]}", "noop"} {
		engine := infoEngine(t)
		g := hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite-then-trap on_failure: allow", guard, "noop"))
		if code, body := get(t, g, "/info", ""); code != 200 {
			t.Errorf("got %d %q, want what the client asked for", code, body)
		}
		for _, q := range engine.Requests() {
			if q.Target != "/info" {
				t.Errorf("the engine got %s, which a crashed filter had left behind", q.Target)
			}
		}
	}
}

func TestARewriteBehindAReleasedPieceIsJudged(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", hosttest.JSON(200, "{}"))
	engine.Handle("POST /containers/c/kill", hosttest.JSON(204, ""))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "release-then-rewrite instances: 1", "deny match: {operations: [ContainerKill]}", "noop"))
	conn, r := g.Dial()
	write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	time.Sleep(50 * time.Millisecond)
	write(t, conn, "3\r\ndef\r\n")
	time.Sleep(50 * time.Millisecond)
	write(t, conn, "0\r\n\r\n")
	status(t, r)
	for _, q := range engine.Requests() {
		if q.Target != "/images/load" {
			t.Errorf("the engine got %s %s past its guard", q.Method, q.Target)
		}
	}
}

func TestARewriteInAHeldBodyIsJudgedWhenItIsLetGo(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", hosttest.JSON(200, "{}"))
	engine.Handle("POST /containers/c/kill", hosttest.JSON(204, ""))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite-and-release instances: 1", "deny match: {operations: [ContainerKill]}", "noop"))
	conn, r := g.Dial()
	write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") // and no more of it
	if code, body := status(t, r); code != 403 {
		t.Errorf("got %d %q, want the guard of ContainerKill to deny", code, body)
	}
	if n := len(engine.Requests()); n != 0 {
		t.Errorf("the engine got %s past its guard", engine.Requests()[0].Target)
	}
}

func TestAPseudoHeaderStaysTheOnlyOneOfItsName(t *testing.T) {
	engine := infoEngine(t)
	engine.Handle("GET /containers/json", hosttest.JSON(200, "[]"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "dup-path", "noop"))
	get(t, g, "/containers/json", "")
	for _, q := range engine.Requests() {
		if q.Target != "/containers/json" {
			t.Errorf("the engine got %s", q.Target)
		}
	}
}

func TestATimeoutDeniesItsRequestAndNoneThatWaited(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "limits: {callback: 1s}\n"+filters(t, "loop-on-header instances: 1"))
	var all sync.WaitGroup
	all.Go(func() { get(t, g, "/info", "x-loop") })
	time.Sleep(20 * time.Millisecond)
	for range 10 {
		all.Go(func() {
			if code, body := get(t, g, "/info", ""); code != 200 {
				t.Errorf("an innocent request got %d %q", code, body)
			}
		})
	}
	all.Wait()
}

func TestADenialInTheResponseEndsAHeldUpload(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	step := make(chan struct{})
	engine.Handle("POST /images/load", func(x *hosttest.Exchange) bool {
		<-step
		return x.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	g := hosttest.StartGateway(t, engine.Address(), "limits: {pause: 10m}\n"+filters(t, "hold-body", "deny-response"))
	conn, r := g.Dial()
	write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	engine.Wait(1)
	write(t, conn, "0\r\n\r\n")
	close(step)
	if code, body := status(t, r); code != 403 { // fails at its deadline if it waits for limits.pause
		t.Errorf("got %d %q, want the response filter's 403", code, body)
	}
}

func TestABodyIsCanonicalForTheOperationThatItGoesTo(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /volumes/create", echo)
	for _, chain := range []string{"rewrite-to-volume", "rewrite-to-volume,pause-in-body", "rewrite-to-volume,noop"} {
		g := hosttest.StartGateway(t, engine.Address(), filters(t, strings.Split(chain, ",")...))
		if _, body := g.Do("POST", "/networks/create", "application/json", `{"dRIVEROPTS":{"o":"bind"}}`); body != `{"DriverOpts":{"o":"bind"}}` {
			t.Errorf("%s: the engine got %s", chain, body)
		}
	}
}

func TestAFullHeadLeavesRoomForFilters(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite-and-add"))
	for _, n := range []int{10, 500, 1021, 1100} {
		conn, r := g.Dial()
		write(t, conn, "GET /containers/json HTTP/1.1\r\nHost: d\r\n%s\r\n", strings.Repeat("a: b\r\n", n))
		code, body := status(t, r)
		if code != 200 && code != 431 {
			t.Errorf("%d fields: got %d %q", n, code, body)
		}
	}
	for _, q := range engine.Requests() {
		if q.Target != "/info" {
			t.Errorf("the client kept the filter from rewriting %s", q.Target)
		}
	}
}

func TestTheLogIsNotAsLongAsAGuestLikes(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "long-reason"))
	get(t, g, "/info", "")
	g.Log.Wait(t, `"msg":"request"`)
	if n := len(g.Log.String()); n > 20_000 {
		t.Errorf("the log has %d bytes", n)
	}
}

func TestWhatACrashedFilterLeftHalfDoneGoesNowhere(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", echo)
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "splice-then-trap on_failure: allow"))
	if _, body := g.Do("POST", "/images/load", "application/x-tar", "original body"); body != "original body" {
		t.Errorf("the engine got %q", body)
	}
}

// What a filter has rewritten and held is looked at before anybody else gets it, though what it did to it afterwards counts for
// nothing: else the engine got a body that can be read in two ways.
func TestAHeldRewriteIsJudgedThoughItsFilterTraps(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/create", hosttest.JSON(201, `{"Id":"1"}`))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "rewrite-hold-trap on_failure: allow, stages: [request_body, request_trailers]", "noop"))
	conn, r := g.Dial()
	write(t, conn, "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n"+
		"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n")
	if code, body := status(t, r); code != 500 || !strings.Contains(body, "hostconfig") {
		t.Errorf("got %d %q, want the rewritten body to be refused", code, body)
	}
	for _, q := range engine.Requests() {
		t.Errorf("the engine got %s %s", q.Method, q.Target)
	}
}

func TestContextsThatAskForMoreTimeKeepNoBodies(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "never-done instances: 1"))
	client := g.Client()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc >> 20
	}
	body := bytes.Repeat([]byte("x"), 4<<20)
	before := heap()
	for range 30 {
		resp, err := client.Post("http://d/images/load", "application/x-tar", io.MultiReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if after := heap(); after > before+40 {
		t.Errorf("heap went from %d to %d MiB in 30 requests of 4 MiB", before, after)
	}
}

func TestContinueFromATickReleasesAHeldBody(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
		x.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		<-x.Stopped // and then nothing more
		return false
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "continue-body-from-tick instances: 1"))
	conn, r := g.Dial()
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, resp.Body, 3); got != "abc" { // fails at its deadline if it waits for the next piece
		t.Errorf("got %q", got)
	}
	conn.Close()
}

func TestAClientThatLeavesWhileItIsHeldFreesItsPlace(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "limits: {pause: 10m}\n"+filters(t, "hold instances: 1"))
	for range 3 {
		conn, _ := g.Dial()
		write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
		conn.Close()
	}
	for deadline := time.Now().Add(time.Minute); g.Stats().Streams > 0 || g.Stats().Connections > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still there: %+v", g.Stats())
		}
	}
}

func TestAFilterCannotChangeTheStatusOfAHijack(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "status"))
	conn, r := g.Dial()
	write(t, conn, attach)
	if code, body := status(t, r); code != 502 {
		t.Errorf("attach got %d %q, want 502", code, body)
	}
	if code, _ := get(t, g, "/info", ""); code != 403 {
		t.Errorf("an ordinary response got %d, want the filter's 403", code)
	}
}

func TestHostCallsArePaidFor(t *testing.T) {
	engine := infoEngine(t)
	g := hosttest.StartGateway(t, engine.Address(), "limits: {callback: 100ms}\n"+filters(t, "expensive-calls"))
	if code, body := get(t, g, "/info", ""); code != 503 {
		t.Errorf("got %d %q, want 503: a thousand calls of 30 MB each are more than the callback may use", code, body)
	}
}

func TestUploadsThatAreAnsweredEarlyHarmNobody(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("POST /images/load", func(x *hosttest.Exchange) bool {
		// As a reader of tars: answers at the archive's end, before the last chunk.
		if _, err := io.ReadFull(x.Body, make([]byte, 6)); err != nil {
			return false
		}
		return x.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	g := hosttest.StartGateway(t, engine.Address(), filters(t, "noop"))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			conn, r := g.Dial()
			for range 300 {
				write(t, conn, "POST /images/load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
				runtime.Gosched()
				_, _ = conn.Write([]byte("3\r\nabc\r\n0\r\n\r\n")) // the answer may have closed it
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Errorf("no answer: %v", err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != 200 {
					t.Errorf("got %d %q", resp.StatusCode, body)
				}
				if resp.Close {
					conn.Close()
					conn, r = g.Dial()
				}
			}
		})
	}
	all.Wait()
}
