//go:build long

// These tests take minutes by their nature; `make test-long` runs them beside all others.

package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Proxies with idle time-outs cut a terminal that nobody types into, and a log that says nothing.
func TestFifteenSilentMinutes(t *testing.T) {
	t.Parallel()
	d := newDocker(t, clis(t)[0], sharedGateway(t).address)
	d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", "echo one; until [ -e /go ]; do sleep 1; done; echo two")
	// docker itself, started without the time limit of begin and terminal.
	silent := func(args ...string) *process {
		limited := d.command(args...)
		command := exec.CommandContext(t.Context(), limited.Path, args...)
		command.Env, command.Dir, command.WaitDelay = limited.Env, limited.Dir, limited.WaitDelay
		p := &process{d: d, args: args, command: command, done: make(chan error, 1)}
		p.command.Stdout, p.command.Stderr = &p.out, &p.err
		var err error
		if p.stdin, err = command.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { p.done <- command.Wait() }()
		return p
	}
	shell := silent("exec", "-i", d.name, "sh", "-c", "echo ready; read line; echo got $line")
	shell.out.await(t, "ready")
	logs := silent("logs", "-f", d.name)
	logs.out.await(t, "one")

	time.Sleep(15 * time.Minute)

	if _, err := io.WriteString(shell.stdin, "still here\n"); err != nil {
		t.Fatal(err)
	}
	shell.out.await(t, "got still here")
	d.release()
	logs.out.await(t, "two")
}

// The engine closes a connection that was idle for 300 s; the request after that must not notice.
func TestRequestAfterSixIdleMinutes(t *testing.T) {
	t.Parallel()
	c := client(sharedGateway(t).socket)
	for range 2 {
		response, err := c.Get("http://docker/v1.41/info")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		time.Sleep(6 * time.Minute)
	}
}

// Two gigabytes pass in and out, and the gateway holds no more memory than before.
func TestTwoGigabytesPassInFlatMemory(t *testing.T) {
	g := startGateway(t, engine(t), "")
	d := newDocker(t, clis(t)[0], g.address)
	const size = 2 << 30
	resident := func() int {
		t.Helper()
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		var peak int
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscan(rest, &peak); err != nil {
			t.Fatal(err)
		}
		return peak
	}
	d.prepare("version")
	before := resident()

	// An archive of one large file, as it is made up: zeros behind a tar header.
	head := tarOf("large", "")[:512]
	copy(head[124:136], fmt.Sprintf("%011o\x00", int64(size)))
	copy(head[148:156], "        ")
	sum := 0
	for _, b := range head {
		sum += int(b)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	archive := io.MultiReader(bytes.NewReader(head), io.LimitReader(zeros{}, size+1024))

	send := func(method, target string, body io.Reader) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://docker/v1.41"+target, body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client(g.socket).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	response := send(http.MethodPost, "/images/create?fromSrc=-&repo="+d.name+"&tag=large", archive)
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !bytes.Contains(answer, []byte("sha256:")) {
		t.Fatalf("import: %s %s, %v", response.Status, answer, err)
	}
	response = send(http.MethodGet, "/images/"+d.name+":large/get", nil)
	n, err := io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil || n < size {
		t.Fatalf("save: %d bytes, %v", n, err)
	}
	if after := resident(); after > before+8<<10 {
		t.Errorf("the gateway's peak grew from %d KiB to %d KiB", before, after)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
