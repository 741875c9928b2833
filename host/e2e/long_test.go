//go:build long

// These tests take minutes by their nature; `make test-long` runs them beside all others. Figures that depend on the machine are held to their
// limits there.

package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
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

// patientDial is dial without the time limit of the other tests.
func (d *docker) patientDial() *wire {
	d.Helper()
	w := dial(d, d.address)
	if err := w.conn.SetDeadline(time.Time{}); err != nil {
		d.Fatal(err)
	}
	return w
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
				waiting := begin("wait", d.name)
				console := d.terminalOf(d.patient("exec", "-it", d.name, "sh", "-c", "echo ready; read line; echo got $line"), "exec -it")
				console.out.await(t, "ready")
				old := d.patientDial()
				old.send(fmt.Sprintf("POST /v1.41/exec/%s/start HTTP/1.1\nHost: docker\nContent-Type: application/json\nContent-Length: %d\n\n",
					execOf(d, d.name, "cat"), len(startBody)), startBody)
				if status, _ := old.head(); status != "HTTP/1.1 200 OK" {
					t.Fatal(status)
				}
				socket := d.patientDial()
				socket.send("GET /v1.41/containers/"+d.name+"/attach/ws?stream=1&stdout=1 HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: websocket\n"+
					"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\n\n", "")
				if status, _ := socket.head(); !strings.HasPrefix(status, "HTTP/1.1 101 ") {
					t.Fatal(status)
				}

				time.Sleep(15 * time.Minute)

				if _, err := io.WriteString(shell.stdin, "still here\n"); err != nil {
					t.Fatal(err)
				}
				shell.out.await(t, "got still here")
				console.typed("still here\r")
				console.out.await(t, "got still here")
				for _, w := range []*wire{old, socket} {
					if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
						t.Fatal(err)
					}
				}
				old.send("", "still here\n")
				old.exactly(frame(1, "still here\n"))
				d.release()
				logs.out.await(t, "two")
				attached.out.await(t, "two")
				socket.exactly("\x82\x04two\n")
				events.out.await(t, "die")
				waiting.out.await(t, "0\n")
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
				build.Stdin = io.MultiReader(bytes.NewReader(dockerfile[:1024]), noiseArchive(size)) // without the first archive's end
				began := time.Now()
				r := d.finish(build, []string{"build"})
				t.Logf("built in %v", time.Since(began).Round(time.Second))
				d.wantIn(r.stdout, "\n1073741824\n")
				d.wantIn(r.stdout, "Successfully tagged "+d.name+":built")
			})
		}
	}
}
