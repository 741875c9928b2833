package main

import (
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/filtertest"
)

func TestFilter(t *testing.T) {
	const path = "/v1.41/containers/create?name=web"
	post := filtertest.Post
	filtertest.Run(t, filtertest.Suite{
		Module: "../owner-label.wasm",
		Config: `{"labels":{"team":"ci","cost \"center\"":"42"}}`,
		Cases: []filtertest.Case{
			{
				Name: "labels are added to what the client sends", Request: post(path, `{"Image":"x","Labels":{"a":"b"},"Unknown":9007199254740993}`),
				Want: filtertest.Want{RequestBody: `{"Image":"x","Labels":{"a":"b","team":"ci","cost \"center\"":"42"},"Unknown":9007199254740993}`},
			},
			{
				Name: "a container without labels", Request: post(path, `{"Image":"x"}`),
				Want: filtertest.Want{RequestBody: `{"Image":"x","Labels":{"team":"ci","cost \"center\"":"42"}}`},
			},
			{
				Name: "labels that are null", Request: post(path, `{"Labels":null,"Image":"x"}`),
				Want: filtertest.Want{RequestBody: `{"Labels":{"team":"ci","cost \"center\"":"42"},"Image":"x"}`},
			},
			{
				Name: "labels under another spelling", Request: post(path, `{"Label\u017f":{"a":"b"}}`),
				Want: filtertest.Want{RequestBody: `{"Labels":{"a":"b","team":"ci","cost \"center\"":"42"}}`},
			},
			{
				Name: "the client cannot claim another owner", Request: post(path, `{"Labels":{"team":"ops","Team":"x"}}`),
				Want: filtertest.Want{RequestBody: `{"Labels":{"team":"ci","Team":"x","cost \"center\"":"42"}}`},
			},
			{
				Name: "nor by a second map", Request: post(path, `{"Labels":{},"labels":{"team":"ops"}}`),
				Want: filtertest.Want{Denied: "both mean Labels", Status: 400},
			},
			{
				Name: "nor by labels that are no map", Request: post(path, `{"Labels":["team=ops"]}`),
				Want: filtertest.Want{Denied: "Labels: is a array", Status: 400},
			},
			{
				Name: "volumes have owners too", Request: post("/v1.41/volumes/create", `{"Labels":{"team":"ops"}}`),
				Want: filtertest.Want{RequestBody: `{"Labels":{"team":"ci","cost \"center\"":"42"}}`},
			},
			{
				Name: "and networks", Request: post("/v1.41/networks/create", `{"Name":"n"}`),
				Want: filtertest.Want{RequestBody: `{"Name":"n","Labels":{"team":"ci","cost \"center\"":"42"}}`},
			},
			{
				Name: "and services, with the containers that they make", Request: post("/v1.41/services/create", `{"TaskTemplate":{"ContainerSpec":{"Labels":{"team":"ops"}}}}`),
				Want: filtertest.Want{RequestBody: `{"TaskTemplate":{"ContainerSpec":{"Labels":{"team":"ci","cost \"center\"":"42"}}},"Labels":{"team":"ci","cost \"center\"":"42"}}`},
			},
			{Name: "other operations are left alone", Request: post("/v1.41/containers/c/update", `{"Labels":{}}`), Response: filtertest.OK(`{}`)},
			{
				Name: "and no name but a container's is reversed", Config: `{"reverse_name":true,"labels":{}}`, Request: post("/v1.41/volumes/create?name=x1", `{"Name":"ab"}`),
				Response: filtertest.OK(`{}`), Want: filtertest.Want{RequestHeaders: map[string]string{"pass-through": ""}, ResponseHeaders: map[string]string{"pass-through": ""}},
			},
			{Name: "no body", Request: post(path, "")},
			{
				Name: "the name is reversed", Config: `{"reverse_name":true}`,
				Request: post("/v1.41/containers/create?platform=linux&name=my-web_1", `{"Image":"x"}`), Response: filtertest.OK(`{"Id":"1"}`),
				Want: filtertest.Want{
					Path:            "/v1.41/containers/create?platform=linux&name=1_bew-ym",
					RequestHeaders:  map[string]string{"pass-through": "Go-Horse", "content-type": "application/json"},
					ResponseHeaders: map[string]string{"Pass-Through": "Go-Horse"},
				},
			},
			{
				Name: "a container without a name has none to reverse", Config: `{"reverse_name":true}`,
				Request: post("/v1.41/containers/create", `{"Image":"x"}`),
			},
			{
				Name: "nothing is renamed unasked", Request: post(path, `{"Labels":{"team":"ci","cost \"center\"":"42"}}`), Response: filtertest.OK(`{}`),
				Want: filtertest.Want{ResponseHeaders: map[string]string{"pass-through": ""}, RequestHeaders: map[string]string{"pass-through": ""}},
			},
		},
		Refused: map[string]string{
			`{"labels":["team=ci"]}`:   "labels: is a list, want an object of strings",
			`{"labels":{"team":1}}`:    "labels.team: is a number, want a string",
			`{"reverse_name":"yes"}`:   "reverse_name: is a string, want true or false",
			`{"labels":{},"owner":""}`: "owner: unknown key; the keys are labels, reverse_name",
		},
	})
}
