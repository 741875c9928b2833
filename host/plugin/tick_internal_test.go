package plugin

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	var log lockedBuffer
	p, err := New(t.Context(), engine, Options{
		Name: "late", Code: code, Isolation: PerStream, Instances: 1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	i, err := p.fresh.acquire(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	first := i.tick.service
	// What the end of a stream and the beginning of the next do, with no other ticks than those of this test.
	i.tick.disarm()
	i.tick.rest(time.Hour)
	i.armTick()
	log.take()
	i.unlock()

	i.onTick(first)
	if said := log.take(); strings.Contains(said, `"tick: `) {
		t.Errorf("the second stream had the first one's tick: %s", said)
	}
	i.onTick(first + 1)
	if said := log.take(); !strings.Contains(said, `"tick: `) {
		t.Errorf("the second stream has no ticks of its own: %s", said)
	}
}

// lockedBuffer is for a logger whose text is read while it logs.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// take returns what was logged since it was called last.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}
