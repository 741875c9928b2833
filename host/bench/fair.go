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
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/host"
	"github.com/sluice-gateway/sluice/host/config"
	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

const (
	// forcedGC is how long the gateway rests between two collections of its garbage, which stop the world.
	forcedGC = 5 * time.Millisecond
	// What the quiet tenant is to keep: at least so much of his share, and a p99 that is at most so many times what it is.
	leastShare, mostP99 = 0.8, 2.0
)

// A contest is an assault, and beside it a gateway where a filter that does nothing is in the assailant's place.
type contest struct {
	assault
	evil, idle    *arena
	with, without []sample
	failed        error
}

// fair measures what a tenant has of a gateway while another one's filter attacks: requests a second and p99, as ratios to what he has
// beside a filter that does nothing, whose tenant's clients do the same. The gateway's garbage is collected every few milliseconds: nothing else stops everybody
// for as long as one filter cannot be stopped. What is outside of its bounds is measured once more, for longer, and behind what an assailant may compute at once: see longSettling.
func (b *bench) fair(ctx context.Context) error {
	wanted, backend, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	idles := make(map[string]*arena) // by the keys of their filters, and the operator's
	began := time.Now()
	fmt.Printf("\n## A quiet tenant beside a noisy one, %d connections each, a collection every %v; load %s\n\n", b.connections, forcedGC, load())
	fmt.Printf("%-50s %10s %8s %10s %8s\n", "the noisy tenant's filter does", "quiet: /s", "share", "p99", "ratio")
	var outside []*contest
	for _, a := range assaults() {
		if !wanted.MatchString(a.name) {
			continue
		}
		keys, _, _ := strings.Cut(a.Keys, "vm_config")
		place := keys + a.operators
		if idles[place] == nil {
			plain := assault{name: "idle", Attack: menagerie.Attack{Guest: idle, Config: idleConfig, Keys: keys}, operators: a.operators}
			if idles[place], err = b.startArena(ctx, plain, backend.socket, "collected"); err != nil {
				return err
			}
		}
		c := &contest{assault: a, idle: idles[place]}
		if err := b.hold(ctx, c, backend.socket, windows{b.rounds, b.slice, settling}); err != nil {
			return err
		}
		fmt.Println(c)
		if !c.isFair() {
			outside = append(outside, c)
		}
	}
	longer := windows{2 * b.rounds, 2 * b.slice, longSettling}
	if len(outside) > 0 {
		fmt.Printf("\n### Once more, %d rounds of %v, behind %v of the same; load %s\n\n", longer.rounds, longer.slice, longer.settling, load())
	}
	still := 0
	for _, c := range outside {
		c = &contest{assault: c.assault, idle: c.idle}
		if err := b.hold(ctx, c, backend.socket, longer); err != nil {
			return err
		}
		if fmt.Println(c); !c.isFair() {
			still++
		}
	}
	fmt.Printf("\n%d outside of a share of %v and a p99 of %v times; %v, load %s\n", still, leastShare, mostP99, time.Since(began).Round(time.Second), load())
	return nil
}

// prepare reads which assaults are asked for, and starts the engine that the gateways have behind them.
func (b *bench) prepare(ctx context.Context) (*regexp.Regexp, *peer, error) {
	wanted, err := regexp.Compile(b.only)
	if err != nil {
		return nil, nil, fmt.Errorf("-only: %w", err)
	}
	engine, err := b.startHelper(ctx, "engine", "engine")
	return wanted, engine, err
}

// hold measures in pairs of windows, one of which the assailant has.
func (b *bench) hold(ctx context.Context, c *contest, upstream string, w windows) (err error) {
	if c.evil, err = b.startArena(ctx, c.assault, upstream, "collected"); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	defer b.stop(c.evil.noisy)
	for round := range w.rounds {
		order := []*arena{c.idle, c.evil}
		if round%2 == 1 {
			slices.Reverse(order) // nobody always comes first
		}
		for _, a := range order {
			from := c.assault
			if a == c.idle {
				from = from.harmless()
			}
			s, err := b.beside(ctx, a, from, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.failed = errors.Join(c.failed, err)
			}
			if a == c.evil {
				c.with = append(c.with, s)
			} else {
				c.without = append(c.without, s)
			}
		}
	}
	return nil
}

func (c *contest) share() float64 {
	return medianOf(c.with, c.without, func(m, o sample) float64 { return m.perSecond() / o.perSecond() })
}

func (c *contest) p99() float64 {
	return medianOf(c.with, c.without, func(m, o sample) float64 { return float64(m.p99) / float64(o.p99) })
}

// isFair tells whether the quiet tenant has kept what he is to.
func (c *contest) isFair() bool {
	return c.failed == nil && c.share() >= leastShare && c.p99() <= mostP99
}

func (c *contest) String() string {
	if c.failed != nil {
		return fmt.Sprintf("%-50s FAILED: %v", c.name, c.failed)
	}
	mark := ""
	if !c.isFair() {
		mark = "  outside"
	}
	return fmt.Sprintf("%-50s %10.0f %8.2f %10s %8.2f%s", c.name, median(c.with, sample.perSecond), c.share(),
		micros(median(c.with, func(m sample) float64 { return float64(m.p99) })), c.p99(), mark)
}

// load is how many processes the machine had to run in the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// An arena is a gateway for two tenants, each with a socket and a filter of his own. It stands still but while it is measured: some filters do
// not wait for requests.
type arena struct {
	noisy, quiet *peer
	swapped      int // how often the noisy tenant's module was replaced
}

// own is the module of a noisy tenant who replaces it.
func (a *arena) own() string { return a.noisy.socket + ".wasm" }

// startArena starts its gateway, by a word of helpers.
func (b *bench) startArena(ctx context.Context, a assault, upstream, word string) (*arena, error) {
	noisy := b.newPeer(a.name)
	at := &arena{noisy: noisy, quiet: &peer{name: a.name, socket: noisy.socket + ".quiet"}}
	module := absolute(filepath.Join("testdata/guests/hostile", a.Guest+".wasm"))
	if a.swaps {
		module = at.own()
		if err := swapHeavy(module, 0); err != nil {
			return nil, err
		}
	}
	pause := 30 * time.Second
	if a.Pause > 0 {
		pause = a.Pause
	}
	text := fmt.Sprintf(`
upstream: unix://%[1]s
listeners: [{address: 'unix://%[2]s'}, {address: 'unix://%[3]s'}]
admin: {address: 'unix://%[2]s.admin'}
reload: {watch: %[4]t}
limits: {pause: %[5]s}
tenants:
  - {name: noisy, match: {listeners: ['unix://%[2]s']}, capabilities: all, limits: {%[6]s}}
  - {name: quiet, match: {listeners: ['unix://%[3]s']}, capabilities: all}
filters:
%[8]s  - {name: quiet, module: %[7]s, config: {set: {X-Sluice: quiet}}, tenant: quiet, capabilities: all}
`, upstream, noisy.socket, at.quiet.socket, a.swaps, pause, a.Limits, absolute("filters/response-headers.wasm"), a.operators)
	text += a.Filter("noisy", "noisy", module, a.Everything())
	if a.Service != menagerie.NoService {
		text += fmt.Sprintf("upstreams: [{name: svc, address: 'unix://%s.%s'}]\n", upstream, map[menagerie.Service]string{menagerie.HTTP: "http", menagerie.GRPC: "grpc"}[a.Service])
	}
	file := noisy.socket + ".yaml"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arguments := []string{word, file}
	if b.profiles != "" {
		name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(a.name, "-")
		arguments = append(arguments, filepath.Join(b.profiles, fmt.Sprintf("%s-%d.pprof", name, b.count)))
	}
	if err := b.launch(ctx, noisy, self, arguments...); err != nil {
		return nil, err
	}
	// It locks the directory of its sockets while it opens them, where others open theirs: it must not be stopped in the middle of that.
	answers := func() error { return getAdmin(ctx, noisy.socket+".admin", "/healthz", io.Discard) }
	if err := b.await(ctx, noisy, "answer", answers); err != nil {
		return nil, err
	}
	return at, at.signal(syscall.SIGSTOP)
}

func (a *arena) signal(s os.Signal) error { return a.noisy.process.Process.Signal(s) }

func (a *arena) resume() error { return a.signal(syscall.SIGCONT) }

// list is what the quiet tenant asks for.
var list = get("/v1.41/containers/json")

// windows say how an assault is measured: so many rounds, each so long, and behind so much of it.
type windows struct {
	rounds          int
	slice, settling time.Duration
}

const (
	// settling is how long an assault goes on before anything is measured.
	settling = 100 * time.Millisecond
	// longSettling is the same where it is measured once more: while gateways stand still, allowances of what tenants
	// may compute fill up, and an assault that goes on has what a second brings, and not a second's worth beside it.
	longSettling = time.Second
)

// beside drives the quiet tenant for a slice while the noisy one sends as much as he gets rid of.
func (b *bench) beside(ctx context.Context, a *arena, from assault, w windows) (sample, error) {
	if err := a.resume(); err != nil {
		return sample{}, err
	}
	defer func() { _ = a.signal(syscall.SIGSTOP) }()
	noise, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range b.connections {
		all.Go(func() {
			switch {
			case from.clients != nil:
				from.clients(noise, a.noisy.socket)
			case from.request != "":
				resend(noise, a.noisy.socket, from.request, 0)
			default:
				pester(noise, a.noisy.socket, from.By, from.Cuts, new(atomic.Int64))
			}
		})
	}
	if from.swaps {
		all.Go(func() {
			for noise.Err() == nil && swapHeavy(a.own(), a.swapped+1) == nil {
				a.swapped++
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	time.Sleep(w.settling)
	asked, length := from.request, int64(len("{}"))
	if asked == "" {
		asked, length = list, smallBody
	}
	s, err := driveWith(ctx, a.quiet, asked, b.connections, w.slice, length)
	stop()
	all.Wait()
	return s, err
}

// pester sends one request after the other, whatever becomes of them; on connections of their own where an attack would cut them anyway, so
// that a connection is no difference between it and none. It counts those that came to an end.
func pester(ctx context.Context, socket string, by menagerie.Way, alone bool, count *atomic.Int64) {
	request := strings.Replace(by.Request(), "/info", "/containers/json", 1)
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
			if by == menagerie.Hijack {
				_ = conn.(*net.UnixConn).CloseWrite()
				_, _ = io.Copy(io.Discard, in)
				count.Add(1)
				break
			}
			resp, err := http.ReadResponse(in, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
			count.Add(1)
			if err != nil || resp.Close || alone {
				break
			}
		}
		unhook()
		_ = conn.Close()
	}
}

// collected is gateway in a process whose garbage is collected all the time.
func collected(args []string) error {
	go func() {
		for {
			runtime.GC()
			time.Sleep(forcedGC)
		}
	}()
	return gateway(args)
}

// gateway is Sluice in a process of its own.
func gateway(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 1 {
		file, err := os.Create(args[1])
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	options := config.Options{Files: []string{args[0]}}
	cfg, err := config.Load(options)
	if err != nil {
		return err
	}
	g, err := host.New(ctx, host.Options{
		Config: cfg, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Load: func() (*config.Config, error) { return config.Load(options) },
	})
	if err != nil {
		return err
	}
	err = g.Serve(ctx)
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if cut := g.Shutdown(limited); cut != nil && !errors.Is(cut, context.DeadlineExceeded) {
		err = errors.Join(err, cut)
	}
	return err
}
