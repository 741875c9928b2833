package e2e_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

const terminate = syscall.SIGTERM

// awaitLogs returns once the container's log contains part.
func awaitLogs(d *docker, part string) {
	d.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(d.prepare("logs", d.name), part) {
			return
		}
	}
	d.Fatalf("the log of %s never showed %q", d.name, part)
}

// awaitEvent returns once the engine has told of an action on the scenario's container, so that the request behind it has arrived.
func awaitEvent(d *docker, action string) {
	d.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(d.prepare("events", "--since", "5m", "--until", "0s", "--filter", "container="+d.name, "--format", "{{.Action}}"), action) {
			return
		}
	}
	d.Fatalf("the engine never told of %q on %s", action, d.name)
}

// awaitSizes is a shell script that watches its terminal's size.
const awaitSizes = `until [ "$(stty size 2>/dev/null)" = "24 80" ]; do usleep 10000; done; echo ready; ` +
	`until [ "$(stty size)" = "40 100" ]; do usleep 10000; done; echo resized; read line; echo "got $line"`

// release lets a container go on that waits for the file /go.
func (d *docker) release() {
	d.Helper()
	// Its exit code says nothing: the container may end, and take the exec with it, before touch has.
	d.finish(d.command("exec", d.name, "touch", "/go"), []string{"exec", "touch"})
}

// resizedUntil gives the terminal a new size until it shows want. The command line may not be watching for the first change yet.
func (x *terminal) resizedUntil(rows, columns uint16, want string) {
	x.d.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		x.resize(rows, columns-1)
		x.resize(rows, columns)
		for range 50 {
			if strings.Contains(x.out.String(), want) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	x.d.Fatalf("resized to %d × %d, and never saw %q in %q", rows, columns, want, &x.out)
}

// typedUntil types a line again and again until the terminal shows want. How often that was is not in the transcript.
func (x *terminal) typedUntil(keys, want string) {
	x.d.Helper()
	x.repeated = []string{strings.TrimSpace(keys), want}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		x.typed(keys)
		for range 20 {
			if strings.Contains(x.out.String(), want) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	x.d.Fatalf("typed %q, and never saw %q in %q", keys, want, &x.out)
}

func TestLogs(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "--name", d.name, "--network", "none", image, "sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done")
		d.run("logs", d.name).want(d, "line 1\nline 2\nline 3\nline 4\nline 5\n", 0)
		d.run("logs", "--tail", "1", d.name).want(d, "line 5\n", 0)
		d.run("logs", "-f", "--tail", "2", d.name).want(d, "line 4\nline 5\n", 0)
		d.run("logs", "-t", "--tail", "1", d.name)
	})
}

func TestLogsFollowIsLive(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", "echo one; until [ -e /go ]; do usleep 10000; done; echo two; echo three >&2")
		p := d.begin("logs", "-f", d.name)
		p.out.await(d, "one\n") // while the container says nothing more
		d.release()
		p.end().want(d, "one\ntwo\n", 0)
	})
}

func TestLogsOfATerminalAreRaw(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "-d", "-t", "--name", d.name, "--network", "none", image, "sh", "-c", "echo one; printf '\\001\\000two'")
		d.prepare("wait", d.name)
		d.run("logs", d.name).want(d, "one\r\n\x01\x00two", 0)
	})
}

func TestEventsAreLive(t *testing.T) {
	same(t, func(d *docker) {
		p := d.begin("events", "--since", "1m", "--filter", "container="+d.name, "--format", "{{.Type}} {{.Action}}")
		d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		p.out.await(d, "container create\n")
		d.prepare("start", "-a", d.name)
		p.out.await(d, "container die\n")
		d.prepare("rm", d.name)
		p.out.await(d, "container destroy\n")
		if err := p.command.Process.Signal(terminate); err != nil {
			d.Fatal(err)
		}
		p.end()
		past := []string{
			"events", "--since", "1m", "--until", fmt.Sprint(time.Now().Unix() + 1), "--filter", "container=" + d.name, "--filter", "event=destroy",
			"--format", "{{.Action}}",
		}
		d.finish(d.command(past...), past).want(d, "destroy\n", 0)
	})
}

func TestStatsWithoutStream(t *testing.T) {
	same(t, func(d *docker) {
		d.run("stats", "--no-stream", "--format", "{{.Name}}", d.sleeper()).want(d, d.name+"\n", 0)
	})
}

func TestStatsStreamGoesOn(t *testing.T) {
	same(t, func(d *docker) {
		p := d.begin("stats", "--format", "{{.Name}}", d.sleeper())
		// The command redraws its screen for each answer of the engine, once a second.
		for deadline := time.Now().Add(patience); strings.Count(p.out.String(), d.name) < 3; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				d.Fatalf("the stream stopped at %q", &p.out)
			}
		}
		if err := p.command.Process.Kill(); err != nil {
			d.Fatal(err)
		}
		<-p.done
	})
}
