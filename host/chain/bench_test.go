package chain_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/metrics"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/vm"
)

func newEngine(tb testing.TB) *vm.Engine {
	tb.Helper()
	engine, err := vm.NewEngine(tb.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { engine.Close(context.Background()) })
	return engine
}

// newChain starts n filters of one module.
func newChain(tb testing.TB, n int, path, config string) *chain.Chain {
	tb.Helper()
	return newCountedChain(tb, n, path, config, nil, nil)
}

// newCountedChain starts filters whose metrics are kept, and that are granted no more
// than this.
func newCountedChain(tb testing.TB, n int, path, config string, counted *metrics.Registry, grants *capability.Set) *chain.Chain {
	tb.Helper()
	code, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	engine := newEngine(tb)
	var granted *capability.Grants
	if grants != nil {
		if granted, err = grants.Compile(); err != nil {
			tb.Fatal(err)
		}
	}
	c := &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 5 * time.Second}
	for i := range n {
		p, err := plugin.New(tb.Context(), engine, plugin.Options{Name: fmt.Sprintf("filter-%d", i), Code: code, Config: []byte(config), Metrics: counted, Grants: granted})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { p.Close(context.Background()) })
		c.Filters = append(c.Filters, chain.Filter{Plugin: p})
	}
	return c
}

var requestFields = []abi.Pair{
	{Key: "User-Agent", Value: "Docker-Client/28.2.2 (linux)"},
	{Key: "Accept", Value: "*/*"},
}

var responseFields = []abi.Pair{
	{Key: "Api-Version", Value: "1.41"},
	{Key: "Content-Type", Value: "application/json"},
	{Key: "Docker-Experimental", Value: "false"},
	{Key: "Ostype", Value: "linux"},
	{Key: "Server", Value: "Docker/20.10.24 (linux)"},
	{Key: "Date", Value: "Sat, 21 Nov 2026 06:20:07 GMT"},
}

func grants(name string, of ...capability.Capability) *capability.Set {
	var s capability.Set
	for _, c := range of {
		s.Grant(c, name)
	}
	return &s
}

// BenchmarkStream is the whole life of a GET's stream: context, the four
// stages, done, log, delete.
func BenchmarkStream(b *testing.B) {
	guests := []struct {
		name, path, config string
		counted            *metrics.Registry
		grants             *capability.Set // nil for everything
	}{
		{"noop", "../../testdata/guests/noop.wasm", "", nil, nil},
		{"noop-timed", "../../testdata/guests/noop.wasm", "", metrics.New(metrics.Options{Shown: true}), nil},
		{"request-guard", "../../filters/request-guard.wasm", `{"default":"allow"}`, nil, nil},
		{"response-headers", "../../filters/response-headers.wasm", `{"set":{"x-a":"b"}}`, nil, nil},
		{"request-guard-granted", "../../filters/request-guard.wasm", `{"default":"allow"}`, nil, grants("*", capability.ReadRequestHeaders, capability.ReadProperties)},
		{"response-headers-granted", "../../filters/response-headers.wasm", `{"set":{"x-a":"b"}}`, nil, grants("x-*", capability.WriteResponseHeaders)},
	}
	call, err := dockerapi.Classify("GET", "/v1.41/containers/json")
	if err != nil {
		b.Fatal(err)
	}
	info := chain.Info{RequestID: "bench-1", Method: "GET", Authority: "docker", Protocol: "HTTP/1.1", Call: call}
	body := make([]byte, 2300)
	for _, guest := range guests {
		for _, n := range []int{0, 1, 4, 10} {
			b.Run(fmt.Sprintf("%s/filters=%d", guest.name, n), func(b *testing.B) {
				c := newCountedChain(b, n, guest.path, guest.config, guest.counted, guest.grants)
				ctx := b.Context()
				b.ReportAllocs()
				for b.Loop() {
					s := c.Open(ctx, info, requestFields)
					if !s.RequestHeaders(true) {
						b.Fatal("held")
					}
					ready := s.ResponseHeaders("200", responseFields, false, true)
					if _, ok := s.ResponseBody(body, true); !ok && !ready {
						b.Fatalf("held %v", s.Local())
					}
					s.Close()
				}
			})
		}
	}
}
