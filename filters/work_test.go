package filters_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/filters"
	"github.com/sluice-gateway/sluice/host/chain"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/reference"
)

// filled is a body of about 64 KiB that has as many of one thing as fit.
func filled(open, one, end string) string {
	var b strings.Builder
	b.WriteString(open)
	for n := 0; b.Len() < 64<<10-len(one)-len(end); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(one, "#", fmt.Sprint(n)))
	}
	return b.String() + end
}

// Which bodies a filter is shown is the client's choice, and a trap costs the instance, which others use too.
func TestBodiesThatAreMuchWorkAreJudgedOrDeniedInWords(t *testing.T) {
	bodies := map[string]string{
		"one string":      `{"Image":"` + strings.Repeat("x", 64<<10) + `"}`,
		"escapes":         `{"Image":"` + strings.Repeat(`\n`, 32<<10) + `"}`,
		"beyond ASCII":    `{"Image":"` + strings.Repeat(`é`, 32<<10) + `"}`,
		"strings":         filled(`{"Env":[`, `"K#=1"`, `]}`),
		"empty strings":   filled(`{"Env":[`, `""`, `]}`),
		"numbers":         filled(`{"Env":[`, `0`, `]}`),
		"objects":         filled(`{"Env":[`, `{}`, `]}`),
		"nested":          filled(`{"Env":[`, strings.Repeat("[", 100)+strings.Repeat("]", 100), `]}`),
		"labels":          filled(`{"Labels":{`, `"k#":""`, `}}`),
		"long names":      filled(`{"Labels":{`, `"`+strings.Repeat("k", 1000)+`#":""`, `}}`),
		"fields":          filled(`{`, `"k#":0`, `}`),
		"strange fields":  filled(`{`, `"é#":0`, `}`),
		"binds":           filled(`{"HostConfig":{"Binds":[`, `""`, `]}}`),
		"binds in quotes": filled(`{"HostConfig":{"Binds":[`, `"\n"`, `]}}`),
		"mounts":          filled(`{"HostConfig":{"Mounts":[`, `{"Type":"tmpfs"}`, `]}}`),
		"volumes":         filled(`{"HostConfig":{"Mounts":[`, `{"Type":"volume"}`, `]}}`),
	}
	engine := newEngine(t)
	references := reference.NewFunctions(ordinary{}, 0, nil)
	call, err := dockerapi.Classify("POST", "/v1.41/containers/create")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filters.Catalog() {
		if f.Name == "external-authz" {
			continue // it judges nothing itself
		}
		t.Run(f.Name, func(t *testing.T) {
			code, err := filters.Module(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			module, err := engine.Compile(t.Context(), f.Name, code) // once, as long as somebody holds it
			if err != nil {
				t.Fatal(err)
			}
			defer module.Close(t.Context())
			for name, body := range bodies {
				canonical, _, err := dockerapi.CanonicalBody(&call, []byte(body), dockerapi.JSONLimits{})
				if err != nil {
					t.Fatalf("%s: the gateway refuses it itself: %v", name, err)
				}
				p, err := plugin.New(t.Context(), engine, plugin.Options{
					Name: f.Name, Code: code, Config: f.Config, Instances: 1, CallTimeout: 100 * time.Millisecond, MemoryLimit: 64 << 20,
					Functions: (*foreign.Registry)(nil).With(references.Own()),
				})
				if err != nil {
					t.Fatal(err)
				}
				c := &chain.Chain{BodyLimit: 16 << 20, PauseLimit: 10 * time.Second, References: references, Filters: []chain.Filter{{Plugin: p}}}
				for range 3 { // the first finds an empty heap, and later ones what the earlier have left
					s := c.Open(t.Context(), chain.Info{RequestID: "1", Method: "POST", Authority: "docker", Protocol: "HTTP/1.1", Call: call},
						[]abi.Pair{{Key: "Content-Type", Value: "application/json"}})
					s.RequestHeaders(false)
					if s.Local() == nil {
						s.RequestBody(canonical, true)
					}
					s.Close()
				}
				if n := p.Traps(); n != 0 {
					t.Errorf("%s: %d of 3 requests trapped", name, n)
				}
				p.Close(context.Background())
			}
		})
	}
}
