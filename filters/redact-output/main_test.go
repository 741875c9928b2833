package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestFilter(t *testing.T) {
	const (
		logs  = "/v1.41/containers/web/logs?stdout=1&stderr=1"
		start = "/v1.41/exec/1/start"
	)
	raw := func(body string) *filtertest.Response {
		return &filtertest.Response{Status: 200, Body: body, Terminal: true}
	}
	frames := func(out, err string) *filtertest.Response {
		return &filtertest.Response{Status: 200, Body: filtertest.Frame(1, out) + filtertest.Frame(2, err)}
	}
	hijacked := func(out, err string) *filtertest.Response {
		r := frames(out, err)
		r.Status = 101
		return r
	}
	want := func(out, err string) filtertest.Want { return filtertest.Want{ResponseBody: frames(out, err).Body} }
	build := filtertest.Request{Method: "POST", Path: "/v1.41/build", Headers: [][2]string{{"Content-Type", "application/x-tar"}}, Body: "tar"}
	filtertest.Run(t, filtertest.Suite{
		Module: "../redact-output.wasm",
		Config: `{"patterns":["hunter[0-9]","AKIA[A-Z0-9]{4}"]}`,
		Cases: []filtertest.Case{
			{
				Name: "docker logs", Request: filtertest.Get(logs), Response: frames("it is hunter2\n", "AKIAABCD hunter3\n"),
				Want: want("it is ***\n", "*** ***\n"),
			},
			{
				Name: "nothing to redact", Request: filtertest.Get(logs), Response: frames("hunter\n", "\x00\xff"),
			},
			{
				Name: "standard output only", Config: `{"patterns":["hunter2"],"streams":["stdout"],"replacement":"$1"}`,
				Request: filtertest.Get(logs), Response: frames("hunter2\n", "hunter2\n"), Want: want("$1\n", "hunter2\n"),
			},
			{
				Name: "standard error only", Config: `{"patterns":["hunter2"],"streams":["stderr"],"replacement":""}`,
				Request: filtertest.Get(logs), Response: frames("hunter2\n", "-hunter2-"), Want: want("hunter2\n", "--"),
			},
			{
				Name: "a terminal, of which both streams are one", Config: `{"patterns":["hunter2"],"streams":["stderr"]}`,
				Request: filtertest.Get(logs), Response: raw("hunter2hunter2"), Want: filtertest.Want{ResponseBody: "******"},
			},
			{Name: "docker attach", Request: filtertest.Post("/v1.41/containers/web/attach?stream=1", ""), Response: hijacked("hunter2", "x"), Want: want("***", "x")},
			{Name: "docker exec", Request: filtertest.Post(start, `{"Detach":false,"Tty":false}`), Response: hijacked("hunter2", "x"), Want: want("***", "x")},
			{
				Name: "docker exec, as newer engines answer", Request: filtertest.Post("/v1.43/exec/1/start", `{}`),
				Response: &filtertest.Response{
					Status: 101, Headers: [][2]string{{"Content-Type", "application/vnd.docker.multiplexed-stream"}}, Body: hijacked("hunter2", "x").Body,
				},
				Want: want("***", "x"),
			},
			{Name: "a service's logs", Request: filtertest.Get("/v1.41/services/s/logs"), Response: frames("hunter2", "x"), Want: want("***", "x")},
			{
				Name: "a WebSocket", Request: filtertest.Get("/v1.41/containers/web/attach/ws?stream=1"),
				Response: &filtertest.Response{Status: 101, Body: "\x82\x07hunter2"}, Want: filtertest.Want{ResponseBody: "\x82\x03***"},
			},
			{
				Name: "a build", Request: build,
				Response: filtertest.OK(`{"stream":"Step 1: \u003cb\u003e\n"}` + "\r\n" + `{"stream":"hunter2\n"}` + "\r\n" + `{"errorDetail":{"code":1,"message":"hunter2"},"error":"hunter2"}` + "\r\n"),
				Want:     filtertest.Want{ResponseBody: `{"stream":"Step 1: \u003cb\u003e\n"}` + "\r\n" + `{"stream":"***\n"}` + "\r\n" + `{"errorDetail":{"code":1,"message":"***"},"error":"***"}` + "\r\n"},
			},
			{
				Name: "a build's progress that is none", Request: build, Response: filtertest.OK("hunter2\n"),
				Want: filtertest.Want{Denied: "no JSON", Status: 502},
			},
			{
				Name: "frames that are none", Request: filtertest.Get(logs), Response: &filtertest.Response{Status: 200, Body: "hunter2\n and more"},
				Want: filtertest.Want{Denied: "no frame", Status: 502},
			},
			{Name: "an error of the engine", Request: filtertest.Get(logs), Response: &filtertest.Response{Status: 404, Body: `{"message":"No such container: hunter2"}`}},
			{Name: "other operations", Request: filtertest.Get("/v1.41/events"), Response: filtertest.OK(`{"a":"hunter2"}` + "\n")},
		},
		Refused: map[string]string{
			`{}`:                                    "patterns: needs at least one",
			`{"patterns":["("]}`:                    "patterns[0]: error parsing regexp",
			`{"patterns":["a"],"streams":["both"]}`: "streams: is stdout, stderr or both, not both",
			`{"pattern":["a"]}`:                     "pattern: unknown key, did you mean patterns?",
		},
	})
}
