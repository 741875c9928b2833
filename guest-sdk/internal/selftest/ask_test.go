package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestCalls(t *testing.T) {
	ask := func(how string) string { return `{"do":"ask","ask":"` + how + `"}` }
	get := filtertest.Get("/info")
	create := filtertest.Post("/v1.41/containers/create", `{"Image":"a","Labels":{}}`)
	one := func(status int, body string) filtertest.Call {
		return filtertest.Call{
			Upstream: "one", Path: "/?a=b", Headers: map[string]string{"x-who": "selftest"},
			Answer: filtertest.Answer{Status: status, Headers: [][2]string{{"X-Kind", "kind"}}, Body: body},
		}
	}
	two := filtertest.Call{Upstream: "two", Method: "PUT", Body: `{"q":1}`, Answer: filtertest.Answer{Status: 404, Body: "2"}}
	hangsUp := one(0, "")
	hangsUp.Answer = filtertest.Answer{Fails: true}
	calls := func(c ...filtertest.Call) []filtertest.Call { return c }
	failed := func(reason string) filtertest.Want { return filtertest.Want{Denied: reason, Status: 500} }
	filtertest.Run(t, filtertest.Suite{
		Module: "selftest.wasm",
		Cases: []filtertest.Case{
			{
				Name: "an answer that allows", Config: ask("one"), Request: get, Calls: calls(one(200, `{"text":"fine"}`)),
				Want: filtertest.Want{RequestHeaders: map[string]string{"x-answer": "kind fine"}},
			},
			{Name: "an answer that denies", Config: ask("one"), Request: get, Calls: calls(one(403, "no")), Want: filtertest.Want{Denied: "one says 403 no"}},
			{Name: "two at the same time", Config: ask("both"), Request: get, Calls: calls(one(0, "1"), two), Want: filtertest.Want{Denied: "1 and 2"}},
			{Name: "one after the other", Config: ask("one after the other"), Request: get, Calls: calls(one(0, "1"), two), Want: filtertest.Want{Denied: "1 then 2"}},
			{Name: "no answer", Config: ask("one"), Request: get, Calls: calls(hangsUp), Want: failed("the filter failed: no answer from one: reset")},
			{
				Name: "no answer, and it does not matter", Config: ask("and allow a failure"), Request: get, Calls: calls(hangsUp),
				Want: filtertest.Want{RequestHeaders: map[string]string{"x-failure": "no answer from one: reset"}},
			},
			{Name: "one of two does not answer", Config: ask("both"), Request: get, Calls: calls(hangsUp, two), Want: failed("no answer from one")},
			{Name: "an answer that is no JSON", Config: ask("one"), Request: get, Calls: calls(one(200, "text")), Want: failed("read an answer as JSON")},
			{Name: "an answer with a key twice", Config: ask("one"), Request: get, Calls: calls(one(200, `{"text":"a","text":"b"}`)), Want: failed("read an answer as JSON")},
			{Name: "an answer that is misread", Config: ask("and misread"), Request: get, Calls: calls(one(200, `{"text":"a"}`)), Want: failed("read an answer")},
			{Name: "nobody waits for the answer", Config: ask("without waiting"), Request: get, Calls: calls(one(200, "")), Want: failed("return what Call returns")},
			{Name: "nobody needs the answer", Config: ask("and deny"), Request: get, Calls: calls(one(200, "")), Want: filtertest.Want{Denied: "at once"}},
			{Name: "a second call before the first was answered", Config: ask("two at a time"), Request: get, Calls: calls(one(200, "")), Want: failed("a call is waited for already")},
			{Name: "no verdict after the answer", Config: ask("without a verdict"), Request: get, Calls: calls(one(200, "")), Want: failed("no verdict")},
			{Name: "something fails after the answer", Config: ask("and fail"), Request: get, Calls: calls(one(200, "")), Want: failed("this stage has no body")},
			{Name: "an upstream that is not granted", Config: ask("somebody unknown"), Request: get, Want: failed("call the upstream three")},
			{Name: "no request", Config: ask("nobody"), Request: get, Want: failed("there is no request")},
			{Name: "nobody is to answer", Config: ask("nobody to answer"), Request: get, Calls: calls(hangsUp)},
			{
				Name: "in the body", Config: ask("in the body"), Request: create, Calls: calls(one(200, "yes")),
				Want: filtertest.Want{RequestBody: `{"Image":"before","Labels":{"answer":"yes"}}`},
			},
			{Name: "in a body that there is not", Config: ask("in the body"), Request: filtertest.Post("/v1.41/containers/c/start", ""), Calls: calls(hangsUp), Want: failed("no answer from one")},
			{
				Name: "in a piece of a body", Config: ask("in a piece"), Request: filtertest.Request{Method: "POST", Path: "/v1.41/images/load", Body: "tar"},
				Want: failed("a piece of a body cannot wait"),
			},
			{
				Name: "in the response", Config: ask("in the response"), Request: get, Response: filtertest.OK(`{}`), Calls: calls(one(200, "1"), one(200, "2"), two),
				Want: filtertest.Want{ResponseHeaders: map[string]string{"x-answer": "1"}, ResponseBody: "2{}"},
			},
			{
				Name: "in a record, and what comes behind it waits", Config: ask("in a record"), Request: filtertest.Get("/v1.41/events"),
				Response: filtertest.OK("{\"a\":1}\n{\"ask\":2}\r\n{\"ask\":3}\n{\"b\":4}\n"), Calls: calls(one(200, "yes"), one(200, "drop")),
				Want: filtertest.Want{ResponseBody: "{\"a\":1}\n{\"ask\":\"before\",\"answer\":\"yes\"}\r\n{\"b\":4}\n"},
			},
			{
				Name: "an answer that denies a record", Config: ask("in a record"), Request: filtertest.Get("/v1.41/events"),
				Response: filtertest.OK("{\"ask\":2}\n"), Calls: calls(one(200, "deny")), Want: filtertest.Want{Denied: "one says no to json"},
			},
			{
				Name: "no answer in a record", Config: ask("in a record"), Request: filtertest.Get("/v1.41/events"),
				Response: filtertest.OK("{\"ask\":2}\n"), Calls: calls(hangsUp), Want: filtertest.Want{Denied: "no answer from one", Status: 502},
			},
			{
				Name: "no answer in the response", Config: ask("in the response"), Request: get, Response: filtertest.OK(`{}`), Calls: calls(hangsUp),
				Want: filtertest.Want{Denied: "no answer from one", Status: 502},
			},
		},
	})
}
