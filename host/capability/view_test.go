package capability_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/host/capability"
)

// view is the view of a request's body by two lists of pointers.
func view(t testing.TB, readable, writable string) *capability.View {
	t.Helper()
	var s capability.Set
	for _, pointer := range strings.Fields(readable) {
		s.Grant(capability.ReadRequestBody, pointer)
	}
	for _, pointer := range strings.Fields(writable) {
		s.Grant(capability.WriteRequestBody, pointer)
	}
	g, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if g.RequestBody() == nil {
		t.Fatalf("read %s, write %s: no view", readable, writable)
	}
	return g.RequestBody()
}

func TestADocumentShowsWhatIsGrantedAndNothingElse(t *testing.T) {
	for _, c := range []struct{ readable, writable, body, want string }{
		{"/Image", "/Labels", `{"Image":"a","Env":["S=1"],"Labels":{"x":"y"}}`, `{"Image":"a","Labels":{"x":"y"}}`},
		{"/Image", "", `{"Env":[]}`, `{}`},
		{"/Image", "", `{"HostConfig":{"Image":"no"}}`, `{}`},
		{"/HostConfig/Memory", "", `{"HostConfig":{"Binds":["/:/h"]}}`, `{}`}, // not even that there is one
		{"/HostConfig/Memory", "", `{"HostConfig":{"Memory":1e3,"Binds":[]}}`, `{"HostConfig":{"Memory":1e3}}`},
		{"/HostConfig", "/HostConfig/Memory", `{"HostConfig":{"Memory":1,"Binds":[]},"X":1}`, `{"HostConfig":{"Memory":1,"Binds":[]}}`},
		{"/a~1b /m~0n", "", `{"a/b":1,"m~n":2,"a":{"b":3}}`, `{"a/b":1,"m~n":2}`},
		{"/*/Id", "", `[{"Id":1,"Env":2},{"Env":3},{"Id":4}]`, `[{"Id":1},null,{"Id":4}]`},
		{"/1", "", `["a","b","c"]`, `[null,"b",null]`},
		{"/Networks/*/IPAddress", "", `{"Networks":{"a":{"IPAddress":"1","Mac":"2"},"b":{"IPAddress":"3"},"c":{}}}`, `{"Networks":{"a":{"IPAddress":"1"},"b":{"IPAddress":"3"}}}`},
		{"/a/x /*/y", "", `{"a":{"x":1,"y":2,"z":3},"b":{"x":4,"y":5}}`, `{"a":{"x":1,"y":2},"b":{"y":5}}`},
		{"/Id", "", `["Id"]`, `[]`},
		{"/Id", "", `"Id"`, `null`},
		{"/Id", "", ` { "Id" : [ 1 , {"a":"}"} ] , "Env": "\"\\" } ` + "\n", `{"Id":[ 1 , {"a":"}"} ]}`},
		{"/Id", "", `{"\u0049d":1,"id":2}`, `{"\u0049d":1}`},
		{"* /Env/x", "/Labels", `{"Env":{},"Labels":1}`, `{"Env":{},"Labels":1}`},
	} {
		got, ok := view(t, c.readable, c.writable).Show([]byte(c.body))
		if !ok || string(got) != c.want {
			t.Errorf("read %s, write %s: %s is shown as %s (%v), want %s", c.readable, c.writable, c.body, got, ok, c.want)
		}
	}
}

func TestWhatCanBeReadInTwoWaysIsNotShown(t *testing.T) {
	v := view(t, "/Image", "/HostConfig/Memory")
	for _, body := range []string{
		``, `{`, `{"Image":1}{}`, `{"Image":1,"Image":2}`, `{"Image":1,"\u0049mage":2}`, `{"Env":1,"Env":2}`, `{"HostConfig":{"a":1,"a":2}}`, "\xff",
		"[" + strings.Repeat("1,", 1<<16) + "1]",
	} {
		if shown, ok := v.Show([]byte(body)); ok {
			t.Errorf("%.40q is shown as %s", body, shown)
		}
	}
}

func TestARewriteChangesWhatItMay(t *testing.T) {
	for _, c := range []struct{ readable, writable, body, rewritten, want, refused string }{
		{"/Image", "/Labels", `{"Image":"a","Env":[1],"Labels":{}}`, `{"Labels":{"a":"b"},"Image":"a"}`, `{"Image":"a","Env":[1],"Labels":{"a":"b"}}`, "[]"},
		{"/Image", "/Labels", `{"Image":"a"}`, `{"Image":"a","Labels":{"a":"b"}}`, `{"Image":"a","Labels":{"a":"b"}}`, "[]"},
		{"/Image", "/Labels", `{"Image":"a","Labels":1}`, `{"Image":"a"}`, `{"Image":"a"}`, "[]"},
		{"/Image", "/Labels", `{"Image":"a","Labels":1}`, `{}`, `{"Image":"a"}`, "[/Image]"},
		{"/Image", "/Labels", `{"Image":"a","Env":1}`, `{"Image":"b","Env":2,"New":3}`, `{"Image":"a","Env":1}`, "[/Image /Env /New]"},
		{"/Image", "/Labels", `{"Image":{"n":1.0}}`, `{ "Image" : { "n" : 1.0 } }`, `{"Image":{"n":1.0}}`, "[]"},
		{"", "/H/M", `{"A":1}`, `{"H":{"M":2,"P":3}}`, `{"A":1,"H":{"M":2}}`, "[/H/P]"},
		{"", "/H/M", `{"H":null}`, `{"H":{"M":2}}`, `{"H":{"M":2}}`, "[]"},
		{"", "/H/M", `{"H":{"P":1,"M":2}}`, `{}`, `{"H":{"P":1}}`, "[]"},
		{"", "/H/M", `{"H":{"P":1}}`, `{"H":[1]}`, `{"H":{"P":1}}`, "[/H]"},
		{"", "/H/M", `{"H":"x"}`, `{"H":{"M":1}}`, `{"H":"x"}`, "[/H]"},
		{"", "/H/M", `{"H":{"P":1}}`, `[]`, `{"H":{"P":1}}`, "[]#"},
		{"", "/*/L", `[{"I":1,"L":2},{"I":3}]`, `[{"L":4},null]`, `[{"I":1,"L":4},{"I":3}]`, "[]"},
		{"", "/*/L", `[{"I":1,"L":2},{"I":3}]`, `[{"L":4},{"L":5}]`, `[{"I":1,"L":4},{"I":3,"L":5}]`, "[]"},
		{"", "/*/L", `[{"I":1,"L":2},{"I":3}]`, `[{"L":4}]`, `[{"I":1,"L":2},{"I":3}]`, "[]#"},
		{"", "/*/L", `[{"L":1},{"L":2}]`, `[{"L":3}]`, `[{"L":1},{"L":2}]`, "[]#"},
		{"", "/1", `[1,2,3]`, `[null,9,null]`, `[1,9,3]`, "[]"},
		{"", "/1", `[1,2,3]`, `[7,9,null]`, `[1,9,3]`, "[/0]"},
		{"", "/a~1b", `{"a/b":1,"c":2}`, `{"a/b":3}`, `{"a/b":3,"c":2}`, "[]"},
		{"*", "/L", `{"a":1,"L":1}`, `{"a":2,"L":2,"b":3}`, `{"a":1,"L":2}`, "[/a /b]"},
		{"", "/L", "\n {\"L\":1}\r\n", `{"L":2}`, "\n {\"L\":2}\r\n", "[]"},
	} {
		merged, refused, err := view(t, c.readable, c.writable).Merge([]byte(c.body), []byte(c.rewritten))
		if err != nil || string(merged) != c.want {
			t.Errorf("read %s, write %s: %s and %s give %s (%v), want %s", c.readable, c.writable, c.body, c.rewritten, merged, err, c.want)
		}
		want, anyway := strings.CutSuffix(c.refused, "#")
		if got := fmt.Sprint(refused); got != want && !anyway {
			t.Errorf("read %s, write %s: of %s and %s %s is refused, want %s", c.readable, c.writable, c.body, c.rewritten, got, want)
		}
	}
}

func TestARewriteThatIsNoDocumentIsAnError(t *testing.T) {
	v := view(t, "", "/L /H/M")
	for _, rewritten := range []string{``, `{`, `{"L":1}x`, `{"L":1,"L":2}`, `{"H":{"M":1,"M":2}}`} {
		if merged, _, err := v.Merge([]byte(`{"L":0}`), []byte(rewritten)); err == nil {
			t.Errorf("%q gives %s", rewritten, merged)
		}
	}
}

// Whatever a filter makes of what it is shown: outside of what it may write the body
// is what it was.
func FuzzMerge(f *testing.F) {
	f.Add(`{"Image":"a","Labels":{"x":"y"},"HostConfig":{"Binds":["/:/h"],"Memory":1},"Env":[{"k":"a","v":"b"}]}`,
		`{"Image":"b","Labels":null,"HostConfig":{"Memory":2,"Privileged":true},"Env":[{"v":1}],"X":1}`)
	f.Add(`[{"v":1},{"k":2}]`, `[{"v":{}},null]`)
	f.Add(`{"HostConfig":null}`, `{"HostConfig":{"Memory":[]}}`)
	f.Add(`{"a":1}`, `{"a":1,"a":2}`)
	v := view(f, "/Image /Env/*/k", "/Labels /HostConfig/Memory /Env/*/v")
	f.Fuzz(func(t *testing.T, body, rewritten string) {
		shown, ok := v.Show([]byte(body))
		if !ok {
			return
		}
		if !json.Valid(shown) {
			t.Fatalf("%s is shown as %s", body, shown)
		}
		if merged, refused, err := v.Merge([]byte(body), shown); err != nil || len(refused) > 0 || !equal(decode(merged), decode([]byte(body))) {
			t.Fatalf("%s: what was shown gives %s, %v, %v", body, merged, refused, err)
		}
		merged, _, err := v.Merge([]byte(body), []byte(rewritten))
		if err != nil {
			return
		}
		if !json.Valid(merged) {
			t.Fatalf("%s and %s give %s", body, rewritten, merged)
		}
		if before, after := without(decode([]byte(body))), without(decode(merged)); !equal(before, after) {
			t.Fatalf("%s and %s give %s: more is changed than may be", body, rewritten, merged)
		}
	})
}

func decode(text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// without takes away what the fuzzed view may write, and objects that there are for
// that alone.
func without(v any) any {
	root, ok := v.(map[string]any)
	if !ok {
		return v
	}
	delete(root, "Labels")
	if host, ok := root["HostConfig"].(map[string]any); ok {
		delete(host, "Memory")
		if len(host) == 0 {
			delete(root, "HostConfig")
		}
	} else if root["HostConfig"] == nil {
		delete(root, "HostConfig")
	}
	switch env := root["Env"].(type) {
	case []any:
		for i := range env {
			if e, ok := env[i].(map[string]any); ok {
				delete(e, "v")
			}
		}
	case map[string]any:
		for k := range env {
			if e, ok := env[k].(map[string]any); ok {
				delete(e, "v")
				if len(e) == 0 {
					delete(env, k)
				}
			} else if env[k] == nil {
				delete(env, k)
			}
		}
		if len(env) == 0 {
			delete(root, "Env")
		}
	case nil:
		delete(root, "Env")
	}
	return root
}
