package dockerapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func TestJSONInTheQueryHasOneForm(t *testing.T) {
	for _, test := range []struct{ line, name, value, want, message string }{
		{"GET /containers/json", "filters", `{"label":["a=b"]}`, `{"label":{"a=b":true}}`, ""},
		{"GET /containers/json", "filters", `{"label":{"a=b":true,"A=b":true}}`, `{"label":{"a=b":true,"A=b":true}}`, ""},
		{"GET /containers/json", "filters", ` {"label":[],"Label":[]}`, ` {"label":{},"Label":{}}`, ""},
		{"GET /containers/json", "filters", `{"\u006cabel":["a"]}`, `{"label":{"a":true}}`, ""},
		{"GET /containers/json", "filters", `{"label":["a"],"label":[]}`, "", `query parameter filters: at byte 15, "label": this key is given before`},
		{"GET /containers/json", "filters", `{"label":{"a":true,"a":false}}`, "", `"label.a"`},
		// The engine asks for the keys only: a filter that read false as "not" would be wrong.
		{"GET /containers/json", "filters", `{"label":{"a":false,"b":true,"c": null }}`, `{"label":{"a":true,"b":true,"c": true }}`, ""},
		{"GET /containers/json", "filters", `{"label":["a","\u0061",null, "b\"c" ],"name":null , "id":["x"]}`, `{"label":{"a":true,"":true,"b\"c":true},"name":null , "id":{"x":true}}`, ""},
		{"GET /containers/json", "filters", `{"label":["a"],"name":{"b":false}}`, `{"label":["a"],"name":{"b":false}}`, ""}, // neither form
		{"GET /containers/json", "filters", `{"label":{"a":1}}`, `{"label":{"a":1}}`, ""},
		{"GET /containers/json", "filters", `{"label":["a",1]}`, `{"label":["a",1]}`, ""},
		{"GET /containers/json", "filters", `{"label":"a"}`, `{"label":"a"}`, ""},
		{"GET /containers/json", "filters", `{}`, `{}`, ""},
		{"GET /containers/json", "filters", `{"label":["a"]}x`, "", `more bytes behind`},
		{"GET /containers/json", "filters", `x`, `x`, ""}, // the engine's to refuse
		{"POST /build", "ulimits", `[{"name":"nofile","HARD":1}]`, `[{"Name":"nofile","Hard":1}]`, ""},
		{"POST /build", "outputs", `[{"type":"tar","attrs":{"Dest":"-"}}]`, `[{"Type":"tar","Attrs":{"Dest":"-"}}]`, ""},
		{"POST /build", "buildargs", `{"A":null,"a":"x"}`, `{"A":null,"a":"x"}`, ""},
		{"POST /build", "labels", `{"a":"1","a":"2"}`, "", `"a"`},
		{"POST /build", "platform", "linux/amd64", "linux/amd64", ""},
		{"POST /images/i/push", "platform", `{"OS":"linux","Os.Version":"1"}`, `{"os":"linux","os.version":"1"}`, ""},
		{"POST /images/i/push", "tag", `{"a":1,"a":2}`, `{"a":1,"a":2}`, ""}, // no JSON to the engine
	} {
		method, path, _ := strings.Cut(test.line, " ")
		query := "q=1&" + test.name + "=" + url.QueryEscape(test.value) + "&z=2"
		call, err := dockerapi.Classify(method, path+"?"+query)
		if test.message != "" {
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: got %v, want %s", test.value, err, test.message)
			}
			continue
		}
		want := "q=1&" + test.name + "=" + url.QueryEscape(test.want) + "&z=2"
		if err != nil || call.Query != want || call.Target() != path+"?"+want {
			t.Errorf("%s: got %q, %v; want %q", test.value, call.Target(), err, want)
		}
		if again, err := dockerapi.Classify(method, call.Target()); err != nil || again.Target() != call.Target() {
			t.Errorf("%s: classified again it is %q, %v", test.value, again.Target(), err)
		}
	}
}
