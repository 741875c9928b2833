package e2e_test

import (
	"strings"
	"testing"
)

func TestVersionAndInfo(t *testing.T) {
	same(t, func(d *docker) {
		d.wantIn(d.run("version").stdout, "Server:")
		d.wantIn(d.run("info").stdout, "Server Version:")
		d.wantIn(d.run("images", "--filter", "reference="+image, "--format", "{{.Repository}}:{{.Tag}}").stdout, image)
	})
}

func TestPsWithFilters(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("create", "--name", d.name+"-a", "--label", "colour=red", "--network", "none", image, "true")
		d.prepare("create", "--name", d.name+"-b", "--label", "colour=blue", "--network", "none", image, "true")
		show := func(filters ...string) result {
			args := []string{"ps", "-a", "--format", `{{.Names}} {{.Status}} {{.Label "colour"}}`, "--filter", "name=^/" + d.name}
			for _, f := range filters {
				args = append(args, "--filter", f)
			}
			return d.run(args...)
		}
		show().want(d, d.name+"-b Created blue\n"+d.name+"-a Created red\n", 0)
		show("label=colour=red").want(d, d.name+"-a Created red\n", 0)
		show("status=running").want(d, "", 0)
		show("nonsense=1")
		d.run("ps", "-a", "--filter", "name=^/"+d.name)
	})
}

func TestRunShowsOutputAndExitCode(t *testing.T) {
	same(t, func(d *docker) {
		d.run("run", "--rm", "--name", d.name, "--network", "none", image, "echo", "hi").want(d, "hi\n", 0)
		d.run("run", "--rm", "--name", d.name, "--network", "none", image, "sh", "-c", "exit 7").want(d, "", 7)
		d.run("run", "--name", d.name, "--network", "none", image, "sh", "-c", "exit 8").want(d, "", 8)
		// Whether the 20.10 command line also complains about its own cancelled wait is a matter of luck.
		r := d.finish(d.command("run", "--rm", "--name", d.name+"-none", "--network", "none", image, "no-such-command"), []string{"run", "no-such-command"})
		r.want(d, "", 127)
		d.wantIn(r.stderr, `exec: "no-such-command": executable file not found in $PATH`)
		d.run("run", "--rm", "--name", d.name, "--network", "none", image, "true") // the name is taken
	})
}

func TestRunWithBridgeNetwork(t *testing.T) {
	same(t, func(d *docker) {
		d.run("run", "--rm", "--name", d.name, image, "sh", "-c", "ip -o link show eth0 | wc -l").want(d, "1\n", 0)
	})
}

func TestRunKeepsStandardOutputAndErrorApart(t *testing.T) {
	same(t, func(d *docker) {
		r := d.run("run", "--rm", "--name", d.name, "--network", "none", image, "sh", "-c", "echo out; echo err >&2")
		r.want(d, "out\n", 0)
		if r.stderr != "err\n" {
			d.Errorf("standard error is %q", r.stderr)
		}
	})
}

func TestRunInteractiveEndsWithStandardInput(t *testing.T) {
	same(t, func(d *docker) {
		args := []string{"run", "--rm", "-i", "--name", d.name, "--network", "none", image, "sh", "-c", "cat; echo done"}
		d.feed(strings.NewReader("hello\n"), args...).want(d, "hello\ndone\n", 0)
		d.feed(strings.NewReader(""), args...).want(d, "done\n", 0)
	})
}

// 3 MB go in by one direction of a hijacked connection while 3 MB come out of the other, and both ends are told from a pause.
func TestRunInteractiveCarriesALargeStream(t *testing.T) {
	same(t, func(d *docker) {
		text := strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n", 3<<20/64)
		r := d.finish(feeding(d, text, "run", "--rm", "-i", "--name", d.name, "--network", "none", image, "cat"), []string{"run", "cat"})
		if r.stdout != text || r.code != 0 {
			d.Errorf("at %s: %d bytes came back of %d, exit %d: %s", d.address, len(r.stdout), len(text), r.code, r.stderr)
		}
		d.feed(strings.NewReader(text), "run", "--rm", "-i", "--name", d.name, "--network", "none", image, "md5sum")
	})
}

func TestRunInATerminal(t *testing.T) {
	same(t, func(d *docker) {
		x := d.terminal("run", "--rm", "-it", "--name", d.name, "--network", "none", image, "sh", "-c",
			awaitSizes+`; exit 5`)
		x.out.await(d, "ready")
		x.resizedUntil(40, 100, "resized")
		x.typed("typed\n")
		r := x.end()
		d.wantIn(r.stdout, "got typed")
		if r.code != 5 {
			d.Errorf("exit %d, want 5", r.code)
		}
	})
}

func TestCtrlCInATerminalReachesTheContainer(t *testing.T) {
	same(t, func(d *docker) {
		x := d.terminal("run", "--rm", "-it", "--name", d.name, "--network", "none", image, "sh", "-c",
			`trap 'echo interrupted; exit 9' INT; echo ready; while true; do usleep 10000; done`)
		x.out.await(d, "ready")
		x.typed("\x03")
		if r := x.end(); r.code != 9 {
			d.Errorf("exit %d, want 9", r.code)
		}
	})
}

func TestAttachAndDetachByKeys(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "-dit", "--name", d.name, "--network", "none", image, "sh", "-c", `stty -echo; echo ready; while read line; do echo "got $line"; done`)
		awaitLogs(d, "ready")
		x := d.terminal("attach", d.name)
		// Bytes typed before the attach is through belong to the terminal, not to the container: they are repeated until one arrives.
		x.typedUntil("one\n", "got one")
		x.typed("\x10\x11")
		r := x.end()
		d.wantIn(r.stdout, "read escape sequence")
		d.run("inspect", "--format", "{{.State.Running}}", d.name).want(d, "true\n", 0)
	})
}

func TestAttachWithoutStandardInputSeesOutputAndExitCode(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", image, "sh", "-c", "until [ -e /go ]; do usleep 10000; done; echo out; echo err >&2; exit 4")
		d.prepare("start", d.name)
		p := d.begin("attach", "--no-stdin", d.name)
		awaitEvent(d, "attach")
		d.release()
		r := p.end()
		r.want(d, "out\n", 4)
		if r.stderr != "err\n" {
			d.Errorf("standard error is %q", r.stderr)
		}
	})
}

func TestStartAttachedWithStandardInput(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("create", "-i", "--name", d.name, "--network", "none", image, "sh", "-c", "wc -c; exit 3")
		d.feed(strings.NewReader("12345"), "start", "-a", "-i", d.name).want(d, "5\n", 3)
	})
}

// Ctrl-C in a terminal that is attached without standard input: the command line sends the signal on by a request of its own.
func TestCtrlCInAnAttachedTerminalIsSentOn(t *testing.T) {
	same(t, func(d *docker) {
		d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", `trap 'echo interrupted; exit 7' INT; i=0; while true; do i=$((i+1)); echo tick; usleep 20000; done`)
		x := d.terminal("attach", "--no-stdin", d.name)
		x.out.await(d, "tick")
		x.typed("\x03")
		<-x.done
		if code := x.command.ProcessState.ExitCode(); code != 7 || !strings.Contains(x.out.String(), "interrupted") {
			d.Errorf("at %s: exit %d, %q", d.address, code, &x.out)
		}
	})
}

// A signal that reaches `docker run` is passed on by a request of its own on another connection.
func TestSignalOfRunReachesTheContainer(t *testing.T) {
	same(t, func(d *docker) {
		p := d.begin("run", "--rm", "--name", d.name, "--network", "none", image, "sh", "-c", `trap 'echo ended; exit 6' TERM; echo ready; while true; do usleep 10000; done`)
		p.out.await(d, "ready")
		if err := p.command.Process.Signal(terminate); err != nil {
			d.Fatal(err)
		}
		p.end().want(d, "ready\nended\n", 6)
	})
}

func TestErrorsOfTheEngineAreShown(t *testing.T) {
	same(t, func(d *docker) {
		missing := d.name + "-missing"
		for _, args := range [][]string{
			{"inspect", missing},
			{"start", missing},
			{"logs", missing},
			{"attach", missing},
			{"exec", missing, "true"},
			{"rm", missing},
			{"wait", missing},
			{"kill", missing},
			{"top", missing},
			{"stats", "--no-stream", missing},
			{"cp", missing + ":/x", "-"},
			{"export", missing},
			{"save", missing},
			{"rmi", missing},
			{"image", "inspect", missing},
			{"network", "inspect", missing},
		} {
			if r := d.run(args...); r.code == 0 {
				d.Errorf("docker %v ended with 0: %q", args, r.stdout)
			}
		}
	})
}
