package dockerapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What follows reads queries as engines do: httputils.BoolValue, filters.FromJSON, registry.DecodeAuthConfig and net/url, in this test's own
// words. It is compared on what a client sends and on what is forwarded.

func engineBool(value string) bool {
	return !slices.Contains([]string{"", "0", "no", "false", "none"}, strings.ToLower(strings.TrimSpace(value)))
}

// engineFilters is what an engine makes of the parameter filters: the values of each key.
func engineFilters(text string) (map[string][]string, error) {
	read := map[string][]string{}
	if text == "" {
		return read, nil
	}
	var newer map[string]map[string]bool
	if json.Unmarshal([]byte(text), &newer) == nil {
		for key, values := range newer {
			read[key] = slices.Sorted(maps.Keys(values))
		}
		return read, nil
	}
	var older map[string][]string
	if err := json.Unmarshal([]byte(text), &older); err != nil {
		return nil, err
	}
	for key, values := range older {
		read[key] = slices.Compact(slices.Sorted(slices.Values(values)))
	}
	return read, nil
}

// engineQuery is what an engine reads from a query, a line for each parameter, as its handler for the route reads it.
func engineQuery(query string, parameters []parameter) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	read := map[string]string{}
	for name, all := range values {
		value := all[0]
		switch kindOf(parameters, name) {
		case listParameter:
			read[name] = fmt.Sprintf("%q", all)
		case boolParameter:
			read[name] = fmt.Sprint(engineBool(value), value == "")
		case parsedBoolParameter:
			b, err := strconv.ParseBool(value)
			read[name] = fmt.Sprint(b, err != nil)
		default:
			read[name] = "text " + value
		}
		if root, ok := queryJSON[name]; ok {
			if plain := strings.TrimLeft(value, " \t\r\n"); plain != "" && (plain[0] == '{' || plain[0] == '[') {
				if name == "filters" {
					filters, err := engineFilters(value)
					read[name] = fmt.Sprintf("filters %v %v", filters, err != nil)
				} else {
					decoded, ok := decode(engineType(root), []byte(value))
					read[name] = fmt.Sprintf("json %s %v", show(decoded), ok)
				}
			}
		}
	}
	return read, nil
}

// show follows pointers, which fmt does not.
func show(v any) string {
	text, err := json.Marshal(v)
	return fmt.Sprintf("%s %v", text, err)
}

// FuzzQuery: what is forwarded means to the engine what the client sent, is its own canonical form, and says plainly what a filter may
// compare.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"all=off&limit=5", "all=%20No%09&size=2&size=3", "filters=" + url.QueryEscape(`{"label":["a=b","a=b",null],"x":null}`),
		"filters=" + url.QueryEscape(`{"label":{"a":false,"b":null},"":{}}`), "filters=" + url.QueryEscape(`{"label":["a"],"x":{"b":true}}`),
		"filters=" + url.QueryEscape(`{"\u006cabel":["\ud83d","\u00e9"]}`), "filters=%5B%5D&filters=", "q=1;x=2", "a=%zz", "a=%00", "=x", "&&", "t=a&t=b&rm=&forcerm=TRUE",
		"outputs=" + url.QueryEscape(`[{"TYPE":"tar"}]`), "platform=" + url.QueryEscape(`{"OS":"linux"}`), "labels=" + url.QueryEscape(`{"a":"b","A":"c"}`), "verbose=T&scope=%e2%82%ac+",
	} {
		for route := range 6 {
			f.Add(uint16(route*17), seed)
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, raw string) {
		route := &table[int(n)%len(table)]
		path := route.Pattern
		for open := strings.IndexByte(path, '{'); open >= 0; open = strings.IndexByte(path, '{') {
			path = path[:open] + "x" + path[strings.IndexByte(path, '}')+1:]
		}
		call, err := Classify(route.Method, path+"?"+raw)
		if err != nil {
			return
		}
		parameters := parseParameters(route.Query)
		before, err := engineQuery(raw, parameters)
		if err != nil {
			t.Fatalf("%s ?%s: accepted, and net/url says %v", path, raw, err)
		}
		after, err := engineQuery(call.Query, parameters)
		if err != nil || !maps.Equal(before, after) {
			t.Errorf("%s ?%s: the engine reads\n %q, and from ?%s\n %q, %v", path, raw, before, call.Query, after, err)
		}
		again, err := Classify(route.Method, call.Target())
		if err != nil || again.Target() != call.Target() {
			t.Errorf("%s ?%s: forwarded as %s, which becomes %s, %v", path, raw, call.Target(), again.Target(), err)
		}
		values, _ := url.ParseQuery(call.Query)
		for name, all := range values {
			switch kind := kindOf(parameters, name); {
			case kind != listParameter && len(all) > 1:
				t.Errorf("%s ?%s: %s is there %d times", path, call.Query, name, len(all))
			case kind == boolParameter && !slices.Contains([]string{"", "0", "1"}, all[0]):
				t.Errorf("%s ?%s: the boolean %s is %q", path, call.Query, name, all[0])
			case name == "filters" && strings.HasPrefix(all[0], "{"):
				checkFilters(t, all[0])
			}
		}
	})
}

// checkFilters: a filter finds every value that the engine uses as a key that is true.
func checkFilters(t *testing.T, text string) {
	t.Helper()
	read, err := engineFilters(text)
	if err != nil {
		return
	}
	var seen map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Errorf("filters %s: the engine reads %v, a filter %v", text, read, err)
	}
	for key, values := range read {
		for _, value := range values {
			if seen[key][value] != true {
				t.Errorf("filters %s: the engine has %s %q, a filter reads %v", text, key, value, seen[key][value])
			}
		}
	}
}

// credentials are what engines decode X-Registry-Auth into.
type credentials struct {
	Username, Password, Auth, Email, ServerAddress, IdentityToken, RegistryToken string
}

// newEngineAuth decodes as engines from 29 on do, oldEngineAuth as those before.
func newEngineAuth(value string) (c credentials) {
	text, err := base64.URLEncoding.DecodeString(value)
	if err != nil {
		return c
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if d.Decode(&c) != nil || d.More() {
		return credentials{}
	}
	return c
}

func oldEngineAuth(value string) (c credentials) {
	if value == "" || json.NewDecoder(base64.NewDecoder(base64.URLEncoding, strings.NewReader(value))).Decode(&c) != nil {
		return credentials{}
	}
	return c
}

// FuzzCredentials: what goes on in X-Registry-Auth is what a new engine reads from what the client sent, or nothing where that is no JSON
// document; all engines read the same from it, and a filter finds it under the API's names.
func FuzzCredentials(f *testing.F) {
	for _, text := range []string{`{"username":"u","password":"p"}`, `{"ſerveraddress":"x"}`, `{"auth":"a"}{}`, `{"auth":"a"} `, `[]`, `null`, `{"Auth":1}`, "\ufeff{}"} {
		f.Add(base64.URLEncoding.EncodeToString([]byte(text)))
		f.Add(base64.StdEncoding.EncodeToString([]byte(text)) + "!")
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(text)))
	}
	f.Fuzz(func(t *testing.T, value string) {
		canonical, err := new(Headers).Canonical("X-Registry-Auth", value)
		if err != nil {
			return
		}
		want := newEngineAuth(value)
		if sent, err := base64.URLEncoding.DecodeString(value); err != nil || !json.Valid(sent) {
			want = credentials{} // the engine's reader overlooks a closing bracket too many
		}
		if got := newEngineAuth(canonical); got != want {
			t.Errorf("%q: a new engine reads %v, and %v from %q", value, want, got, canonical)
		}
		if got := oldEngineAuth(canonical); got != want {
			t.Errorf("%q: an old engine reads %v from %q, a new one %v", value, got, canonical, want)
		}
		if again, err := (&Headers{Limits: JSONLimits{Strict: true}}).Canonical("X-Registry-Auth", canonical); err != nil || again != canonical {
			t.Errorf("%q: the canonical form %q has another: %q, %v", value, canonical, again, err)
		}
		text, _ := base64.URLEncoding.DecodeString(canonical)
		var seen map[string]any
		_ = json.Unmarshal(text, &seen)
		for i, v := range reflect.ValueOf(want).Fields() {
			if name := strings.ToLower(i.Name); v.String() != "" && seen[name] != v.String() {
				t.Errorf("%q: the engine has %s %q, a filter %v", value, name, v, seen[name])
			}
		}
	})
}

// FuzzReferences: whatever a body holds, telling what it names does not fail, is bounded, and each place is where it is said to be.
func FuzzReferences(f *testing.F) {
	operations, _ := engines()
	for seed := range uint64(40) {
		f.Add(uint8(seed), randomBody(operations[seed%uint64(len(operations))], seed))
	}
	f.Add(uint8(slices.Index(operations, ContainerCreate)), []byte(`{"HostConfig":{"Mounts":[{"Source":"v","Type":"volume"}],"Links":["a:b"],"NetworkMode":"container:x"},"NetworkingConfig":{"EndpointsConfig":{"a.b":{"NetworkID":"c"}}}}`))
	f.Fuzz(func(t *testing.T, n uint8, body []byte) {
		call := &Call{Operation: operations[int(n)%len(operations)], Body: BodyJSON}
		canonical, _, err := CanonicalBody(call, body, JSONLimits{})
		if err != nil {
			return
		}
		found, err := References(call, canonical)
		if err != nil {
			if !strings.Contains(err.Error(), "more than") {
				t.Errorf("%s %s: %v", call.Operation, canonical, err)
			}
			return
		}
		for _, r := range found {
			checkPlace(t, r, canonical)
		}
	})
}

// checkPlace looks for a reference where it is said to be.
func checkPlace(t *testing.T, r Reference, body []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for i, step := range r.At {
		switch step := step.(type) {
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				t.Fatalf("%s: %s is not there", body, r.Where)
			}
			v = list[step]
		case string:
			object, _ := v.(map[string]any)
			value, ok := object[step]
			if !ok {
				t.Fatalf("%s: %s is not there", body, r.Where)
			}
			if v = value; r.Key && i == len(r.At)-1 {
				v = step
			}
		}
	}
	text, _ := v.(string)
	if text != r.Before+r.Ref+r.After && text+":"+text != r.Before+r.Ref+r.After { // a link without an alias
		t.Errorf("%s: at %s there is %q, told is %q %q %q", body, r.Where, text, r.Before, r.Ref, r.After)
	}
}
