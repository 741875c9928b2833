package reference_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/reference"
	"github.com/sluice-gateway/sluice/host/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// web is a container as an engine describes it, shortened.
const web = `{"Id":"` + id + `","Name":"/web","Image":"sha256:aa","Driver":"overlay2","State":{"Running":true},` +
	`"HostConfig":{"Privileged":true,"Binds":["/etc:/e"]},"Mounts":[{"Type":"bind"}],` +
	`"Config":{"Tty":true,"Image":"busybox","Labels":{"sluice.owner":"me","team":"ci"}}}`

func pool(t testing.TB, address string) *upstream.Pool {
	t.Helper()
	p, err := upstream.New(address, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func resolver(t testing.TB, engine *hosttest.FakeDocker, options reference.Options) *reference.Resolver {
	t.Helper()
	return reference.New(pool(t, engine.Address()), options)
}

func TestEachKindIsReadAsTheEngineDescribesIt(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	labels := map[string]string{"sluice.owner": "me", "team": "ci"}
	spec := `"Spec":{"Name":"%s","Labels":{"sluice.owner":"me","team":"ci"},"TaskTemplate":{"ContainerSpec":{"Labels":{"sluice.owner":"you"}}}}`
	for path, body := range map[string]string{
		"/containers/web/json":        web,
		"/containers/" + id + "/json": web,
		"/images/busybox:1/json":      `{"Id":"sha256:aa","RepoTags":["busybox:1"],"RepoDigests":["busybox@sha256:bb"],"Config":{"Labels":{"sluice.owner":"me","team":"ci"}}}`,
		"/images/bare/json":           `{"Id":"sha256:cc","RepoTags":[],"Config":null}`,
		"/volumes/data":               `{"Name":"data","Driver":"local","Labels":{"sluice.owner":"me","team":"ci"},"Options":{"o":"bind","device":"/etc"},"Scope":"local"}`,
		"/volumes/plain":              `{"Name":"plain","Driver":"local","Labels":null,"Options":null}`,
		"/networks/front":             `{"Name":"front","Id":"n1","Driver":"bridge","Options":{"a":"b"},"Labels":{"sluice.owner":"me","team":"ci"},"Containers":{"x":{"Name":"y"}}}`,
		"/exec/e1/json":               `{"ID":"e1","Running":true,"ProcessConfig":{"tty":true,"privileged":true},"ContainerID":"` + id + `"}`,
		"/plugins/p/json":             `{"Id":"p1","Name":"p:latest"}`,
		"/services/s":                 `{"ID":"s1",` + fmt.Sprintf(spec, "s") + `}`,
		"/services/s1":                `{"ID":"s1",` + fmt.Sprintf(spec, "s") + `}`,
		"/secrets/k":                  `{"ID":"k1",` + fmt.Sprintf(spec, "k") + `}`,
		"/configs/c":                  `{"ID":"c1",` + fmt.Sprintf(spec, "c") + `}`,
		"/nodes/self":                 `{"ID":"n1","Spec":{"Labels":{}},"Description":{"Hostname":"host"}}`,
		"/tasks/t":                    `{"ID":"t1","Labels":{},"ServiceID":"s1"}`,
		"/tasks/lonely":               `{"ID":"t2","Spec":{"ContainerSpec":{"TTY":true}}}`,
		"/services/tty":               `{"ID":"s2","Spec":{"Name":"tty","TaskTemplate":{"ContainerSpec":{"TTY":true}}}}`,
	} {
		engine.Handle("GET "+path, hosttest.JSON(200, body))
	}
	r := resolver(t, engine, reference.Options{})
	for _, test := range []struct {
		ref  string
		want reference.Reference
	}{
		{"web", reference.Reference{
			Kind: reference.Container, ID: id, Name: "web", Labels: labels, Owner: "me", Image: "sha256:aa", TTY: true, Running: true,
			HostConfig: []byte(`{"Privileged":true,"Binds":["/etc:/e"]}`), Mounts: []byte(`[{"Type":"bind"}]`),
		}},
		{"busybox:1", reference.Reference{
			Kind: reference.Image, ID: "sha256:aa", Labels: labels, Owner: "me", Tags: []string{"busybox:1"}, Digests: []string{"busybox@sha256:bb"},
		}},
		{"bare", reference.Reference{Kind: reference.Image, ID: "sha256:cc", Tags: []string{}}},
		{"data", reference.Reference{
			Kind: reference.Volume, ID: "data", Name: "data", Labels: labels, Owner: "me", Driver: "local", Options: map[string]string{"o": "bind", "device": "/etc"},
		}},
		{"plain", reference.Reference{Kind: reference.Volume, ID: "plain", Name: "plain", Driver: "local"}},
		{"front", reference.Reference{
			Kind: reference.Network, ID: "n1", Name: "front", Labels: labels, Owner: "me", Driver: "bridge", Options: map[string]string{"a": "b"},
		}},
		{"e1", reference.Reference{
			Kind: reference.Exec, ID: "e1", Labels: labels, Owner: "me", Container: id, TTY: true, Running: true, Privileged: true,
		}},
		{"p", reference.Reference{Kind: reference.Plugin, ID: "p1", Name: "p:latest"}},
		{"s", reference.Reference{Kind: reference.Service, ID: "s1", Name: "s", Labels: labels, Owner: "me"}},
		{"k", reference.Reference{Kind: reference.Secret, ID: "k1", Name: "k", Labels: labels, Owner: "me"}},
		{"c", reference.Reference{Kind: reference.Config, ID: "c1", Name: "c", Labels: labels, Owner: "me"}},
		{"self", reference.Reference{Kind: reference.Node, ID: "n1", Name: "host", Labels: map[string]string{}}},
		{"t", reference.Reference{Kind: reference.Task, ID: "t1", Service: "s1", Labels: labels, Owner: "me"}},
		{"lonely", reference.Reference{Kind: reference.Task, ID: "t2", TTY: true}},
		{"tty", reference.Reference{Kind: reference.Service, ID: "s2", Name: "tty", TTY: true}},
	} {
		got, err := r.Resolve(t.Context(), test.want.Kind, test.ref)
		if err != nil {
			t.Errorf("%s %s: %v", test.want.Kind, test.ref, err)
			continue
		}
		if got.Read == 0 {
			t.Errorf("%s %s was read from nothing", test.want.Kind, test.ref)
		}
		if got.Read = 0; cmp.Diff(&test.want, got) != "" {
			diff := cmp.Diff(&test.want, got)
			t.Errorf("%s %s: want -, got +\n%s", test.want.Kind, test.ref, diff)
		}
	}
}

func TestTheOwnerLabelCanBeAnother(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/web/json", hosttest.JSON(200, web))
	got, err := resolver(t, engine, reference.Options{OwnerLabel: "team"}).Resolve(t.Context(), reference.Container, "web")
	if err != nil || got.Owner != "ci" {
		t.Errorf("got %+v, %v; want the owner ci", got, err)
	}
}

// What a filter must be able to tell apart: no, that is no reference, and nobody knows.
func TestWhatIsNotResolved(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	for path, b := range map[string]hosttest.Behaviour{
		"/containers/gone/json":      hosttest.JSON(404, `{"message":"No such container: gone"}`),
		"/containers/malformed/json": hosttest.JSON(400, `{"message":"invalid reference format"}`),
		"/containers/conflict/json":  hosttest.JSON(409, `{"message":"conflict"}`),
		"/containers/0/json":         hosttest.JSON(500, `{"message":"Multiple IDs found with provided prefix: 0"}`),
		"/networks/two":              hosttest.JSON(400, `{"message":"network two is ambiguous (2 matches found on name)"}`),
		"/containers/broken/json":    hosttest.JSON(500, `{"message":"layer does not exist"}`),
		"/services/s":                hosttest.JSON(503, `{"message":"This node is not a swarm manager."}`),
		"/services/unknown":          hosttest.JSON(404, `{"message":"page not found"}`),
		"/containers/html/json":      hosttest.Raw("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<b>no</b>"),
		"/containers/moved/json":     hosttest.Raw("HTTP/1.1 301 Moved Permanently\r\nLocation: /v1.41/containers/other/json\r\nContent-Length: 0\r\n\r\n"),
		"/containers/empty/json":     hosttest.JSON(200, `{}`),
		"/containers/list/json":      hosttest.JSON(200, `[]`),
		"/containers/half/json":      hosttest.JSON(200, `{"Id":"x"`),
		"/containers/cut/json":       hosttest.ThenClose(hosttest.Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")),
		"/containers/mute/json":      hosttest.Drop(),
		"/containers/tunnel/json":    hosttest.Raw(hosttest.Upgraded),
		"/containers/large/json":     hosttest.JSON(200, `{"Id":"`+strings.Repeat("x", 5000)+`"}`),
		"/containers/chunks/json": hosttest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1400\r\n" +
			strings.Repeat(" ", 0x1400) + "\r\n0\r\n\r\n"),
		"/exec/orphan/json": hosttest.JSON(200, `{"ID":"orphan","ContainerID":"gone"}`),
		"/exec/nobody/json": hosttest.JSON(200, `{"ID":"nobody"}`),
	} {
		engine.Handle("GET "+path, b)
	}
	r := resolver(t, engine, reference.Options{MaxAnswer: 4096})
	for _, test := range []struct {
		kind    reference.Kind
		ref     string
		want    error
		message string
	}{
		{reference.Container, "gone", reference.ErrNotFound, "No such container: gone"},
		{reference.Container, "malformed", reference.ErrBadReference, "invalid reference format"},
		{reference.Container, "conflict", reference.ErrBadReference, "conflict"},
		{reference.Container, "0", reference.ErrBadReference, "Multiple IDs"},
		{reference.Network, "two", reference.ErrBadReference, "ambiguous"},
		{reference.Container, "", reference.ErrBadReference, "empty"},
		{reference.Container, "..", reference.ErrBadReference, "cannot name a container"},
		{reference.Container, "../images/x", reference.ErrBadReference, "cannot name"},
		{reference.Container, "//web", reference.ErrBadReference, "cannot name"},
		{reference.Container, strings.Repeat("x", 2000), reference.ErrBadReference, "longer than"},
		{"session", "x", reference.ErrBadReference, "no such kind"},
		{reference.Container, "broken", reference.ErrEngine, "status 500: layer does not exist"},
		{reference.Service, "s", reference.ErrEngine, "not a swarm manager"},
		{reference.Service, "unknown", reference.ErrEngine, "page not found"},
		{reference.Container, "html", reference.ErrEngine, "status 404 and no message"},
		{reference.Container, "moved", reference.ErrEngine, "status 301"},
		{reference.Container, "empty", reference.ErrEngine, "no id"},
		{reference.Container, "list", reference.ErrEngine, "cannot be read"},
		{reference.Container, "half", reference.ErrEngine, "cannot be read"},
		{reference.Container, "cut", reference.ErrEngine, "EOF"},
		{reference.Container, "mute", reference.ErrEngine, "ask the engine"},
		{reference.Container, "tunnel", reference.ErrEngine, "switched protocols"},
		{reference.Container, "large", reference.ErrEngine, "larger than 4096 bytes"},
		{reference.Container, "chunks", reference.ErrEngine, "larger than 4096 bytes"},
		{reference.Exec, "orphan", reference.ErrEngine, "its container gone: No such container"},
		{reference.Exec, "nobody", reference.ErrEngine, "its container"},
	} {
		got, err := r.Resolve(t.Context(), test.kind, test.ref)
		if got != nil || err == nil {
			t.Errorf("%s %.20q: got %+v, want an error", test.kind, test.ref, got)
			continue
		}
		for _, reason := range []error{reference.ErrNotFound, reference.ErrBadReference, reference.ErrEngine} {
			if errors.Is(err, reason) != (reason == test.want) {
				t.Errorf("%s %.20q: %v; want %v", test.kind, test.ref, err, test.want)
			}
		}
		if !strings.Contains(err.Error(), test.message) || len(err.Error()) > 1000 {
			t.Errorf("%s %.20q: %v; want a message with %q", test.kind, test.ref, err, test.message)
		}
	}
	for _, request := range engine.Requests() {
		if request.Target != "/_ping" && !strings.HasPrefix(request.Target, "/v1.41/") {
			t.Errorf("the engine was asked for %s", request.Target)
		}
	}
}

// VolumesFrom: ["/web"] is the container web; /0123 is no id, while 0123 may be the beginning of one.
func TestAContainersNameWithItsSlash(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	for _, name := range []string{"web", "0123", "web/db"} {
		engine.Handle("GET /containers/"+name+"/json", hosttest.JSON(200, web))
	}
	r := resolver(t, engine, reference.Options{})
	for _, test := range []struct {
		ref  string
		want error
	}{{"/web", nil}, {"web/db", nil}, {"/web/db", nil}, {"0123", nil}, {"/0123", reference.ErrNotFound}} {
		got, err := r.Resolve(t.Context(), reference.Container, test.ref)
		if test.want != nil && !errors.Is(err, test.want) || test.want == nil && (err != nil || got.ID != id) {
			t.Errorf("%s: got %+v, %v; want %v", test.ref, got, err, test.want)
		}
	}
}

func TestASilentEngineIsNotWaitedForLong(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	gone := make(chan struct{})
	engine.Handle("GET /containers/web/json", hosttest.Silent(gone))
	r := resolver(t, engine, reference.Options{Timeout: 50 * time.Millisecond})
	_, err := r.Resolve(t.Context(), reference.Container, "web")
	if !errors.Is(err, reference.ErrEngine) || !strings.Contains(err.Error(), "limits.resolve") {
		t.Errorf("got %v, want ErrEngine that names the limit", err)
	}
	<-gone // and the engine is told

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, reference.Container, "web"); !errors.Is(err, reference.ErrEngine) || !errors.Is(err, context.Canceled) {
		t.Errorf("for a stream that was cut: got %v, want ErrEngine", err)
	}
}

func TestAnUnreachableEngine(t *testing.T) {
	r := reference.New(pool(t, "unix:///nowhere/docker.sock"), reference.Options{})
	if _, err := r.Resolve(t.Context(), reference.Container, "web"); !errors.Is(err, reference.ErrEngine) || !strings.Contains(err.Error(), "/nowhere/docker.sock") {
		t.Errorf("got %v, want ErrEngine that names the address", err)
	}
}

func TestConnectionsAreKeptAndADeadOneIsReplaced(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /containers/web/json", hosttest.JSON(200, web))
	engine.Handle("GET /containers/gone/json", hosttest.JSON(404, `{"message":"No such container: gone"}`))
	r := resolver(t, engine, reference.Options{})
	for range 3 {
		if _, err := r.Resolve(t.Context(), reference.Container, "web"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Resolve(t.Context(), reference.Container, "gone"); !errors.Is(err, reference.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if accepted, _ := engine.Connections(); accepted != 1 {
		t.Errorf("%d connections, want one", accepted)
	}
	engine.CloseIdle()
	if _, err := r.Resolve(t.Context(), reference.Container, "web"); err != nil {
		t.Errorf("after the engine closed its idle connections: %v", err)
	}
}

// No API version is spoken by all engines from 20.10 on.
func TestTheEngineIsAskedInAVersionThatItSpeaks(t *testing.T) {
	engine := hosttest.StartFakeDocker(t)
	versions := func(lowest, highest string) {
		engine.Handle("GET /_ping", hosttest.Raw("HTTP/1.1 200 OK\r\napi-version: "+highest+"\r\nContent-Length: 2\r\n\r\nOK"))
		engine.Handle("GET /containers/web/json", func(x *hosttest.Exchange) bool {
			version := strings.TrimPrefix(strings.SplitN(x.Target, "/", 3)[1], "v")
			if version < lowest || version > highest {
				return hosttest.JSON(400, `{"message":"client version `+version+` is too something"}`)(x)
			}
			return hosttest.JSON(200, web)(x)
		})
	}
	r := resolver(t, engine, reference.Options{})
	// The engine is exchanged for another one each time, without a word.
	for _, test := range []struct{ name, lowest, highest, want string }{
		{"20.10", "1.12", "1.41", "1.41"},
		{"29", "1.44", "1.55", "1.44"},
		{"28", "1.24", "1.51", "1.44"},
		{"a far one", "1.60", "1.77", "1.77"},
		{"20.10 again", "1.12", "1.41", "1.41"},
	} {
		versions(test.lowest, test.highest)
		if _, err := r.Resolve(t.Context(), reference.Container, "web"); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		requests := engine.Requests()
		if got, want := requests[len(requests)-1].Target, "/v"+test.want+"/containers/web/json"; got != want {
			t.Errorf("%s is asked for %s, want %s", test.name, got, want)
		}
	}
	before := len(engine.Requests())
	if _, err := r.Resolve(t.Context(), reference.Container, "web"); err != nil || len(engine.Requests()) != before+1 {
		t.Errorf("%v; %d requests for one reference", err, len(engine.Requests())-before)
	}

	versions("1.99", "1.41") // contradicts itself
	if _, err := r.Resolve(t.Context(), reference.Container, "web"); !errors.Is(err, reference.ErrEngine) {
		t.Errorf("got %v, want ErrEngine", err)
	}
	for _, ping := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", "HTTP/1.1 200 OK\r\nApi-Version: 1.44/../x\r\nContent-Length: 2\r\n\r\nOK"} {
		engine.Handle("GET /_ping", hosttest.Raw(ping))
		if _, err := resolver(t, engine, reference.Options{}).Resolve(t.Context(), reference.Container, "web"); !errors.Is(err, reference.ErrEngine) ||
			!strings.Contains(err.Error(), "no Docker Engine") {
			t.Errorf("got %v, want ErrEngine", err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	engine := hosttest.StartFakeDocker(b)
	engine.Handle("GET /containers/web/json", hosttest.JSON(200, web))
	r := resolver(b, engine, reference.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Resolve(b.Context(), reference.Container, "web"); err != nil {
			b.Fatal(err)
		}
	}
}
