package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestFilter(t *testing.T) {
	head := filtertest.Request{Method: "HEAD", Path: "/_ping"}
	remove := filtertest.Request{Method: "DELETE", Path: "/v1.41/containers/web"}
	const readOnly = `{"default":"deny","allow":[{"methods":["get","HEAD"]}],"deny":[{"operations":["SecretList"]},{"paths":["/secrets/.*","/configs.*"]}]}`
	const noExec = `{"default":"allow","deny":[{"operations":["ContainerExec"]},{"methods":["DELETE"],"paths":["/containers/[^/]+"]}]}`
	filtertest.Run(t, filtertest.Suite{
		Module: "../request-guard.wasm",
		Config: readOnly,
		Cases: []filtertest.Case{
			{Name: "reading is allowed", Request: filtertest.Get("/v1.41/containers/json?all=1"), Response: filtertest.OK(`[]`)},
			{Name: "writing is not", Request: filtertest.Post("/v1.41/containers/create", `{"Image":"x"}`), Want: filtertest.Want{Denied: "ContainerCreate is not allowed by any rule"}},
			{Name: "a denied operation goes before an allowed method", Request: filtertest.Get("/v1.41/secrets"), Want: filtertest.Want{Denied: "SecretList is denied by a rule"}},
			{Name: "a denied path too", Request: filtertest.Get("/v1.41/secrets/x"), Want: filtertest.Want{Denied: "SecretInspect is denied by a rule"}},
			{Name: "whatever its version", Request: filtertest.Get("/v1.30/configs/x"), Want: filtertest.Want{Denied: "denied by a rule"}},
			{Name: "or without", Request: filtertest.Get("/configs"), Want: filtertest.Want{Denied: "denied by a rule"}},
			{Name: "or escaped", Request: filtertest.Get("/v1.41/%73ecrets/x"), Want: filtertest.Want{Denied: "denied by a rule"}, Response: nil},
			{Name: "ping is how clients begin", Config: `{"default":"deny"}`, Request: head},
			{Name: "and cannot be denied", Config: `{"default":"deny","deny":[{"paths":[".*"]}]}`, Request: filtertest.Get("/v1.41/_ping")},
			{Name: "exec is denied", Config: noExec, Request: filtertest.Post("/v1.41/containers/c/exec", `{"Cmd":["sh"]}`), Want: filtertest.Want{Denied: "ContainerExec is denied"}},
			{Name: "all kinds of a rule must match", Config: noExec, Request: remove, Want: filtertest.Want{Denied: "ContainerDelete is denied"}},
			{Name: "and one alone does not", Config: noExec, Request: filtertest.Request{Method: "DELETE", Path: "/v1.41/volumes/v"}},
			{Name: "a path is matched whole", Config: `{"default":"deny","allow":[{"paths":["/containers/json"]}]}`, Request: filtertest.Get("/v1.41/containers/containers/json/json"), Want: filtertest.Want{Denied: "ContainerInspect is not allowed"}},
			{Name: "a request that nobody knows", Config: `{"default":"deny","allow":[{"operations":["ContainerList"]}]}`, Request: filtertest.Get("/v1.41/nope"), Want: filtertest.Want{Denied: "Unknown is not allowed"}},
			{Name: "bodies pass unseen", Config: noExec, Request: filtertest.Post("/v1.41/containers/create", `{"Image":"x"}`), Response: filtertest.OK(`{"Id":"1"}`)},
		},
		Refused: map[string]string{
			`{}`:                  "default: is missing",
			`{"default":"maybe"}`: `default: is "maybe", want allow or deny`,
			`{"default":"allow","deny":[{"operations":["ContainerExce"]}]}`: `deny[0].operations: "ContainerExce" is no operation of Docker's API, did you mean ContainerExec?`,
			`{"default":"allow","deny":[{}]}`:                               "deny[0]: needs at least one of",
			`{"default":"deny","allow":[{"methods":[]}]}`:                   "allow[0].methods: has no item",
			`{"default":"deny","allow":[{"paths":[],"methods":["GET"]}]}`:   "allow[0].paths: has no item",
			`{"default":"allow","deny":[{"methods":["GTE"]}]}`:              "deny[0].methods: GTE is no method",
			`{"default":"allow","deny":[{"path":["/x"]}]}`:                  "deny[0].path: unknown key, did you mean paths?",
			`{"default":"allow","allow":[{"paths":["a)(b"]}]}`:              "allow[0].paths[0]: error parsing regexp",
			`{"default":"allow","allow":{"paths":[]}}`:                      "allow: is an object, want a list of objects",
		},
	})
}
