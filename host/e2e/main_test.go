package e2e_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// image is what .ci/dockerd imports: busybox with all its applets, no network and no registry needed.
const image = "sluice-busybox:local"

// patience bounds everything that the tests wait for. It is no expectation of speed: a test that needs it has failed.
const patience = 90 * time.Second

// scratch is removed when the tests end; it holds the built binary, sockets and configurations. Its name is short because the path of a
// unix socket is limited to 107 bytes.
var scratch string

func TestMain(m *testing.M) {
	// Most of the time these tests wait, for containers that start and, the long ones, for minutes of silence.
	parallel := max(4, runtime.GOMAXPROCS(0))
	if isLong {
		parallel = 16
	}
	err := flag.Set("test.parallel", strconv.Itoa(parallel))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if scratch, err = os.MkdirTemp("", "sluice-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	for _, err := range []error{stopShared(), os.RemoveAll(scratch)} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "FAIL: after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// engine is the address of the real Docker Engine. A test that calls it skips where there is none, or fails where that is not allowed.
func engine(t testing.TB) string {
	t.Helper()
	address, err := findEngine()
	if err != nil {
		missing(t, "no real Docker Engine: %v", err)
	}
	return address
}

// missing ends a test that this machine lacks something for: it skips, or fails where that is not allowed.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLUICE_E2E") == "required" {
		t.Fatalf("SLUICE_E2E=required, but "+format, args...)
	}
	t.Skipf("SKIPPED, "+format, args...)
}

var findEngine = sync.OnceValues(func() (string, error) {
	address := os.Getenv("SLUICE_E2E_ENGINE")
	if address == "" {
		address = "unix:///var/run/docker.sock"
	}
	if !strings.HasPrefix(address, "unix://") {
		return "", fmt.Errorf("SLUICE_E2E_ENGINE=%s is no unix:// address", address)
	}
	found, err := findCLIs()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, found[0].path, "-H", address, "image", "inspect", "--format", "{{.Id}}", image).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not answer with image %s (%s); .ci/dockerd provides both", address, image, bytes.TrimSpace(out))
	}
	return address, nil
})

// A cli is one docker command line on this machine.
type cli struct{ path, version string }

// buildKit tells whether the command line can do BuildKit builds by itself; from 23.0 on it needs the buildx plugin.
func (c cli) buildKit() bool { return strings.HasPrefix(c.version, "20.") }

func clis(t testing.TB) []cli {
	t.Helper()
	engine(t)
	found, err := findCLIs()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var findCLIs = sync.OnceValues(func() ([]cli, error) {
	paths := filepath.SplitList(os.Getenv("SLUICE_E2E_CLIS"))
	if len(paths) == 0 {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			paths = append(paths, filepath.Join(dir, "docker"))
		}
	}
	var found []cli
	for _, path := range paths {
		c := cli{path, clientVersion(path)}
		if c.version == "" {
			if os.Getenv("SLUICE_E2E_CLIS") != "" {
				return nil, fmt.Errorf("SLUICE_E2E_CLIS: %s does not run", path)
			}
			continue
		}
		if !slices.ContainsFunc(found, func(known cli) bool { return known.version == c.version }) {
			found = append(found, c)
		}
	}
	// Debian has the older one. A newer one of the machine's own is as good as the one that was built.
	if dir := os.Getenv("SLUICE_E2E_CLIENTS"); dir != "" && os.Getenv("SLUICE_E2E_CLIS") == "" && !slices.ContainsFunc(found, func(c cli) bool { return !c.buildKit() }) {
		path := filepath.Join(dir, "docker")
		version := clientVersion(path)
		if version == "" {
			return nil, fmt.Errorf("SLUICE_E2E_CLIENTS: %s does not run", path)
		}
		found = append(found, cli{path, version})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no docker command line on PATH")
	}
	return found, nil
})

// clientVersion is the version of a docker command line, "" for what is none.
func clientVersion(path string) string {
	// Without an engine at its default address the command fails, yet prints the client's version.
	out, _ := exec.Command(path, "version", "--format", "{{.Client.Version}}").Output()
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), "+")
	return version
}

// root is the top of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sluice is the path of the command, built once from this tree, or $SLUICE_E2E_BINARY.
func sluice(t testing.TB) string {
	t.Helper()
	binary, err := buildSluice()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var buildSluice = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("SLUICE_E2E_BINARY"); binary != "" {
		return binary, nil
	}
	binary := filepath.Join(scratch, "sluice")
	args := []string{"build", "-o", binary}
	// Under `go test -race` the gateway under test is watched too: a report of the detector makes it exit 66, and stop() sees that.
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "./cmd/sluice")...)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/sluice: %w\n%s", err, out)
	}
	return binary, nil
})
