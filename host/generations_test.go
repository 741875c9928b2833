package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

const longDrain = "reload: {watch: false, drain: 10m}\n"

// longEngine is an engine whose events go on until the client has enough of them.
func longEngine(t *testing.T) *hosttest.FakeDocker {
	t.Helper()
	engine := infoEngine(t)
	engine.Handle("GET /events", func(x *hosttest.Exchange) bool {
		_, _ = io.WriteString(x.Conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{1}\r\n")
		<-x.Stopped
		return false
	})
	return engine
}

// openEvents begins a stream that lasts until end is called.
func openEvents(t *testing.T, socket string) (end func()) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	write(t, conn, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
	r := bufio.NewReader(conn)
	if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Fatalf("events: %s", head)
	}
	return func() { conn.Close() }
}

// reloaded changes something that concerns no filter.
func reloaded(t *testing.T, g *hosttest.Gateway, text string, n int) {
	t.Helper()
	g.Write(text + fmt.Sprintf("owner_label: changed.%d\n", n))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAReloadBringsATenantNothingFresh(t *testing.T) {
	t.Run("contexts", func(t *testing.T) {
		text, sockets := twoTenants(t, "hungry", "contexts: 2")
		text = longDrain + text
		g := hosttest.StartGateway(t, longEngine(t).Address(), text)
		var ends []func()
		for n := range 2 {
			ends = append(ends, openEvents(t, sockets["ci"]))
			reloaded(t, g, text, n)
		}
		if code, _ := ask(t, "unix", sockets["ci"], info); code != 503 {
			t.Errorf("got %d, want the tenant's limit of streams to count those of old generations", code)
		}
		if code, _ := ask(t, "unix", sockets["dev"], info); code != 200 {
			t.Errorf("the other tenant got %d", code)
		}
		ends[0]()
		eventually(t, "stream after another has ended", func() bool {
			code, _ := ask(t, "unix", sockets["ci"], info)
			return code == 200
		})
	})
	t.Run("cpu", func(t *testing.T) {
		text, sockets := twoTenants(t, "hungry", "cpu: 1ms")
		g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
		if code, _ := hungry(t, sockets["ci"], "B500000"); code != 200 { // for long
			t.Fatalf("got %d", code)
		}
		reloaded(t, g, text, 1)
		if code, _ := hungry(t, sockets["ci"], "B1"); code != 503 {
			t.Errorf("got %d, want what was used up before the reload to be missing", code)
		}
		if code, _ := hungry(t, sockets["dev"], "B1"); code != 200 {
			t.Errorf("the other tenant got %d", code)
		}
		// A limit that is another one begins anew.
		g.Write(strings.Replace(text, "cpu: 1ms", "cpu: 2s", 1))
		if err := g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code, _ := hungry(t, sockets["ci"], "B1"); code != 200 {
			t.Errorf("with another limit: got %d", code)
		}
	})
	t.Run("log lines", func(t *testing.T) {
		text, sockets := twoTenants(t, "hungry", "log_lines: 1")
		g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
		began := time.Now()
		for n := range 10 {
			hungry(t, sockets["ci"], "l20")
			reloaded(t, g, text, n)
		}
		lines := 0
		for line := range strings.Lines(g.Log.String()) {
			if strings.Contains(line, `"filter":"of-ci"`) && strings.Contains(line, `"context_id"`) {
				lines++
			}
		}
		if most := 5 + int(time.Since(began).Seconds()) + 1; lines == 0 || lines > most {
			t.Errorf("%d lines in ten generations, want some and no more than %d", lines, most)
		}
	})
}

// New instances start beside the old ones; what a tenant has in all generations is bounded
// all the same.
func TestTheMemoryOfATenantIsBoundedOverGenerations(t *testing.T) {
	text, sockets := twoTenants(t, "hungry", "memory: 1MiB")
	text = longDrain + strings.ReplaceAll(text, "module:", "instances: 1, module:")
	g := hosttest.StartGateway(t, longEngine(t).Address(), text)
	var ends []func()
	for n := range 2 {
		ends = append(ends, openEvents(t, sockets["ci"]))
		if got := counted(t, sockets["ci"], "m100"); got != 15 {
			t.Errorf("generation %d got %d pages, want 15", n+1, got)
		}
		reloaded(t, g, text, n)
	}
	g.Log.Wait(t, "twice tenant_limits.memory of tenant ci for all generations, which is 2 MiB, 2 MiB are in use")
	for socket, want := range map[string]int{"ci": 503, "dev": 200} {
		if code, _ := ask(t, "unix", sockets[socket], info); code != want {
			t.Errorf("%s: got %d, want %d", socket, code, want)
		}
	}
	ends[0]()
	eventually(t, "filter of the tenant's once there is memory", func() bool {
		code, _ := ask(t, "unix", sockets["ci"], info)
		return code == 200
	})
	ends[1]()
}

// The operator's filters have twice their memory in all generations as well. Who reloads has the oldest one end
// rather than his reload fail.
func TestTheMemoryOfOperatorsIsBoundedOverGenerations(t *testing.T) {
	text := longDrain + "limits: {total_memory: 1MiB}\n" + filters(t, "hungry instances: 1")
	g := hosttest.StartGateway(t, longEngine(t).Address(), text)
	var ends []func()
	all := func() {
		t.Helper()
		if got := counted(t, g.Socket, "m100"); got != 15 {
			t.Errorf("it got %d pages, want 15", got)
		}
	}
	for n := range 2 {
		ends = append(ends, openEvents(t, g.Socket))
		all()
		reloaded(t, g, text, n)
	}
	g.Log.Wait(t, `or their filters too much memory; the oldest one's drain time is over before its time","generation":1,`)
	eventually(t, "end of the oldest generation", func() bool { return g.Stats().Retiring == 1 })
	all()
	ends[1]()
	eventually(t, "end of the other", func() bool { return g.Stats().Retiring == 0 })
	// Less than older generations have is no reason to refuse the configuration.
	g.Write(strings.Replace(text, "1MiB", "128KiB", 1))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, g.Socket, "m100"); got != 1 {
		t.Errorf("of two pages it got %d more, want 1", got)
	}
}

// A tenant who has no filters any more needs no memory for another generation, and nobody waits for what
// he has in older ones.
func TestAReloadDoesNotWaitForTheMemoryOfATenantWithoutFilters(t *testing.T) {
	text, sockets := twoTenants(t, "hungry", "memory: 1MiB")
	text = "reload: {debounce: 10ms, poll: 100ms, drain: 10m}\n" + strings.ReplaceAll(text, "module:", "instances: 1, module:")
	g := hosttest.StartGateway(t, longEngine(t).Address(), text)
	generation := func(n uint64) {
		t.Helper()
		eventually(t, fmt.Sprintf("generation %d", n), func() bool { return g.Stats().Generation == n })
	}
	for n := range uint64(2) {
		openEvents(t, sockets["ci"])
		if got := counted(t, sockets["ci"], "m100"); got != 15 {
			t.Errorf("generation %d got %d pages, want 15", n+1, got)
		}
		if n == 0 {
			g.Write(text + "owner_label: changed.1\n")
			generation(2)
		}
	}
	var without strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "name: of-ci") {
			without.WriteString(line)
		}
	}
	g.Write(without.String())
	g.Log.Wait(t, "the reload waits until requests of an older configuration have ended")
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	generation(3)
	g.Write(without.String() + "owner_label: changed.2\n")
	generation(4)
}

// A filter that crashed too often is asked no more, whatever else is reloaded.
func TestAReloadOfSomethingElseEndsNoQuarantine(t *testing.T) {
	text, sockets := twoTenants(t, "trap-on-header", "")
	text = strings.ReplaceAll(text, "module:", "crash_budget: 2, module:")
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	crash := func() {
		t.Helper()
		if code, _ := ask(t, "unix", sockets["ci"], info); code != 200 {
			t.Fatalf("got %d", code)
		}
		if code, _ := ask(t, "unix", sockets["ci"], info+"\nX-Trap: 1"); code != 503 {
			t.Fatalf("got %d, want a crash", code)
		}
	}
	for n := range 3 {
		crash()
		reloaded(t, g, text, n) // a fresh plugin each time, and no fresh budget
	}
	g.Log.Wait(t, "the filter crashed too often and is in quarantine")
	for n := range 3 {
		if code, _ := ask(t, "unix", sockets["ci"], info); code != 503 {
			t.Errorf("after reload %d: got %d, want the quarantine to go on", n, code)
		}
		if code, _ := ask(t, "unix", sockets["dev"], info); code != 200 {
			t.Errorf("the other tenant got %d", code)
		}
		reloaded(t, g, text, 10+n)
	}
	g.Write(strings.Replace(text, "crash_budget: 2", "crash_budget: 2, config: {mended: true}", 1))
	if err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(t, "unix", sockets["ci"], info); code != 200 {
		t.Errorf("a filter that was changed got %d", code)
	}
}

func TestOnlySoManyOldGenerationsWaitForTheirStreams(t *testing.T) {
	text := longDrain + filters(t, "transcript")
	g := hosttest.StartGateway(t, longEngine(t).Address(), text)
	for n := range 5 {
		openEvents(t, g.Socket)
		reloaded(t, g, text, n)
		if old := g.Stats().Retiring; old > 4 {
			t.Errorf("after %d reloads %d generations retire", n+1, old)
		}
	}
	g.Log.Wait(t, `"msg":"too many configurations have requests that go on, or their filters too much memory; the oldest one's drain time is over before its time","generation":1,`)
	g.Log.Wait(t, `"msg":"streams outlive the drain time of their generation; its filters end now","generation":1,`)
	if code, _ := get(t, g, "/info", ""); code != http.StatusOK {
		t.Errorf("got %d", code)
	}
}

// What changes files can change them often: that is to cut nobody's streams.
func TestAChangedFileWaitsForOldGenerationsAndIsTakenThen(t *testing.T) {
	head := "reload: {debounce: 10ms, poll: 100ms, drain: 10m}\n"
	g := hosttest.StartGateway(t, longEngine(t).Address(), head+filters(t, "noop"))
	var ends []func()
	for n := range 4 {
		ends = append(ends, openEvents(t, g.Socket))
		g.Write(head + filters(t, "noop") + fmt.Sprintf("owner_label: changed.%d\n", n))
		eventually(t, "reload", func() bool { return g.Stats().Retiring == n+1 })
	}
	g.Write(head + filters(t, "noop") + "owner_label: waits\n")
	g.Log.Wait(t, `"msg":"the reload waits until requests of an older configuration have ended, or its drain time has: SIGHUP reloads at once","retiring":4,"most":4`)
	g.Write(head + filters(t, "deny"))
	if code, _ := get(t, g, "/info", ""); code != 200 {
		t.Errorf("got %d, want what was served before", code)
	}
	ends[2]()
	eventually(t, "reload to the newest files", func() bool {
		code, _ := get(t, g, "/info", "")
		return code == 403
	})
	if strings.Contains(g.Log.String(), "streams outlive the drain time") {
		t.Error("a stream was cut")
	}
}

// Whoever asks for a reload means what the files say when it happens.
func TestAReloadThatWaitsTakesWhatTheFilesSayThen(t *testing.T) {
	g := hosttest.StartGateway(t, longEngine(t).Address(), longDrain+filters(t, "noop"))
	var ends []func()
	for n := range 4 {
		ends = append(ends, openEvents(t, g.Socket))
		reloaded(t, g, longDrain+filters(t, "noop"), n)
	}
	g.Write(longDrain + filters(t, "noop") + "owner_label: waits\n")
	asked := make(chan error, 1)
	go func() { asked <- g.Reload(t.Context()) }()
	g.Log.Wait(t, `"msg":"the reload waits until requests of an older configuration have ended, or for a short time","retiring":4,"most":4`)
	g.Write(longDrain + filters(t, "deny"))
	ends[1]()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, g, "/info", ""); code != 403 {
		t.Errorf("got %d, want what the files say", code)
	}
}
