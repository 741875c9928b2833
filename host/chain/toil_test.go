package chain_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// toiling is a chain of one filter.
func toiling(t *testing.T, guest string, policy chain.OnFailure, options plugin.Options) *chain.Chain {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", guest+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	options.Name, options.Code, options.Instances = guest, code, 1
	p, err := plugin.New(t.Context(), newEngine(t), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 20 * time.Second, Filters: []chain.Filter{{Plugin: p, OnFailure: policy}}}
}

// A client sends a body in a thousand pieces to a filter that waits for its end, and without which the stream would go on.
func TestABodyInSmallPiecesIsNotCopiedForEach(t *testing.T) {
	const pieces, size = 1000, 1 << 10
	s := loading(t, toiling(t, "pause-in-body", chain.Allow, plugin.Options{}))
	defer s.Close()
	piece := []byte(strings.Repeat("x", size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range pieces {
		if _, ready := s.RequestBody(piece, false); ready {
			t.Fatal("it was not held")
		}
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 20*pieces*size {
		t.Errorf("a body of %d bytes in %d pieces took %d bytes of memory", pieces*size, pieces, allocated)
	}
	if out, ready := s.RequestBody(nil, true); !ready || len(out) != pieces*size {
		t.Errorf("the body went on with %d bytes, %v", len(out), ready)
	}
}

// A document that a filter changes by a word is read anew as a whole: by one who is charged for it.
func TestReadingARewrittenDocumentIsPaidFor(t *testing.T) {
	c := toiling(t, "append-body", chain.Deny, plugin.Options{Allowance: plugin.NewAllowance(time.Millisecond)})
	call, err := dockerapi.Classify("POST", "/containers/create")
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *chain.Local {
		s := c.Open(t.Context(), chain.Info{RequestID: "1", Method: "POST", Protocol: "HTTP/1.1", Call: call, Plan: dockerapi.BodyCanonical},
			[]abi.Pair{{Key: "Content-Type", Value: "application/json"}})
		defer s.Close()
		s.RequestHeaders(false)
		if s.Local() == nil {
			_, _ = s.RequestBody([]byte(`{"Image":"`+strings.Repeat("a", 4<<20)+`"}`), true)
		}
		return s.Local()
	}
	if l := ask(); l == nil || !strings.Contains(string(l.Body), "cannot be forwarded") {
		t.Fatalf("the first one was answered with %v, want that what the filter made is no JSON", l)
	}
	// Of 4 MiB, 80 milliseconds; it may have one in a second.
	if l := ask(); l == nil || l.Status != 503 {
		t.Errorf("the next one was answered with %v, want 503 for what the filter has used up", l)
	}
}
