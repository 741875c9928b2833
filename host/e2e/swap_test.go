package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	swaps       = 1000
	brokenEvery = 10 // each tenth swap brings a module that must be refused
)

// A filter is swapped a thousand times under traffic of every kind, and now and then what comes is broken. No request fails but those that
// the filter denies; each response is from one version of the filter from its first byte to its last, however long it takes; and in the end
// the process holds what it held in the beginning.
func TestThousandSwapsUnderLoad(t *testing.T) {
	upstream := engine(t)
	s := newSwapping(t, upstream)

	// A first round fills pools and caches; what is held after it is what must be held in the end.
	load := s.startLoad()
	s.swap(40) // ends, like the thousand, with a broken module on disk and version A at work
	load.end()
	before := s.held()

	load = s.startLoad()
	began := time.Now()
	s.swap(swaps)
	took := time.Since(began)
	load.end()

	t.Logf("%d swaps in %v; requests: %s", swaps, took.Round(time.Millisecond), load.counts())
	for _, kind := range load.kinds {
		if kind.done.Load() == 0 {
			t.Errorf("%s: not one went through", kind.name)
		}
	}
	s.wantHeld(before)
}

// swapping is a gateway of this process whose filter's module the test replaces.
type swapping struct {
	*inside
	socket     string
	module     string    // path of the module
	good       [2][]byte // its two versions
	broken     [][]byte
	image      []byte // as the engine saves it
	container  string // runs, and writes a line with a number every 20 ms
	generation uint64
}

func newSwapping(t *testing.T, upstream string) *swapping {
	t.Helper()
	dir := filepath.Join(scratch, "swap")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &swapping{inside: &inside{T: t}, socket: filepath.Join(dir, "docker.sock"), module: filepath.Join(dir, "version.wasm")}
	code := readFile(t, filepath.Join("testdata", "version.wasm"))
	s.good = [2][]byte{code, bytes.ReplaceAll(code, []byte("version-A"), []byte("version-B"))}
	s.broken = [][]byte{[]byte("this is no module"), code[:len(code)/2]}
	for _, guest := range []string{"refuse", "start-trap", "unknown-import", "wrong-abi"} {
		s.broken = append(s.broken, readFile(t, filepath.Join(root(t), "testdata", "guests", guest+".wasm")))
	}
	s.write(s.good[0])

	file := filepath.Join(dir, "sluice.yaml")
	text := fmt.Sprintf(`
upstream: %s
listeners: [{address: 'unix://%s'}]
filters: [{name: version, module: version.wasm}]
limits: {callback: 30s} # the machine of the test may be busy with other things
reload: {watch: false, drain: 1h}
`, upstream, s.socket)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.inside = startInside(t, file)
	s.generation = s.gateway.Stats().Generation

	d := newDocker(t, clis(t)[0], upstream)
	d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; usleep 20000; done")
	s.container = d.name
	s.image = []byte(d.finish(d.command("save", image), nil).stdout)
	return s
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (s *swapping) write(code []byte) {
	s.Helper()
	if err := os.WriteFile(s.module, code, 0o600); err != nil {
		s.Fatal(err)
	}
}

// swap exchanges the module n times, one in brokenEvery for one that must change nothing.
func (s *swapping) swap(n int) {
	s.Helper()
	current := 0
	c := client(s.socket)
	defer c.CloseIdleConnections()
	for i := range n {
		if i%brokenEvery == brokenEvery-1 {
			s.write(s.broken[i/brokenEvery%len(s.broken)])
			if err := s.gateway.Reload(s.Context()); err == nil {
				s.Fatalf("swap %d: a broken module was taken", i)
			}
		} else {
			current = 1 - current
			s.write(s.good[current])
			if err := s.gateway.Reload(s.Context()); err != nil {
				s.Fatalf("swap %d: %v", i, err)
			}
			s.generation++
		}
		if got := s.gateway.Stats().Generation; got != s.generation {
			s.Fatalf("after swap %d generation %d serves, want %d", i, got, s.generation)
		}
		response, err := c.Get("http://docker/version")
		if err != nil {
			s.Fatalf("after swap %d: %v", i, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if got, want := response.Header.Get("X-Response-Version"), [2]string{"version-A", "version-B"}[current]; got != want {
			s.Fatalf("after swap %d a new request is served by %q, want %q", i, got, want)
		}
	}
}

// A load is traffic of all kinds at once, until it is ended.
type load struct {
	s     *swapping
	stop  chan struct{}
	wait  sync.WaitGroup
	kinds []*kind
}

type kind struct {
	name string
	once func(client *http.Client) error
	done atomic.Int64
}

func (s *swapping) startLoad() *load {
	l := &load{s: s, stop: make(chan struct{})}
	archive := tarOf("file", strings.Repeat("x", 256<<10))
	path := "/v1.41/containers/" + s.container
	for _, k := range []*kind{
		{name: "version", once: get("/version")},
		{name: "versioned", once: get("/v1.41/version")},
		{name: "list", once: get("/v1.41/containers/json?all=1")},
		{name: "inspect", once: get(path + "/json")},
		{name: "missing", once: wantStatus(http.MethodGet, "/v1.41/containers/missing/json", nil, nil, http.StatusNotFound)},
		{name: "denied", once: wantStatus(http.MethodGet, "/version", nil, http.Header{"X-Deny": {"1"}}, http.StatusForbidden)},
		{name: "download", once: get(path + "/archive?path=/bin/busybox")},
		{name: "upload", once: wantStatus(http.MethodPut, path+"/archive?path=/tmp", archive, nil, http.StatusOK)},
		{name: "exec", once: func(c *http.Client) error { return l.exec(c, func() bool { return false }) }},
	} {
		l.kinds = append(l.kinds, k)
		l.wait.Go(func() { l.repeat(k) })
	}
	// Streams that stay open over all swaps.
	logs, session, upload := &kind{name: "lines of logs -f"}, &kind{name: "answers in an open exec"}, &kind{name: "pieces of an open load"}
	l.kinds = append(l.kinds, logs, session, upload)
	l.wait.Go(func() {
		if err := l.load(upload); err != nil {
			s.Errorf("open load: %v", err)
		}
	})
	l.wait.Go(func() {
		if err := l.follow(logs); err != nil {
			s.Errorf("logs -f: %v", err)
		}
	})
	l.wait.Go(func() {
		c := client(s.socket)
		defer c.CloseIdleConnections()
		if err := l.exec(c, func() bool { session.done.Add(1); return !l.stopped() }); err != nil {
			s.Errorf("open exec: %v", err)
		}
	})
	return l
}

func (l *load) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *load) end() {
	close(l.stop)
	l.wait.Wait()
}

func (l *load) counts() string {
	var parts []string
	for _, k := range l.kinds {
		parts = append(parts, fmt.Sprintf("%s %d", k.name, k.done.Load()))
	}
	return strings.Join(parts, ", ")
}

func (l *load) repeat(k *kind) {
	c := client(l.s.socket)
	defer c.CloseIdleConnections()
	for !l.stopped() {
		if err := k.once(c); err != nil {
			l.s.Errorf("%s: %v", k.name, err)
			return
		}
		k.done.Add(1)
		time.Sleep(time.Millisecond) // no kind may crowd out the others, and a denial takes next to no time
	}
}

func get(target string) func(*http.Client) error {
	return wantStatus(http.MethodGet, target, nil, nil, http.StatusOK)
}

// wantStatus is a request whose response has this status and is from one version of the filter throughout.
func wantStatus(method, target string, body []byte, header http.Header, status int) func(*http.Client) error {
	return func(c *http.Client) error {
		request, err := http.NewRequest(method, "http://docker"+target, bytes.NewReader(body))
		if err != nil {
			return err
		}
		for name, values := range header {
			request.Header[name] = values
		}
		if body != nil {
			request.Header.Set("Content-Type", "application/x-tar")
		}
		response, err := c.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if response.StatusCode != status {
			return fmt.Errorf("%s: %s, want %d: %.200s", target, response.Status, status, content)
		}
		if status == http.StatusForbidden {
			// A denial is the filter's own answer; its text says which version gave it.
			if !bytes.Contains(content, []byte("version-")) {
				return fmt.Errorf("%s: denied by %s", target, content)
			}
			return nil
		}
		// A local response aside, the marks are in the head twice and, where there is a body, at its end.
		marks := []string{response.Header.Get("X-Request-Version"), response.Header.Get("X-Response-Version")}
		if len(content) > 0 {
			marks = append(marks, string(content[max(0, len(content)-len(marks[0])):]))
		}
		return oneVersion(target, marks...)
	}
}

func oneVersion(what string, marks ...string) error {
	if marks[0] != "version-A" && marks[0] != "version-B" {
		return fmt.Errorf("%s: no version in %q", what, marks)
	}
	for _, mark := range marks {
		if mark != marks[0] {
			return fmt.Errorf("%s: served by two versions: %q", what, marks)
		}
	}
	return nil
}

// follow reads the container's log as it grows; no line may be missing or broken, and the stream ends as the version that it began with.
func (l *load) follow(k *kind) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/v1.41/containers/"+l.s.container+"/logs?follow=1&stdout=1", nil)
	if err != nil {
		return err
	}
	c := client(l.s.socket)
	defer c.CloseIdleConnections()
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := oneVersion("logs", response.Header.Get("X-Request-Version"), response.Header.Get("X-Response-Version")); err != nil {
		return err
	}
	in := bufio.NewReader(response.Body)
	for want := 1; ; want++ {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("after line %d: %w", want-1, err)
		}
		if expected := frame(1, fmt.Sprintf("%d\n", want)); line != expected {
			return fmt.Errorf("got line %q, want %q", line, expected)
		}
		k.done.Add(1)
		if l.stopped() {
			return nil
		}
	}
}

// load sends an image, saved by the engine before, and goes on with zeros, as an archive may end, until it is enough: then the image must have been
// loaded, by one version of the filter.
func (l *load) load(k *kind) error {
	body, more := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, "http://docker/v1.41/images/load?quiet=1", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-tar")
	go func() {
		_, err := more.Write(l.s.image)
		for err == nil && !l.stopped() {
			_, err = more.Write(make([]byte, 4096))
			k.done.Add(1)
			time.Sleep(10 * time.Millisecond)
		}
		_ = more.Close()
	}()
	c := client(l.s.socket)
	defer c.CloseIdleConnections()
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(content, []byte("Loaded image")) {
		return fmt.Errorf("%s: %.300s", response.Status, content)
	}
	return oneVersion("load", response.Header.Get("X-Request-Version"), response.Header.Get("X-Response-Version"))
}

// exec runs cat in the container by a hijacked connection, and sends it numbers that must come back, as long as more says so.
func (l *load) exec(c *http.Client, more func() bool) error {
	created, err := c.Post("http://docker/v1.41/containers/"+l.s.container+"/exec", "application/json",
		strings.NewReader(`{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true}`))
	if err != nil {
		return err
	}
	defer func() { _ = created.Body.Close() }()
	content, err := io.ReadAll(created.Body)
	if err != nil {
		return err
	}
	var id struct{ Id string } // the engine's spelling
	// The filter's mark stands behind the document.
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&id); err != nil {
		return fmt.Errorf("%w in %q", err, content)
	}

	conn, err := net.Dial("unix", l.s.socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /v1.41/exec/%s/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		id.Id, len(startBody), startBody); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("exec start: %s", response.Status)
	}
	if err := oneVersion("exec start", response.Header.Get("X-Request-Version"), response.Header.Get("X-Response-Version")); err != nil {
		return err
	}
	for i := 0; ; i++ {
		text := fmt.Sprintf("line %d\n", i)
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		got := make([]byte, len(frame(1, text)))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != frame(1, text) {
			return fmt.Errorf("got %q, %w; want %q", got, err, text)
		}
		if !more() {
			break
		}
		time.Sleep(10 * time.Millisecond) // a person at a terminal, not a flood
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		return err
	}
	// What is said on the connection is the response's body to filters, and at its end stands the mark, however many swaps there were meanwhile.
	rest, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return oneVersion("exec", response.Header.Get("X-Request-Version"), string(rest))
}
