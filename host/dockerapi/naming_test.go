package dockerapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// show writes a reference as role kind ref@place.
func show(r dockerapi.Reference) string {
	place := r.In
	if r.Where != "" {
		place += " " + r.Where
	}
	text := fmt.Sprintf("%s %s %s@%s", r.Role, r.Kind, r.Ref, place)
	if r.Before+r.After != "" {
		text += fmt.Sprintf(" %s_%s", r.Before, r.After)
	}
	if r.Key {
		text += " key"
	}
	return text
}

func TestWhatRequestsName(t *testing.T) {
	for _, test := range []struct {
		line, body string
		want       []string
	}{
		{"GET /containers/web/db/json", "", []string{"target container web/db@path"}},
		{"GET /info", "", nil},
		{"GET /distribution/busybox/json", "", nil}, // of a registry
		{"GET /containers/json?since=a&before=b", "", []string{"use container a@query since", "use container b@query before"}},
		{"POST /containers/a/rename?name=b", "", []string{"target container a@path", "name container b@query name"}},
		{
			"POST /containers/create?name=web", `{"Image":"busybox:1","Labels":{"Image":"x"},"Cmd":["Image"],"HostConfig":{"Binds":["/etc:/e","data:/d:ro","/anonymous","x","a\u002db:/x"],
			"VolumesFrom":["one","two:ro"],"Links":["db","/db:/web/alias","db:a"],"NetworkMode":"container:net","PidMode":"container:pid","IpcMode":"container:ipc","Cgroup":"container:cg","UTSMode":"container:x",
			"Mounts":[{"Type":"volume","Target":"/x","Source":"vol"},{"Source":"/etc","Type":"bind"},{"Type":"tmpfs"},{"Type":"image","Source":"img"},{"Type":"volume"},{"Source":"odd","Type":"CLUSTER"},{"Source":"none"}]},
			"NetworkingConfig":{"EndpointsConfig":{"front":{"Links":["c:alias"],"Aliases":["x"]},"ba.ck":{"NetworkID":"n2"},"null":null,"default":{}}}}`,
			[]string{
				"name container web@query name", "use image busybox:1@body Image",
				"use volume data@body HostConfig.Binds[1] _:/d:ro", "use volume a-b@body HostConfig.Binds[4] _:/x",
				"use container one@body HostConfig.VolumesFrom[0]", "use container two@body HostConfig.VolumesFrom[1] _:ro",
				"use container db@body HostConfig.Links[0] _:db", "use container /db@body HostConfig.Links[1] _:/web/alias", "use container db@body HostConfig.Links[2] _:a",
				"use container net@body HostConfig.NetworkMode container:_", "use container pid@body HostConfig.PidMode container:_",
				"use container ipc@body HostConfig.IpcMode container:_", "use container cg@body HostConfig.Cgroup container:_",
				"use volume vol@body HostConfig.Mounts[0].Source", "use image img@body HostConfig.Mounts[3].Source",
				"use volume odd@body HostConfig.Mounts[5].Source", "use volume none@body HostConfig.Mounts[6].Source",
				"use network front@body NetworkingConfig.EndpointsConfig.front key", "use container c@body NetworkingConfig.EndpointsConfig.front.Links[0] _:alias",
				"use network ba.ck@body NetworkingConfig.EndpointsConfig.ba.ck key", "use network n2@body NetworkingConfig.EndpointsConfig.ba.ck.NetworkID",
				"use network null@body NetworkingConfig.EndpointsConfig.null key",
			},
		},
		{"POST /containers/create", `{"HostConfig":{"NetworkMode":"front"}}`, []string{"use network front@body HostConfig.NetworkMode"}},
		{"POST /containers/create", `{"HostConfig":{"NetworkMode":"host"}}`, []string{"use network host@body HostConfig.NetworkMode"}},
		{"POST /containers/create", `{"HostConfig":{"NetworkMode":"default","PidMode":"host","IpcMode":"shareable","Binds":null,"Mounts":[null,1]}}`, nil},
		{"POST /containers/create", `null`, nil},
		{"POST /containers/web/exec", `{"Cmd":["x"]}`, []string{"target container web@path"}},
		{"POST /exec/e1/start", `{}`, []string{"target exec e1@path"}},
		{"PUT /containers/web/archive?path=%2F", "", []string{"target container web@path"}},

		{"POST /images/create?fromImage=r.example:5000/a/b&tag=1", "", []string{"name image r.example:5000/a/b:1@query fromImage"}},
		{"POST /images/create?fromImage=b:2@sha256:11&tag=sha256:22", "", []string{"name image b@sha256:22@query fromImage"}},
		{"POST /images/create?fromSrc=-&repo=a&tag=", "", []string{"name image a@query repo"}},
		{"POST /images/a/tag?repo=r.example:5000/b&tag=2", "", []string{"target image a@path", "name image r.example:5000/b:2@query repo"}},
		{"POST /images/r.example:5000/b/push?tag=2", "", []string{"target image r.example:5000/b:2@path"}},
		{"GET /images/get?names=a&names=b:1", "", []string{"use image a@query names", "use image b:1@query names"}},
		{"POST /commit?container=c&repo=a&tag=1", `{"Image":"x"}`, []string{"use container c@query container", "name image a:1@query repo"}},
		{
			"POST /build?t=a&t=b:1&networkmode=container:x&cachefrom=%5B%22c%22,null,%22d%22%5D", "",
			[]string{"name image a@query t", "name image b:1@query t", "use container x@query networkmode container:_", "use image c@query cachefrom", "use image d@query cachefrom"},
		},
		{"POST /build?networkmode=default&cachefrom=c", "", nil},
		{"POST /build?outputs=%5B%7B%22TYPE%22:%22moby%22,%22attrs%22:%7B%22name%22:%22a:1%22%7D%7D%5D", "", []string{"name image a:1@query outputs"}},

		{"POST /networks/create", `{"Name":"n","ConfigFrom":{"Network":"c"}}`, []string{"name network n@body Name", "use network c@body ConfigFrom.Network"}},
		{
			"POST /networks/n/connect", `{"Container":"c","EndpointConfig":{"NetworkID":"other","Links":["d:e"]}}`,
			[]string{"target network n@path", "use container c@body Container", "use network other@body EndpointConfig.NetworkID", "use container d@body EndpointConfig.Links[0] _:e"},
		},
		{"POST /networks/n/disconnect", `{"Container":"c"}`, []string{"target network n@path", "use container c@body Container"}},
		{"POST /volumes/create", `{"Name":"v"}`, []string{"name volume v@body Name"}},
		{"POST /volumes/create", `{"Name":""}`, nil},
		{
			"POST /services/s/update?version=1", `{"Name":"s","Networks":[{"Target":"a"}],"TaskTemplate":{"Networks":[{"Target":"b"}],"ContainerSpec":{"Image":"i","Mounts":[{"Type":"volume","Source":"v"}],
			"Secrets":[{"SecretID":"s1","SecretName":"s"}],"Configs":[{"ConfigID":"c1"}],"Privileges":{"CredentialSpec":{"Config":"c2"}}}}}`,
			[]string{
				"target service s@path", "name service s@body Name", "use network a@body Networks[0].Target", "use network b@body TaskTemplate.Networks[0].Target",
				"use image i@body TaskTemplate.ContainerSpec.Image", "use volume v@body TaskTemplate.ContainerSpec.Mounts[0].Source",
				"use secret s1@body TaskTemplate.ContainerSpec.Secrets[0].SecretID", "use secret s@body TaskTemplate.ContainerSpec.Secrets[0].SecretName",
				"use config c1@body TaskTemplate.ContainerSpec.Configs[0].ConfigID", "use config c2@body TaskTemplate.ContainerSpec.Privileges.CredentialSpec.Config",
			},
		},
	} {
		method, target, _ := strings.Cut(test.line, " ")
		call, err := dockerapi.Classify(method, target)
		if err != nil {
			t.Fatalf("%s: %v", test.line, err)
		}
		found, err := dockerapi.References(&call, []byte(test.body))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
		}
		var got []string
		for _, r := range found {
			got = append(got, show(r))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s: want -, got +\n%s", test.line, test.body, diff)
		}
	}
}

func TestAPlaceInABodyCanBeFoundStepByStep(t *testing.T) {
	call := classify(t, create)
	found, err := dockerapi.References(call, []byte(`{"NetworkingConfig":{"EndpointsConfig":{"a.b":{"Links":["c:d"]}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []dockerapi.Reference{
		{Kind: "network", Ref: "a.b", Role: dockerapi.RoleUse, In: "body", Where: "NetworkingConfig.EndpointsConfig.a.b", At: []any{"NetworkingConfig", "EndpointsConfig", "a.b"}, Key: true},
		{Kind: "container", Ref: "c", Role: dockerapi.RoleUse, In: "body", Where: "NetworkingConfig.EndpointsConfig.a.b.Links[0]", At: []any{"NetworkingConfig", "EndpointsConfig", "a.b", "Links", 0}, After: ":d"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// A request that names a hundred times more than can be told is not read to its end for it.
func TestWhatCannotBeToldIsNotLookedFor(t *testing.T) {
	for _, body := range []string{
		`{"HostConfig":{"Links":["a:b"` + strings.Repeat(`,"a:b"`, 100*dockerapi.MaxReferences) + `]}}`,
		`{"HostConfig":{"Mounts":[{"Source":"a"}` + strings.Repeat(`,{"Source":"a"}`, 60*dockerapi.MaxReferences) + `]}}`,
	} {
		call := classify(t, create)
		if allocated := testing.AllocsPerRun(1, func() {
			if _, err := dockerapi.References(call, []byte(body)); err == nil {
				t.Error("no error")
			}
		}); allocated > 30*dockerapi.MaxReferences {
			t.Errorf("%.40s… takes %v allocations", body, allocated)
		}
	}
}

// What cannot be told in full is not told at all.
func TestReferencesThatAreRefused(t *testing.T) {
	many := `{"HostConfig":{"VolumesFrom":["a"` + strings.Repeat(`,"a"`, dockerapi.MaxReferences) + `]}}`
	for _, test := range []struct{ line, body, message string }{
		{create, many, "names more than 1024 objects"},
		{create, `{"Image":`, "the JSON document ends early"},
		{create, `{"Image":"a","image":"b"}`, "this key is given before"},
		{"POST /commit?container=%FF", "", "not UTF-8"},
	} {
		method, target, _ := strings.Cut(test.line, " ")
		call, err := dockerapi.Classify(method, target)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := dockerapi.References(&call, []byte(test.body)); err == nil || !strings.Contains(err.Error(), test.message) || found != nil {
			t.Errorf("%s %.40s: got %v, %v; want the error %q", test.line, test.body, found, err, test.message)
		}
	}
}
