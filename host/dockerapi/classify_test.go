package dockerapi_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestClassifyNamesWhatClientsAskFor(t *testing.T) {
	tests := []struct {
		name, method, target string
		want                 dockerapi.Call
		wantTarget           string // "" means target
	}{
		{
			name: "the CLI's negotiation", method: "HEAD", target: "/_ping",
			want: dockerapi.Call{Operation: dockerapi.SystemPingHead, Path: "/_ping", RoutePath: "/_ping", ResourceKind: "system"},
		},
		{
			name: "unversioned container create", method: "POST", target: "/containers/create?name=web",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerCreate, Body: dockerapi.BodyJSON, Path: "/containers/create",
				RoutePath: "/containers/create", Query: "name=web", ResourceKind: "container",
			},
		},
		{
			name: "inspect by name", method: "GET", target: "/v1.41/containers/web/json",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerInspect, APIVersion: "1.41", Path: "/v1.41/containers/web/json",
				RoutePath: "/containers/web/json", ResourceKind: "container", ResourceID: "web",
			},
		},
		{
			name: "a container called json", method: "GET", target: "/v1.41/containers/json/json",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerInspect, APIVersion: "1.41", Path: "/v1.41/containers/json/json",
				RoutePath: "/containers/json/json", ResourceKind: "container", ResourceID: "json",
			},
		},
		{
			name: "a link alias is a name with a slash", method: "POST", target: "/v1.41/containers/web/db/exec",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerExec, Body: dockerapi.BodyJSON, APIVersion: "1.41", Path: "/v1.41/containers/web/db/exec",
				RoutePath: "/containers/web/db/exec", ResourceKind: "container", ResourceID: "web/db",
			},
		},
		{
			name: "an image at a registry with a port", method: "POST", target: "/v1.51/images/localhost:5999/team/app/push?tag=1",
			want: dockerapi.Call{
				Operation: dockerapi.ImagePush, Transport: dockerapi.Stream, Body: dockerapi.BodyJSON, APIVersion: "1.51",
				Path: "/v1.51/images/localhost:5999/team/app/push", RoutePath: "/images/localhost:5999/team/app/push", Query: "tag=1",
				ResourceKind: "image", ResourceID: "localhost:5999/team/app",
			},
		},
		{
			name: "an image name with encoded slashes, as docker-java sends it", method: "GET", target: "/images/localhost%3A5999%2fteam%2Fapp/json",
			want: dockerapi.Call{
				Operation: dockerapi.ImageInspect, Path: "/images/localhost:5999/team/app/json", RoutePath: "/images/localhost:5999/team/app/json",
				ResourceKind: "image", ResourceID: "localhost:5999/team/app",
			},
			wantTarget: "/images/localhost:5999/team/app/json",
		},
		{
			name: "escaped letters of fixed segments are undone", method: "POST", target: "/%76%31.41/%63ontainers/create",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerCreate, Body: dockerapi.BodyJSON, APIVersion: "1.41", Path: "/v1.41/containers/create",
				RoutePath: "/containers/create", ResourceKind: "container",
			},
			wantTarget: "/v1.41/containers/create",
		},
		{
			name: "delete a checkpoint, not a container called a/checkpoints/b", method: "DELETE", target: "/containers/a/checkpoints/b",
			want: dockerapi.Call{
				Operation: dockerapi.CheckpointDelete, Path: "/containers/a/checkpoints/b", RoutePath: "/containers/a/checkpoints/b",
				ResourceKind: "container", ResourceID: "a",
			},
		},
		{
			name: "the legacy copy has a name to deny it by", method: "POST", target: "/v1.23/containers/web/copy",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerCopy, Transport: dockerapi.Stream, Body: dockerapi.BodyJSON, APIVersion: "1.23",
				Path: "/v1.23/containers/web/copy", RoutePath: "/containers/web/copy", ResourceKind: "container", ResourceID: "web",
			},
		},
		{
			name: "a websocket attach", method: "GET", target: "/v1.41/containers/web/attach/ws?stream=1",
			want: dockerapi.Call{
				Operation: dockerapi.ContainerAttachWebsocket, Transport: dockerapi.Hijack, APIVersion: "1.41",
				Path: "/v1.41/containers/web/attach/ws", RoutePath: "/containers/web/attach/ws", Query: "stream=1",
				ResourceKind: "container", ResourceID: "web",
			},
		},
		{
			name: "networks with the slash of old clients", method: "GET", target: "/v1.41/networks/?filters=x",
			want: dockerapi.Call{
				Operation: dockerapi.NetworkList, APIVersion: "1.41", Path: "/v1.41/networks", RoutePath: "/networks", Query: "filters=x",
				ResourceKind: "network",
			},
			wantTarget: "/v1.41/networks?filters=x",
		},
		{
			name: "a name that only looks encoded", method: "GET", target: "/volumes/%252e%252e",
			want: dockerapi.Call{
				Operation: dockerapi.VolumeInspect, Path: "/volumes/%252e%252e", RoutePath: "/volumes/%252e%252e", ResourceKind: "volume", ResourceID: "%2e%2e",
			},
		},
		{
			name: "a route of an engine newer than the table", method: "POST", target: "/v1.99/teleport/web",
			want: dockerapi.Call{
				Operation: dockerapi.Unknown, Transport: dockerapi.Stream, Body: dockerapi.BodyRaw, APIVersion: "1.99",
				Path: "/v1.99/teleport/web", RoutePath: "/teleport/web",
			},
		},
		{
			name: "upper case is another path", method: "POST", target: "/v1.41/Containers/create",
			want: dockerapi.Call{
				Operation: dockerapi.Unknown, Transport: dockerapi.Stream, Body: dockerapi.BodyRaw, APIVersion: "1.41",
				Path: "/v1.41/Containers/create", RoutePath: "/Containers/create",
			},
		},
		{
			name: "a lower-case method is another method", method: "post", target: "/containers/create",
			want: dockerapi.Call{
				Operation: dockerapi.Unknown, Transport: dockerapi.Stream, Body: dockerapi.BodyRaw,
				Path: "/containers/create", RoutePath: "/containers/create",
			},
		},
		{
			name: "the profiler of an engine in debug mode", method: "GET", target: "/debug/pprof/",
			want: dockerapi.Call{
				Operation: dockerapi.Debug, Transport: dockerapi.Stream, Path: "/debug/pprof/", RoutePath: "/debug/pprof/", ResourceKind: "debug",
			},
		},
		{
			name: "OPTIONS on any path", method: "OPTIONS", target: "/any/thing",
			want: dockerapi.Call{Operation: dockerapi.Options, Path: "/any/thing", RoutePath: "/any/thing", ResourceKind: "system"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := dockerapi.Classify(tt.method, tt.target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(dockerapi.Call{})); diff != "" {
				t.Errorf("Classify (-want +got):\n%s", diff)
			}
			want := tt.wantTarget
			if want == "" {
				want = tt.target
			}
			if got.Target() != want {
				t.Errorf("Target() = %q, want %q", got.Target(), want)
			}
		})
	}
}

func TestVersionsThatTheEngineTakesForOneBecomeOne(t *testing.T) {
	for _, form := range []string{"v1.41", "v1.41.", "v1.041", "v01.41", "v1.41.0.0.0"} {
		got, err := dockerapi.Classify("GET", "/"+form+"/info")
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if got.APIVersion != "1.41" || got.Target() != "/v1.41/info" || got.Operation != dockerapi.SystemInfo {
			t.Errorf("%s: version %q, target %q, operation %s", form, got.APIVersion, got.Target(), got.Operation)
		}
	}
}

func TestAmbiguousTargetsAreRefused(t *testing.T) {
	tests := []struct{ method, target, want string }{
		{"GET", "", "not a path"},
		{"OPTIONS", "*", "not a path"},
		{"GET", "containers/json", "not a path"},
		{"GET", "//containers/json", "empty segment"},
		{"GET", "/containers//json", "empty segment"},
		{"GET", "/containers/%2Fweb/json", "empty segment"},
		{"GET", "/./containers/json", "dot segment"},
		{"GET", "/containers/../info", "dot segment"},
		{"GET", "/containers/%2e%2E/info", "dot segment"},
		{"GET", "/images/a%2f..%2fb/json", "dot segment"},
		{"GET", "/containers/..", "dot segment"},
		{"GET", "/containers/.", "dot segment"},
		{"POST", "/containers%2Fcreate", "encoded slash"},
		{"GET", "/containers/web%2fjson", "encoded slash"},
		{"GET", "/v1%2e41/info", "encoded slash or dot"},
		{"GET", "/unheard/of%2fpath", "encoded slash"},
		{"GET", "/services/a%2Fb/logs", "encoded slash"},
		{"GET", "/containers/json/", "ends in a slash"},
		{"DELETE", "/volumes/web/", "ends in a slash"},
		{"DELETE", "/containers/", "ends in a slash"},
		{"GET", "/networks%2f", "encoded slash"},
		{"GET", "/containers/a%00b/json", "control character (0x00)"},
		{"GET", "/containers/a%0ab/json", "control character (0x0a)"},
		{"GET", "/containers/a\x7fb/json", "control character (0x7f)"},
		{"GET", "/containers/a%zz/json", "malformed percent escape at byte 13"},
		{"GET", "/containers/a%2", "malformed percent escape"},
		{"GET", "/containers/%ff/json", "not valid UTF-8"},
		{"GET", "/info#x", "fragment"},
		{"GET", "/v1/info", "malformed API version"},
		{"GET", "/v.1.41/info", "malformed API version"},
		{"GET", "/v1..41/info", "malformed API version"},
		{"GET", "/v1.41.5/info", "malformed API version"},
		{"GET", "/v1.41.../info", "malformed API version"},
		{"GET", "/v1.99999/info", "malformed API version"},
		{"GET", "/containers/json?all=1;x=2", "semicolon"},
		{"GET", "/containers/json?all=%g1", "malformed percent escape"},
		{"GET", "/containers/json?all=%0", "malformed percent escape"},
		{"GET", "/containers/json?a=%00", "NUL"},
		{"GET", "/containers/json?=1", "without a name"},
		{"GET", "/containers/json?a=1#b", "fragment"},
		{"POST", "/images/create?fromImage=good&fromImage=evil", `"fromImage" is given more than once`},
		{"POST", "/images/create?fromImage=good&from%49mage=evil", `"fromImage" is given more than once`},
		{"POST", "/build?t=a&t=b&remote=x&remote=y", `"remote" is given more than once`},
		{"GET", "/unheard?a&a", `"a" is given more than once`},
	}
	for _, tt := range tests {
		_, err := dockerapi.Classify(tt.method, tt.target)
		var e *dockerapi.Error
		if !errors.As(err, &e) {
			t.Errorf("%s %s: error %v, want *Error", tt.method, tt.target, err)
			continue
		}
		if e.Status != 400 || !strings.Contains(e.Message, tt.want) {
			t.Errorf("%s %s: %d %q, want 400 with %q", tt.method, tt.target, e.Status, e.Message, tt.want)
		}
	}
}

func TestQueryIsWrittenInOneWay(t *testing.T) {
	tests := []struct{ method, path, query, want string }{
		{"GET", "/containers/json", "all=1", "all=1"},
		{"GET", "/containers/json", "all", "all="},
		{"GET", "/containers/json", "&&all=1&", "all=1"},
		{"GET", "/containers/json", "&", ""},
		{"GET", "/containers/json", "filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D&all=1", "filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D&all=1"},
		{"GET", "/containers/json", `filters={"label":["a=b"]}`, "filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D"},
		{"GET", "/containers/json", "%61ll=%31", "all=1"},
		{"GET", "/containers/json", "a=%e2%82%ac", "a=%E2%82%AC"},
		{"GET", "/containers/x/archive", "path=/my dir/x+y%20z%ff", "path=%2Fmy+dir%2Fx+y+z%FF"},
		{"POST", "/build", "t=a&t=b&extrahosts=c:1&extrahosts=d:2", "t=a&t=b&extrahosts=c%3A1&extrahosts=d%3A2"},
		{"GET", "/images/get", "names=a&names=b", "names=a&names=b"},
		{"POST", "/commit", "changes=ENV+A%3D1%0AENV+B%3D2&changes=USER+x&container=c", "changes=ENV+A%3D1%0AENV+B%3D2&changes=USER+x&container=c"},
		{"GET", "/system/df", "type=image&type=volume", "type=image&type=volume"},
		{"GET", "/containers/json", "A=1&a=2", "A=1&a=2"},
	}
	for _, tt := range tests {
		got, err := dockerapi.Classify(tt.method, tt.path+"?"+tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		want := tt.path
		if tt.want != "" {
			want += "?" + tt.want
		}
		if got.Query != tt.want || got.Target() != want {
			t.Errorf("%s: query %q, target %q; want %q", tt.query, got.Query, got.Target(), tt.want)
		}
	}
}

func TestAnEndlessQueryIsStillCheckedForRepeats(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		b.WriteString("k")
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteByte(byte('a' + i%26))
		b.WriteString(url.QueryEscape(string(rune('ℵ' + i))))
		b.WriteString("=1&")
	}
	if _, err := dockerapi.Classify("GET", "/info?"+b.String()+"z=1"); err != nil {
		t.Fatal(err)
	}
	if _, err := dockerapi.Classify("GET", "/info?"+b.String()+"z=1&z=2"); err == nil {
		t.Error("a repeat behind many parameters was not seen")
	}
}

// FuzzClassify holds the laws that the rest of the gateway relies on: what goes out is canonical (a second pass changes
// nothing), it means to Go's net/url, which the engine uses, what the Call says, and no value of the query was lost.
func FuzzClassify(f *testing.F) {
	for _, target := range []string{
		"/_ping", "/v1.41/containers/json?all=1&filters=%7B%22a%22%3A1%7D", "/v1.041./images/a%2fb%3Ac/json", "/containers/a/../b",
		"/%76%31.41/%63ontainers/create?n%61me=x", "/networks/", "/v1.41/images/get?names=a&names=b", "/debug/pprof/", "/x%25%32%65/y?z;",
		"/containers/%e2%82%ac/json?a=+%2B%20", "/build?t=a&t=b&q", "*", "/v1.41", "/v1.41/", "/", "/containers/a/checkpoints/b",
	} {
		f.Add("GET", target)
		f.Add("POST", target)
		f.Add("DELETE", target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		call, err := dockerapi.Classify(method, target)
		if err != nil {
			var e *dockerapi.Error
			if !errors.As(err, &e) || e.Status < 400 || e.Status > 499 || e.Message == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		again, err := dockerapi.Classify(method, call.Target())
		if err != nil {
			t.Fatalf("own target %q refused: %v", call.Target(), err)
		}
		if again != call {
			t.Fatalf("not idempotent:\n%+v\n%+v", call, again)
		}
		u, err := url.ParseRequestURI(call.Target())
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", call.Target(), err)
		}
		rest := u.Path
		if call.APIVersion != "" {
			rest = strings.TrimPrefix(rest, "/v"+call.APIVersion)
		}
		if !strings.Contains(rest, call.ResourceID) || u.RawQuery != call.Query {
			t.Fatalf("net/url reads %q as path %q, query %q; the call is %+v", call.Target(), u.Path, u.RawQuery, call)
		}
		if got, err := url.PathUnescape(call.Path); err != nil || got != u.Path {
			t.Fatalf("path %q decodes to %q, net/url says %q (%v)", call.Path, got, u.Path, err)
		}
		// The engine decodes what the client sent to the same path, but for the version's spelling and /networks/.
		raw, rawQuery, _ := strings.Cut(target, "?")
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("accepted path %q is malformed: %v", raw, err)
		}
		if !strings.HasSuffix(strings.TrimSuffix(decoded, "/"), strings.TrimSuffix(rest, "/")) {
			t.Fatalf("the client's path is %q, the forwarded one %q", decoded, u.Path)
		}
		// No parameter was lost. FuzzQuery looks at what they mean.
		want, err := url.ParseQuery(rawQuery)
		if err != nil {
			t.Fatalf("accepted query %q is malformed: %v", rawQuery, err)
		}
		got := u.Query()
		for name, values := range want {
			if len(got[name]) != len(values) {
				t.Fatalf("query %q has %d values of %q, forwarded are %d", rawQuery, len(values), name, len(got[name]))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("query %q has other parameters than %q", u.RawQuery, rawQuery)
		}
	})
}
