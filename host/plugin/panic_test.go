package plugin_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *logged) has(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), line)
}

// shaky is a log that panics when it is given the second line "murmur".
type shaky struct {
	slog.Handler
	seen *atomic.Int32
}

func (s shaky) WithAttrs(attrs []slog.Attr) slog.Handler {
	return shaky{s.Handler.WithAttrs(attrs), s.seen}
}

func (s shaky) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "murmur" && s.seen.Add(1) == 2 {
		panic("shaky")
	}
	return s.Handler.Handle(ctx, r)
}

func TestAPanicWhileAnInstanceIsReplacedIsNotTheEnd(t *testing.T) {
	var log logged
	var seen atomic.Int32
	p := start(t, "murmur", plugin.Options{Instances: 1, Logger: slog.New(shaky{log.logger().Handler(), &seen})})
	var culprit, next state
	culprit.fields.Add("x-trap", "1")
	if err := p.Open(t.Context(), &culprit.stream, &culprit); err != nil {
		t.Fatal(err)
	}
	if _, err := culprit.stream.RequestHeaders(1, true); err == nil {
		t.Fatal("the culprit did not trap")
	}
	eventually(t, "a second replacement", func() bool { return p.Instances() == 1 })
	if !log.has("the gateway panicked on behalf of the filter") {
		t.Error("the panic was not reported")
	}
	if err := p.Open(t.Context(), &next.stream, &next); err != nil {
		t.Fatalf("a new stream: %v", err)
	}
	if _, err := next.stream.RequestHeaders(0, true); err != nil {
		t.Errorf("a new stream: %v", err)
	}
	next.stream.Done()
}
