package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

// A docker is one docker command line pointed at one address, with a name for whatever it creates. It keeps a transcript of what the user
// saw.
type docker struct {
	testing.TB
	cli        cli
	address    string
	name       string // prefix of all containers and tags of this side
	dir        string // where this side keeps files
	transcript strings.Builder
}

// A result is what one command showed.
type result struct {
	stdout, stderr string
	code           int
}

// same plays a scenario on the engine's socket and through every gateway, with each command line, and compares what the user saw.
func same(t *testing.T, scenario func(d *docker)) {
	t.Helper()
	sameWith(t, clis(t), scenario)
}

// sameOnce is same for scenarios of other clients than the docker command line.
func sameOnce(t *testing.T, scenario func(d *docker)) {
	t.Helper()
	sameWith(t, clis(t)[:1], scenario)
}

func sameWith(t *testing.T, with []cli, scenario func(d *docker)) {
	t.Helper()
	for _, c := range with {
		t.Run("cli"+c.version, func(t *testing.T) {
			t.Parallel()
			direct := newDocker(t, c, engine(t))
			scenario(direct)
			for _, way := range doors(t) {
				t.Run(way.name, func(t *testing.T) {
					gated := newDocker(t, c, way.address)
					scenario(gated)
					if diff := cmp.Diff(direct.transcript.String(), gated.transcript.String()); diff != "" {
						t.Errorf("the gateway changed what the user sees (-socket +gateway):\n%s", diff)
					}
				})
			}
		})
	}
}

func newDocker(t testing.TB, c cli, address string) *docker {
	t.Helper()
	d := &docker{TB: t, cli: c, address: address, name: fmt.Sprintf("sluice-e2e-%08x", rand.Uint32()), dir: t.TempDir()}
	t.Cleanup(func() { removeAll(t, c, d.name) })
	return d
}

// removeAll removes every container and tag whose name begins with prefix, on the engine's own socket: whatever the gateway does must not
// leave anything behind.
func removeAll(t testing.TB, c cli, prefix string) {
	address := engine(t)
	run := func(args ...string) []string {
		// The test's own context is already done when it cleans up.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, c.path, append([]string{"-H", address}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("clean up %s: docker %s: %v: %s", prefix, strings.Join(args, " "), err, out)
		}
		return strings.Fields(string(out))
	}
	if ids := run("ps", "-aq", "--no-trunc", "--filter", "name=^/"+prefix); len(ids) > 0 {
		run(append([]string{"rm", "-f", "-v"}, ids...)...)
	}
	if tags := run("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference="+prefix+"*"); len(tags) > 0 {
		run(append([]string{"rmi", "-f"}, tags...)...)
	}
}

// command is the docker command, ready to start. It has no terminal.
func (d *docker) command(args ...string) *exec.Cmd { return d.program(d.cli.path, args...) }

// program is another client of this side, ready to start.
func (d *docker) program(path string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	d.Cleanup(cancel)
	command := exec.CommandContext(ctx, path, args...)
	command.Env = d.environment()
	command.Dir = d.dir
	// A child that outlives docker must not hold the pipes open for ever.
	command.WaitDelay = 10 * time.Second
	return command
}

// environment is that of a client of this side, with nothing of the caller's that could change its output.
func (d *docker) environment() []string {
	return append(settings(d, d.address), "PATH="+os.Getenv("PATH"), "HOME="+d.dir, "DOCKER_CONFIG="+filepath.Join(d.dir, ".docker"),
		"DOCKER_BUILDKIT=0", "DOCKER_CLI_HINTS=false", "TERM=dumb", "LC_ALL=C")
}

// run runs docker without standard input and puts what it showed into the transcript.
func (d *docker) run(args ...string) result {
	d.Helper()
	return d.record(d.command(args...), args)
}

// feed is run with a standard input that ends.
func (d *docker) feed(stdin io.Reader, args ...string) result {
	d.Helper()
	command := d.command(args...)
	command.Stdin = stdin
	return d.record(command, args)
}

func (d *docker) record(command *exec.Cmd, args []string) result {
	d.Helper()
	r := d.finish(command, args)
	d.note("$ %s %s\n%s%sexit %d\n", filepath.Base(command.Path), strings.Join(args, " "), block("1", r.stdout), block("2", r.stderr), r.code)
	return r
}

func (d *docker) finish(command *exec.Cmd, args []string) result {
	d.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		d.Fatalf("%s %s at %s: %v\nstdout: %s\nstderr: %s", filepath.Base(command.Path), strings.Join(args, " "), d.address, err, &stdout, &stderr)
	}
	return result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// prepare runs docker for a scenario's sake: it must succeed, and only its standard output is returned, without the last line's end.
func (d *docker) prepare(args ...string) string {
	d.Helper()
	r := d.finish(d.command(args...), args)
	if r.code != 0 {
		d.Fatalf("docker %s at %s: exit %d\n%s", strings.Join(args, " "), d.address, r.code, r.stderr)
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// note adds to the transcript what was seen otherwise.
func (d *docker) note(format string, args ...any) {
	d.transcript.WriteString(d.normalise(fmt.Sprintf(format, args...)))
}

// want fails unless the command showed exactly this: a comparison alone would be content with two equal failures.
func (r result) want(d *docker, stdout string, code int) {
	d.Helper()
	if r.stdout != stdout || r.code != code {
		d.Errorf("at %s: got %q, exit %d (stderr %q); want %q, exit %d", d.address, r.stdout, r.code, r.stderr, stdout, code)
	}
}

// wantIn fails unless text contains part.
func (d *docker) wantIn(text, part string) {
	d.Helper()
	if !strings.Contains(text, part) {
		d.Errorf("at %s: did not see %q in %q", d.address, part, text)
	}
}

func block(name, text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		fmt.Fprintf(&b, "%s| %s\n", name, line)
	}
	return b.String()
}

// varying is what differs between two runs of the same command, with the word that stands for it.
var varying = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "DATE"},
	{regexp.MustCompile(`\b(Less than a|About an?|\d+) (second|minute|hour|day)s?\b`), "AGE"},
	{regexp.MustCompile(`(?m)^((?:\d\| )? *(Containers|Running|Paused|Stopped|Images|Goroutines|File Descriptors|System Time|EventsListeners): ).*$`), "${1}N"},
	{regexp.MustCompile(` {3,}`), "   "}, // columns are as wide as what stands in them
	{regexp.MustCompile(`/[^ ]*/sluice-e2e-\d+/[^ ]*docker\.sock`), "SOCKET"},
	{regexp.MustCompile(`/var/run/docker\.sock`), "SOCKET"},
	// Its first tries to set a terminal's size come before the container runs, and whether one of the last still finds it running is a matter of luck.
	{regexp.MustCompile(`(?m)^(tty\| )?failed to resize tty, using default size\r?\n?`), ""},
	// The command line says so of its own pipe, or not: it depends on how far its upload came before the engine refused it.
	{regexp.MustCompile(`(?m)^(\d\| )?time="[^"]*" level=error msg="Can't [^"]*: io: read/write on closed pipe"\n?`), ""},
}

func (d *docker) normalise(text string) string {
	text = strings.ReplaceAll(text, d.name, "NAME")
	text = strings.ReplaceAll(text, d.address, "unix://SOCKET")
	text = strings.ReplaceAll(text, strings.TrimPrefix(d.address, "unix://"), "SOCKET")
	text = strings.ReplaceAll(text, d.dir, "DIR")
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.word)
	}
	return runtimes.ReplaceAllStringFunc(text, func(line string) string {
		words := strings.Fields(line)
		slices.Sort(words)
		return strings.Join(words, " ")
	})
}

// runtimes is a line of docker info that the engine takes from a map: in no order.
var runtimes = regexp.MustCompile(`(?m)^.*\bRuntimes: .*$`)

// A process is a docker command that runs beside the test.
type process struct {
	d       *docker
	args    []string
	command *exec.Cmd
	stdin   io.WriteCloser
	out     logBuffer
	err     logBuffer
	done    chan error
}

// begin starts docker with a standard input that the test writes.
func (d *docker) begin(args ...string) *process {
	d.Helper()
	return d.beginProgram(d.command(args...), args)
}

func (d *docker) beginProgram(command *exec.Cmd, args []string) *process {
	d.Helper()
	p := &process{d: d, args: args, command: command, done: make(chan error, 1)}
	p.command.Stdout, p.command.Stderr = &p.out, &p.err
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		d.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		d.Fatal(err)
	}
	go func() { p.done <- p.command.Wait() }()
	return p
}

// end waits for the command and puts what it showed into the transcript.
func (p *process) end() result {
	p.d.Helper()
	<-p.done // within patience: the command's context kills it then
	r := result{p.out.String(), p.err.String(), p.command.ProcessState.ExitCode()}
	p.d.note("$ %s %s\n%s%sexit %d\n", filepath.Base(p.command.Path), strings.Join(p.args, " "), block("1", r.stdout), block("2", r.stderr), r.code)
	return r
}

// A terminal is a docker command that runs in a pseudo-terminal.
type terminal struct {
	d       *docker
	args    []string
	command *exec.Cmd
	file    *os.File
	out     logBuffer
	done    chan struct{}

	repeated []string // lines that the terminal may show any number of times
}

// terminal starts docker in a terminal of 24 lines and 80 columns.
func (d *docker) terminal(args ...string) *terminal {
	d.Helper()
	return d.terminalOf(d.command(args...), args...)
}

func (d *docker) terminalOf(command *exec.Cmd, args ...string) *terminal {
	d.Helper()
	x := &terminal{d: d, args: args, command: command, done: make(chan struct{})}
	x.command.Env = append(x.command.Env, "TERM=xterm")
	file, err := pty.StartWithSize(x.command, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		d.Fatal(err)
	}
	x.file = file
	d.Cleanup(func() { _ = file.Close() })
	go func() {
		defer close(x.done)
		// Linux ends a terminal whose other side is closed with EIO.
		_, _ = io.Copy(&x.out, file)
		_ = x.command.Wait()
	}()
	return x
}

// typed writes what a user types.
func (x *terminal) typed(keys string) {
	x.d.Helper()
	if _, err := io.WriteString(x.file, keys); err != nil {
		x.d.Fatal(err)
	}
}

func (x *terminal) resize(rows, columns uint16) {
	x.d.Helper()
	if err := pty.Setsize(x.file, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		x.d.Fatal(err)
	}
}

// end waits for the command and puts what the terminal showed into the transcript.
func (x *terminal) end() result {
	x.d.Helper()
	<-x.done
	r := result{stdout: x.out.String(), code: x.command.ProcessState.ExitCode()}
	x.d.note("$ docker %s (in a terminal)\n%sexit %d\n", strings.Join(x.args, " "), block("tty", x.once(r.stdout)), r.code)
	return r
}

// once is text with the first of each of the repeated lines.
func (x *terminal) once(text string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		word := strings.TrimSpace(line)
		if seen[word] {
			continue
		}
		seen[word] = slices.Contains(x.repeated, word)
		b.WriteString(line)
	}
	return b.String()
}
