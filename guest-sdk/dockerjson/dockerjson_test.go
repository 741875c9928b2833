package dockerjson_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// engine is how dockerd would decode: the struct's names, nested, with the types that matter.
type engine struct {
	Image      string
	Labels     map[string]string
	Env        []string
	HostConfig *struct {
		Privileged  bool
		NetworkMode string
		Binds       []string
	}
}

func parse(t *testing.T, text string) *dockerjson.Document {
	t.Helper()
	d, err := dockerjson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}

func TestAFieldIsFoundUnderEverySpellingTheEngineAccepts(t *testing.T) {
	for _, text := range []string{
		`{"HostConfig":{"Privileged":true,"NetworkMode":"host","Binds":["/:/h"]}}`,
		`{"hostconfig":{"PRIVILEGED":true,"networkmode":"host","bindS":["/:/h"]}}`,
		`{"Ho` + "\u017f" + `tConfig":{"Privileged":true,"Networ` + "\u212a" + `Mode":"host","Bind` + "\u017f" + `":["/:/h"]}}`,
		`{"Ho\u017ftConfig":{"Privileged":true,"Networ\u212aMode":"host","Bind\u017F":["\/:\u002fh"]}}`,
		`{"\u0048ostConfig":{"\u0050rivileged":true,"NetworkMode":"\u0068ost","Binds":["/:/h"]}}`,
		" \t\r\n{ \"HostConfig\" : { \"Privileged\" : true , \"NetworkMode\":\"host\",\"Binds\":[ \"/:/h\" ] } } \n",
	} {
		var want engine
		if err := json.Unmarshal([]byte(text), &want); err != nil || !want.HostConfig.Privileged {
			t.Fatalf("%s: the engine itself does not see it: %v", text, err)
		}
		d := parse(t, text)
		host := d.Root().Get("HostConfig")
		if !host.Get("Privileged").Bool() || host.Get("NetworkMode").Text() != "host" ||
			!reflect.DeepEqual(host.Get("Binds").Texts(), []string{"/:/h"}) || d.Err() != nil {
			t.Errorf("%s: not seen as the engine sees it (err %v)", text, d.Err())
		}
	}
}

func TestNamesThatTheEngineDoesNotTakeForTheFieldAreOthers(t *testing.T) {
	for _, key := range []string{"HostConfi", "HostConfigs", "Host Config", "HostConfıg", "HоstConfig", "", "H\\u0000ostConfig"} {
		text := `{"` + key + `":{"Privileged":true}}`
		var want engine
		if err := json.Unmarshal([]byte(text), &want); err != nil || want.HostConfig != nil {
			t.Fatalf("%s: the engine takes it: %v", text, err)
		}
		if d := parse(t, text); d.Root().Get("HostConfig").Kind() != dockerjson.Absent || d.Err() != nil {
			t.Errorf("%s: taken for HostConfig (err %v)", text, d.Err())
		}
	}
}

func TestTwoSpellingsOfOneFieldAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"HostConfig":{},"hostconfig":{"Privileged":true}}`,
		`{"hostconfig":null,"HostConfig":{"Privileged":true}}`,
		`{"HostConfig":{},"Ho\u017ftConfig":{}}`,
	} {
		d := parse(t, text)
		d.Root().Get("HostConfig").Get("Privileged").Bool()
		if d.Err() == nil || !strings.Contains(d.Err().Error(), "HostConfig") {
			t.Errorf("%s: error = %v, want one that names HostConfig", text, d.Err())
		}
	}
	d := parse(t, `{"Labels":{"team":"a","Team":"b"}}`)
	if got := d.Root().Get("Labels").Member("Team").Text(); got != "b" || d.Err() != nil {
		t.Errorf("a map's keys are exact: got %q, %v", got, d.Err())
	}
}

func TestATextThatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	many := `{"a":[` + strings.Repeat("1,", dockerjson.MaxValues) + `1]}`
	wide := "{"
	for i := range 80 {
		wide += `"k` + strconv.Itoa(i) + `":1,`
	}
	for text, problem := range map[string]string{
		`{"a":1,"a":2}`:                `"a" is there twice`,
		`{"a":1,"\u0061":2}`:           `"a" is there twice`,
		wide + `"k0":2}`:               `"k0" is there twice`,
		`{"x":{"a":1,"b":2,"a":null}}`: `"a" is there twice`,
		`{}{}`:                         "after the end",
		`{} x`:                         "after the end",
		"{}\x00":                       "after the end",
		``:                             "unexpected end",
		`   `:                          "unexpected end",
		"\xef\xbb\xbf{}":               "expected a value",
		`{"a":01}`:                     "expected a comma",
		`{"a":.5}`:                     "expected a value",
		`{"a":1.}`:                     "expected a digit",
		`{"a":1e}`:                     "expected a digit",
		`{"a":-}`:                      "expected a digit",
		`{"a":tru}`:                    "expected true",
		`{"a":True}`:                   "expected a value",
		`{'a':1}`:                      "member name",
		`{"a" 1}`:                      "colon",
		`{"a":1,}`:                     "member name",
		`{"a":1`:                       "expected a comma",
		`{"a":[1,2}`:                   "expected a comma",
		`[1,]`:                         "expected a value",
		`[1 2]`:                        "expected a comma",
		`{"a":"` + "\n" + `"}`:         "control character",
		`{"a":"` + "\xff" + `"}`:       "invalid UTF-8",
		`{"a":"\x41"}`:                 "invalid escape",
		`{"a":"\u12"}`:                 "invalid escape",
		`{"a":"\`:                      "unexpected end",
		`{"a":"`:                       "unexpected end",
		`{/**/"a":1}`:                  "member name",
		deep:                           "128 levels",
		strings.Repeat("[", 1_000_000): "128 levels",
		many:                           "500000 values",
	} {
		_, err := dockerjson.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("Parse(%.60q) = %v, want %q", text, err, problem)
		}
	}
}

func TestAnotherTypeThanTheEnginesIsRefusedButNullIsUnset(t *testing.T) {
	d := parse(t, `{"HostConfig":null,"Image":null,"Env":null,"Labels":null}`)
	r := d.Root()
	if r.Get("HostConfig").Get("Privileged").Bool() || r.Get("Image").Text() != "" || r.Get("Env").Texts() != nil ||
		r.Get("Labels").Members() != nil || r.Get("Nope").Get("x").Elements() != nil || d.Err() != nil {
		t.Errorf("null and absence are the zero value; err %v", d.Err())
	}
	for text, look := range map[string]func(v dockerjson.Value){
		`{"HostConfig":[]}`:                    func(v dockerjson.Value) { v.Get("HostConfig").Get("Privileged") },
		`{"HostConfig":{"Privileged":1}}`:      func(v dockerjson.Value) { v.Get("HostConfig").Get("Privileged").Bool() },
		`{"HostConfig":{"Privileged":"true"}}`: func(v dockerjson.Value) { v.Get("HostConfig").Get("Privileged").Bool() },
		`{"Env":"A=b"}`:                        func(v dockerjson.Value) { v.Get("Env").Texts() },
		`{"Env":["A=b",1]}`:                    func(v dockerjson.Value) { v.Get("Env").Texts() },
		`[]`:                                   func(v dockerjson.Value) { v.Get("Env") },
		`{"Image":{}}`:                         func(v dockerjson.Value) { v.Get("Image").Text() },
	} {
		if err := json.Unmarshal([]byte(text), new(engine)); err == nil {
			t.Fatalf("%s: the engine accepts it", text)
		}
		d := parse(t, text)
		look(d.Root())
		if d.Err() == nil {
			t.Errorf("%s: accepted", text)
		}
	}
	d = parse(t, `{"HostConfig":{"Mounts":[{},{"Type":1}]}}`)
	d.Root().Get("HostConfig").Get("Mounts").Elements()[1].Get("Type").Text()
	if d.Err() == nil || !strings.HasPrefix(d.Err().Error(), "HostConfig.Mounts[1].Type: ") {
		t.Errorf("error = %v, want the place in front", d.Err())
	}
}

func TestStringsAreDecodedAsTheEngineDecodesThem(t *testing.T) {
	for _, text := range []string{
		`"plain"`, `""`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\u20AC"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`,
		`"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"é😀"`, `"\u0000"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got := parse(t, text).Root().Text(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestEditsChangeTheirPlaceAndNothingElse(t *testing.T) {
	d := parse(t, `{"Env":["A=1","B=2"], "Labels" : {}, "X":{"y":1.50}, "N":null}`)
	r := d.Root()
	r.Get("Env").Elements()[1].Replace(dockerjson.Quote("B=\"\n\x01é\\"))
	r.Get("Labels").Insert("a", `"1"`)
	r.Get("Labels").Insert(`b"`, `"2"`)
	r.Get("X").Insert("z", "[]")
	r.Get("N").Replace(dockerjson.ObjectOf([]dockerjson.Pair{{"k", "v"}, {"l", "w"}}))
	r.Insert("New", "true")
	want := `{"Env":["A=1","B=\"\n\u0001é\\"], "Labels" : {"a":"1","b\"":"2"}, "X":{"y":1.50,"z":[]}, "N":{"k":"v","l":"w"},"New":true}`
	if got := string(d.Bytes()); got != want || d.Err() != nil || !d.Modified() {
		t.Errorf("got  %s\nwant %s (err %v)", got, want, d.Err())
	}
	if !json.Valid(d.Bytes()) {
		t.Error("not JSON any more")
	}
	if d := parse(t, `{ "a" : 1 }`); string(d.Bytes()) != `{ "a" : 1 }` || d.Modified() {
		t.Error("an unedited document changed")
	}
}

func TestAnEditThatCannotBeMadeIsRefused(t *testing.T) {
	for name, edit := range map[string]func(v dockerjson.Value){
		"replace what is absent":    func(v dockerjson.Value) { v.Get("nope").Replace("1") },
		"insert into nothing":       func(v dockerjson.Value) { v.Get("nope").Insert("a", "1") },
		"insert into an array":      func(v dockerjson.Value) { v.Get("list").Insert("a", "1") },
		"replace twice":             func(v dockerjson.Value) { v.Get("list").Replace("1"); v.Get("list").Replace("2") },
		"replace inside a replaced": func(v dockerjson.Value) { v.Get("list").Elements()[0].Replace("1"); v.Get("list").Replace("2") },
	} {
		d := parse(t, `{"list":[1]}`)
		edit(d.Root())
		if d.Bytes(); d.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	empty := new(dockerjson.Document)
	if empty.Root().Get("x").Get("y").Bool() || empty.Err() != nil {
		t.Error("an empty body asks for nothing")
	}
	if empty.Root().Insert("a", "1"); empty.Err() == nil {
		t.Error("an empty body was edited")
	}
}

func TestMembersAreFoundAtAnyDepth(t *testing.T) {
	d := parse(t, `{"Env":1,"a":{"Env":[{"Env":2}],"env":3},"b":["Env",{"\u0045nv":{}}],"Env2":4}`)
	var got []string
	for _, v := range d.Root().Descendants("Env") {
		got = append(got, v.Path()+"="+string(v.Raw()))
	}
	want := []string{"Env=1", `a.Env=[{"Env":2}]`, "a.Env[0].Env=2", "b[1].Env={}"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := d.Root().Get("a").Descendants("Env"); len(got) != 2 {
		t.Errorf("%d within a, want 2", len(got))
	}
	if got := d.Root().Get("nope").Descendants("Env"); got != nil {
		t.Errorf("%d within nothing", len(got))
	}
}

// FuzzParse holds the parser against encoding/json: never laxer, and where it accepts, the same meaning.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"HostConfig":{"Privileged":true,"Binds":["/:/h"]},"Image":"x","Labels":{"a":"b"},"Env":["A=\u017f"]}`,
		`[1,-0.5e+3,null,true,"\ud83d\ude00",{"a":{}}]`, `{"a":1,"a":2}`, `{}{}`, `"` + "\xff" + `"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dockerjson.Parse(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted %q, which encoding/json refuses", text)
		}
		var want engine
		typeError := json.Unmarshal(text, &want)
		r := d.Root()
		got := engine{Image: r.Get("Image").Text(), Env: r.Get("Env").Texts()}
		host := r.Get("HostConfig")
		privileged, mode, binds := host.Get("Privileged").Bool(), host.Get("NetworkMode").Text(), host.Get("Binds").Texts()
		for _, l := range r.Get("Labels").Members() {
			l.Text()
		}
		if d.Err() != nil {
			return
		}
		if typeError != nil {
			t.Fatalf("%q: the engine refuses it (%v), this reader does not", text, typeError)
		}
		if got.Image != want.Image || strings.Join(got.Env, "\x00") != strings.Join(want.Env, "\x00") {
			t.Fatalf("%q: got %+v, the engine %+v", text, got, want)
		}
		if want.HostConfig != nil && (privileged != want.HostConfig.Privileged || mode != want.HostConfig.NetworkMode ||
			strings.Join(binds, "\x00") != strings.Join(want.HostConfig.Binds, "\x00")) {
			t.Fatalf("%q: HostConfig differs from the engine's %+v", text, *want.HostConfig)
		}
		if want.HostConfig == nil && (privileged || mode != "" || binds != nil) {
			t.Fatalf("%q: sees a HostConfig that the engine does not", text)
		}
	})
}
