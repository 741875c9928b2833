package standin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/cmd/sluice/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a stand-in on a socket for as long as the test runs.
func start(t *testing.T) (socket string) {
	t.Helper()
	// A socket's address has room for 107 bytes, too few for some test's t.TempDir.
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- standin.New().Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		_ = os.RemoveAll(dir)
	})
	return socket
}

type api struct {
	t      *testing.T
	socket string
	client *http.Client
}

func newAPI(t *testing.T) *api {
	socket := start(t)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &api{t, socket, &http.Client{Transport: transport}}
}

// call sends a request and returns the answer; its status must be the one wanted.
func (a *api) call(method, path, body string, want int) []byte {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://docker"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != want {
		a.t.Fatalf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, want, got)
	}
	return got
}

func (a *api) create(name, body string) (id string) {
	a.t.Helper()
	var created struct{ ID string }
	if err := json.Unmarshal(a.call("POST", "/v1.41/containers/create?name="+name, body, 201), &created); err != nil {
		a.t.Fatal(err)
	}
	return created.ID
}

func TestInspectShowsWhatWasAsked(t *testing.T) {
	a := newAPI(t)
	id := a.create("web", `{"Image":"nginx","Env":["TOKEN=s3cret"],"Labels":{"team":"ci"},"Cmd":["serve"],"FutureField":{"x":1},
		"HostConfig":{"Privileged":true,"Binds":["/:/host"]},"NetworkingConfig":{"EndpointsConfig":{"lan":{}}}}`)
	var got struct {
		ID, Name, Path string
		Config         map[string]any
		HostConfig     struct {
			Privileged bool
			Binds      []string
		}
		NetworkSettings struct{ Networks map[string]any }
	}
	if err := json.Unmarshal(a.call("GET", "/v1.41/containers/web/json", "", 200), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != id || got.Name != "/web" || got.Path != "serve" || !got.HostConfig.Privileged || got.HostConfig.Binds[0] != "/:/host" {
		t.Errorf("inspect shows %+v", got)
	}
	if _, ok := got.Config["HostConfig"]; ok || got.Config["FutureField"] == nil || got.Config["Env"].([]any)[0] != "TOKEN=s3cret" {
		t.Errorf("Config is %v", got.Config)
	}
	if _, ok := got.NetworkSettings.Networks["lan"]; !ok {
		t.Errorf("networks are %v", got.NetworkSettings.Networks)
	}
}

func TestRequestsThatAnEngineRefuses(t *testing.T) {
	a := newAPI(t)
	a.create("web", `{"Image":"nginx"}`)
	tests := []struct {
		name, method, path, body string
		status                   int
		message                  string
	}{
		{"not JSON", "POST", "/containers/create", `{`, 400, "invalid JSON"},
		{"two documents", "POST", "/containers/create", `{"Image":"a"}{}`, 400, "invalid JSON"},
		{"no image", "POST", "/containers/create", `{}`, 400, "no image"},
		{"host configuration of a wrong type", "POST", "/containers/create", `{"Image":"a","HostConfig":{"AutoRemove":"yes"}}`, 400, "HostConfig"},
		{"a name with a slash", "POST", "/containers/create?name=a/b", `{"Image":"a"}`, 400, "Invalid container name"},
		{"a name that is taken", "POST", "/containers/create?name=web", `{"Image":"a"}`, 409, "already in use"},
		{"unknown container", "GET", "/containers/nope/json", "", 404, "No such container: nope"},
		{"start of an unknown container", "POST", "/containers/nope/start", "", 404, "No such container"},
		{"attach to an unknown container", "POST", "/containers/nope/attach?stream=1", "", 404, "No such container"},
		{"exec in what does not run", "POST", "/containers/web/exec", "{}", 409, "not running"},
		{"kill what does not run", "POST", "/containers/web/kill", "", 409, "not running"},
		{"logs of no stream", "GET", "/containers/web/logs", "", 400, "at least one stream"},
		{"unknown filter", "GET", "/containers/json?filters=%7B%22volume%22%3A%5B%22x%22%5D%7D", "", 400, "invalid filter 'volume'"},
		{"broken filter", "GET", "/containers/json?filters=%7B", "", 400, "query parameter filters"},
		{"an operation it does not know", "POST", "/build", "", 501, "ImageBuild is not supported"},
		{"an import", "POST", "/images/create?fromSrc=-", "", 501, "not supported"},
		{"unknown image", "GET", "/images/nope/json", "", 404, "No such image"},
		{"a network", "GET", "/networks/nope", "", 404, "No such network: nope"},
		{"no route at all", "GET", "/nothing", "", 404, "page not found"},
		{"a path with two meanings", "GET", "/containers%2Fjson", "", 400, "encoded slash"},
		{"a rename to a name that is taken", "POST", "/containers/web/rename?name=web", "", 409, "already in use"},
		{"a time that is none", "GET", "/events?since=yesterday", "", 400, "invalid time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &api{t, a.socket, a.client}
			var got struct{ Message string }
			if err := json.Unmarshal(a.call(tt.method, tt.path, tt.body, tt.status), &got); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.Message, tt.message) {
				t.Errorf("message %q, want %q in it", got.Message, tt.message)
			}
		})
	}
}

func TestListShowsWhatFiltersAskFor(t *testing.T) {
	a := newAPI(t)
	a.create("one", `{"Image":"nginx","Labels":{"team":"ci","tier":"web"}}`)
	a.create("two", `{"Image":"redis:7","Labels":{"team":"ops"}}`)
	a.call("POST", "/containers/two/start", "", 204)
	for _, tt := range []struct{ query, want string }{
		{"", ""},
		{"all=1", "/two /one"},
		{`all=1&filters={"label":["team=ci"]}`, "/one"},
		{`all=1&filters={"label":{"team":true}}`, "/two /one"},
		{`all=1&filters={"label":["team=ci","tier=db"]}`, ""},
		{`all=1&filters={"name":["tw"]}`, "/two"},
		{`filters={"status":["exited"]}`, "/two"},
		{`all=1&filters={"ancestor":["nginx:latest"]}`, "/one"},
	} {
		var list []struct{ Names []string }
		query := strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(tt.query)
		if err := json.Unmarshal(a.call("GET", "/v1.41/containers/json?"+query, "", 200), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list {
			got = append(got, c.Names...)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, s, tt.want)
		}
	}
}

func TestRunAsTheCommandLineDoesIt(t *testing.T) {
	a := newAPI(t)
	a.create("job", `{"Image":"busybox","HostConfig":{"AutoRemove":true}}`)

	resp, err := a.client.Post("http://docker/v1.41/containers/job/wait?condition=removed", "", nil) // returns with the head
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	conn, err := net.Dial("unix", a.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const attach = "POST /v1.42/containers/job/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
	if _, err := io.WriteString(conn, attach); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	head, err := http.ReadResponse(r, nil)
	if err != nil || head.StatusCode != 101 || head.Header.Get("Content-Type") != "application/vnd.docker.multiplexed-stream" {
		t.Fatalf("attach: %v, %v", head, err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil { // as a client without stdin does
		t.Fatal(err)
	}
	// The attachment is registered after the 101 is out; its event tells when.
	events, err := a.client.Get(`http://docker/events?since=0&filters=%7B%22event%22%3A%5B%22attach%22%5D%7D`)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	if line, err := bufio.NewReader(events.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"Action":"attach"`) {
		t.Fatalf("events: %q, %v", line, err)
	}
	a.call("POST", "/v1.41/containers/job/start", "", 204)
	got, err := io.ReadAll(r)
	if want := "\x01\x00\x00\x00\x00\x00\x00" + string(rune(len(standin.Notice)+1)) + standin.Notice + "\n"; err != nil || string(got) != want {
		t.Errorf("attached client read %q (%v), want %q", got, err, want)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `{"StatusCode":0}`+"\n" {
		t.Errorf("wait: %q, %v", body, err)
	}
	a.call("GET", "/v1.41/containers/job/json", "", 404)
}

// What a client types is nobody's, and may still be on its way when the stream ends: that must not cost it the output.
func TestAClientThatTypesSeesTheOutput(t *testing.T) {
	a := newAPI(t)
	for range 100 {
		a.create("typed", `{"Image":"busybox","HostConfig":{"AutoRemove":true}}`)
		conn, err := net.Dial("unix", a.socket)
		if err != nil {
			t.Fatal(err)
		}
		const attach = "POST /v1.42/containers/typed/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
		if _, err := io.WriteString(conn, attach); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		if _, err := http.ReadResponse(r, nil); err != nil {
			t.Fatal(err)
		}
		typed := make(chan struct{})
		go func() {
			defer close(typed)
			for {
				if _, err := io.WriteString(conn, "typed\n"); err != nil {
					return
				}
			}
		}()
		a.call("POST", "/v1.41/containers/typed/start", "", 204)
		if _, err := io.ReadAll(r); err != nil {
			t.Errorf("the stream ended with %v", err)
		}
		conn.Close()
		<-typed
	}
}

func TestAttachOfATerminalInTheOldForm(t *testing.T) {
	a := newAPI(t)
	a.create("tty", `{"Image":"busybox","Tty":true}`)
	a.call("POST", "/containers/tty/start", "", 204)
	conn, err := net.Dial("unix", a.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /containers/tty/attach?logs=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if want := "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n" + standin.Notice + "\r\n"; err != nil || string(got) != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestFollowedLogsComeWithTheStart(t *testing.T) {
	a := newAPI(t)
	a.create("tty", `{"Image":"busybox","Tty":true}`)
	resp, err := a.client.Get("http://docker/containers/tty/logs?stdout=1&follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a.call("POST", "/containers/tty/start", "", 204)
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != standin.Notice+"\r\n" {
		t.Errorf("followed %q, %v", got, err)
	}
	a.call("POST", "/containers/tty/start", "", 204)
	if got := a.call("GET", "/containers/tty/logs?stdout=1&tail=1", "", 200); string(got) != standin.Notice+"\r\n" {
		t.Errorf("tail=1 is %q", got)
	}
}

func TestWaitersAreLetGoWhenTheirContainerIsRemoved(t *testing.T) {
	a := newAPI(t)
	a.create("web", `{"Image":"busybox"}`)
	wait, err := a.client.Post("http://docker/containers/web/wait?condition=next-exit", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer wait.Body.Close()
	logs, err := a.client.Get("http://docker/containers/web/logs?stdout=1&follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Body.Close()
	a.call("DELETE", "/containers/web", "", 204)
	for _, body := range []io.Reader{wait.Body, logs.Body} {
		if _, err := io.ReadAll(body); err != nil {
			t.Error(err)
		}
	}
}

func TestEventsTellWhatHappened(t *testing.T) {
	a := newAPI(t)
	id := a.create("web", `{"Image":"busybox","Labels":{"team":"ci"}}`)
	a.call("POST", "/containers/web/rename?name=site", "", 204)
	a.call("POST", "/containers/site/start", "", 204)
	a.call("DELETE", "/containers/site", "", 204)
	resp, err := a.client.Get("http://docker/events?since=1.5&filters=%7B%22label%22%3A%5B%22team%3Dci%22%5D%7D")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for _, want := range []string{"create", "rename", "start", "die", "destroy"} {
		var got struct {
			Type, Action string
			Actor        struct {
				ID         string
				Attributes map[string]string
			}
		}
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Type != "container" || got.Action != want || got.Actor.ID != id || got.Actor.Attributes["team"] != "ci" {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	if got := a.call("GET", "/events?since=1&until=2", "", 200); len(got) != 0 {
		t.Errorf("events of 1970: %s", got)
	}
}
