package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

// inside is a gateway in the process of the test, which can therefore count what it holds.
type inside struct {
	*testing.T
	gateway *host.Gateway
}

// startInside serves a configuration file until the test ends.
func startInside(t *testing.T, file string) *inside {
	t.Helper()
	read := func() (*config.Config, error) { return config.Load(config.Options{Files: []string{file}}) }
	loaded, err := read()
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	gateway, err := host.New(t.Context(), host.Options{
		Config: loaded, Load: read, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- gateway.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(gateway.Shutdown(ctx), <-served); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if t.Failed() {
			t.Logf("errors that the gateway logged:\n%s", log)
		}
	})
	return &inside{t, gateway}
}

// held is what the process holds when nothing goes on.
type held struct {
	goroutines, instances, contexts, connections, files, mappings int
	heap                                                          uint64
	resident                                                      int64
}

func (s *inside) held() held {
	s.Helper()
	var h held
	// Connections end and retired generations are freed in the background: what is held is what remains after that.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		runtime.GC()
		next := held{goroutines: runtime.NumGoroutine(), mappings: mappings(s.T), files: files(s.T)}
		stats := s.gateway.Stats()
		next.files -= stats.Idle // which have their own bound, and end by themselves
		next.instances, next.contexts, next.connections = stats.Instances, stats.Contexts, stats.Connections
		settled := next.goroutines == h.goroutines && next.mappings == h.mappings && stats.Streams == 0 && stats.Connections == 0
		h = next
		if settled || time.Now().After(deadline) {
			break
		}
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h.heap, h.resident = memory.HeapAlloc, resident(s.T)
	return h
}

// wantHeld compares with what was held before: the counts exactly as they were, memory within what one generation and the allocators'
// slack may come to. A leak of a thousandth of a generation at each swap would be seen.
func (s *inside) wantHeld(before held) {
	s.Helper()
	after := s.held()
	s.Logf("held before %+v\nheld after  %+v", before, after)
	if after.goroutines > before.goroutines+3 {
		stacks := make([]byte, 1<<20)
		s.Errorf("%d goroutines, %d before\n%s", after.goroutines, before.goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if after.instances != before.instances || after.contexts != 0 || after.connections != 0 {
		s.Errorf("%d instances, %d contexts and %d connections, %d, 0 and 0 before", after.instances, after.contexts, after.connections, before.instances)
	}
	if after.files > before.files {
		s.Errorf("%d open files, %d before", after.files, before.files)
	}
	// wazero maps each module's machine code and each instance's memory.
	if after.mappings > before.mappings+100 {
		s.Errorf("%d memory mappings, %d before", after.mappings, before.mappings)
	}
	if after.heap > before.heap+8<<20 {
		s.Errorf("%d KiB of heap, %d before", after.heap>>10, before.heap>>10)
	}
	slack := int64(24 << 20)
	if raceEnabled {
		slack *= 4 // the detector keeps shadow memory for all that was ever used
	}
	if after.resident > before.resident+slack {
		s.Errorf("%d KiB resident, %d before", after.resident>>10, before.resident>>10)
	}
}

func files(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func mappings(t *testing.T) int {
	t.Helper()
	return bytes.Count(readFile(t, "/proc/self/maps"), []byte("\n"))
}

func resident(t *testing.T) int64 {
	t.Helper()
	fields := strings.Fields(string(readFile(t, "/proc/self/statm")))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
