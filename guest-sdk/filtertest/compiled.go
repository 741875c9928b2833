package filtertest

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

// compiled runs the module in the gateway's own chain, of which it is the only filter. The module is compiled once.
func compiled(t *testing.T, code []byte) start {
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeEngine(t, engine) })
	// Holds a reference to the compiled code, which would be freed with each case's plugin otherwise.
	module, err := engine.Compile(t.Context(), "filter", code)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return func(t *testing.T, config string, played *played) (host, error) {
		p, err := plugin.New(t.Context(), engine, plugin.Options{
			Name: "filter", Code: code, Config: []byte(config), Instances: 1, Functions: played.functions, Upstreams: played.services.serve(t),
			CallTimeout: 10 * time.Second, // a loaded machine is no finding
			Logger:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { p.Close(t.Context()) })
		return &chained{services: played.services, chain: &chain.Chain{
			Filters: []chain.Filter{{Plugin: p}}, BodyLimit: 16 << 20, PauseLimit: 10 * time.Second, MinAPIVersion: "1.24",
			References: played.references,
		}}, nil
	}
}

func closeEngine(t *testing.T, engine *vm.Engine) {
	if err := engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

type chained struct {
	chain    *chain.Chain
	services *services
}

func (h *chained) run(t *testing.T, c Case) outcome {
	call, err := dockerapi.Classify(c.Request.Method, c.Request.Path)
	if err != nil {
		t.Fatalf("the gateway refuses this request itself: %v", err)
	}
	connection := chain.FactMap{}
	for name, value := range c.Request.Properties {
		connection[strings.ReplaceAll(name, ".", "\x00")] = value
	}
	info := chain.Info{
		RequestID: "filtertest", Method: c.Request.Method, Authority: "docker", Protocol: "HTTP/1.1",
		Call: call, Client: chain.Client{Tenant: c.Request.Properties["peer.tenant"], Token: c.Request.Properties["peer.token"], Facts: connection},
	}
	if c.Request.Body != "" {
		// The body itself is given as it stands in the case, and not in its canonical form: a filter is not to depend on
		// the gateway's care. What the filter makes of it goes through the gateway's.
		var types []string
		for _, p := range pairs(c.Request.Headers) {
			if abi.EqualFold(p.Key, "content-type") {
				types = append(types, p.Value)
			}
		}
		if info.Plan, err = dockerapi.PlanBody(&call, types, nil); err != nil {
			t.Fatalf("the gateway refuses this request itself: %v", err)
		}
	}
	s := h.chain.Open(t.Context(), info, pairs(c.Request.Headers))
	defer s.Close()
	defer h.services.end(t) // the end of the stream would cancel what nobody waits for

	s.RequestHeaders(c.Request.Body == "")
	sent := feed(s, c.Request.Body, s.RequestBody)
	if s.Local() != nil {
		return denied(t, s)
	}
	got := outcome{path: s.Call().Target(), request: asMap(s.RequestFields()), requestBody: sent}
	if c.Response == nil {
		return got
	}
	s.ResponseHeaders(strconv.Itoa(c.Response.Status), pairs(c.Response.Headers), c.Response.Body == "", true)
	got.responseBody = feed(s, c.Response.Body, s.ResponseBody)
	if s.Local() != nil {
		return denied(t, s)
	}
	got.response = asMap(s.ResponseFields())
	return got
}

// feed takes a body through the chain in two pieces and returns what comes out.
func feed(s *chain.Stream, body string, stage func([]byte, bool) ([]byte, bool)) (sent []byte) {
	if body == "" {
		return nil
	}
	chunks := pieces(body)
	for i, chunk := range chunks {
		if s.Local() != nil {
			return nil
		}
		out, _ := stage([]byte(chunk), i == len(chunks)-1)
		sent = append(sent, out...)
	}
	return sent
}

// denied takes the denial through the response stages, as the gateway does, and reads it as a client would.
func denied(t *testing.T, s *chain.Stream) outcome {
	local := s.BeginLocal()
	s.ResponseHeaders(local.StatusText(), local.Fields, false, true)
	body := feed(s, string(local.Body), s.ResponseBody)
	if s.Local() != nil {
		t.Errorf("the filter denies its own denial with %s", s.Local().Body)
	}
	var docker struct{ Message string }
	if err := json.Unmarshal(body, &docker); err != nil {
		t.Errorf("the denial %q is not what Docker's clients understand: %v", body, err)
	}
	return outcome{denied: true, status: local.Status, reason: docker.Message}
}
