package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest/menagerie"
)

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

// getAdmin asks a gateway about itself, at a socket, and waits for ten seconds at most.
func getAdmin(ctx context.Context, socket, path string, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, "GET", "http://admin"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err = io.Copy(to, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return nil
}
