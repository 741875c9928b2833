package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
)

// forcedGC is how long the gateway rests between two collections of its garbage, which stop the world.
const forcedGC = 5 * time.Millisecond

// An assault is what the noisy tenant's filter does to each of his requests.
type assault struct{ name, guest, config string }

// assaults are those of the menagerie that use most of something. The first one uses nothing: what the quiet tenant has beside it is his
// share.
var assaults = []assault{
	{"a filter like the quiet tenant's own", "", ""},
	{"an endless loop", "everywhere", "lh"},
	{"a loop in the allocator", "everywhere", "lp"},
	{"a loop in proxy_on_tick", "everywhere", "lt"},
	{"a trap", "everywhere", "th"},
	{"recursion", "recursion", "n"},
	{"recursion that never ends nor deepens", "recursion", "d"},
	{"memory.fill", "bulk", "f"},
	{"memory.copy", "bulk", "c"},
	{"table.init", "bulk", "I"},
	{"memory.grow to the limit", "grow", "w"},
	{"br_table", "branches", "t"},
	{"a storm of host calls", "storm", "n"},
	{"a storm of header fields", "storm", "r"},
	{"a storm of questions to the engine", "storm", "R"},
	{"a storm of questions that are none", "storm", "j"},
	{"a storm of logs", "storm", "l"},
	{"a flood of shared data", "flood", "k"},
	{"a heap that fills (TinyGo)", "heap", "m"},
}

// fair measures what a tenant has of a gateway while another one's filter attacks: requests a second and p99, as ratios to what he has
// beside a filter that behaves. The gateway's garbage is collected every few milliseconds: nothing else stops everybody for as long as one
// filter cannot be stopped.
func (b *bench) fair(ctx context.Context) error {
	backend, err := b.startHelper(ctx, "backend", "backend")
	if err != nil {
		return err
	}
	share, quietest, err := b.startFair(ctx, assaults[0], backend.socket)
	if err != nil {
		return err
	}
	fmt.Printf("\n## A quiet tenant beside a noisy one, %d connections each, a collection every %v\n\n", b.connections, forcedGC)
	rows := [][]string{{"the noisy tenant's filter is", "quiet: req/s", "of its share", "p99", "of that beside a neighbour", "p50"}}
	for i, a := range assaults {
		if !strings.Contains(a.name, b.only) {
			continue
		}
		noisy, quiet := share, quietest
		if i > 0 {
			if noisy, quiet, err = b.startFair(ctx, a, backend.socket); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
		var with, without []sample
		for range b.rounds {
			s, err := b.beside(ctx, quietest, share)
			if err != nil {
				return fmt.Errorf("beside a neighbour: %w", err)
			}
			without = append(without, s)
			if s, err = b.beside(ctx, quiet, noisy); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			with = append(with, s)
		}
		rows = append(rows, []string{
			a.name,
			fmt.Sprintf("%.0f", median(with, sample.perSecond)),
			fmt.Sprintf("%.2f", medianOf(with, without, func(m, o sample) float64 { return m.perSecond() / o.perSecond() })),
			micros(median(with, func(m sample) float64 { return float64(m.p99) })),
			fmt.Sprintf("%.2f", medianOf(with, without, func(m, o sample) float64 { return float64(m.p99) / float64(o.p99) })),
			micros(median(with, func(m sample) float64 { return float64(m.p50) })),
		})
		if i > 0 {
			b.stop(noisy)
		}
	}
	fmt.Print(table(rows))
	return nil
}

// startFair starts a gateway for two tenants, each with a socket and a filter of his own.
func (b *bench) startFair(ctx context.Context, a assault, upstream string) (noisy, quiet *peer, err error) {
	noisy = b.newPeer(a.name)
	quiet = &peer{name: a.name, socket: noisy.socket + ".quiet"}
	decent := absolute("filters/response-headers.wasm")
	module, text := decent, "{set: {X-Sluice: noisy}}"
	if a.guest != "" {
		module, text = absolute(filepath.Join("testdata/guests/hostile", a.guest+".wasm")), "'"+a.config+"'"
	}
	configuration := fmt.Sprintf(`
upstream: unix://%[1]s
listeners: [{address: 'unix://%[2]s'}, {address: 'unix://%[3]s'}]
reload: {watch: false}
tenants:
  - {name: noisy, match: {listeners: ['unix://%[2]s']}, capabilities: all}
  - {name: quiet, match: {listeners: ['unix://%[3]s']}, capabilities: all}
filters:
  - {name: noisy, module: %[4]s, config: %[5]s, tenant: noisy, capabilities: all}
  - {name: quiet, module: %[6]s, config: {set: {X-Sluice: quiet}}, tenant: quiet, capabilities: all}
`, upstream, noisy.socket, quiet.socket, module, text, decent)
	file := noisy.socket + ".yaml"
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	return noisy, quiet, b.launch(ctx, noisy, self, "gateway", file)
}

// beside drives the quiet tenant for a slice while the noisy one sends as much as he gets rid of.
func (b *bench) beside(ctx context.Context, quiet, noisy *peer) (sample, error) {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range b.connections {
		all.Go(func() { pester(ctx, noisy.socket) })
	}
	s, err := drive(ctx, quiet, "/v1.41/containers/json", b.connections, b.slice, smallBody)
	stop()
	all.Wait()
	return s, err
}

// pester sends one request after the other, whatever becomes of them.
func pester(ctx context.Context, socket string) {
	const request = "GET /v1.41/containers/json HTTP/1.1\r\nHost: docker\r\n\r\n"
	for ctx.Err() == nil {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		unhook := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
		in := bufio.NewReaderSize(conn, 64<<10)
		for ctx.Err() == nil {
			if _, err := io.WriteString(conn, request); err != nil {
				break
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				break
			}
			if _, err = io.Copy(io.Discard, resp.Body); err != nil || resp.Close {
				break
			}
		}
		unhook()
		_ = conn.Close()
	}
}

// gateway is Sluice in a process of its own whose garbage is collected all the time.
func gateway(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file := args[len(args)-1]
	cfg, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		return err
	}
	g, err := host.New(ctx, host.Options{Config: cfg, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return err
	}
	go func() {
		for ctx.Err() == nil {
			runtime.GC()
			time.Sleep(forcedGC)
		}
	}()
	err = g.Serve(ctx)
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if cut := g.Shutdown(limited); cut != nil && !errors.Is(cut, context.DeadlineExceeded) {
		err = errors.Join(err, cut)
	}
	return err
}
