package dockerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// engineType is the Go type that an engine would decode a body of this schema into: structs with the API's names, maps,
// slices, and anything for what has no keys. encoding/json does the rest, so the tests below compare with what engines do.
func engineType(s *schema) reflect.Type {
	switch {
	case s == nil || s == &topLevel:
		return reflect.TypeFor[any]()
	case s.kind == dict:
		return reflect.MapOf(reflect.TypeFor[string](), engineType(s.elem))
	case s.kind == ports:
		return reflect.MapOf(reflect.TypeFor[portKey](), engineType(s.elem))
	case s.kind == list:
		return reflect.SliceOf(engineType(s.elem))
	}
	var fields []reflect.StructField
	for i, f := range s.fields {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: engineType(f.value), Tag: reflect.StructTag(`json:"` + f.name + `"`),
		})
	}
	return reflect.PointerTo(reflect.StructOf(fields))
}

// portKey is a port as engines from 29 on read it.
type portKey string

func (p *portKey) UnmarshalText(text []byte) error {
	number, protocol, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		*p = portKey(text) // refused there; here it only is to be the same
		return nil
	}
	if protocol == "" {
		protocol = "tcp"
	}
	*p = portKey(fmt.Sprintf("%d/%s", n, strings.ToLower(protocol)))
	return nil
}

// decode is what the engine makes of a body: its values and whether it is content with it.
func decode(t reflect.Type, body []byte) (any, bool) {
	v := reflect.New(t)
	err := json.Unmarshal(body, v.Interface())
	return v.Elem().Interface(), err == nil
}

// checkSeen fails unless what the engine read (v) stands in the document under exactly the API's keys (seen).
func checkSeen(t *testing.T, path string, v reflect.Value, seen any) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		keys, ok := seen.(map[string]any)
		if !ok {
			t.Errorf("%s: the engine has an object, a reader %v", path, seen)
			return
		}
		for i := range v.Elem().NumField() {
			name := v.Elem().Type().Field(i).Tag.Get("json")
			if f := v.Elem().Field(i); !f.IsZero() {
				value, ok := keys[name]
				if !ok {
					t.Errorf("%s: the engine has %s, a reader has not", path, name)
				}
				checkSeen(t, path+"."+name, f, value)
			}
		}
	case reflect.Map:
		keys, _ := seen.(map[string]any)
		for _, key := range v.MapKeys() {
			checkSeen(t, path+"."+key.String(), v.MapIndex(key), keys[key.String()])
		}
	case reflect.Slice:
		values, _ := seen.([]any)
		for i := range v.Len() {
			if i < len(values) {
				checkSeen(t, fmt.Sprintf("%s[%d]", path, i), v.Index(i), values[i])
			} else {
				t.Errorf("%s: the engine has %d values, a reader %d", path, v.Len(), len(values))
			}
		}
	case reflect.Interface:
		if !v.IsNil() && !reflect.DeepEqual(v.Interface(), seen) {
			t.Errorf("%s: the engine has %v, a reader %v", path, v, seen)
		}
	}
}

// repeatsKey tells whether an object of a document has two keys that fold to each other, or are the same port.
func repeatsKey(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	var walk func() bool
	walk = func() bool {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			var keys []string
			for d.More() {
				key, _ := d.Token()
				name, _ := key.(string)
				var port portKey
				_ = port.UnmarshalText([]byte(name))
				if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, name) || k == string(port) }) {
					return true
				}
				keys = append(keys, name, string(port))
				if walk() {
					return true
				}
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				if walk() {
					return true
				}
			}
			_, _ = d.Token()
		}
		return false
	}
	return walk()
}

// checkLaw holds a body to what CanonicalBody promises.
func checkLaw(t *testing.T, operation Operation, engine reflect.Type, body []byte) (accepted bool) {
	t.Helper()
	call := &Call{Operation: operation, Body: BodyJSON}
	canonical, changed, err := CanonicalBody(call, body, JSONLimits{})
	if err != nil {
		message := err.Error()
		if json.Valid(body) && !strings.Contains(message, "belongs into HostConfig") && !strings.Contains(message, "JSON array") &&
			!strings.Contains(message, "JSON object") && !strings.Contains(message, "too deep") && !strings.Contains(message, "too many keys") &&
			!strings.Contains(message, "a port is a number") &&
			(!strings.Contains(message, "is given before") || !repeatsKey(body)) {
			t.Errorf("refused without need: %v", err)
		}
		return false
	}
	if len(body) == 0 {
		return false
	}
	if !json.Valid(body) || !json.Valid(canonical) {
		t.Fatalf("malformed, and accepted: %s", canonical)
	}
	if changed == bytes.Equal(body, canonical) {
		t.Errorf("changed is %v", changed)
	}
	if again, changed, err := CanonicalBody(call, canonical, JSONLimits{Strict: true}); err != nil || changed || !bytes.Equal(again, canonical) {
		t.Errorf("the canonical form has another: %s, %v", again, err)
	}
	// The engine reads the same.
	before, okBefore := decode(engine, body)
	after, okAfter := decode(engine, canonical)
	if okBefore != okAfter || !reflect.DeepEqual(before, after) {
		t.Errorf("the engine reads\n %#v from the body, and\n %#v from its canonical form", before, after)
	}
	// A filter sees all that the engine reads, with two kinds of readers.
	var seen any
	if json.Unmarshal(canonical, &seen) != nil {
		return true // a number beyond all limits
	}
	if okAfter {
		checkSeen(t, string(operation), reflect.ValueOf(after), seen)
	}
	if other := gjson.ParseBytes(canonical).Value(); !reflect.DeepEqual(other, seen) {
		t.Errorf("gjson reads\n %#v, encoding/json\n %#v", other, seen)
	}
	return true
}

// engines are the operations with a JSON body and the types that they are decoded into.
func engines() (operations []Operation, types map[Operation]reflect.Type) {
	types = map[Operation]reflect.Type{}
	for operation, s := range schemas {
		operations = append(operations, operation)
		types[operation] = engineType(s)
	}
	slices.Sort(operations)
	return operations, types
}

func randomBody(operation Operation, seed uint64) []byte {
	g := generator{rng: rand.New(rand.NewPCG(seed, 1))}
	g.value(schemas[operation], 0)
	return g.out
}

// What encoding/json reads from the canonical form is what it reads from the original, and what a filter finds there under
// the API's exact keys.
func TestFiltersSeeWhatTheEngineReads(t *testing.T) {
	operations, types := engines()
	const bodies = 5000
	accepted := 0
	for seed := range uint64(bodies) {
		operation := operations[seed%uint64(len(operations))]
		body := randomBody(operation, seed)
		if checkLaw(t, operation, types[operation], body) {
			accepted++
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s body %q", seed, operation, body)
		}
	}
	if accepted < bodies/4 || accepted > bodies*9/10 {
		t.Errorf("%d of %d random bodies were accepted: they show nothing", accepted, bodies)
	}
}

// FuzzCanonicalBody holds any bytes to the same.
func FuzzCanonicalBody(f *testing.F) {
	operations, types := engines()
	for seed := range uint64(60) {
		f.Add(uint8(seed), randomBody(operations[seed%uint64(len(operations))], seed))
	}
	create := uint8(slices.Index(operations, ContainerCreate))
	for _, name := range []string{"create-20.10.json", "create-28.2.json"} {
		body, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(create, body)
	}
	for _, body := range []string{
		`{"Ho\u017ftConfig":{"Networ\u212aMode":"host"},"User":"\ud83d\u0030","Labels":{"\u0061":"\ude00"}}`,
		"{\"Labels\":{\"\xff\":\"\xc0\xaf\"},\"Env\":[\"\xed\xa0\x80\"]}",
		`{"hostconfig":{"mounts":[{"volumeoptions":{"driverconfig":{"options":{"o":"bind"}}}}]}}`,
		`{"HostConfig":{"Memory":1e400,"CpuShares":-0.0E-0}} `,
		`[{"name":"a","NAME":"b"}]`, `null`, `{"":{"":[[[]]]}}`, `{"Image":"a"}{}`,
	} {
		f.Add(create, []byte(body))
	}
	f.Fuzz(func(t *testing.T, n uint8, body []byte) {
		operation := operations[int(n)%len(operations)]
		checkLaw(t, operation, types[operation], body)
		if t.Failed() {
			t.Logf("%s body %q", operation, body)
		}
	})
}

// generator writes random documents in which keys are those of the schema, more or less.
type generator struct {
	rng *rand.Rand
	out []byte
}

func (g *generator) one(of ...string) string { return of[g.rng.IntN(len(of))] }

func (g *generator) value(s *schema, depth int) {
	kind := list
	switch odd := g.rng.IntN(40) == 0; {
	case s == nil && (depth > 6 || g.rng.IntN(8) > 0):
		g.scalar()
		return
	case s == nil || odd:
		s, kind = nil, schemaKind(g.rng.IntN(3))
	default:
		kind = s.kind
	}
	n := g.rng.IntN(5)
	if depth == 0 {
		n = 1 + g.rng.IntN(8)
	}
	var elem *schema
	if s != nil {
		elem = s.elem
	}
	if kind == list {
		g.out = append(g.out, '[')
		for i := range n {
			if i > 0 {
				g.out = append(g.out, ',')
			}
			g.value(elem, depth+1)
		}
		g.out = append(g.out, ']')
		return
	}
	g.out = append(g.out, '{')
	for i := range n {
		if i > 0 {
			g.out = append(g.out, ',')
		}
		g.space()
		value := elem
		name := g.one("a", "A", "b", "own", "ſ", "80/tcp", "80", "080/TCP", "8/", "8/tcp/x", "x\"y", "é", "\xff", "K", "a<b", "", "Ima\x00ge")
		if s != nil && s.kind == object && g.rng.IntN(10) > 0 {
			f := s.fields[g.rng.IntN(len(s.fields))]
			if f.value == &topLevel && g.rng.IntN(50) > 0 {
				f = s.fields[0]
			}
			name, value = f.name, f.value
			if value == &topLevel {
				value = nil
			}
		}
		g.key(name)
		g.space()
		g.out = append(g.out, ':')
		g.space()
		g.value(value, depth+1)
		g.space()
	}
	g.out = append(g.out, '}')
}

func (g *generator) space() {
	if g.rng.IntN(8) == 0 {
		g.out = append(g.out, g.one(" ", "\n", "\t", "\r\n")...)
	}
}

// key writes a name, half of the time in another spelling.
func (g *generator) key(name string) {
	g.out = append(g.out, '"')
	other := g.rng.IntN(2) == 0
	for _, c := range []byte(name) {
		switch pick := g.rng.IntN(12); {
		case c == '"' || c == '\\':
			g.out = append(g.out, '\\', c)
		case c < 0x20:
			g.out = fmt.Appendf(g.out, `\u%04x`, c)
		case !other:
			g.out = append(g.out, c)
		case pick == 0 && c < 0x80:
			g.out = fmt.Appendf(g.out, `\u%04x`, c)
		case pick == 1 && (c|0x20 == 's'):
			g.out = append(g.out, g.one("ſ", `\u017f`, `\u017F`)...)
		case pick == 1 && (c|0x20 == 'k'):
			g.out = append(g.out, g.one("\u212A", `\u212a`)...)
		case pick < 5 && 'a' <= c|0x20 && c|0x20 <= 'z':
			g.out = append(g.out, c^0x20)
		default:
			g.out = append(g.out, c)
		}
	}
	g.out = append(g.out, '"')
}

func (g *generator) scalar() {
	g.out = append(g.out, g.one("null", "true", "false", "0", "-0", "12", "-1.5e+3", "9007199254740993", "1e400", `""`, `"host"`,
		`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83dx"`, `"\ud83d\u0041"`, "\"\xff\xe2\x82\"", `"\u0000\/\b\f\n\r\t\"\\"`, "[]", "{}", `["a"]`)...)
}
