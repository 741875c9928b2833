package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestFilter(t *testing.T) {
	const inspect = "/v1.41/containers/web/json"
	const open = `{"Id":"1","Config":{"Env":["PATH=/bin","DB_PASSWORD=hunter2","TOKEN=a=b","EMPTY_TOKEN=","TOKEN","Q=\"\u003c"],"Cmd":["x"]},"Size":1.50}`
	closed := filtertest.Want{ResponseBody: `{"Id":"1","Config":{"Env":["PATH=/bin","DB_PASSWORD=","TOKEN=","EMPTY_TOKEN=","TOKEN","Q=\"<"],"Cmd":["x"]},"Size":1.50}`}
	filtertest.Run(t, filtertest.Suite{
		Module: "../redact-env.wasm",
		Config: `{"names":["PASSWORD","^TOKEN$","(?i)secret"]}`,
		Cases: []filtertest.Case{
			{Name: "docker inspect", Request: filtertest.Get(inspect), Response: filtertest.OK(open), Want: closed},
			{Name: "without a version", Request: filtertest.Get("/containers/a/b/json"), Response: filtertest.OK(open), Want: closed},
			{Name: "nothing to redact", Request: filtertest.Get(inspect), Response: filtertest.OK(`{"Config":{"Env":["A=b"]}}`)},
			{Name: "no environment", Request: filtertest.Get(inspect), Response: filtertest.OK(`{"Config":{"Env":null}}`)},
			{
				Name: "an image, which a container may have been committed to", Request: filtertest.Get("/v1.41/images/x/json"),
				Response: filtertest.OK(`{"ContainerConfig":{"Env":["My_Secret_Key=1"]},"Config":{"Env":["PASSWORD=2"]}}`),
				Want:     filtertest.Want{ResponseBody: `{"ContainerConfig":{"Env":["My_Secret_Key="]},"Config":{"Env":["PASSWORD="]}}`},
			},
			{
				Name: "services, before and after an update", Request: filtertest.Get("/v1.41/services"),
				Response: filtertest.OK(`[{"Spec":{"TaskTemplate":{"ContainerSpec":{"Env":["PASSWORD=1"]}}},"PreviousSpec":{"TaskTemplate":{"ContainerSpec":{"Env":["PASSWORD=0"]}}}}]`),
				Want:     filtertest.Want{ResponseBody: `[{"Spec":{"TaskTemplate":{"ContainerSpec":{"Env":["PASSWORD="]}}},"PreviousSpec":{"TaskTemplate":{"ContainerSpec":{"Env":["PASSWORD="]}}}}]`},
			},
			{
				Name: "a replacement", Config: `{"names":["PASSWORD"],"replacement":"\"***\""}`, Request: filtertest.Get(inspect),
				Response: filtertest.OK(`{"Config":{"Env":["PASSWORD=1"]}}`),
				Want:     filtertest.Want{ResponseBody: `{"Config":{"Env":["PASSWORD=\"***\""]}}`},
			},
			{Name: "an error of the engine", Request: filtertest.Get(inspect), Response: &filtertest.Response{Status: 404, Body: `{"message":"No such container: web"}`}},
			{Name: "an answer without a body", Request: filtertest.Get(inspect), Response: &filtertest.Response{Status: 200}},
			{Name: "operations without environments", Request: filtertest.Get("/v1.41/containers/json"), Response: filtertest.OK(`[{"Env":["PASSWORD=1"]}]`)},
			{Name: "endless answers pass", Request: filtertest.Get("/v1.41/containers/web/logs?follow=1"), Response: &filtertest.Response{Status: 200, Body: "PASSWORD=1"}},
			{
				Name: "what cannot be read is not shown", Request: filtertest.Get(inspect), Response: filtertest.OK(`{"Config":{"Env":["PASSWORD=1"]`),
				Want: filtertest.Want{Denied: "not a JSON document", Status: 502},
			},
			{
				Name: "nor what is no environment", Request: filtertest.Get(inspect), Response: filtertest.OK(`{"Config":{"Env":[1]}}`),
				Want: filtertest.Want{Denied: "Config.Env[0]: is a number", Status: 502},
			},
		},
		Refused: map[string]string{
			`{}`:                        "names: needs at least one",
			`{"names":["("]}`:           "names[0]: error parsing regexp",
			`{"names":["a",1]}`:         "names[1]: is a number, want a regular expression",
			`{"name":["a"]}`:            "name: unknown key, did you mean names?",
			`{"names":["a"],"names":0}`: "names: is there twice",
		},
	})
}
