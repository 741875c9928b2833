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
	"github.com/sluice-gateway/sluice/host/record"
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
			Filters: []chain.Filter{{Plugin: p}}, BodyLimit: 16 << 20, RecordLimit: recordLimit, PauseLimit: 10 * time.Second, MinAPIVersion: "1.24",
			References: played.references,
		}}, nil
	}
}

func closeEngine(t *testing.T, engine *vm.Engine) {
	if err := engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// recordLimit is the gateway's default of limits.record.
const recordLimit = 1 << 20

type chained struct {
	chain    *chain.Chain
	services *services
}

func (h *chained) run(t *testing.T, c Case) outcome {
	call, err := classify(c.Request)
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
		if call.GRPC {
			info.Plan = dockerapi.BodyCanonical
			info.Canonical = func(body []byte) ([]byte, error) { return canonical(&call, body) }
		} else if info.Plan, err = dockerapi.PlanBody(&call, types, nil); err != nil {
			t.Fatalf("the gateway refuses this request itself: %v", err)
		}
	}
	h.chain.BuildKit = buildkitMode(c.Request)
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
	unary := s.Call().Transport == dockerapi.Unary
	s.ResponseHeaders(strconv.Itoa(c.Response.Status), pairs(c.Response.Headers), c.Response.Body == "", unary)
	if unary {
		got.responseBody = feed(s, c.Response.Body, s.ResponseBody)
	} else {
		got.responseBody = stream(t, s, c.Response)
	}
	if s.Local() != nil {
		return denied(t, s)
	}
	got.response = asMap(s.ResponseFields())
	return got
}

// client collects what comes of a stream.
type client struct{ body []byte }

func (c *client) Write(p []byte) error {
	c.body = append(c.body, p...)
	return nil
}

func (c *client) Flush() error { return nil }

// stream takes the body of a streaming response through the chain in two pieces and returns what comes out.
func stream(t *testing.T, s *chain.Stream, r *Response) []byte {
	if s.Local() != nil || !s.WantsResponseBody() {
		return []byte(r.Body)
	}
	var c client
	format := record.Raw
	if s.WantsRecords() {
		format = r.format(s.Call())
	}
	s.BeginRecords(format, &c)
	chunks := pieces(r.Body)
	for i, chunk := range chunks {
		if err := s.ResponseRecords([]byte(chunk), i == len(chunks)-1); err != nil {
			if s.Local() == nil {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
	}
	return c.body
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
	if local := s.Local(); local.Abort { // the head is out, and the stream is cut
		return readDenial(t, local.Status, local.Body)
	}
	local := s.BeginLocal()
	s.ResponseHeaders(local.StatusText(), local.Fields, false, true)
	body := feed(s, string(local.Body), s.ResponseBody)
	if s.Local() != nil {
		t.Errorf("the filter denies its own denial with %s", s.Local().Body)
	}
	return readDenial(t, local.Status, body)
}

func readDenial(t *testing.T, status int, body []byte) outcome {
	var docker struct{ Message string }
	if err := json.Unmarshal(body, &docker); err != nil {
		t.Errorf("the denial %q is not what Docker's clients understand: %v", body, err)
	}
	return outcome{denied: true, status: status, reason: docker.Message}
}
