package main

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
	"github.com/sluice-gateway/sluice/host/foreign"
)

var id = strings.Repeat("0123456789abcdef", 4)

var things = []filtertest.Reference{
	{
		Kind: sluice.Container, ID: id, Name: "web", Aliases: []string{"allowed/al"}, Running: true, TTY: true, Image: "sha256:aa",
		Labels:     map[string]string{"team": "ci", "sluice.owner": "me", "Team": "another"},
		HostConfig: `{"Privileged":true,"Binds":["/etc:/e"]}`, Mounts: `[{"Type":"bind"},{"Type":"volume"}]`,
	},
	{Kind: sluice.Container, ID: "02" + id[2:], Name: "db", Owner: "you"},
	{Kind: sluice.Volume, Name: "data", Driver: "local", Options: map[string]string{"device": "/etc"}},
	{Kind: sluice.Image, ID: "sha256:" + id, Tags: []string{"busybox:1"}, Digests: []string{"busybox@sha256:bb"}},
	{Kind: sluice.Exec, ID: "e1", Container: id, Privileged: true},
	{Kind: sluice.Task, ID: "t1", Service: "s1"},
}

func TestReferences(t *testing.T) {
	start := filtertest.Post("/v1.41/containers/web/start", "")
	get := filtertest.Get
	denied := func(reason string) filtertest.Want { return filtertest.Want{Denied: reason} }
	web := "container " + id + " web of me Team=another sluice.owner=me team=ci team ci sha256:aa"
	filtertest.Run(t, filtertest.Suite{
		Module: "selftest.wasm",
		Functions: map[string]foreign.Function{
			"acme.echo": func(c foreign.Call) ([]byte, abi.Status) { return c.Arguments, abi.StatusOK },
			"acme.fail": func(foreign.Call) ([]byte, abi.Status) { return nil, abi.StatusInternalFailure },
		},
		Cases: []filtertest.Case{
			{Name: "by name", Config: `{"ref":"web"}`, Request: get("/info"), References: things, Want: denied(web)},
			{Name: "by name with a slash", Config: `{"ref":"/web"}`, Request: get("/info"), References: things, Want: denied(web)},
			{Name: "by a link's alias", Config: `{"ref":"allowed/al"}`, Request: get("/info"), References: things, Want: denied(web)},
			{Name: "by the beginning of its id", Config: `{"ref":"01"}`, Request: get("/info"), References: things, Want: denied(web)},
			{Name: "by its whole id", Config: `{"ref":"` + id + `"}`, Request: get("/info"), References: things, Want: denied(web)},
			{Name: "another owner", Config: `{"ref":"db"}`, Request: get("/info"), References: things, Want: denied("db of you")},
			{Name: "a volume that is a folder of the host's", Config: `{"kind":"volume","ref":"data"}`, Request: get("/info"), References: things, Want: denied("volume data data of device=/etc device /etc local")},
			{Name: "an image by its tag", Config: `{"kind":"image","ref":"busybox:1"}`, Request: get("/info"), References: things, Want: denied("image sha256:" + id + " of busybox:1 busybox@sha256:bb")},
			{Name: "an image by its digest", Config: `{"kind":"image","ref":"busybox@sha256:bb"}`, Request: get("/info"), References: things, Want: denied("image sha256:" + id)},
			{Name: "an exec", Config: `{"kind":"exec","ref":"e1"}`, Request: get("/info"), References: things, Want: denied("exec e1 of " + id + " privileged")},
			{Name: "a task", Config: `{"kind":"task","ref":"t1"}`, Request: get("/info"), References: things, Want: denied("task t1 of s1")},
			{Name: "what does not exist is no failure", Config: `{"ref":"gone"}`, Request: get("/info"), References: things},
			{Name: "of another kind", Config: `{"kind":"network","ref":"web"}`, Request: get("/info"), References: things},
			{Name: "two of them", Config: `{"ref":"0"}`, Request: get("/info"), References: things, Want: filtertest.Want{Denied: "Multiple IDs found", Status: 400}},
			{Name: "no reference at all", Config: `{"ref":""}`, Request: get("/info"), References: things, Want: filtertest.Want{Denied: "empty", Status: 400}},
			{
				Name: "nobody knows", Config: `{"ref":"web"}`, Request: get("/info"), References: things, EngineSilent: true,
				Want: filtertest.Want{Denied: `the filter failed: resolve the container "web": the engine did not answer`, Status: 500},
			},
			{Name: "a kind that there is not", Config: `{"kind":"session","ref":"web"}`, Request: get("/info"), Want: filtertest.Want{Denied: "cannot be done", Status: 500}},

			{Name: "the request's resource", Config: `{"do":"resource"}`, Request: start, References: things, Want: denied(web)},
			{Name: "the request's resource is not there", Config: `{"do":"resource"}`, Request: start},
			{
				Name: "the request's resource and nobody knows", Config: `{"do":"resource"}`, Request: start, EngineSilent: true,
				Want: filtertest.Want{Denied: "the engine did not answer", Status: 500},
			},
			{Name: "a request without a resource", Config: `{"do":"resource"}`, Request: get("/info"), Want: denied("what does not exist has an id")},
			{Name: "what is known ahead", Config: `{"do":"property"}`, Request: start, References: things, Want: denied("id " + id + ", owner me, team ci")},
			{Name: "nothing is known ahead", Config: `{"do":"property"}`, Request: start, Want: denied("id , owner , team ")},

			{Name: "pinned", Config: `{"do":"pin"}`, Request: start, References: things, Want: filtertest.Want{Path: "/v1.41/containers/" + id + "/start"}},
			{
				Name: "pinned through an alias", Config: `{"do":"pin"}`, Request: get("/v1.41/containers/allowed/al/logs?tail=1"), References: things,
				Want: filtertest.Want{Path: "/v1.41/containers/" + id + "/logs?tail=1"},
			},
			{Name: "an image is not removed by its id", Config: `{"do":"pin"}`, Request: filtertest.Request{Method: "DELETE", Path: "/v1.41/images/busybox:1"}, References: things, Want: denied("not pinned: sha256:")},
			{
				Name: "what is not there is not pinned", Config: `{"do":"pin"}`, Request: start,
				Want: filtertest.Want{Denied: "No such container: web", Status: 404},
			},
			{
				Name: "a link", Config: `{"do":"pin"}`, Request: filtertest.Request{Method: "DELETE", Path: "/v1.41/containers/allowed/al?link=1"}, References: things,
				Want: filtertest.Want{Denied: "removes a link", Status: 400},
			},

			{Name: "a container's rights", Config: `{"do":"rights","ref":"web"}`, Request: get("/info"), References: things, Want: denied("privileged true, 2 mounts, details of " + id)},
			{Name: "rights that are not there", Config: `{"do":"rights","ref":"db"}`, Request: get("/info"), References: things, Want: denied("privileged false, 0 mounts, details of 02")},
			{
				Name: "what is read as another type", Config: `{"do":"misread","ref":"web"}`, Request: get("/info"), References: things,
				Want: filtertest.Want{Denied: "host_config.Binds: is a array where the engine expects a string", Status: 500},
			},

			{Name: "a function of the embedder's", Config: `{"do":"call","function":"acme.echo","ref":"hello"}`, Request: get("/info"), Want: denied("acme.echo says hello")},
			{Name: "which says nothing", Config: `{"do":"call","function":"acme.echo"}`, Request: get("/info")},
			{
				Name: "which fails", Config: `{"do":"call","function":"acme.fail"}`, Request: get("/info"),
				Want: filtertest.Want{Denied: "call acme.fail: the gateway gave up, with status 10", Status: 500},
			},
			{
				Name: "which is not there", Config: `{"do":"call","function":"acme.nobody"}`, Request: get("/info"),
				Want: filtertest.Want{Denied: "this gateway has no function acme.nobody", Status: 500},
			},
		},
	})
}
