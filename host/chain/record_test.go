package chain_test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/record"
)

// sink is a client that takes everything.
type sink struct{ bytes, writes int }

func (s *sink) Write(p []byte) error {
	s.bytes += len(p)
	s.writes++
	return nil
}

func (s *sink) Flush() error { return nil }

// streaming opens a stream whose response's head has passed.
func streaming(tb testing.TB, c *chain.Chain, target string, format record.Format, outlet chain.Outlet) *chain.Stream {
	tb.Helper()
	call, err := dockerapi.Classify("GET", target)
	if err != nil {
		tb.Fatal(err)
	}
	s := c.Open(tb.Context(), chain.Info{RequestID: "1", Method: "GET", Protocol: "HTTP/1.1", Call: call}, requestFields)
	if !s.RequestHeaders(true) || !s.ResponseHeaders("200", responseFields, false, false) {
		tb.Fatal("held")
	}
	if want := len(c.Filters) > 0; s.WantsRecords() != want {
		tb.Fatalf("records are wanted: %v, want %v", !want, want)
	}
	s.BeginRecords(format, outlet)
	return s
}

const event = `{"status":"start","id":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","from":"busybox","Type":"container","Action":"start","Actor":{"ID":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","Attributes":{"image":"busybox","name":"web"}},"scope":"local","time":1795267176,"timeNano":1795267176694661963}` + "\n"

// What a stream's records cost, each of them, with n filters that let it pass.
func BenchmarkRecord(b *testing.B) {
	for _, c := range []struct {
		name, target string
		format       record.Format
		chunk        []byte
	}{
		{"event", "/events", record.JSON, []byte(event)},
		{"frame", "/containers/c/logs", record.Frames, record.AppendFrame(nil, record.Stdout, strings.Repeat("x", 99)+"\n")},
		{"raw", "/containers/c/logs", record.Raw, []byte(strings.Repeat("x", 100))},
	} {
		for _, with := range []struct {
			n              int
			module, config string
		}{
			{1, "testdata/guests/records-pass.wasm", ""},
			{4, "testdata/guests/records-pass.wasm", ""},
			// A filter of the SDK that looks for two expressions; events are none of its operations.
			{1, "filters/redact-output.wasm", `{"patterns":["(?:AKIA|ASIA)[0-9A-Z]{16}","gh[pousr]_[0-9A-Za-z]{36}"]}`},
		} {
			if c.name == "event" && with.config != "" {
				continue
			}
			b.Run(fmt.Sprintf("%s/%dB/%s/filters=%d", c.name, len(c.chunk), strings.TrimSuffix(path.Base(with.module), ".wasm"), with.n), func(b *testing.B) {
				var out sink
				s := streaming(b, newChain(b, with.n, "../../"+with.module, with.config), c.target, c.format, &out)
				defer s.Close()
				b.ReportAllocs()
				for b.Loop() {
					if err := s.ResponseRecords(c.chunk, false); err != nil {
						b.Fatal(err)
					}
				}
				if out.bytes != b.N*len(c.chunk) {
					b.Fatalf("%d bytes came out of %d", out.bytes, b.N*len(c.chunk))
				}
			})
		}
	}
}
