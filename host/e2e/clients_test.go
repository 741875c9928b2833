package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// built is the path of a client that .ci/clients has built.
func built(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SLUICE_E2E_CLIENTS")
	if dir == "" {
		missing(t, "SLUICE_E2E_CLIENTS is not set; .ci/clients prints what to set it to")
	}
	return filepath.Join(dir, name)
}

// installed is the path of a client that Debian has.
func installed(t testing.TB, name, pack string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%v: it is in Debian's package %s", err, pack)
	}
	return path
}

// findPython is the Python that Debian's modules are for, which may not be the first on PATH.
var findPython = sync.OnceValues(func() (string, error) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import docker, websocket").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s has no docker or websocket module (Debian: python3-docker, python3-websocket): %w: %s", python, err, out)
	}
	return python, nil
})

// python runs a script of testdata/clients.
func (d *docker) python(script string, args ...string) *exec.Cmd {
	d.Helper()
	python, err := findPython()
	if err != nil {
		missing(d, "%v", err)
	}
	return d.program(python, append([]string{filepath.Join(root(d), "host", "e2e", "testdata", "clients", script)}, args...)...)
}

// removeNetworksAndVolumes is removeAll for what only some scenarios make.
func (d *docker) removeNetworksAndVolumes() {
	direct := *d
	direct.address = engine(d)
	d.Cleanup(func() {
		// Containers go first: cleanups run last to first, and this one was put in after newDocker's.
		removeAll(d, d.cli, d.name)
		for _, kind := range []string{"network", "volume"} {
			out, err := exec.Command(d.cli.path, "-H", direct.address, kind, "ls", "-q", "--filter", "name="+d.name).CombinedOutput()
			if names := strings.Fields(string(out)); err == nil && len(names) > 0 {
				out, err = exec.Command(d.cli.path, append([]string{"-H", direct.address, kind, "rm"}, names...)...).CombinedOutput()
			}
			if err != nil {
				d.Errorf("clean up: docker %s: %v: %s", kind, err, out)
			}
		}
	})
}

func TestDockerPy(t *testing.T) {
	sameOnce(t, func(d *docker) {
		d.removeNetworksAndVolumes()
		r := d.record(d.python("dockerpy.py", d.name, image), []string{"dockerpy.py"})
		if r.code != 0 {
			d.Errorf("at %s: exit %d after %s\n%s", d.address, r.code, r.stdout, r.stderr)
		}
	})
}

func TestDockersLibraryForGo(t *testing.T) {
	sameOnce(t, func(d *docker) {
		r := d.record(d.program(built(d, "sdk"), d.name, image), nil)
		if r.code != 0 {
			d.Errorf("at %s: exit %d after %s\n%s", d.address, r.code, r.stdout, r.stderr)
		}
	})
}

func TestAttachOverAWebSocket(t *testing.T) {
	sameOnce(t, func(d *docker) {
		d.prepare("run", "-di", "--name", d.name, "--network", "none", image, "cat")
		d.record(d.python("wsattach.py", d.name), []string{"wsattach.py", d.name}).want(d, `b'hello\n'`+"\n", 0)
		d.record(d.python("wsattach.py", d.name+"-missing"), []string{"wsattach.py", "missing"}).want(d, "refused: 404\n", 1)
	})
}

// A page in a browser may open a WebSocket to any address, with the browser's certificate, and says where it comes from: on TCP only who is not a page
// of somebody else's is let in. The engine itself would let it in.
func TestAWebSocketOfAForeignPageIsRefusedOnTCP(t *testing.T) {
	_, overTLS := sharedGateways(t)
	d := newDocker(t, clis(t)[0], overTLS.address)
	d.prepare("run", "-di", "--name", d.name, "--network", "none", image, "cat")
	args := []string{d.name, "http://evil.example"}
	direct := *d
	direct.address = engine(t)
	d.finish(d.python("wsattach.py", args...), args).want(d, "refused: 403\n", 1)
	direct.finish(direct.python("wsattach.py", args...), args).want(&direct, `b'hello\n'`+"\n", 0)
}

var columns = regexp.MustCompile(` +\|`)

// compose plays the life of a project with a network, a volume and two services.
func compose(d *docker, path string, flags ...string) {
	d.Helper()
	d.removeNetworksAndVolumes()
	const file = `
services:
  first:
    image: ` + image + `
    command: sh -c "echo first; trap 'exit 0' TERM; while true; do usleep 20000; done"
    labels: {colour: red}
    environment: {WORD: told}
    volumes: [data:/data]
    stop_grace_period: 5s
  second:
    image: ` + image + `
    command: sh -c "echo second; until [ -e /data/go ]; do usleep 20000; done; echo gone; exec sleep 600"
    volumes: [data:/data]
    depends_on: [first]
    init: true
    stop_grace_period: 5s
volumes:
  data:
`
	if err := os.WriteFile(filepath.Join(d.dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
		d.Fatal(err)
	}
	flags = append([]string{"--ansi", "never", "-p", d.name}, flags...)
	run := func(args ...string) result {
		d.Helper()
		r := d.finish(d.program(path, append(slices.Clone(flags), args...)...), args)
		// What is done to several services at once is told in any order, and in columns as wide as what was known by then.
		sorted := func(text string) string {
			return strings.Join(slices.Sorted(strings.SplitSeq(columns.ReplaceAllString(strings.TrimSpace(text), " |"), "\n")), "\n")
		}
		d.note("$ compose %s\n%s%sexit %d\n", strings.Join(args, " "), block("1", sorted(r.stdout)), block("2", sorted(r.stderr)), r.code)
		if r.code != 0 {
			d.Errorf("compose %s at %s: exit %d\n%s", strings.Join(args, " "), d.address, r.code, r.stderr)
		}
		return r
	}
	run("up", "-d")
	run("ps")
	d.wantIn(run("exec", "-T", "first", "sh", "-c", "echo $WORD; echo err >&2").stdout, "told\n")
	follow := d.program(path, append(slices.Clone(flags), "logs", "--no-color", "-f", "second")...)
	p := d.beginProgram(follow, []string{"logs", "-f"})
	p.out.await(d, "second")
	run("exec", "-T", "first", "touch", "/data/go")
	p.out.await(d, "gone")
	run("stop")
	<-p.done
	run("logs", "--no-color")
	run("down", "-v")
	run("ps")
}

func TestComposeOfTheFirstVersion(t *testing.T) {
	sameOnce(t, func(d *docker) { compose(d, installed(d, "docker-compose", "docker-compose")) })
}

func TestComposeOfTheSecondVersion(t *testing.T) {
	sameOnce(t, func(d *docker) { compose(d, built(d, "docker-compose"), "--progress", "plain") })
}

// curl tries HTTP/2 in two ways: by asking for an upgrade, which the engine and the gateway do not take up and which therefore ends in HTTP/1.1,
// and by speaking it at once, which is refused at once: not one of its bytes reaches the engine.
func TestHTTP2OfCurl(t *testing.T) {
	curl := installed(t, "curl", "curl")
	g := sharedGateway(t)
	d := newDocker(t, clis(t)[0], g.address)
	ask := func(flags ...string) result {
		t.Helper()
		args := append([]string{"-sS", "--max-time", "60", "--unix-socket", g.socket, "-o", "/dev/null", "-w", "%{http_version} %{http_code}\n"}, flags...)
		return d.finish(d.program(curl, args...), args)
	}
	ask("--http2", "http://docker/_ping").want(d, "1.1 200\n", 0)
	before := strings.Count(g.log.String(), "path=/"+d.name)
	if r := ask("--http2-prior-knowledge", "http://docker/"+d.name); r.code == 0 {
		t.Errorf("curl with HTTP/2 from the start got %q", r.stdout)
	}
	if after := strings.Count(g.log.String(), "path=/"+d.name); after != before {
		t.Errorf("a request over HTTP/2 was served:\n%s", g.log)
	}
}

// What `nc -N` makes of a script's pipe: the request is ended by closing the sending side, before there is an answer.
func TestListByNetcat(t *testing.T) {
	nc := installed(t, "nc", "netcat-openbsd")
	for _, address := range []string{engine(t), sharedGateway(t).address} {
		d := newDocker(t, clis(t)[0], address)
		r := d.finish(func() *exec.Cmd {
			command := d.program(nc, "-N", "-U", strings.TrimPrefix(address, "unix://"))
			command.Stdin = strings.NewReader("GET /containers/json HTTP/1.0\r\n\r\n")
			return command
		}(), nil)
		if !strings.HasPrefix(r.stdout, "HTTP/1.") || !strings.Contains(r.stdout[:12], " 200") || !strings.Contains(r.stdout, "\r\n\r\n[") {
			t.Errorf("at %s nc got %.300q, exit %d", address, r.stdout, r.code)
		}
	}
}
