package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A wire is a connection on which a test writes its own bytes.
type wire struct {
	testing.TB
	conn halfCloser
	in   *bufio.Reader
}

func dial(t testing.TB, address string) *wire {
	t.Helper()
	conn, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, conn, bufio.NewReader(conn)}
}

// send writes in one segment, with \n standing for the \r\n of HTTP in head.
func (w *wire) send(head, after string) {
	w.Helper()
	if _, err := io.WriteString(w.conn, strings.ReplaceAll(head, "\n", "\r\n")+after); err != nil {
		w.Fatal(err)
	}
}

func (w *wire) closeWrite() {
	w.Helper()
	if err := w.conn.CloseWrite(); err != nil {
		w.Fatal(err)
	}
}

// head reads a response's head as it is on the wire, without the Date.
func (w *wire) head() (status string, fields []string) {
	w.Helper()
	line := func() string {
		text, err := w.in.ReadString('\n')
		if err != nil {
			w.Fatalf("read a head: %v after %q %q", err, status, fields)
		}
		return strings.TrimSuffix(text, "\r\n")
	}
	status = line()
	for {
		field := line()
		if field == "" {
			return status, fields
		}
		if !strings.HasPrefix(field, "Date: ") {
			fields = append(fields, field)
		}
	}
}

// response reads a whole response.
func (w *wire) response(method string) (status int, body string) {
	w.Helper()
	response, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// exactly reads as many bytes as want has, and compares them.
func (w *wire) exactly(want string) {
	w.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(w.in, got); err != nil || string(got) != want {
		w.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

// ended reads to the end of the connection and wants nothing there.
func (w *wire) ended() {
	w.Helper()
	if rest, err := io.ReadAll(w.in); err != nil || len(rest) > 0 {
		w.Fatalf("got %q, %v; want the end", rest, err)
	}
}

// frame is what a container without a terminal wrote, as it stands in a stream of the engine.
func frame(stream byte, text string) string {
	return string([]byte{stream, 0, 0, 0, 0, 0, 0, byte(len(text))}) + text
}

// execOf prepares an exec and returns its id.
func execOf(d *docker, container string, command ...string) string {
	d.Helper()
	body, _ := json.Marshal(map[string]any{"Cmd": command, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true})
	response, err := client(d.address).Post("http://docker/v1.41/containers/"+container+"/exec", "application/json", bytes.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	var created struct{ Id string } // the engine's spelling
	jsonBody(d, response, &created)
	if created.Id == "" {
		d.Fatalf("no exec was created: %s", response.Status)
	}
	return created.Id
}

const startBody = `{"Detach":false,"Tty":false}`

func TestAttachOfOldClientsIsA200(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *docker) {
		// create -i, unlike run -d -i, makes a container whose standard input ends with the first client's.
		d.prepare("create", "-i", "--name", d.name, "--network", "none", image, "sh", "-c", "cat; echo done >&2")
		d.prepare("start", d.name)
		w := dial(t, d.address)
		w.send("POST /v1.41/containers/"+d.name+"/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\nHost: docker\nContent-Length: 0\n\n", "")
		status, fields := w.head()
		if status != "HTTP/1.1 200 OK" || !slices.Contains(fields, "Content-Type: application/vnd.docker.raw-stream") {
			t.Fatalf("got %s %q", status, fields)
		}
		w.send("", "hello\n")
		w.exactly(frame(1, "hello\n"))
		w.closeWrite()
		w.exactly(frame(2, "done\n"))
		w.ended()
	})
}

func TestExecOfOldClientsIsA200(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *docker) {
		id := execOf(d, d.sleeper(), "cat")
		w := dial(t, d.address)
		w.send(fmt.Sprintf("POST /v1.41/exec/%s/start HTTP/1.1\nHost: docker\nContent-Type: application/json\nContent-Length: %d\n\n", id, len(startBody)), startBody)
		if status, fields := w.head(); status != "HTTP/1.1 200 OK" {
			t.Fatalf("got %s %q", status, fields)
		}
		w.send("", "hello\n")
		w.exactly(frame(1, "hello\n"))
		w.closeWrite()
		w.ended()
	})
}

// Docker's 20.10 command line sends hijacking requests with an empty Host.
func TestUpgradeWithEmptyHost(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *docker) {
		id := execOf(d, d.sleeper(), "cat")
		w := dial(t, d.address)
		w.send(fmt.Sprintf("POST /v1.41/exec/%s/start HTTP/1.1\nHost: \nConnection: Upgrade\nUpgrade: tcp\nContent-Type: application/json\nContent-Length: %d\n\n",
			id, len(startBody)), startBody)
		if status, fields := w.head(); status != "HTTP/1.1 101 UPGRADED" {
			t.Fatalf("got %s %q", status, fields)
		}
		w.send("", "hello\n")
		w.exactly(frame(1, "hello\n"))
		w.closeWrite()
		w.ended()
	})
}

// The engine loses what a client sends in the same segment as the request (moby#45447). The gateway holds it back until the engine has
// answered, and so is better than the socket.
func TestStandardInputSentWithTheRequestArrives(t *testing.T) {
	eachGateway(t, func(t *testing.T, d *docker) {
		id := execOf(d, d.sleeper(), "cat")
		w := dial(t, d.address)
		w.send(fmt.Sprintf("POST /v1.41/exec/%s/start HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: tcp\nContent-Type: application/json\nContent-Length: %d\n\n",
			id, len(startBody)), startBody+"early\n")
		if status, fields := w.head(); status != "HTTP/1.1 101 UPGRADED" {
			t.Fatalf("got %s %q", status, fields)
		}
		w.exactly(frame(1, "early\n"))
		w.closeWrite()
		w.ended()
	})
}

// socat and nc -N close their sending side as soon as their input ends, and then wait for the answer.
func TestListOverHTTP10WithHalfClosedConnection(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", image, "true")
		w := dial(t, d.address)
		w.send("GET /containers/json?all=1 HTTP/1.0\n\n", "")
		w.closeWrite()
		status, fields := w.head()
		if status != "HTTP/1.0 200 OK" && status != "HTTP/1.1 200 OK" {
			t.Fatalf("got %s", status)
		}
		if slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(strings.ToLower(f), "transfer-encoding") }) {
			t.Errorf("a client of HTTP/1.0 got %q", fields)
		}
		body, err := io.ReadAll(w.in)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct{ Names []string }
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatalf("%v in %q", err, body)
		}
		if !slices.ContainsFunc(list, func(c struct{ Names []string }) bool { return slices.Contains(c.Names, "/"+d.name) }) {
			t.Errorf("%s is not in %s", d.name, body)
		}
	})
}

// After a hijack that the engine refused, the connection still speaks HTTP: the bytes that follow are a request like any other.
func TestRequestPipelinedAfterARefusedHijackIsFiltered(t *testing.T) {
	eachGateway(t, func(t *testing.T, d *docker) {
		done := execOf(d, d.sleeper(), "true")
		body := fmt.Sprintf(`{"Image":%q,"Cmd":["true"],"HostConfig":{"Privileged":true}}`, image)
		second := fmt.Sprintf("POST /v1.41/containers/create?name=%s-2 HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", d.name, len(body), body)
		upgrade := "Host: docker\nConnection: Upgrade\nUpgrade: tcp\n"
		for _, first := range []struct {
			name, request, body string
		}{
			{"exec start of a missing exec", "POST /v1.41/exec/nothing/start HTTP/1.1\n" + upgrade + "Content-Type: application/json\nContent-Length: 28\n\n", startBody},
			{"detached exec start", "POST /v1.41/exec/" + done + "/start HTTP/1.1\n" + upgrade + "Content-Type: application/json\nContent-Length: 15\n\n", `{"Detach":true}`},
			{"attach to a missing container", "POST /v1.41/containers/nothing/attach?stream=1&stdin=1 HTTP/1.1\n" + upgrade + "Content-Length: 0\n\n", ""},
			{"list with an upgrade", "GET /v1.41/containers/json HTTP/1.1\n" + upgrade + "\n", ""},
			{"session without an upgrade", "POST /session HTTP/1.1\nHost: docker\nContent-Length: 0\n\n", ""},
			{"session with another upgrade", "POST /session HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: tcp\nContent-Length: 0\n\n", ""},
			{"attach over a WebSocket to a missing container", "GET /v1.41/containers/nothing/attach/ws?stream=1 HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: websocket\n\n", ""},
		} {
			t.Run(first.name, func(t *testing.T) {
				w := dial(t, d.address)
				w.send(first.request, first.body+second)
				if status, body := w.response("POST"); status == http.StatusSwitchingProtocols {
					t.Fatalf("the first request was upgraded: %s", body)
				}
				// The connection may be closed after the refusal; if it is not, the second request is answered by the filter.
				response, err := http.ReadResponse(w.in, nil)
				if err == nil {
					var denial struct{ Message string }
					jsonBody(t, response, &denial)
					if response.StatusCode != http.StatusForbidden || !strings.Contains(denial.Message, "no-privileged") {
						t.Errorf("got %s %q, want a denial by no-privileged", response.Status, denial.Message)
					}
				}
				direct := *d
				direct.address = engine(t)
				if names := direct.prepare("ps", "-a", "--filter", "name=^/"+d.name+"-2", "--format", "{{.Names}}"); names != "" {
					t.Errorf("the engine has made %s", names)
				}
			})
		}
	})
}

// A client that tries HTTP/2 at once is told so in HTTP/1.1 and falls back; its bytes never reach the engine unparsed.
func TestPrefaceOfHTTP2IsRefused(t *testing.T) {
	for _, way := range doors(t) {
		t.Run(way.name, func(t *testing.T) {
			w := dial(t, way.address)
			w.send("PRI * HTTP/2.0\n\nSM\n\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			status, _ := w.head()
			if !strings.HasPrefix(status, "HTTP/1.1 4") && !strings.HasPrefix(status, "HTTP/1.1 5") || strings.Contains(status, " 401") || strings.Contains(status, " 403") {
				t.Errorf("got %s", status)
			}
			if _, err := io.Copy(io.Discard, w.in); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
}

// What is not a filter's or the framing's stays as the engine sent it: status, names, order and spelling of the fields.
func TestHeadsOfResponsesAreTheEngines(t *testing.T) {
	d := newDocker(t, clis(t)[0], engine(t))
	d.prepare("run", "--name", d.name, "--network", "none", image, "echo", "hi")
	for _, request := range []string{
		"HEAD /_ping", "GET /_ping", "GET /version", "GET /v1.41/version", "GET /v1.41/containers/json?all=1", "GET /v1.41/containers/" + d.name + "/json",
		"GET /v1.41/containers/" + d.name + "/logs?stdout=1&stderr=1", "HEAD /v1.41/containers/" + d.name + "/archive?path=/bin", "GET /v1.41/containers/" + d.name + "/archive?path=/etc/hostname",
		"HEAD /v1.41/containers/" + d.name + "/archive?path=/nothing", "GET /v1.41/containers/nothing/json", "GET /v1.41/no/such/route", "POST /v1.41/containers/" + d.name + "/attach?logs=1",
		"GET /v1.41/containers/" + d.name + "/stats?stream=0", "GET /v1.41/events?since=1&until=2", "OPTIONS /v1.41/info", "GET /v1.99/info", "DELETE /v1.41/containers/nothing",
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			read := func(address string) (heads []string) {
				w := dial(t, address)
				w.send(request+" HTTP/1.1\nHost: docker\nConnection: close\n\n", "")
				status, fields := w.head()
				return append([]string{status}, fields...)
			}
			want := read(engine(t))
			for _, way := range doors(t) {
				got := read(way.address)
				// What the quickstart's filters change; none of them sees a ping.
				if marked := slices.Contains(got, "X-Sluice: quickstart"); marked == strings.HasSuffix(request, "/_ping") {
					t.Errorf("%s: the filter's field is there: %t, in %q", way.name, marked, got)
				}
				ours := func(field string) bool { return field == "X-Sluice: quickstart" || framing(field) }
				got, want = slices.DeleteFunc(got, ours), slices.DeleteFunc(want, ours)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: the gateway changed the head (-socket +gateway):\n%s", way.name, diff)
				}
			}
		})
	}
}

// framing tells the fields that each connection has of its own.
func framing(field string) bool {
	name, _, _ := strings.Cut(strings.ToLower(field), ":")
	return slices.Contains([]string{"connection", "transfer-encoding", "content-length", "keep-alive"}, name)
}

// docker run deadlocks where the head of wait's response is held until its body: the command starts the container after that head.
func TestHeadOfWaitComesBeforeItsBody(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *docker) {
		d.prepare("create", "--name", d.name, "--network", "none", image, "sh", "-c", "exit 3")
		w := dial(t, d.address)
		w.send("POST /v1.41/containers/"+d.name+"/wait?condition=next-exit HTTP/1.1\nHost: docker\nContent-Length: 0\n\n", "")
		response, err := http.ReadResponse(w.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.prepare("start", d.name) // only now can there be a body
		var result struct{ StatusCode int }
		jsonBody(t, response, &result)
		if result.StatusCode != 3 {
			t.Errorf("wait says %d, want 3", result.StatusCode)
		}
	})
}
