package chain_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
)

// What the one tenant of these tests may hold, and pieces of bodies: two of them are more than that.
const (
	mayHold = 8 << 10
	aPiece  = 6 << 10
)

// tenantsChain has one filter, which is a tenant's that may hold mayHold bytes.
func tenantsChain(t *testing.T, guest string, options plugin.Options) *chain.Chain {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", guest+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	engine := newEngine(t)
	options.Name, options.Code, options.Instances = "of-ci", code, 1
	options.Tenant = plugin.NewTenant(plugin.TenantLimits{Name: "ci", Held: mayHold})
	p, err := plugin.New(t.Context(), engine, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	p.Activate()
	return &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 20 * time.Second, Filters: []chain.Filter{{Plugin: p}}}
}

// loading opens the stream of a request with a body.
func loading(t *testing.T, c *chain.Chain, fields ...abi.Pair) *chain.Stream {
	t.Helper()
	call, err := dockerapi.Classify("POST", "/images/load")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Open(t.Context(), chain.Info{RequestID: "1", Method: "POST", Protocol: "HTTP/1.1", Call: call}, fields)
	s.RequestHeaders(false)
	return s
}

// refusedToHold fails the test unless the stream was ended because its tenant holds too much.
func refusedToHold(t *testing.T, s *chain.Stream) {
	t.Helper()
	l := s.Local()
	if l == nil || l.Status != 503 || !strings.Contains(string(l.Body), "cannot hold the re") || !strings.Contains(string(l.Body), "tenant_limits.held: 8192") {
		t.Errorf("it is answered by %+v, want a refusal to hold so much", l)
	}
}

// What a filter lets go of waits for the trailers that it holds.
func TestABodyThatWaitsForHeldTrailersIsHeld(t *testing.T) {
	seen := tenantsChain(t, "trailers", plugin.Options{Stages: plugin.RequestBody | plugin.RequestTrailers})
	unseen := tenantsChain(t, "trailers", plugin.Options{Stages: plugin.RequestTrailers})
	for _, test := range []struct {
		c       *chain.Chain
		size    int
		do      string
		refused bool
	}{
		{seen, aPiece, "p", false},
		{seen, 2 * aPiece, "e", false},
		{seen, 2 * aPiece, "p", true},
		{seen, aPiece, "p", false},
		{unseen, aPiece, "p", false},
		{unseen, 2 * aPiece, "e", false},
		{unseen, 2 * aPiece, "p", true},
		{unseen, aPiece, "p", false},
	} {
		s := loading(t, test.c)
		if !s.TakeRequestTrailers([]abi.Pair{{Key: "x-do", Value: test.do}}) {
			t.Fatal("nobody asked for trailers")
		}
		out, ready := s.RequestBody([]byte(strings.Repeat("x", test.size)), true)
		if test.refused {
			refusedToHold(t, s)
		} else if !ready || len(out) != test.size {
			t.Errorf("%d bytes and %s: got %d bytes, %v: %+v", test.size, test.do, len(out), ready, s.Local())
		}
		s.Close()
	}
}

// What was set free of a body waits for the rest, which the filter holds to its end.
func TestWhatWasSetFreeOfABodyAndWaitsIsHeld(t *testing.T) {
	c := tenantsChain(t, "continue-body-from-tick", plugin.Options{})
	for _, test := range []struct {
		size    int
		refused bool
	}{{mayHold / 2, false}, {aPiece, true}, {mayHold / 2, false}} {
		call, err := dockerapi.Classify("GET", "/events")
		if err != nil {
			t.Fatal(err)
		}
		s := c.Open(t.Context(), chain.Info{RequestID: "1", Method: "GET", Protocol: "HTTP/1.1", Call: call}, nil)
		s.RequestHeaders(true)
		s.ResponseHeaders("200", responseFields, false, false)
		piece := []byte(strings.Repeat("x", test.size))
		if out, _ := s.ResponseBody(piece, false); len(out) > 0 {
			t.Fatalf("the filter lets go of %d bytes", len(out))
		}
		<-s.ResponseAwake()
		out, ready := s.ResponseBody(piece, true)
		if test.refused {
			refusedToHold(t, s)
		} else if !ready || len(out) != 2*test.size {
			t.Errorf("got %d bytes, %v, want both pieces: %+v", len(out), ready, s.Local())
		}
		s.Close()
	}
}

func TestARecordThatIsHeldIsHeld(t *testing.T) {
	c := tenantsChain(t, "records", plugin.Options{})
	c.RecordLimit = 64 << 10
	for _, test := range []struct {
		size    int
		refused bool
	}{{aPiece, false}, {2 * aPiece, true}, {aPiece, false}} {
		var out sink
		s := streaming(t, c, "/containers/c/logs", record.Frames, &out)
		err := s.ResponseRecords(record.AppendFrame(nil, record.Stdout, "P"+strings.Repeat("x", test.size-1)), false)
		if test.refused {
			refusedToHold(t, s)
		} else if err != nil || out.bytes != test.size+8 {
			t.Errorf("got %d bytes and %v, want the record: %+v", out.bytes, err, s.Local())
		}
		s.Close()
	}
}

// A filter that holds little may make it longer when a call is answered.
func TestWhatAnAnswerMakesLongerIsHeld(t *testing.T) {
	upstreams := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 2*aPiece)) })
	c := tenantsChain(t, "callout", plugin.Options{Upstreams: upstreams})
	s := loading(t, c, abi.Pair{Key: "x-do-body", Value: "cp"}, abi.Pair{Key: "x-then-1", Value: "b"})
	s.RequestBody([]byte("little"), true)
	refusedToHold(t, s)
	s.Close()
}
