package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A bench holds the running processes.
type bench struct {
	options
	scratch string
	started []*peer
	count   int
}

// A peer is one process that is driven: the backend itself or a proxy before it.
type peer struct {
	name    string
	socket  string
	process *exec.Cmd
	output  strings.Builder // to be read when it has ended
	ended   chan struct{}   // closed then, and how says how
	how     error
}

// A recipe starts a peer before the socket at upstream.
type recipe struct {
	name  string
	start func(ctx context.Context, name, upstream string) (*peer, error)
}

// errMissing says that a peer is not installed; it is left out.
var errMissing = errors.New("not installed")

func (b *bench) recipes() []recipe {
	sluice := func(filters string) func(context.Context, string, string) (*peer, error) {
		return func(ctx context.Context, name, upstream string) (*peer, error) {
			return b.startSluice(ctx, name, upstream, filters)
		}
	}
	helper := func(word string) func(context.Context, string, string) (*peer, error) {
		return func(ctx context.Context, name, upstream string) (*peer, error) {
			return b.startHelper(ctx, name, word, upstream)
		}
	}
	return []recipe{
		{passName, helper("pass")},
		{haproxyName, b.startHAProxy},
		{nginxName, b.startNginx},
		{reverseName, helper("reverseproxy")},
		{"Sluice, no filter", sluice("")},
		{"Sluice, 1 filter", sluice(fourStages(1))},
		{"Sluice, 4 filters", sluice(fourStages(4))},
		{"Sluice, 10 filters", sluice(fourStages(10))},
		{"Sluice, quickstart's five (TinyGo)", sluice(quickstart)},
	}
}

const (
	directName  = "direct"
	passName    = "bytes passed unread"
	haproxyName = "haproxy"
	nginxName   = "nginx"
	reverseName = "httputil.ReverseProxy"
)

// fourStages are n filters that are called in all four stages and for the life of each request, and do nothing.
func fourStages(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: noop-%d, module: %s}\n", i+1, absolute("testdata/guests/noop.wasm"))
	}
	return b.String()
}

// quickstart is the chain that `sluice quickstart` serves.
var quickstart = fmt.Sprintf(`
  - {name: request-guard, module: %s, config: {default: allow, deny: [{operations: [SwarmInit, SwarmJoin, SwarmLeave]}]}}
  - {name: no-privileged, module: %s, config: {allow_binds: []}}
  - {name: owner-label, module: %s, config: {labels: {sluice.owner: quickstart}}}
  - {name: redact-env, module: %s, config: {names: ['(?i)(passw|secret|token)']}}
  - {name: response-headers, module: %s, config: {set: {X-Sluice: quickstart}}}
`, absolute("filters/request-guard.wasm"), absolute("filters/no-privileged.wasm"), absolute("filters/owner-label.wasm"), absolute("filters/redact-env.wasm"),
	absolute("filters/response-headers.wasm"))

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

func (b *bench) newPeer(name string) *peer {
	b.count++
	return &peer{name: name, socket: filepath.Join(b.scratch, fmt.Sprintf("%d.sock", b.count)), ended: make(chan struct{})}
}

func (b *bench) startHelper(ctx context.Context, name, word string, upstream ...string) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := b.newPeer(name)
	return p, b.launch(ctx, p, self, append([]string{word, p.socket}, upstream...)...)
}

func (b *bench) startSluice(ctx context.Context, name, upstream, filters string) (*peer, error) {
	p := b.newPeer(name)
	text := fmt.Sprintf("upstream: unix://%s\nlisteners: [{address: 'unix://%s'}]\nlog: {level: warn}\n", upstream, p.socket)
	if filters != "" {
		text += "filters:\n" + filters
	}
	file := p.socket + ".yaml"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return p, b.launch(ctx, p, b.sluice, "serve", "--config", file)
}

func (b *bench) startHAProxy(ctx context.Context, name, upstream string) (*peer, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, errMissing
	}
	p := b.newPeer(name)
	file := p.socket + ".cfg"
	text := fmt.Sprintf(`global
    nbthread %d
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    http-reuse always
frontend f
    bind unix@%s mode 600
    default_backend b
backend b
    server s unix@%s pool-max-conn -1 pool-purge-delay 300s
`, processors(), p.socket, upstream)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return p, b.launch(ctx, p, path, "-db", "-q", "-f", file)
}

func (b *bench) startNginx(ctx context.Context, name, upstream string) (*peer, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		return nil, errMissing
	}
	p := b.newPeer(name)
	dir := p.socket + ".d"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // its workers must reach the sockets in our private directory
	}
	text := fmt.Sprintf(`%[1]s
worker_processes %[2]d;
daemon off;
pid %[3]s/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path %[3]s/body;
    proxy_temp_path %[3]s/proxy;
    fastcgi_temp_path %[3]s/fastcgi;
    uwsgi_temp_path %[3]s/uwsgi;
    scgi_temp_path %[3]s/scgi;
    upstream engine { server unix:%[4]s; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 280s; }
    server {
        listen unix:%[5]s;
        keepalive_requests 1000000000;
        location / {
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 16 64k;
            proxy_buffer_size 64k;
            proxy_max_temp_file_size 0;
        }
    }
}
`, user, processors(), dir, upstream, p.socket)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return p, b.launch(ctx, p, path, "-p", dir, "-e", "stderr", "-c", file)
}

// patience is how long a process may take to start, on a machine that has much else to do.
const patience = 2 * time.Minute

// launch starts a process and waits until it accepts connections.
func (b *bench) launch(ctx context.Context, p *peer, path string, args ...string) error {
	p.process = exec.CommandContext(ctx, path, args...)
	p.process.Stdout, p.process.Stderr = &p.output, &p.output
	p.process.Cancel = func() error { return p.process.Process.Signal(os.Interrupt) }
	p.process.WaitDelay = 5 * time.Second
	if err := p.process.Start(); err != nil {
		return err
	}
	go func() {
		p.how = p.process.Wait()
		close(p.ended)
	}()
	b.started = append(b.started, p)
	return b.await(ctx, p, "listen", func() error {
		conn, err := net.Dial("unix", p.socket)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// await tries something until it works, and ends the process where it does not.
func (b *bench) await(ctx context.Context, p *peer, what string, try func() error) error {
	limit := time.After(patience)
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return fmt.Errorf("%s has ended before it could %s: %w\n%s", p.name, what, p.how, &p.output)
		case <-limit:
			b.stop(p)
			return fmt.Errorf("%s does not %s in %v: %w\n%s", p.name, what, patience, err, &p.output)
		}
	}
}

func (b *bench) stopAll() {
	for _, p := range b.started {
		p.end()
	}
	b.started = nil
}

// stop ends one of them.
func (b *bench) stop(p *peer) {
	i := slices.Index(b.started, p)
	if i < 0 {
		return
	}
	b.started = slices.Delete(b.started, i, i+1)
	p.end()
}

// end asks the process to end, and does not wait for long.
func (p *peer) end() {
	_ = p.process.Process.Signal(os.Interrupt)
	_ = p.process.Process.Signal(syscall.SIGCONT) // where it stands still
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.process.Process.Kill()
		<-p.ended
	}
}
