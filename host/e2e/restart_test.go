package e2e_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An ownEngine is a dockerd that a test may stop: one that it started itself, in a network namespace of its own, where it has nothing to
// break.
type ownEngine struct {
	testing.TB
	dir     string
	process *exec.Cmd
}

func startOwnEngine(t testing.TB) *ownEngine {
	t.Helper()
	engine(t) // the tests' conditions are the same: no engine, no test
	missing := ""
	if os.Getuid() != 0 {
		missing = "only root can start an engine"
	} else if _, err := exec.LookPath("dockerd"); err != nil {
		missing = err.Error()
	}
	if missing != "" {
		if os.Getenv("SLUICE_E2E") == "required" {
			t.Fatalf("SLUICE_E2E=required, but %s", missing)
		}
		t.Skipf("SKIPPED, no engine to stop: %s", missing)
	}
	dir, err := os.MkdirTemp("", "sluice-engine-")
	if err != nil {
		t.Fatal(err)
	}
	e := &ownEngine{TB: t, dir: dir}
	t.Cleanup(func() {
		e.stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	e.start()
	return e
}

func (e *ownEngine) socket() string { return filepath.Join(e.dir, "docker.sock") }

func (e *ownEngine) start() {
	e.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	e.process = exec.Command("dockerd", "--host", "unix://"+e.socket(), "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--bridge", "none", "--iptables=false", "--storage-driver", "vfs")
	e.process.Stdout, e.process.Stderr = log, log
	// --bridge=none deletes docker0 where it finds one: never in the namespace of the machine.
	e.process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := e.process.Start(); err != nil {
		e.Fatal(err)
	}
	c := client(e.socket())
	defer c.CloseIdleConnections()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if response, err := c.Get("http://docker/_ping"); err == nil {
			_ = response.Body.Close()
			return
		}
	}
	text, _ := os.ReadFile(log.Name())
	e.Fatalf("the engine did not answer:\n%s", text)
}

func (e *ownEngine) stop() {
	e.Helper()
	if e.process == nil {
		return
	}
	if err := e.process.Process.Signal(syscall.SIGTERM); err != nil {
		e.Error(err)
	}
	_ = e.process.Wait() // the code that it ends with is its own affair
	e.process = nil
}

// A client keeps its connection to the gateway while the engine behind it is stopped and started again. Meanwhile it is told that the engine
// is away; afterwards its requests are served, the first included, though the gateway's pooled connections are dead.
func TestEngineIsRestartedBehindOpenConnections(t *testing.T) {
	e := startOwnEngine(t)
	g := startGateway(t, "unix://"+e.socket(), "")
	c := client(g.socket)
	get := func() (status int, body string) {
		t.Helper()
		response, err := c.Get("http://docker/v1.41/containers/json")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(content)
	}
	wantList := func(when string) {
		t.Helper()
		if status, body := get(); status != http.StatusOK || !strings.HasPrefix(body, "[") {
			t.Errorf("%s: %d %s", when, status, body)
		}
	}
	wantList("before")
	e.stop()
	e.start()
	wantList("at once after a restart")
	e.stop()
	if status, body := get(); status != http.StatusBadGateway && status != http.StatusServiceUnavailable || !strings.Contains(body, `"message"`) {
		t.Errorf("while the engine is away: %d %s", status, body)
	}
	e.start()
	wantList("after it was away")
}
