package host_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

// call has the guest foreign call a function for a request of that path, and returns the status and result that it was given, or
// the answer that the client got instead.
func call(t *testing.T, g *hosttest.Gateway, engine *hosttest.FakeDocker, path, function, arguments string) (status, result string, answer int) {
	t.Helper()
	before := len(engine.Requests())
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://d"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-function", function)
	req.Header.Set("x-arguments", arguments)
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if all := engine.Requests(); len(all) > before {
		last := all[len(all)-1].Header
		return last.Get("x-status"), last.Get("x-result"), resp.StatusCode
	}
	return "", "", resp.StatusCode
}

func TestAnEmbeddedGatewayOffersFunctionsOfItsOwn(t *testing.T) {
	engine := infoEngine(t)
	var mu sync.Mutex
	var start []foreign.Call
	g := hosttest.StartGatewayWith(t, engine.Address(), filters(t, "foreign instances: 1", "foreign instances: 1"), map[string]foreign.Function{
		"demo.start": func(c foreign.Call) ([]byte, abi.Status) {
			mu.Lock()
			defer mu.Unlock()
			start = append(start, c)
			return []byte("unwanted"), abi.StatusOK
		},
		"demo.greet": func(c foreign.Call) ([]byte, abi.Status) {
			operation, _ := c.Stream.Property("docker\x00operation")
			return []byte(c.Filter + " " + string(c.Arguments) + " " + c.Stream.Method() + " " + string(operation) + " " + string(c.Stream.Call().Operation)), abi.StatusOK
		},
		"demo.count": func(c foreign.Call) ([]byte, abi.Status) {
			type key struct{}
			n := c.Stream.Keep(key{}, func() any { return new(byte) }).(*byte)
			*n++
			return []byte{'0' + *n}, abi.StatusOK
		},
		"demo.turn": func(c foreign.Call) ([]byte, abi.Status) { return nil, c.Stream.SetTarget(string(c.Arguments)) },
		"demo.dear": func(c foreign.Call) ([]byte, abi.Status) {
			if !c.Fuel.Charge(1 << 40) {
				return nil, abi.StatusInternalFailure
			}
			return nil, abi.StatusOK
		},
		"demo.panic": func(foreign.Call) ([]byte, abi.Status) { panic("a bug of the embedder's") },
	})

	// Outside of a stream there is none to be had.
	if len(start) != 2 || start[0].Stream != nil || start[0].Filter == "" || start[0].Context == nil || start[0].Fuel == nil {
		t.Errorf("at its start a filter's call is %+v", start)
	}
	g.Log.Wait(t, `"msg":"00"`)

	// Each filter adds what it was told; the engine shows the first's.
	status, result, _ := call(t, g, engine, "/v1.41/info", "demo.greet", "hello")
	if want := "foreign-1 hello GET SystemInfo SystemInfo"; status != "00" || result != want {
		t.Errorf("the function answers %s %q, want 00 %q", status, result, want)
	}
	if status, _, _ = call(t, g, engine, "/info", "demo.nobody", ""); status != "01" {
		t.Errorf("a function that is not there answers %s, want 01 (NOT_FOUND)", status)
	}
	if status, _, _ = call(t, g, engine, "/info", "sluice.nobody", ""); status != "01" {
		t.Errorf("a function that is not there answers %s, want 01 (NOT_FOUND)", status)
	}

	// What a function keeps, it keeps for one stream and for all of its filters.
	for range 2 {
		if _, _, _ = call(t, g, engine, "/info", "demo.count", ""); t.Failed() {
			break
		}
		requests := engine.Requests()
		if got := strings.Join(requests[len(requests)-1].Header.Values("x-result"), " "); got != "1 2" {
			t.Errorf("the filters of one stream count %s, want 1 2", got)
		}
	}

	// A target that a function sets is judged like one that a filter sets.
	engine.Handle("GET /version", hosttest.JSON(200, "{}"))
	if _, _, answer := call(t, g, engine, "/info", "demo.turn", "/v1.41/version"); answer != 200 {
		t.Errorf("the answer to the rewritten request is %d, want 200", answer)
	}
	if requests := engine.Requests(); requests[len(requests)-1].Target != "/v1.41/version" {
		t.Errorf("the engine got %s, want the target that the function set", requests[len(requests)-1].Target)
	}
	for _, bad := range []string{"/containers/../info", "info", "/v1.12/info", "/a%00"} {
		if _, _, answer := call(t, g, engine, "/info", "demo.turn", bad); answer != 500 {
			t.Errorf("a function set the target %q: answered with %d, want 500", bad, answer)
		}
	}

	// What it costs, the filter pays; and a function that panics costs the filter its instance.
	for _, function := range []string{"demo.dear", "demo.panic"} {
		if _, _, answer := call(t, g, engine, "/info", function, ""); answer != 503 {
			t.Errorf("%s: answered with %d, want 503", function, answer)
		}
	}
	g.Log.Wait(t, "a bug of the embedder's")
	if status, _, _ = call(t, g, engine, "/info", "demo.greet", ""); status != "00" {
		t.Errorf("afterwards the function answers %q, want 00", status)
	}
}

func TestAFunctionWithAReservedNameIsRefused(t *testing.T) {
	options := host.Options{Functions: map[string]foreign.Function{"sluice.resolve": func(foreign.Call) ([]byte, abi.Status) { return nil, 0 }}}
	if _, err := host.New(t.Context(), options); err == nil || !strings.Contains(err.Error(), "sluice.resolve") {
		t.Errorf("New answers %v, want an error that names the function", err)
	}
	if _, err := host.Validate(t.Context(), options); err == nil || !strings.Contains(err.Error(), "sluice.resolve") {
		t.Errorf("Validate answers %v, want an error that names the function", err)
	}
}
