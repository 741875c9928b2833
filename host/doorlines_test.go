package host_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// strangers is the configuration of a gateway with one tenant, b, and a listener whose clients are nobody's.
func strangers(t *testing.T) (text, tenants, nobodys string) {
	t.Helper()
	dir := shortDir(t)
	tenants, nobodys = filepath.Join(dir, "b"), filepath.Join(dir, "a")
	return fmt.Sprintf(`
listeners: [{address: 'unix://%[1]s'}, {address: 'unix://%[2]s'}]
tenants: [{name: b, match: {listeners: ['unix://%[1]s']}}]
`, tenants, nobodys), tenants, nobodys
}

// However long what a client sends is, a line of the log is not: whoever waits for the log waits for it.
func TestNobodyMakesALineOfTheLogLong(t *testing.T) {
	text, tenants, nobodys := strangers(t)
	g := hosttest.StartGateway(t, infoEngine(t).Address(), text)
	long := strings.Repeat("a", 900_000)
	asked := 0
	for _, request := range map[string]string{
		"a path":         "GET /v1.41/containers/" + long + "/json HTTP/1.1\nHost: docker",
		"an escape":      "GET /v1.41/containers/" + strings.Repeat("%22", 300_000) + "/json HTTP/1.1\nHost: docker",
		"no path":        "GET /v1.41/containers/%zz" + long + " HTTP/1.1\nHost: docker",
		"a version":      "GET /v1." + strings.Repeat("4", 900_000) + "/info HTTP/1.1\nHost: docker",
		"a method":       strings.Repeat("A", 900_000) + " /info HTTP/1.1\nHost: docker",
		"a host":         "GET /info HTTP/1.1\nHost: " + long,
		"a field's name": "GET /info HTTP/1.1\nHost: docker\n" + long + ": 1",
		"a field":        "GET /info HTTP/1.1\nHost: docker\nContent-Length: " + long,
		"an upgrade":     "POST /v1.41/containers/" + long + "/attach HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: " + long[:90_000],
	} {
		for _, socket := range []string{nobodys, tenants} {
			ask(t, "unix", socket, request)
			asked++
		}
	}
	for deadline := time.Now().Add(time.Minute); strings.Count(g.Log.String(), `"status":`) < asked; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("some requests have no line")
		}
	}
	cut := 0
	for line := range strings.Lines(g.Log.String()) {
		if len(line) > 10_000 {
			t.Errorf("a line has %d bytes: %.200s", len(line), line)
		}
		if strings.Contains(line, "00 bytes)") {
			cut++
		}
	}
	if cut == 0 {
		t.Error("no line says what was cut")
	}
}

// A stranger who asks again and again is told of, and then told of now and then. What a
// tenant's clients ask is a line each time all the while.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	text, tenants, nobodys := strangers(t)
	engine := infoEngine(t)
	engine.Handle("GET /_ping", hosttest.JSON(200, "OK"))
	g := hosttest.StartGateway(t, engine.Address(), text)
	conn, r := dial(t, tenants)
	stranger, strangerR := dial(t, nobodys)
	asked, pinged := 0, 0
	for deadline := time.Now().Add(time.Minute); !strings.Contains(g.Log.String(), "are left out"); asked++ {
		if time.Now().After(deadline) {
			t.Fatal("no lines are left out")
		}
		isServed(t, conn, r)
		for range 100 { // there may be 100 lines in a second
			write(t, stranger, "%s", strings.Repeat("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", 10))
			for range 10 {
				if code, body := status(t, strangerR); code != 200 {
					t.Fatalf("got %d %s", code, body)
				}
				pinged++
			}
		}
		if code, body := ask(t, "unix", nobodys, "GET /info HTTP/1.1\nHost: docker"); code != 403 {
			t.Fatalf("got %d %s", code, body)
		}
	}
	g.Log.Wait(t, `"left_out":1`)
	of := func() int { return strings.Count(g.Log.String(), `"tenant":"b","bytes_in"`) }
	for deadline := time.Now().Add(time.Minute); of() < asked; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d lines about a tenant's %d requests", of(), asked)
		}
	}
	if n := of(); n != asked {
		t.Errorf("%d lines about a tenant's %d requests", n, asked)
	}
	if n := strings.Count(g.Log.String(), `"op":"SystemPing"`); n >= pinged {
		t.Errorf("%d lines about a stranger's %d requests", n, pinged)
	}
}
