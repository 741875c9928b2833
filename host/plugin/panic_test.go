package plugin_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/plugin"
)

// fragile is a stream that panics in its second stage: its end, in a tick.
type fragile struct {
	state
	stages atomic.Int32
}

func (f *fragile) SetStage(stage plugin.Stages) {
	if stage != 0 && f.stages.Add(1) == 2 {
		panic("fragile")
	}
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestAPanicInATickCostsTheInstanceOnly(t *testing.T) {
	var log logged
	p := start(t, "transcript", plugin.Options{Instances: 1, Logger: log.logger()})
	var s fragile
	if err := p.Open(t.Context(), &s.stream, &s); err != nil {
		t.Fatal(err)
	}
	s.stream.Done() // its tick says proxy_done, and so ends the context
	eventually(t, "the panic's log line", func() bool { return log.count("the filter crashed; its instance is discarded") > 0 })
	if log.count("the gateway panicked on behalf of the filter") == 0 {
		t.Error("the panic was not reported")
	}
	var next state
	if err := p.Open(t.Context(), &next.stream, &next); err != nil {
		t.Fatalf("a new stream: %v", err)
	}
	if _, err := next.stream.RequestHeaders(0, true); err != nil {
		t.Errorf("a new stream: %v", err)
	}
	if next.stream.ID() != 2 {
		t.Errorf("the new stream has id %d: it is not the first of a new instance", next.stream.ID())
	}
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
	if log.count("the gateway panicked on behalf of the filter") == 0 {
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
