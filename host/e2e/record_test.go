package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Filters that ask for the records of every stream and do nothing to them change nothing that anybody could see. (That of the quickstart does
// so for the output of containers, in all other tests.)
func TestRecordsThatNobodyTouchesPassUnchanged(t *testing.T) {
	_, ways := startWithDoors(t, engine(t), `
  - {name: first, module: {guest:records-pass}}
  - {name: pieces, module: {guest:noop}}
  - {name: last, module: {guest:records-pass}}
`)
	scenario := func(d *docker) {
		c := d.sleeper()
		d.run("exec", c, "sh", "-c", "echo out; echo err >&2; exit 3").want(d, "out\n", 3)
		text := strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n", 3<<20/64)
		if r := d.finish(feeding(d, text, "exec", "-i", c, "cat"), []string{"exec", "cat"}); r.stdout != text || r.code != 0 {
			d.Errorf("at %s: %d bytes came back of %d, exit %d: %s", d.address, len(r.stdout), len(text), r.code, r.stderr)
		}
		x := d.terminal("exec", "-it", c, "sh", "-c", awaitSizes+`; exit 2`)
		x.out.await(d, "ready")
		x.resizedUntil(40, 100, "resized")
		x.typed("word\n")
		if r := x.end(); r.code != 2 {
			d.Errorf("exec in a terminal: exit %d", r.code)
		}
		d.feed(strings.NewReader("hello\n"), "run", "--rm", "-i", "--network", "none", image, "sh", "-c", "cat; echo done >&2; exit 4").want(d, "hello\n", 4)

		d.prepare("run", "--name", d.name+"-logs", "--network", "none", image, "sh", "-c", "echo one; printf '\\001\\000two\\n' >&2; usleep 200000; echo; echo three")
		d.run("logs", "-f", d.name+"-logs").want(d, "one\n\nthree\n", 0)
		d.run("logs", "--tail", "1", d.name+"-logs").want(d, "three\n", 0)
		d.prepare("run", "-t", "--name", d.name+"-tty", "--network", "none", image, "sh", "-c", "echo one; printf '\\001\\000\\000\\000\\000\\000\\000\\001x'")
		d.run("logs", d.name+"-tty").want(d, "one\r\n\x01\x00\x00\x00\x00\x00\x00\x01x", 0)

		d.run("stats", "--no-stream", "--format", "{{.Name}}", c).want(d, c+"\n", 0)
		past := []string{"events", "--since", "1h", "--until", fmt.Sprint(time.Now().Unix() + 1), "--filter", "container=" + d.name + "-logs", "--format", "{{.Type}} {{.Action}}"}
		d.finish(d.command(past...), past).want(d, "container create\ncontainer attach\ncontainer start\ncontainer die\n", 0)
		d.run("wait", d.name+"-logs").want(d, "0\n", 0)
		d.run("pull", "127.0.0.1:1/none:1")
		d.run("push", "127.0.0.1:1/none:1")

		folder := filepath.Join(d.dir, "context")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			d.Fatal(err)
		}
		// The time makes the engine build anew, on both sides.
		dockerfile := fmt.Sprintf("FROM %s\nRUN echo building %s\nRUN exit 5\n", image, d.name)
		if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
			d.Fatal(err)
		}
		if r := d.run("build", "--force-rm", folder); r.code != 5 && r.code != 1 || !strings.Contains(r.stdout, "building "+d.name) {
			d.Errorf("build: exit %d, %q", r.code, r.stdout)
		}
		if err := os.WriteFile(filepath.Join(d.dir, "none.tar"), []byte("no archive"), 0o600); err != nil {
			d.Fatal(err)
		}
		d.run("load", "-i", filepath.Join(d.dir, "none.tar"))
		d.prepare("export", "-o", filepath.Join(d.dir, "exported.tar"), d.name+"-logs")
		d.run("cp", c+":/bin/busybox", filepath.Join(d.dir, "copied")).want(d, "", 0)
	}
	for _, c := range clis(t) {
		t.Run("cli"+c.version, func(t *testing.T) {
			t.Parallel()
			direct := newDocker(t, c, engine(t))
			scenario(direct)
			for _, way := range ways {
				gated := newDocker(t, c, way.address)
				scenario(gated)
				if diff := cmp.Diff(direct.transcript.String(), gated.transcript.String()); diff != "" {
					t.Errorf("%s: the filters changed what the user sees (-socket +gateway):\n%s", way.name, diff)
				}
			}
		})
	}
}

const redactStdout = `
  - name: redact
    module: {filter:redact-output}
    config: {patterns: [hunter2], streams: [stdout]}
`

func TestAWordIsRedactedOnStandardOutputOnly(t *testing.T) {
	gatedBy(t, redactStdout, func(d, direct *docker) {
		const say = `echo "it is hunter2 here"; echo "hunter2 aside" >&2`
		want := func(r result, what string) {
			d.Helper()
			if r.stdout != "it is *** here\n" || r.stderr != "hunter2 aside\n" || r.code != 0 {
				d.Errorf("%s: %q, %q, exit %d", what, r.stdout, r.stderr, r.code)
			}
		}
		want(d.run("run", "--name", d.name, "--network", "none", image, "sh", "-c", say), "run")
		want(d.run("logs", d.name), "logs")
		want(d.run("logs", "-f", d.name), "logs -f")
		if r := direct.run("logs", d.name); !strings.Contains(r.stdout, "hunter2") {
			d.Errorf("the engine's own log is %q", r.stdout)
		}

		d.prepare("run", "-d", "--init", "--name", d.name+"-exec", "--network", "none", image, "sleep", "600")
		want(d.run("exec", d.name+"-exec", "sh", "-c", say), "exec")
		want(d.feed(strings.NewReader("hunter2"), "exec", "-i", d.name+"-exec", "sh", "-c", "read w; [ \"$w\" = hunter2 ] && "+say), "exec -i, which gets the word")

		// A terminal has one stream.
		x := d.terminal("exec", "-it", d.name+"-exec", "sh", "-c", say)
		if r := x.end(); r.stdout != "it is *** here\r\n*** aside\r\n" || r.code != 0 {
			d.Errorf("exec -it shows %q, exit %d", r.stdout, r.code)
		}
		d.prepare("run", "-dt", "--name", d.name+"-tty", "--network", "none", image, "sh", "-c", "echo hunter2; sleep 600")
		p := d.begin("logs", "-f", d.name+"-tty")
		p.out.await(d, "***\r\n")
		if err := p.command.Process.Kill(); err != nil {
			d.Fatal(err)
		}
		<-p.done

		folder := filepath.Join(d.dir, "context")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			d.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte("FROM "+image+"\nRUN echo "+d.name+" it is hunter$((1+1))\n"), 0o600); err != nil {
			d.Fatal(err)
		}
		if r := d.run("build", "--force-rm", folder); r.code != 0 || !strings.Contains(r.stdout, d.name+" it is ***") || strings.Contains(r.stdout, "hunter2") {
			d.Errorf("build: exit %d, %q", r.code, r.stdout)
		}
	})
}

func TestRedactedOutputIsLive(t *testing.T) {
	gatedBy(t, redactStdout, func(d, _ *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", image, "sh", "-c", "echo hunter2; until [ -e /go ]; do usleep 10000; done; echo end")
		attached := d.begin("start", "-a", d.name)
		attached.out.await(d, "***\n") // while the process says nothing more
		logs := d.begin("logs", "-f", d.name)
		logs.out.await(d, "***\n")
		d.release()
		attached.end().want(d, "***\nend\n", 0)
		logs.end().want(d, "***\nend\n", 0)
	})
}

func TestEventsOfOneContainerOnly(t *testing.T) {
	upstream := engine(t)
	for _, c := range clis(t) {
		t.Run("cli"+c.version, func(t *testing.T) {
			t.Parallel()
			direct := newDocker(t, c, upstream)
			_, ways := startWithDoors(t, upstream, fmt.Sprintf(`
  - name: events-of
    module: {guest:events-of}
    match: {operations: [SystemEvents]}
    config: %q
`, direct.name+"-mine"))
			d := newDocker(t, c, ways[1].address)
			p := d.begin("events", "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
			// Whether the stream has begun nobody tells: something is made to happen until it shows.
			for deadline := time.Now().Add(patience); p.out.String() == ""; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no event came")
				}
				direct.prepare("create", "--name", direct.name+"-mine", "--network", "none", image, "true")
				direct.prepare("rm", direct.name+"-mine")
			}
			direct.prepare("run", "--name", direct.name+"-other", "--network", "none", image, "true")
			direct.prepare("run", "--name", direct.name+"-mine", "--network", "none", image, "true")
			p.out.await(t, "start "+direct.name+"-mine\n")
			p.out.await(t, "gone <no value>\n") // "die", as the filter tells it
			if got := p.out.String(); strings.Contains(got, "-other") || strings.Contains(got, "die") {
				t.Errorf("events show %q", got)
			}
			if err := p.command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-p.done
		})
	}
}

// The engine says of a container with a terminal what it says of others, up to API 1.41. A filter that asks for records must not be shown
// one for the other.
func TestATerminalsOutputCannotPassForFrames(t *testing.T) {
	gatedBy(t, redactStdout, func(d, _ *docker) {
		// It looks like a frame of standard error, which this filter leaves alone.
		d.prepare("run", "-t", "--name", d.name, "--network", "none", image, "printf", `\002\000\000\000\000\000\000\007hunter2`)
		d.run("logs", d.name).want(d, "\x02\x00\x00\x00\x00\x00\x00\a***", 0)
	})
}
