package buildkit_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/sluice-gateway/sluice/host/buildkit"
)

// benchmark makes a caller of a server, directly or with a gateway between.
func benchmark(b *testing.B, session bool, policy *buildkit.Policy, server http.HandlerFunc) *http.ClientConn {
	b.Helper()
	callers, servers := pair(b)
	if policy != nil {
		from := servers
		var to net.Conn
		to, servers = pair(b)
		o := &buildkit.Options{
			Acquire:  func() (*buildkit.Policy, func()) { return policy, func() {} },
			NewID:    func() string { return "id" },
			Life:     context.Background(),
			Finished: func(*buildkit.Record) {},
			Log:      slog.New(slog.DiscardHandler),
		}
		if session {
			go func() { _, _ = buildkit.ServeSession(o, to, from) }()
		} else {
			go func() { _, _ = buildkit.ServeControl(o, from, to) }()
		}
	}
	go serveOn(servers, server)
	cc := dial(b, callers)
	b.Cleanup(func() { cc.Close() })
	return cc
}

func post(b *testing.B, cc *http.ClientConn, path string, body io.Reader) {
	r, err := http.NewRequest("POST", "http://localhost"+path, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	response, err := cc.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if response.Trailer.Get("Grpc-Status") != "0" {
		b.Fatalf("status %v", response.Trailer)
	}
}

// BenchmarkCall is a Solve of an ordinary build: direct, mediated, and with a filter that judges it.
func BenchmarkCall(b *testing.B) {
	request := frame(msg(str(1, "ref"), str(5, "session"), str(6, "dockerfile.v0"), str(7, msg(str(1, "filename"), str(2, "Dockerfile"))),
		str(8, ""), str(13, msg(str(1, "moby"), str(2, msg(str(1, "name"), str(2, "x")))))))
	for name, policy := range map[string]func() *buildkit.Policy{
		"direct": func() *buildkit.Policy { return nil }, "mediated": plain,
		"no-privileged": func() *buildkit.Policy { return guarded(b, "/no-privileged {}") },
	} {
		b.Run(name, func(b *testing.B) {
			cc := benchmark(b, false, policy(), reply([]byte("x")))
			b.ReportAllocs()
			for b.Loop() {
				post(b, cc, solve, bytes.NewReader(request))
			}
		})
	}
}

// BenchmarkFiles is 64 MiB that an engine sends a client, or a client an engine: a stream that nobody looks into.
func BenchmarkFiles(b *testing.B) {
	const size = 64 << 20
	for name, policy := range map[string]*buildkit.Policy{"direct": nil, "mediated": plain()} {
		b.Run(name, func(b *testing.B) {
			cc := benchmark(b, true, policy, reply())
			b.SetBytes(size)
			for b.Loop() {
				post(b, cc, diffCopy, io.LimitReader(zeros{}, size))
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
