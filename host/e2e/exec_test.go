package e2e_test

import (
	"strings"
	"testing"
)

// sleeper is a running container to act upon.
func (d *docker) sleeper() string {
	d.Helper()
	d.prepare("run", "-d", "--init", "--name", d.name, "--network", "none", image, "sleep", "600")
	return d.name
}

func TestExec(t *testing.T) {
	same(t, func(d *docker) {
		c := d.sleeper()
		d.run("exec", c, "echo", "hi").want(d, "hi\n", 0)
		d.run("exec", c, "sh", "-c", "exit 9").want(d, "", 9)
		r := d.run("exec", "-e", "WORD=x y", "-w", "/tmp", c, "sh", "-c", `echo "$WORD"; pwd >&2`)
		r.want(d, "x y\n", 0)
		if r.stderr != "/tmp\n" {
			d.Errorf("standard error is %q", r.stderr)
		}
		if r := d.run("exec", c, "no-such-command"); r.code != 126 && r.code != 127 {
			d.Errorf("exec of a missing command ended with %d", r.code)
		}
		d.run("exec", "-u", "nobody-here", c, "true")
	})
}

func TestExecInteractiveEndsWithStandardInput(t *testing.T) {
	same(t, func(d *docker) {
		c := d.sleeper()
		d.feed(strings.NewReader("data"), "exec", "-i", c, "sh", "-c", "cat; echo done").want(d, "datadone\n", 0)
		d.feed(strings.NewReader(strings.Repeat("x", 1<<20)), "exec", "-i", c, "wc", "-c").want(d, "1048576\n", 0)
	})
}

func TestExecInATerminal(t *testing.T) {
	same(t, func(d *docker) {
		x := d.terminal("exec", "-it", d.sleeper(), "sh", "-c", awaitSizes+`; exit 2`)
		x.out.await(d, "ready")
		x.resizedUntil(40, 100, "resized")
		x.typed("word\n")
		r := x.end()
		d.wantIn(r.stdout, "got word")
		if r.code != 2 {
			d.Errorf("exit %d, want 2", r.code)
		}
	})
}

func TestExecDetached(t *testing.T) {
	same(t, func(d *docker) {
		c := d.sleeper()
		d.run("exec", "-d", c, "sh", "-c", "echo written >/file").want(d, "", 0)
		d.run("exec", c, "sh", "-c", "until [ -s /file ]; do usleep 10000; done; cat /file").want(d, "written\n", 0)
	})
}

func TestTopWaitAndKill(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sleep", "600")
		top := d.finish(d.command("top", d.name, "-eo", "pid,comm"), []string{"top"})
		if fields := strings.Fields(top.stdout); len(fields) != 4 || fields[3] != "sleep" {
			d.Errorf("top shows %q", top.stdout)
		}
		p := d.begin("wait", d.name)
		d.run("kill", d.name).want(d, d.name+"\n", 0)
		p.end().want(d, "137\n", 0)
		d.run("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", d.name).want(d, "exited 137\n", 0)
	})
}

func TestLifeOfAContainer(t *testing.T) {
	same(t, func(d *docker) {
		c := d.sleeper()
		for _, args := range [][]string{
			{"pause", c},
			{"unpause", c},
			{"rename", c, c + "-2"},
			{"update", "--cpu-shares", "512", c + "-2"},
			{"restart", "-t", "0", c + "-2"},
			{"port", c + "-2"},
			{"diff", c + "-2"},
			{"stop", "-t", "0", c + "-2"},
			{"commit", c + "-2", c + ":made"},
			{"tag", c + ":made", c + ":again"},
			{"history", "--format", "{{.CreatedBy}}", c + ":made"},
			{"rm", c + "-2"},
			{"rmi", c + ":again"},
		} {
			if r := d.run(args...); r.code != 0 {
				d.Errorf("docker %v: exit %d: %s", args, r.code, r.stderr)
			}
		}
	})
}
