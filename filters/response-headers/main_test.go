package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestFilter(t *testing.T) {
	response := &filtertest.Response{Status: 200, Headers: [][2]string{
		{"Server", "Docker/20.10.24 (linux)"}, {"X-Two", "1"}, {"X-Two", "2"}, {"Ostype", "linux"},
	}, Body: "OK"}
	filtertest.Run(t, filtertest.Suite{
		Module: "../response-headers.wasm",
		Config: `{"set":{"X-Gateway":"sluice","x-two":"3"},"add":{"Ostype":"again","X-Gateway":"two"},"remove":["server","nope"]}`,
		Cases: []filtertest.Case{
			{
				Name: "headers are removed, set and added", Request: filtertest.Get("/version"), Response: response,
				Want: filtertest.Want{ResponseHeaders: map[string]string{
					"Server": "", "X-Two": "3", "Ostype": "linux, again", "X-Gateway": "sluice, two",
				}},
			},
			{
				Name: "a header is replaced by removing and adding it", Config: `{"remove":["X-Two"],"add":{"X-Two":"new"}}`,
				Request: filtertest.Get("/version"), Response: response,
				Want: filtertest.Want{ResponseHeaders: map[string]string{"X-Two": "new", "Server": "Docker/20.10.24 (linux)"}},
			},
			{Name: "no configuration changes nothing", Config: `{}`, Request: filtertest.Get("/version"), Response: response},
		},
		Refused: map[string]string{
			`{"set":{"Content-Length":"1"}}`:   "set: Content-Length frames the message",
			`{"remove":["transfer-encoding"]}`: "remove: transfer-encoding frames the message",
			`{"add":{"a b":"c"}}`:              `add: "a b" is no header name`,
			`{"add":{":status":"200"}}`:        `add: ":status" is no header name`,
			`{"set":{"A":"b\r\nC: d"}}`:        "set: the value of A has a line break",
			`{"set":{"A":["b"]}}`:              "set.A: is a list, want a string",
			`{"sett":{}}`:                      "sett: unknown key, did you mean set?",
		},
	})
}
