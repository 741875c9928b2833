package host_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// inTime fails the test when something is not over in a minute.
func inTime(t *testing.T, what string, work func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s has not ended within a minute", what)
	}
}

// queueDriver makes the guest put an item into its queue with each request, and do in the event what event says.
func queueDriver(t *testing.T, event func(d *hosttest.Driver, queue, n int) *hosttest.HostCall) *hosttest.Driver {
	d := hosttest.NewDriver(t)
	d.Next = func(c *hosttest.Callback, n int) *hosttest.HostCall {
		switch {
		case c.Name == "configure" && n == 0:
			return d.Call("proxy_register_shared_queue", "q", hosttest.Result{})
		case c.Name == "request_headers" && n == 0:
			return d.Call("proxy_register_shared_queue", "q", hosttest.Result{})
		case c.Name == "request_headers" && n == 1:
			queue := binary.LittleEndian.Uint32(c.Memory[hosttest.DriverOutput:])
			return d.Call("proxy_enqueue_shared_queue", int(queue), "item")
		case c.Name == "queue_ready":
			return event(d, int(c.About), n)
		}
		return nil
	}
	return d
}

// A filter that asks the engine one question after the other in a queue event, of an engine that does not answer, keeps nobody: not
// who reloads, nor who shuts the gateway down.
func TestAQueueEventThatAsksTheEngineHoldsNoReload(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	answer := make(chan struct{})
	t.Cleanup(func() { close(answer) })
	var asked atomic.Int64
	engine.Handle("GET /containers/slow/json", func(x *hosttest.Exchange) bool {
		asked.Add(1)
		<-answer
		return false
	})
	d := queueDriver(t, func(d *hosttest.Driver, queue, n int) *hosttest.HostCall {
		if n == 20 {
			return nil
		}
		return d.Call("proxy_call_foreign_function", "sluice.resolve", `{"kind":"container","ref":"slow"}`, hosttest.Result{}, hosttest.Result{})
	})
	text := "limits: {resolve: 1m}\ntenants: [{name: a, match: {uids: [" + strconv.Itoa(os.Getuid()) + "]}, capabilities: all}]\n" +
		"filters: [{name: x, module: " + d.Module(t, abi.V0_2_1) + ", tenant: a, capabilities: all, instances: 1}]\n"
	g := hosttest.StartGatewayWith(t, engine.Address(), text, d.Functions())
	conn, _ := g.Dial() // nobody waits for the answer, whose end waits for the instance
	write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
	eventually(t, "question", func() bool { return asked.Load() == 1 })
	g.Write(text + "owner_label: x\n")
	inTime(t, "the reload", func() error { return g.Reload(t.Context()) })
	eventually(t, "question of the new configuration's", func() bool { return asked.Load() == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	inTime(t, "the end", func() error { _ = g.Shutdown(ctx); return nil })
	if n := asked.Load(); n != 2 {
		t.Errorf("the engine was asked %d times, want once by each configuration", n)
	}
}

// A callback that does not end keeps its own tenant's filters of the next configuration from their events, so that no two of them
// take what is in a queue, and nobody else's.
func TestAnEventOfTheOldConfigurationIsOverBeforeTheNextOneHasAny(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	d := queueDriver(t, func(d *hosttest.Driver, queue, n int) *hosttest.HostCall {
		switch n {
		case 0:
			return d.Call("proxy_call_foreign_function", "demo.event", "", hosttest.Result{}, hosttest.Result{})
		case 1:
			return d.Call("proxy_dequeue_shared_queue", queue, hosttest.Result{}, hosttest.Result{})
		}
		return nil
	})
	functions := d.Functions()
	release := make(chan struct{})
	var inside, ofA, ofB atomic.Int64
	functions["demo.event"] = func(c foreign.Call) ([]byte, abi.Status) {
		if c.Filter == "of-b" {
			ofB.Add(1)
			return nil, abi.StatusOK
		}
		if inside.Add(1) > 1 {
			t.Error("an event begins while one of the configuration before goes on")
		}
		defer inside.Add(-1)
		if ofA.Add(1) == 1 {
			<-release
		}
		return nil, abi.StatusOK
	}
	dir := t.TempDir()
	text := fmt.Sprintf("listeners: [{address: 'unix://%[1]s/a'}, {address: 'unix://%[1]s/b'}]\n"+
		"tenants:\n  - {name: a, match: {listeners: ['unix://%[1]s/a']}, capabilities: all}\n  - {name: b, match: {listeners: ['unix://%[1]s/b']}, capabilities: all}\nfilters:\n", dir)
	for _, name := range []string{"a", "b"} { // of one instance each: the driver remembers the callbacks of no more than eight
		text += fmt.Sprintf("  - {name: of-%[1]s, module: %[2]s, tenant: %[1]s, capabilities: all, instances: 1}\n", name, d.Module(t, abi.V0_2_1))
	}
	g := hosttest.StartGatewayWith(t, engine.Address(), text, functions)
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	request := func(tenant string) {
		if code, body := ask(t, "unix", dir+"/"+tenant, info); code != 200 {
			t.Fatalf("%s: %d %s", tenant, code, body)
		}
	}
	conn, err := net.Dial("unix", dir+"/a")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	write(t, conn, "GET /info HTTP/1.1\r\nHost: d\r\n\r\n") // its end waits for the instance
	eventually(t, "event of a's", func() bool { return ofA.Load() == 1 })
	for n := range int64(2) { // the second one is behind one that has not begun with its events
		g.Write(text + fmt.Sprintf("owner_label: x%d\n", n))
		inTime(t, "the reload", func() error { return g.Reload(t.Context()) })
		request("a")
		request("b")
		eventually(t, "event of b's", func() bool { return ofB.Load() == n+1 })
	}
	if n := ofA.Load(); n != 1 {
		t.Errorf("%d events of a's began, want one", n)
	}
	free()
	eventually(t, "three items taken", func() bool { return ofA.Load() == 3 })
}
