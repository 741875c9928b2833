package chain_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// BenchmarkCallout is a stream that one filter holds until a service on a unix
// socket has answered, and for comparison the same without the call, and the call
// by itself, as net/http's client makes it.
func BenchmarkCallout(b *testing.B) {
	socket := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	code, err := os.ReadFile("../../testdata/guests/callout.wasm")
	if err != nil {
		b.Fatal(err)
	}
	engine := newEngine(b)
	p, err := plugin.New(b.Context(), engine, plugin.Options{Name: "callout", Code: code, Instances: 1, Upstreams: serviceAt(b, socket)})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close(context.Background())
	c := &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 5 * time.Second, Filters: []chain.Filter{{Plugin: p}}}
	call, err := dockerapi.Classify("GET", "/v1.41/containers/json")
	if err != nil {
		b.Fatal(err)
	}
	info := chain.Info{RequestID: "bench-1", Method: "GET", Authority: "docker", Protocol: "HTTP/1.1", Call: call}
	for name, fields := range map[string][]abi.Pair{
		"stream":      nil,
		"stream+call": {{Key: "x-do", Value: "cp"}, {Key: "x-then-1", Value: "0"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := c.Open(b.Context(), info, fields)
				if !s.RequestHeaders(true) {
					b.Fatal("held")
				}
				s.Close()
			}
		})
	}
	b.Run("call", func(b *testing.B) {
		client := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Second)
			request, err := http.NewRequestWithContext(ctx, "GET", "http://svc/default", nil)
			if err != nil {
				b.Fatal(err)
			}
			response, err := client.RoundTrip(request)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.ReadAll(response.Body)
			response.Body.Close()
			cancel()
		}
	})
}
