//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// ownerPolicy keeps the tenants alice and bob apart, who come by different sockets.
const ownerPolicy = `
listeners:
  - address: unix://{socket}
  - address: unix://{dir}/alice
  - address: unix://{dir}/bob
tenants:
  - {name: alice, match: {listeners: ['unix://{dir}/alice']}}
  - {name: bob, match: {listeners: ['unix://{dir}/bob']}}
filters:
  - {name: owner, module: '{filter:owner}', config: {owner_from: peer.tenant, images: apart}}
`

// A tenant is a client of the gateway.
type tenant struct {
	testing.TB
	address string
	client  *http.Client
}

// tenants are two of them in front of an engine that nobody else uses.
func tenants(t *testing.T) (s *sandbox, alice, bob *tenant) {
	t.Helper()
	s = startSandbox(t)
	g := serving(t, s.address, ownerPolicy)
	by := func(name string) *tenant {
		socket := filepath.Join(filepath.Dir(g.socket), name)
		// The listeners open one after the other, and serving waits for the first.
		for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			conn, err := net.Dial("unix", socket)
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(limit) {
				t.Fatal(err)
			}
		}
		return &tenant{t, "unix://" + socket, client(socket)}
	}
	return s, by("alice"), by("bob")
}

// ask sends a request below /v1.41 and returns the answer.
func (x *tenant) ask(line string, body any) answer {
	x.Helper()
	method, target, _ := strings.Cut(line, " ")
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			x.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(x.Context(), method, "http://docker/v1.41"+target, content)
	if err != nil {
		x.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := x.client.Do(request)
	if err != nil {
		x.Fatalf("%s: %v", line, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		x.Fatalf("%s: %v", line, err)
	}
	return answer{response.StatusCode, strings.TrimSpace(string(text))}
}

// may is ask for what has to succeed. It returns the id of what was made.
func (x *tenant) may(line string, body any) (id string) {
	x.Helper()
	got := x.ask(line, body)
	if got.status >= 400 {
		x.Fatalf("%s: got %.500s, want success", line, got)
	}
	var made struct{ ID, Id string } //nolint:revive // the engine's spellings
	_ = json.Unmarshal([]byte(got.body), &made)
	return made.ID + made.Id
}

// mayNot is ask for what has to be denied by the filter.
func (x *tenant) mayNot(line string, body any) {
	x.Helper()
	if got := x.ask(line, body); !got.denied() || !slices.Contains([]int{403, 404, 409}, got.status) {
		x.Errorf("%s: got %.500s, want a denial", line, got)
	}
}

// things are what alice has: the references to each, by kind.
func (x *tenant) things(s *sandbox) map[string][]string {
	x.Helper()
	s.do("POST", "/swarm/init", map[string]any{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1:2377"}, nil, 200)
	s.swarm = true
	things := map[string][]string{}
	have := func(kind, name, id string) { things[kind] = []string{name, id} }
	running := map[string]any{"Image": "busybox:local", "Cmd": []string{"sleep", "600"}, "HostConfig": map[string]any{"Init": true, "NetworkMode": "none"}}
	have("container", "a-web", x.may("POST /containers/create?name=a-web", running))
	x.may("POST /containers/a-web/start", nil)
	have("exec", "", x.may("POST /containers/a-web/exec", map[string]any{"Cmd": []string{"true"}}))
	things["exec"] = things["exec"][1:]
	x.may("POST /volumes/create", map[string]any{"Name": "a-data"})
	things["volume"] = []string{"a-data"}
	have("network", "a-net", x.may("POST /networks/create", map[string]any{"Name": "a-net"}))
	have("image", "a-app:1", x.may("POST /commit?container=a-web&repo=a-app&tag=1", nil))
	service := map[string]any{"Name": "a-svc", "TaskTemplate": map[string]any{"ContainerSpec": map[string]any{"Image": "busybox:local", "Command": []string{"sleep", "600"}}}, "Mode": map[string]any{"Replicated": map[string]any{"Replicas": 1}}}
	have("service", "a-svc", x.may("POST /services/create", service))
	have("secret", "a-key", x.may("POST /secrets/create", map[string]any{"Name": "a-key", "Data": "eA=="}))
	have("config", "a-conf", x.may("POST /configs/create", map[string]any{"Name": "a-conf", "Data": "eA=="}))
	x.awaitTask(things)
	return things
}

// awaitTask waits until the service's task runs.
func (x *tenant) awaitTask(things map[string][]string) {
	x.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var tasks []struct {
			ID     string
			Status struct{ State string }
		}
		got := x.ask("GET /tasks", nil)
		if err := json.Unmarshal([]byte(got.body), &tasks); err == nil && len(tasks) > 0 && tasks[0].Status.State == "running" {
			things["task"] = []string{tasks[0].ID}
			return
		}
		if time.Now().After(deadline) {
			x.Fatalf("the service's task does not run: %s", got)
		}
	}
}

var routePlaceholder = regexp.MustCompile(`\{[^}]*\}`)

// minimal is what operations need to do anything.
var minimal = map[dockerapi.Operation]string{
	dockerapi.ContainerArchive: "?path=%2F", dockerapi.ContainerArchiveInfo: "?path=%2F", dockerapi.PutContainerArchive: "?path=%2F",
	dockerapi.ContainerResize: "?h=1&w=1", dockerapi.ExecResize: "?h=1&w=1", dockerapi.ContainerRename: "?name=b-stolen", dockerapi.ContainerLogs: "?stdout=1",
	dockerapi.ServiceLogs: "?stdout=1", dockerapi.TaskLogs: "?stdout=1", dockerapi.ImageTag: "?repo=b-stolen", dockerapi.ContainerDelete: "?force=1",
	dockerapi.ContainerAttach: "?stream=1&stdout=1&stdin=1", dockerapi.ContainerStats: "?stream=0", dockerapi.ImageDelete: "?force=1", dockerapi.ContainerWait: "?condition=next-exit",
	dockerapi.ServiceUpdate: "?version=1", dockerapi.SecretUpdate: "?version=1", dockerapi.ConfigUpdate: "?version=1", dockerapi.VolumeUpdate: "?version=1",
}

// Every operation of the engine's API on something in its path, asked for by one tenant about what is another's: by its name, by its id
// and by the beginning of that.
func TestNoOperationReachesAnothersThings(t *testing.T) {
	s, alice, bob := tenants(t)
	things := alice.things(s)
	before := s.facts()
	tried := 0
	for _, r := range dockerapi.Routes() {
		if !strings.Contains(r.Pattern, "{") || len(things[r.Kind]) == 0 {
			continue
		}
		for _, ref := range things[r.Kind] {
			refs := []string{ref}
			if len(ref) >= 25 && r.Kind != "exec" {
				refs = append(refs, strings.TrimPrefix(ref, "sha256:")[:20])
			}
			for _, ref := range refs {
				path := routePlaceholder.ReplaceAllString(strings.Replace(r.Pattern, routePlaceholder.FindString(r.Pattern), ref, 1), "x")
				var body any
				if r.Body == dockerapi.BodyJSON {
					body = map[string]any{}
				}
				line := r.Method + " " + path + minimal[r.Operation]
				if r.Method == "HEAD" { // has no text
					if got := bob.ask(line, body); got.status != 403 {
						t.Errorf("%s: got %s, want a denial", line, got)
					}
					continue
				}
				bob.mayNot(line, body)
				tried++
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d requests were tried", tried)
	}
	for _, change := range before.diff(s.facts()) {
		t.Errorf("the engine has changed: %s", change)
	}
	// Their owner may, which shows that it was not the requests.
	for _, line := range []string{
		"GET /containers/a-web/json", "GET /exec/" + things["exec"][0] + "/json", "GET /volumes/a-data", "GET /networks/a-net", "GET /images/a-app:1/json",
		"GET /services/a-svc", "GET /tasks/" + things["task"][0], "GET /secrets/a-key", "GET /configs/a-conf", "POST /containers/a-web/pause", "POST /containers/a-web/unpause",
		"DELETE /images/a-app:1", "DELETE /volumes/a-data", "DELETE /networks/a-net", "DELETE /services/a-svc", "DELETE /secrets/a-key", "DELETE /configs/a-conf", "DELETE /containers/a-web?force=1",
	} {
		alice.may(line, nil)
	}
}

// What is another's cannot be made a part of one's own either.
func TestNothingIsMadeOfAnothersThings(t *testing.T) {
	s, alice, bob := tenants(t)
	things := alice.things(s)
	ids := func(kind string) string { return things[kind][len(things[kind])-1] }
	bob.may("POST /networks/create", map[string]any{"Name": "b-net"})
	bob.may("POST /containers/create?name=b-web", map[string]any{"Image": "busybox:local", "Cmd": []string{"sleep", "600"}, "HostConfig": map[string]any{"NetworkMode": "none"}})
	before := s.facts()
	host := func(field string, value any) map[string]any {
		return map[string]any{"Image": "busybox:local", "HostConfig": map[string]any{field: value}}
	}
	list := func(values ...any) []any { return values }
	endpoint := func(network string, settings any) map[string]any {
		return map[string]any{"Image": "busybox:local", "NetworkingConfig": map[string]any{"EndpointsConfig": map[string]any{network: settings}}}
	}
	container := func(fields map[string]any) map[string]any {
		fields["Image"] = "busybox:local"
		return map[string]any{"Name": "b-svc", "TaskTemplate": map[string]any{"ContainerSpec": fields}}
	}
	const create = "POST /containers/create?name=b-new"
	for _, test := range []struct {
		line string
		body any
	}{
		{create, host("VolumesFrom", list("a-web"))},
		{create, host("VolumesFrom", list(ids("container")[:12]+":ro"))},
		{create, host("NetworkMode", "container:a-web")},
		{create, host("PidMode", "container:"+ids("container"))},
		{create, host("IpcMode", "container:a-web")},
		{create, host("Links", list("a-web:x"))},
		{create, host("Binds", list("a-data:/x"))},
		{create, host("Mounts", list(map[string]any{"Type": "volume", "Source": "a-data", "Target": "/x"}))},
		{create, host("NetworkMode", "a-net")},
		{create, host("NetworkMode", ids("network")[:20])},
		{create, host("NetworkMode", "host")},
		{create, endpoint("a-net", map[string]any{})},
		{create, endpoint("b-net", map[string]any{"NetworkID": ids("network")})},
		{create, endpoint("b-net", map[string]any{"Links": list("a-web:x")})},
		{create, map[string]any{"Image": "a-app:1"}},
		{create, map[string]any{"Image": strings.TrimPrefix(ids("image"), "sha256:")[:12]}},
		{"POST /networks/b-net/connect", map[string]any{"Container": "a-web"}},
		{"POST /networks/a-net/connect", map[string]any{"Container": "b-web"}},
		{"POST /networks/b-net/connect", map[string]any{"Container": "b-web", "EndpointConfig": map[string]any{"NetworkID": ids("network")}}},
		{"POST /networks/a-net/disconnect", map[string]any{"Container": "a-web", "Force": true}},
		{"POST /networks/create", map[string]any{"Name": "a-net"}},
		{"POST /volumes/create", map[string]any{"Name": "a-data"}},
		{"POST /commit?container=a-web&repo=b-app", nil},
		{"POST /commit?container=b-web&repo=a-app&tag=1", nil},
		{"POST /images/busybox:local/tag?repo=a-app&tag=1", nil},
		{"POST /images/create?fromImage=a-app&tag=1", nil},
		{"GET /images/get?names=busybox:local&names=a-app:1", nil},
		{"POST /images/a-app/push?tag=1", nil},
		{"POST /images/load", nil},
		{"POST /build?t=a-app:1", nil},
		{"POST /services/create", container(map[string]any{"Secrets": list(map[string]any{"SecretID": ids("secret"), "SecretName": "a-key", "File": map[string]any{"Name": "x"}})})},
		{"POST /services/create", container(map[string]any{"Configs": list(map[string]any{"ConfigID": ids("config"), "ConfigName": "a-conf", "File": map[string]any{"Name": "x"}})})},
		{"POST /services/create", container(map[string]any{"Mounts": list(map[string]any{"Type": "volume", "Source": "a-data", "Target": "/x"})})},
		{"GET /containers/json?before=a-web", nil},
		{"POST /build/prune", nil},
		{"POST /swarm/leave?force=1", nil},
		{"GET /swarm", nil},
		{"GET /nodes", nil},
		{"POST /teleport/a-web", nil},
	} {
		bob.mayNot(test.line, test.body)
	}
	for _, change := range before.diff(s.facts()) {
		t.Errorf("the engine has changed: %s", change)
	}
}

// Nothing that shows several things shows another tenant's, and nothing that removes several removes them.
func TestViewsShowOnesOwn(t *testing.T) {
	s, alice, bob := tenants(t)
	things := alice.things(s)
	bob.may("POST /containers/create?name=b-web", map[string]any{"Image": "busybox:local", "Cmd": []string{"true"}})
	alice.may("POST /containers/create?name=a-old", map[string]any{"Image": "busybox:local", "Cmd": []string{"true"}})
	for _, target := range []string{
		"/containers/json?all=1&size=1", "/containers/json?all=off", "/volumes", "/networks", "/services", "/tasks", "/secrets", "/configs", "/images/json?all=1", "/system/df", "/info",
		fmt.Sprintf("/events?since=1&until=%d", time.Now().Unix()+1), "/containers/json?all=1&filters=" + url.QueryEscape(`{"name":["a-web"]}`),
		"/containers/json?all=1&filters=" + url.QueryEscape(`{"label":{"sluice.owner=alice":false}}`),
	} {
		seen := bob.ask("GET "+target, nil)
		if seen.status != 200 {
			t.Errorf("GET %s: %.300s", target, seen)
		}
		for kind, refs := range things {
			for _, ref := range append(refs, "a-old") {
				if strings.Contains(seen.body, ref) {
					t.Errorf("GET %s shows the %s %s of another: %.500s", target, kind, ref, seen)
				}
			}
		}
	}
	if seen := bob.ask("GET /containers/json?all=1", nil); !strings.Contains(seen.body, "/b-web") {
		t.Errorf("a tenant does not see his own container: %.300s", seen)
	}
	if seen := alice.ask("GET /system/df", nil); !strings.Contains(seen.body, "/a-web") || !strings.Contains(seen.body, "a-data") || strings.Contains(seen.body, "/b-web") {
		t.Errorf("a tenant's own usage is not what she sees: %.500s", seen)
	}
	before := s.facts()
	for _, line := range []string{
		"POST /containers/prune", "POST /volumes/prune", "POST /networks/prune",
		"POST /images/prune?filters=" + url.QueryEscape(`{"dangling":["false"]}`), "POST /containers/prune?filters=" + url.QueryEscape(`{"label":["sluice.owner=alice"]}`),
	} {
		if got := bob.ask(line, nil); got.status != 200 {
			t.Errorf("%s: %.300s", line, got)
		}
	}
	for _, change := range before.diff(s.facts()) {
		if !strings.HasPrefix(change, "- container new: ") {
			t.Errorf("a prune has removed more than one's own: %s", change)
		}
	}
	if seen := alice.ask("GET /containers/json?all=1", nil); !strings.Contains(seen.body, "/a-old") {
		t.Errorf("a prune of another's has removed a container: %.300s", seen)
	}
}

// The engine looks a network up by its name when a container starts, whenever it was created.
func TestANetworkThatWasExchangedIsNotJoined(t *testing.T) {
	s, alice, bob := tenants(t)
	for _, way := range []string{"name", "id", "beginning of the id", "endpoint", "connect"} {
		t.Run(way, func(t *testing.T) {
			s.TB, alice.TB, bob.TB = t, t, t
			id := bob.may("POST /networks/create", map[string]any{"Name": "swapped"})
			request := map[string]any{"Image": "busybox:local", "Cmd": []string{"sleep", "600"}}
			switch way {
			case "name":
				request["HostConfig"] = map[string]any{"NetworkMode": "swapped"}
			case "id":
				request["HostConfig"] = map[string]any{"NetworkMode": id}
			case "beginning of the id":
				request["HostConfig"] = map[string]any{"NetworkMode": id[:12]}
			case "endpoint":
				request["HostConfig"] = map[string]any{"NetworkMode": "swapped"}
				request["NetworkingConfig"] = map[string]any{"EndpointsConfig": map[string]any{"swapped": map[string]any{"Aliases": []string{"x"}}}}
			case "connect":
				own := bob.may("POST /networks/create", map[string]any{"Name": "b-own"})
				defer s.do("DELETE", "/networks/"+own, nil, nil, 204)
				request["HostConfig"] = map[string]any{"NetworkMode": "b-own"}
			}
			container := bob.may("POST /containers/create", request)
			defer s.do("DELETE", "/containers/"+container+"?force=1", nil, nil, 204)
			if way == "connect" {
				bob.may("POST /networks/swapped/connect", map[string]any{"Container": container})
			}
			bob.may("DELETE /networks/swapped", nil)
			other := alice.may("POST /networks/create", map[string]any{"Name": "swapped"})
			defer s.do("DELETE", "/networks/"+other+"?force=1", nil, nil, 204)
			got := bob.ask("POST /containers/"+container+"/start", nil)
			var network struct{ Containers map[string]any }
			s.do("GET", "/networks/"+other, nil, &network, 200)
			if got.status != 404 || len(network.Containers) > 0 {
				t.Errorf("start: %s; in the other tenant's network there is %v", got, network.Containers)
			}
			s.do("POST", "/containers/"+container+"/kill", nil, nil, 204, 409)
		})
	}
	t.Run("one that stays", func(t *testing.T) {
		s.TB, alice.TB, bob.TB = t, t, t
		id := bob.may("POST /networks/create", map[string]any{"Name": "stays"})
		defer s.do("DELETE", "/networks/"+id, nil, nil, 204)
		for _, mode := range []string{"stays", id, id[:12]} {
			container := bob.may("POST /containers/create", map[string]any{"Image": "busybox:local", "Cmd": []string{"sleep", "600"}, "HostConfig": map[string]any{"NetworkMode": mode}})
			bob.may("POST /containers/"+container+"/start", nil)
			var c struct {
				NetworkSettings struct {
					Networks map[string]struct{ NetworkID, IPAddress string }
				}
			}
			s.do("GET", "/containers/"+container+"/json", nil, &c, 200)
			joined := map[string]bool{}
			for _, n := range c.NetworkSettings.Networks {
				joined[n.NetworkID] = n.IPAddress != ""
			}
			if len(joined) != 1 || !joined[id] {
				t.Errorf("network mode %s: the container is in %v, want %s", mode, c.NetworkSettings.Networks, id)
			}
			s.do("DELETE", "/containers/"+container+"?force=1", nil, nil, 204)
		}
	})
}

// A volume that does not exist when a container is judged may be another's when the container is created.
func TestAContainerThatGotAnothersVolumeIsOfNoUse(t *testing.T) {
	s, alice, bob := tenants(t)
	alice.may("POST /volumes/create", map[string]any{"Name": "late"})
	var made struct{ Id string } //nolint:revive // the engine's spelling
	// As if it had come between: the engine itself is asked.
	s.do("POST", "/containers/create", map[string]any{
		"Image": "busybox:local", "Cmd": []string{"sleep", "600"}, "Labels": map[string]string{"sluice.owner": "bob"}, "HostConfig": map[string]any{"Binds": []string{"late:/x"}},
	}, &made, 201)
	for _, line := range []string{"POST /containers/*/start", "POST /containers/*/restart", "GET /containers/*/archive?path=%2Fx"} {
		bob.mayNot(strings.Replace(line, "*", made.Id, 1), nil)
	}
	bob.may("GET /containers/"+made.Id+"/json", nil)
	bob.may("DELETE /containers/"+made.Id, nil)
}

// A volume that comes into being with a container has its owner.
func TestVolumesOfContainersHaveOwners(t *testing.T) {
	s, alice, bob := tenants(t)
	id := bob.may("POST /containers/create", map[string]any{
		"Image": "busybox:local", "Cmd": []string{"sleep", "600"}, "Volumes": map[string]any{"/anonymous": map[string]any{}},
		"HostConfig": map[string]any{"Init": true, "Binds": []string{"b-new:/new:ro"}, "Mounts": []any{map[string]any{"Type": "volume", "Source": "b-mount", "Target": "/mount"}}},
	})
	bob.may("POST /containers/"+id+"/start", nil)
	var c struct {
		Mounts []struct {
			Name, Destination string
			RW                bool
		}
	}
	s.do("GET", "/containers/"+id+"/json", nil, &c, 200)
	got := map[string]bool{}
	for _, m := range c.Mounts {
		name := m.Name
		if len(name) == 64 {
			name = "anonymous"
		}
		got[name+" "+m.Destination] = m.RW
		if name == "anonymous" {
			bob.mayNot("GET /volumes/"+m.Name, nil) // nobody reaches it by name
			alice.mayNot("POST /containers/create", map[string]any{"Image": "busybox:local", "HostConfig": map[string]any{"Binds": []string{m.Name + ":/x"}}})
		}
	}
	if want := map[string]bool{"b-new /new": false, "b-mount /mount": true, "anonymous /anonymous": true}; !maps.Equal(got, want) {
		t.Errorf("mounted are %v, want %v", got, want)
	}
	for _, name := range []string{"b-new", "b-mount"} {
		alice.mayNot("GET /volumes/"+name, nil)
		bob.may("GET /volumes/"+name, nil)
	}
	bob.may("DELETE /containers/"+id+"?force=1&v=1", nil)
	bob.may("DELETE /volumes/b-new", nil)
	bob.may("DELETE /volumes/b-mount", nil)
}

// Whoever renames what while a request is on its way: what changes is one's own.
func TestARenameDoesNotMoveARequestToAnothers(t *testing.T) {
	s, alice, bob := tenants(t)
	container := func(x *tenant, name string) string {
		return x.may("POST /containers/create?name="+name, map[string]any{"Image": "busybox:local", "Cmd": []string{"true"}})
	}
	theirs, own := container(alice, "r-one"), container(bob, "r-two")
	done := background(func(stop <-chan struct{}) {
		for first, second := theirs, own; ; first, second = second, first {
			select {
			case <-stop:
				return
			default:
			}
			s.do("POST", "/containers/"+first+"/rename?name=r-between", nil, nil, 204)
			s.do("POST", "/containers/"+second+"/rename?name=r-one", nil, nil, 204)
			s.do("POST", "/containers/"+first+"/rename?name=r-two", nil, nil, 204)
		}
	})
	answers := map[int]int{}
	raced := func() bool { return answers[200] >= 10 && answers[403] >= 10 }
	for i, deadline := 0, time.Now().Add(patience); i < 300 || !raced() && time.Now().Before(deadline); i++ {
		answers[bob.ask("POST /containers/r-one/update", map[string]any{"CpuShares": 100 + i}).status]++
	}
	done()
	shares := func(id string) (n int) {
		var c struct{ HostConfig struct{ CpuShares int } }
		s.do("GET", "/containers/"+id+"/json", nil, &c, 200)
		return c.HostConfig.CpuShares
	}
	if !raced() {
		t.Errorf("the answers were %v: nothing was raced for", answers)
	}
	if shares(theirs) != 0 || shares(own) == 0 {
		t.Errorf("another's container has %d shares, one's own %d", shares(theirs), shares(own))
	}
}

// background runs something until it is stopped.
func background(run func(stop <-chan struct{})) (done func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); run(stop) }()
	return func() { close(stop); <-ended }
}
