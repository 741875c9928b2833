package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

const (
	opa    = `{"upstream":"opa"}`
	plugin = `{"upstream":"plugin","protocol":"docker-plugin","timeout_ms":500}`
)

var (
	list   = filtertest.Get("/v1.41/containers/json?all=1")
	create = filtertest.Post("/v1.41/containers/create?name=web", `{"Image":"busybox","HostConfig":{"Privileged":true}}`)
	attach = filtertest.Post("/v1.41/containers/web/attach?stream=1", "")
)

func TestOPA(t *testing.T) {
	asked := func(input string, a filtertest.Answer) []filtertest.Call {
		return []filtertest.Call{{
			Upstream: "opa", Method: "POST", Path: "/v1/data/docker/authz", Body: `{"input":` + input + `}`, Answer: a,
			Headers: map[string]string{"content-type": "application/json", "x-request-id": "filtertest"},
		}}
	}
	about := func(answer filtertest.Answer) []filtertest.Call {
		return asked(`{"request_id":"filtertest","method":"GET","path":"/v1.41/containers/json?all=1","operation":"ContainerList","api_version":"1.41","resource":{"kind":"container"},"peer":{}}`, answer)
	}
	unclear := func(reason string) filtertest.Want { return filtertest.Want{Denied: reason, Status: 503} }
	body := func(text string) filtertest.Answer { return filtertest.Answer{Body: text} }
	known := list
	known.Properties = map[string]string{"peer.uid": "1000", "peer.tenant": "ci", "peer.certificate.common_name": `a "b"`}
	filtertest.Run(t, filtertest.Suite{
		Module: "../external-authz.wasm", Config: opa,
		Cases: []filtertest.Case{
			{Name: "true allows", Request: list, Calls: about(body(`{"result":true}`))},
			{Name: "false denies", Request: list, Calls: about(body(`{"result":false}`)), Want: filtertest.Want{Denied: "the policy does not allow it"}},
			{Name: "an object allows", Request: list, Calls: about(body(`{"result":{"allow":true}}`))},
			{Name: "an object denies, and says why", Request: list, Calls: about(body(`{"result":{"allow":false,"reason":"not on Fridays"}}`)), Want: filtertest.Want{Denied: "not on Fridays"}},
			{Name: "an object denies", Request: list, Calls: about(body(`{"result":{"allow":false}}`)), Want: filtertest.Want{Denied: "the policy does not allow it"}},
			{Name: "nothing denies", Request: list, Calls: about(body(`{}`)), Want: unclear("its policy decides nothing")},
			{Name: "null denies", Request: list, Calls: about(body(`{"result":null}`)), Want: unclear("its policy decides nothing")},
			{Name: "another type denies", Request: list, Calls: about(body(`{"result":"true"}`)), Want: filtertest.Want{Denied: "the policy does not allow it"}},
			{Name: "an object without allow denies", Request: list, Calls: about(body(`{"result":{"Allow":true}}`)), Want: filtertest.Want{Denied: "the policy does not allow it"}},
			{Name: "an allow of another type denies", Request: list, Calls: about(body(`{"result":{"allow":"true"}}`)), Want: filtertest.Want{Denied: "the policy does not allow it"}},
			{Name: "two results deny", Request: list, Calls: about(body(`{"result":false,"result":true}`)), Want: unclear("its policy decides nothing")},
			{Name: "another status denies", Request: list, Calls: about(filtertest.Answer{Status: 500, Body: `{"result":true}`}), Want: unclear("status 500")},
			{Name: "no answer denies", Request: list, Calls: about(filtertest.Answer{Fails: true}), Want: filtertest.Want{Denied: "no answer from opa: reset", Status: 500}},
			{
				Name: "the body is part of the question", Request: create,
				Calls: asked(`{"request_id":"filtertest","method":"POST","path":"/v1.41/containers/create?name=web","operation":"ContainerCreate","api_version":"1.41",`+
					`"resource":{"kind":"container"},"peer":{},"body":{"Image":"busybox","HostConfig":{"Privileged":true}}}`, body(`{"result":true}`)),
			},
			{
				Name: "or is not", Request: create, Config: `{"upstream":"opa","send_body":false}`,
				Calls: asked(`{"request_id":"filtertest","method":"POST","path":"/v1.41/containers/create?name=web","operation":"ContainerCreate","api_version":"1.41",`+
					`"resource":{"kind":"container"},"peer":{}}`, body(`{"result":true}`)),
			},
			{
				Name: "who asks is part of the question", Request: known,
				Calls: asked(`{"request_id":"filtertest","method":"GET","path":"/v1.41/containers/json?all=1","operation":"ContainerList","api_version":"1.41","resource":{"kind":"container"},`+
					`"peer":{"tenant":"ci","uid":"1000","common_name":"a \"b\""}}`, body(`{"result":true}`)),
			},
			{
				Name: "a terminal is asked about before it is there", Request: attach,
				Calls: asked(`{"request_id":"filtertest","method":"POST","path":"/v1.41/containers/web/attach?stream=1","operation":"ContainerAttach","api_version":"1.41",`+
					`"resource":{"kind":"container","id":"web"},"peer":{}}`, body(`{"result":false}`)),
				Want: filtertest.Want{Denied: "the policy does not allow it"},
			},
		},
		Refused: map[string]string{
			`{}`:                                 "upstream: is missing",
			`{"upstream":"opa","path":"v1"}`:     "path: begins with /",
			`{"upstream":"opa","protocol":"x"}`:  "protocol: is \"x\", want opa or docker-plugin",
			`{"upstream":"opa","timeout_ms":-1}`: "timeout_ms",
			`{"upstream":"opa","timeout":1}`:     "timeout: unknown key; the keys are",
		},
	})
}

func TestDockerPlugin(t *testing.T) {
	asked := func(question string, a filtertest.Answer) []filtertest.Call {
		return []filtertest.Call{{
			Upstream: "plugin", Method: "POST", Path: "/AuthZPlugin.AuthZReq", Body: question, Answer: a,
			Headers: map[string]string{"content-type": pluginType},
		}}
	}
	about := func(answer string) []filtertest.Call {
		return asked(`{"RequestMethod":"GET","RequestUri":"/v1.41/containers/json?all=1","RequestHeaders":{}}`, filtertest.Answer{Body: answer})
	}
	known := create
	known.Headers = [][2]string{{"Content-Type", "application/json"}, {"X-Registry-Auth", "secret"}, {"Authorization", "secret"}, {"X-Meta-a", "1"}, {"x-meta-A", "2"}}
	known.Properties = map[string]string{"peer.certificate.common_name": "jane", "peer.tenant": "ci"}
	tenant := list
	tenant.Properties = map[string]string{"peer.tenant": "ci"}
	filtertest.Run(t, filtertest.Suite{
		Module: "../external-authz.wasm", Config: plugin,
		Cases: []filtertest.Case{
			{Name: "it allows", Request: list, Calls: about(`{"Allow":true}`)},
			{Name: "it denies", Request: list, Calls: about(`{"Allow":false,"Msg":"not you"}`), Want: filtertest.Want{Denied: "not you"}},
			{Name: "it denies without a word", Request: list, Calls: about(`{}`), Want: filtertest.Want{Denied: "does not allow it"}},
			{Name: "it fails", Request: list, Calls: about(`{"Allow":true,"Err":"database gone"}`), Want: filtertest.Want{Denied: "database gone", Status: 503}},
			{
				Name: "it is shown what the engine would show it, and no secrets", Request: known,
				Calls: asked(`{"User":"jane","UserAuthNMethod":"TLS","RequestMethod":"POST","RequestUri":"/v1.41/containers/create?name=web",`+
					`"RequestBody":"eyJJbWFnZSI6ImJ1c3lib3giLCJIb3N0Q29uZmlnIjp7IlByaXZpbGVnZWQiOnRydWV9fQ==",`+
					`"RequestHeaders":{"Content-Type":"application/json","X-Meta-A":"1"}}`, filtertest.Answer{Body: `{"Allow":true}`}),
			},
			{
				Name: "a tenant is a user too", Request: tenant,
				Calls: asked(`{"User":"ci","UserAuthNMethod":"sluice","RequestMethod":"GET","RequestUri":"/v1.41/containers/json?all=1","RequestHeaders":{}}`, filtertest.Answer{Body: `{"Allow":true}`}),
			},
		},
	})
}
