//go:build long

// These tests take minutes by their nature; `make test-long` runs them beside all others. Figures that depend on the machine are held to their
// limits there.

package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

const isLong = true

// patient is docker, ready to start, without the time limit of the other tests.
func (d *docker) patient(args ...string) *exec.Cmd {
	limited := d.command(args...)
	command := exec.CommandContext(d.Context(), limited.Path, args...)
	command.Env, command.Dir, command.WaitDelay = limited.Env, limited.Dir, limited.WaitDelay
	return command
}

// Proxies with idle time-outs cut a terminal that nobody types into, and a log that says nothing.
func TestFifteenSilentMinutes(t *testing.T) {
	for _, c := range clis(t) {
		for _, way := range doors(t) {
			t.Run("cli"+c.version+" "+way.name, func(t *testing.T) {
				t.Parallel()
				d := newDocker(t, c, way.address)
				d.prepare("run", "-d", "--name", d.name, "--network", "none", image, "sh", "-c", "echo one; until [ -e /go ]; do sleep 1; done; echo two")
				begin := func(args ...string) *process {
					t.Helper()
					return d.beginProgram(d.patient(args...), args)
				}
				shell := begin("exec", "-i", d.name, "sh", "-c", "echo ready; read line; echo got $line")
				shell.out.await(t, "ready")
				logs := begin("logs", "-f", d.name)
				logs.out.await(t, "one")
				attached := begin("attach", "--no-stdin", d.name)
				awaitEvent(d, "attach")
				events := begin("events", "--filter", "container="+d.name, "--format", "{{.Action}}")

				time.Sleep(15 * time.Minute)

				if _, err := io.WriteString(shell.stdin, "still here\n"); err != nil {
					t.Fatal(err)
				}
				shell.out.await(t, "got still here")
				d.release()
				logs.out.await(t, "two")
				attached.out.await(t, "two")
				events.out.await(t, "die")
			})
		}
	}
}

// The engine closes a connection that was idle for 300 s; the request after that must not notice.
func TestRequestAfterSixIdleMinutes(t *testing.T) {
	for _, way := range doors(t) {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := client(way.address)
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
		})
	}
}

// A build whose context has a gigabyte.
func TestBuildOfALargeContext(t *testing.T) {
	const size = 1 << 30
	for _, c := range clis(t) {
		for _, way := range doors(t) {
			t.Run("cli"+c.version+" "+way.name, func(t *testing.T) {
				d := newDocker(t, c, way.address)
				dockerfile := tarOf("Dockerfile", "FROM "+image+"\nCOPY large /\nRUN wc -c </large\n")
				build := d.patient("build", "--force-rm", "--network", "none", "-t", d.name+":built", "-")
				build.Stdin = io.MultiReader(bytes.NewReader(dockerfile[:1024]), zerosArchive(size)) // without the first archive's end
				began := time.Now()
				r := d.finish(build, []string{"build"})
				t.Logf("built in %v", time.Since(began).Round(time.Second))
				d.wantIn(r.stdout, "\n1073741824\n")
				d.wantIn(r.stdout, "Successfully tagged "+d.name+":built")
			})
		}
	}
}
