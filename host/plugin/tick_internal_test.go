package plugin

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/vm"
)

// A timer that fired while a stream was at its end waits for the instance, and gets it when that is another stream's.
func TestALateTickIsNotTheNextStreams(t *testing.T) {
	code, err := os.ReadFile(filepath.Join("..", "..", "testdata", "guests", "every-phase.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := vm.NewEngine(t.Context(), vm.Options{Link: hostcall.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	var log bytes.Buffer
	p, err := New(t.Context(), engine, Options{
		Name: "ticks", Code: code, Isolation: PerStream, Instances: 1, MaxInstances: 1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	p.fresh.origin.period = time.Hour // no other tick than those of this test

	first, err := p.fresh.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service := first.tick.service
	first.spent = true
	first.unlock()
	second, err := p.fresh.acquire(t.Context())
	if err != nil || second != first {
		t.Fatalf("got another instance, %v: it was not put back", err)
	}
	log.Reset()
	second.unlock()

	second.onTick(service)
	if strings.Contains(log.String(), "tick") {
		t.Errorf("the second stream had the first one's tick: %s", &log)
	}
	second.onTick(service + 1)
	if !strings.Contains(log.String(), "tick") {
		t.Error("the second stream has no ticks of its own")
	}
}
