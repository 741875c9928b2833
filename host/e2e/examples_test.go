package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A tool is a program that speaks with the engine through a configuration of testdata/examples/, on each kind of listener.
type tool struct {
	*docker
	http   *http.Client
	direct *docker // the same names on the engine's own socket
}

// tools plays a story through testdata/examples/NAME.yaml as it stands, but for its addresses.
func tools(t *testing.T, name string, story func(c *tool)) {
	t.Helper()
	t.Parallel()
	text := string(readFile(t, filepath.Join(root(t), "testdata", "examples", name+".yaml")))
	_, filters, found := strings.Cut(text, "\nfilters:")
	if !found {
		t.Fatalf("testdata/examples/%s.yaml has no filters", name)
	}
	filters = strings.ReplaceAll(filters, "../../filters/", filepath.Join(root(t), "filters")+"/")
	g := prepareGateway(t, engine(t), filters)
	g.listeners = certificates(t).listener()
	g.configure(t, engine(t), filters)
	g.run(t)
	overTLS, err := g.awaitAddress()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []door{{"unix", g.address}, {"tls", overTLS}} {
		t.Run(way.name, func(t *testing.T) {
			d := newDocker(t, clis(t)[0], way.address)
			direct := *d
			direct.address = engine(t)
			story(&tool{d, client(way.address), &direct})
		})
	}
}

// ask sends a request as libraries do. A body is sent as JSON, and an answer is read as JSON where into is given; the status has to be among
// those wanted.
func (c *tool) ask(method, target string, body, into any, statuses ...int) {
	c.Helper()
	response := c.open(method, target, body)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || !slices.Contains(statuses, response.StatusCode) {
		c.Fatalf("%s %s: %s %s, %v; want %d", method, target, response.Status, text, err, statuses)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			c.Fatalf("%s %s: %v in %s", method, target, err, text)
		}
	}
}

func (c *tool) open(method, target string, body any) *http.Response {
	c.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(c.Context(), method, "http://docker"+target, content)
	if err != nil {
		c.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	return response
}

// denied wants a filter's denial.
func (c *tool) denied(method, target string, body any) {
	c.Helper()
	var answer struct{ Message string }
	c.ask(method, target, body, &answer, http.StatusForbidden)
	if !strings.Contains(answer.Message, "denied by filter ") {
		c.Errorf("%s %s: %q, want a denial", method, target, answer.Message)
	}
}

type object = map[string]any

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "testdata", "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		validate := exec.CommandContext(t.Context(), sluice(t), "validate", "--config", file)
		validate.Env = environment()
		if out, err := validate.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func TestTraefiksCallsPassUnderItsExample(t *testing.T) {
	tools(t, "traefik", func(c *tool) {
		c.direct.prepare("run", "-d", "--name", c.name, "--network", "none", "--label", "traefik.enable=true", "-e", "PASSWORD=s3cret", image, "sleep", "600")
		c.ask(http.MethodHead, "/_ping", nil, nil, http.StatusOK)
		var version struct{ ApiVersion string } // the engine's spelling
		c.ask(http.MethodGet, "/version", nil, &version, http.StatusOK)
		if version.ApiVersion == "" {
			c.Error("no version")
		}
		events := c.open(http.MethodGet, `/v1.41/events?filters={"type":{"container":true},"container":{"`+c.name+`":true}}`, nil)
		defer func() { _ = events.Body.Close() }()
		var list []struct {
			Id     string // the engine's spelling
			Labels map[string]string
		}
		c.ask(http.MethodGet, `/v1.41/containers/json?limit=0&filters={"name":["`+c.name+`"]}`, nil, &list, http.StatusOK)
		if len(list) != 1 || list[0].Labels["traefik.enable"] != "true" {
			c.Fatalf("the list is %+v", list)
		}
		var inspected struct {
			Config          struct{ Env []string }
			NetworkSettings struct{ Networks object }
		}
		c.ask(http.MethodGet, "/v1.41/containers/"+list[0].Id+"/json", nil, &inspected, http.StatusOK)
		if text := strings.Join(inspected.Config.Env, " "); strings.Contains(text, "s3cret") || !strings.Contains(text, "PASSWORD=") || len(inspected.NetworkSettings.Networks) == 0 {
			c.Errorf("inspect shows %+v", inspected)
		}
		c.direct.prepare("kill", c.name)
		var event struct{ Action string }
		if err := json.NewDecoder(events.Body).Decode(&event); err != nil || event.Action != "kill" {
			c.Errorf("the first event is %+v, %v", event, err)
		}
		c.denied(http.MethodPost, "/v1.41/containers/create", object{"Image": image})
		c.denied(http.MethodPost, "/v1.41/containers/"+c.name+"/exec", object{"Cmd": []string{"true"}})
		c.denied(http.MethodGet, "/v1.41/containers/"+c.name+"/archive?path=/etc", nil)
		c.denied(http.MethodDelete, "/v1.41/containers/"+c.name, nil)
	})
}

func TestWatchtowersCallsPassUnderItsExample(t *testing.T) {
	tools(t, "watchtower", func(c *tool) {
		// Where the engine's default is the host's cgroup namespace (cgroups of the first version), that of a container made anew would be refused.
		c.direct.prepare("run", "-d", "--init", "--cgroupns", "private", "--name", c.name, "--network", "none", "--label", "colour=red", "-e", "WORD=kept", image, "sleep", "600")
		var list []struct{ Id, ImageID string }
		c.ask(http.MethodGet, `/v1.41/containers/json?filters={"name":{"`+c.name+`":true},"status":{"running":true}}`, nil, &list, http.StatusOK)
		if len(list) != 1 {
			c.Fatalf("the list is %+v", list)
		}
		var old struct {
			Config     object
			HostConfig object
		}
		c.ask(http.MethodGet, "/v1.41/containers/"+list[0].Id+"/json", nil, &old, http.StatusOK)
		c.ask(http.MethodGet, "/v1.41/images/"+list[0].ImageID+"/json", nil, nil, http.StatusOK)
		// It asks the registry, which is not there: what the engine says about that is not a denial.
		c.ask(http.MethodGet, "/v1.41/distribution/127.0.0.1:9/none:1/json", nil, nil, http.StatusInternalServerError, http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound)
		c.ask(http.MethodPost, "/v1.41/images/create?fromImage=127.0.0.1:9/none&tag=1", nil, nil, http.StatusOK, http.StatusInternalServerError, http.StatusNotFound)
		c.ask(http.MethodPost, "/v1.41/containers/"+list[0].Id+"/kill?signal=SIGTERM", nil, nil, http.StatusNoContent)
		c.ask(http.MethodPost, "/v1.41/containers/"+list[0].Id+"/wait?condition=not-running", nil, nil, http.StatusOK)
		c.ask(http.MethodDelete, "/v1.41/containers/"+list[0].Id+"?force=1&v=0", nil, nil, http.StatusNoContent)
		old.Config["HostConfig"] = old.HostConfig
		var made struct{ Id string }
		c.ask(http.MethodPost, "/v1.41/containers/create?name="+c.name, old.Config, &made, http.StatusCreated)
		c.ask(http.MethodPost, "/v1.41/containers/"+made.Id+"/start", nil, nil, http.StatusNoContent)
		c.direct.run("inspect", "--format", `{{.State.Running}} {{index .Config.Labels "colour"}} {{index .Config.Env 0}}`, c.name).want(c.direct, "true red WORD=kept\n", 0)

		c.denied(http.MethodPost, "/v1.41/containers/create", object{"Image": image, "HostConfig": object{"Privileged": true}})
		c.denied(http.MethodPost, "/v1.41/containers/create", object{"Image": image, "HostConfig": object{"Binds": []string{"/var/run/docker.sock:/s"}}})
		c.denied(http.MethodPost, "/v1.41/containers/"+c.name+"/exec", object{"Cmd": []string{"true"}})
	})
}

// A console lists and inspects, shows statistics and logs, and opens terminals by exec and by WebSocket.
func TestPortainersCallsPassUnderItsExample(t *testing.T) {
	tools(t, "portainer", func(c *tool) {
		var made struct{ Id string }
		c.ask(http.MethodPost, "/v1.41/containers/create?name="+c.name, object{
			"Image": image, "Cmd": []string{"sh", "-c", "echo up; cat"}, "OpenStdin": true, "HostConfig": object{"NetworkMode": "none"},
		}, &made, http.StatusCreated)
		c.ask(http.MethodPost, "/v1.41/containers/"+made.Id+"/start", nil, nil, http.StatusNoContent)
		for _, target := range []string{
			"/info", "/version", "/containers/json?all=1", "/images/json?all=0", "/volumes", "/networks", "/system/df", "/containers/" + made.Id + "/json", "/containers/" + made.Id + "/top",
			"/containers/" + made.Id + "/stats?stream=false", "/containers/" + made.Id + "/logs?stdout=1&stderr=1&tail=100", "/events?since=1&until=2",
		} {
			c.ask(http.MethodGet, "/v1.41"+target, nil, nil, http.StatusOK)
		}
		// The terminal in the browser.
		var exec struct{ Id string }
		c.ask(http.MethodPost, "/v1.41/containers/"+made.Id+"/exec", object{
			"Cmd": []string{"sh", "-c", "read line; echo got $line; stty size"}, "Tty": true, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true,
		}, &exec, http.StatusCreated)
		w := dial(c, c.address)
		const body = `{"Detach":false,"Tty":true}`
		w.send(fmt.Sprintf("POST /v1.41/exec/%s/start HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: tcp\nContent-Type: application/json\nContent-Length: %d\n\n", exec.Id, len(body)), body)
		if status, fields := w.head(); status != "HTTP/1.1 101 UPGRADED" {
			c.Fatalf("got %s %q", status, fields)
		}
		c.resize(exec.Id, 30, 90)
		w.send("", "word\n")
		text, err := io.ReadAll(w.in)
		if err != nil || !strings.Contains(string(text), "got word") || !strings.Contains(string(text), "30 90") {
			c.Errorf("the terminal showed %q, %v", text, err)
		}
		// The console of the container itself.
		c.record(c.python("wsattach.py", c.name), nil).want(c.docker, `b'hello\n'`+"\n", 0)

		c.ask(http.MethodPost, "/v1.41/containers/"+made.Id+"/stop?t=0", nil, nil, http.StatusNoContent)
		c.ask(http.MethodDelete, "/v1.41/containers/"+made.Id, nil, nil, http.StatusNoContent)
		c.denied(http.MethodPost, "/v1.41/containers/create", object{"Image": image, "HostConfig": object{"PidMode": "host"}})
		c.denied(http.MethodPost, "/v1.41/volumes/create", object{"Name": c.name, "DriverOpts": object{"type": "none", "o": "bind", "device": "/"}})
		c.denied(http.MethodPost, "/v1.41/swarm/init", object{"ListenAddr": "127.0.0.1"})
	})
}

// resize sets the size of an exec's terminal, which the engine refuses until its process runs.
func (c *tool) resize(exec string, height, width int) {
	c.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		response := c.open(http.MethodPost, fmt.Sprintf("/v1.41/exec/%s/resize?h=%d&w=%d", exec, height, width), nil)
		_ = response.Body.Close()
		if response.StatusCode < 300 {
			return
		}
	}
	c.Fatal("the terminal could not be resized")
}

// Testcontainers starts its reaper with the socket that it was told to use, and then what the tests need.
func TestTestcontainersCallsPassUnderItsExample(t *testing.T) {
	const socket = "/run/sluice/testcontainers.sock" // what the example allows to be bound, and what a gateway listens on
	if os.Getuid() != 0 {
		missing(t, "only root can put something at %s", socket)
	}
	tools(t, "testcontainers", func(c *tool) {
		for _, target := range []string{"/_ping", "/info", "/version", "/v1.41/images/" + image + "/json"} {
			c.ask(http.MethodGet, target, nil, nil, http.StatusOK)
		}
		labels := object{"org.testcontainers": "true", "org.testcontainers.sessionId": c.name}
		ryuk := func(bind string) object {
			return object{
				"Image": image, "Cmd": []string{"sh", "-c", "mount | grep docker.sock"}, "Labels": labels, "ExposedPorts": object{"8080/tcp": object{}},
				"HostConfig": object{"Binds": []string{bind + ":/var/run/docker.sock"}, "NetworkMode": "none", "AutoRemove": true},
			}
		}
		c.denied(http.MethodPost, "/v1.41/containers/create?name="+c.name+"-ryuk", ryuk("/var/run/docker.sock"))
		var made struct{ Id string }
		c.ask(http.MethodPost, "/v1.41/containers/create?name="+c.name+"-ryuk", ryuk(socket), &made, http.StatusCreated)
		c.direct.run("inspect", "--format", `{{json .HostConfig.Binds}} {{index .Config.Labels "sluice.owner"}}`, made.Id).want(c.direct, `["`+socket+`:/var/run/docker.sock"] ci`+"\n", 0)

		var network struct{ Id string }
		c.ask(http.MethodPost, "/v1.41/networks/create", object{"Name": c.name, "CheckDuplicate": true, "Labels": labels}, &network, http.StatusCreated)
		c.ask(http.MethodPost, "/v1.41/containers/create?name="+c.name, object{
			"Image": image, "Cmd": []string{"sh", "-c", "echo ready; cat /tmp/file; sleep 600"}, "Labels": labels, "HostConfig": object{"PublishAllPorts": true},
			"NetworkingConfig": object{"EndpointsConfig": object{c.name: object{"Aliases": []string{"db"}}}},
		}, &made, http.StatusCreated)
		c.put("/v1.41/containers/"+made.Id+"/archive?path=/tmp", tarOf("file", "copied\n"))
		c.ask(http.MethodPost, "/v1.41/containers/"+made.Id+"/start", nil, nil, http.StatusNoContent)
		// It waits for a line in the log.
		logs := c.open(http.MethodGet, "/v1.41/containers/"+made.Id+"/logs?follow=true&stdout=true&stderr=true", nil)
		got := make([]byte, len(frame(1, "ready\n"))+len(frame(1, "copied\n")))
		if n, err := io.ReadFull(logs.Body, got); err != nil || string(got) != frame(1, "ready\n")+frame(1, "copied\n") {
			c.Errorf("the log shows %q, %v", got[:n], err)
		}
		_ = logs.Body.Close()
		// What the reaper does in the end.
		var list []struct{ Id string }
		c.ask(http.MethodGet, `/v1.41/containers/json?all=1&filters={"label":{"org.testcontainers.sessionId=`+c.name+`":true}}`, nil, &list, http.StatusOK)
		if len(list) != 2 {
			c.Errorf("%d containers have the session's label", len(list))
		}
		for _, l := range list {
			c.ask(http.MethodDelete, "/v1.41/containers/"+l.Id+"?force=1&v=1", nil, nil, http.StatusNoContent)
		}
		c.ask(http.MethodDelete, "/v1.41/networks/"+network.Id, nil, nil, http.StatusNoContent)
	})
}

func (c *tool) put(target string, archive []byte) {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), http.MethodPut, "http://docker"+target, bytes.NewReader(archive))
	if err != nil {
		c.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-tar")
	response, err := c.http.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		c.Fatalf("PUT %s: %s, %v", target, response.Status, err)
	}
}
