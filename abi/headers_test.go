package abi_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// list writes fields as "Key: value" lines.
func list(m *abi.HeaderMap) string {
	var b strings.Builder
	for _, pair := range m.Pairs() {
		fmt.Fprintf(&b, "%s: %s\n", pair.Key, pair.Value)
	}
	return b.String()
}

func fields(lines string) []abi.Pair {
	var pairs []abi.Pair
	for line := range strings.Lines(lines) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		pairs = append(pairs, abi.Pair{Key: key, Value: value})
	}
	return pairs
}

func TestHeaderMapChanges(t *testing.T) {
	const before = "Host: docker\nX-Tag: a\nAccept: */*\nx-tag: b\n"
	for _, test := range []struct {
		name   string
		change func(*abi.HeaderMap)
		want   string
		same   bool // not modified
	}{
		{"nothing", func(*abi.HeaderMap) {}, before, true},
		{"add a new key", func(m *abi.HeaderMap) { m.Add("x-new", "1") }, before + "x-new: 1\n", false},
		{"add to a key keeps its spelling", func(m *abi.HeaderMap) { m.Add("accept", "text/html") }, before + "Accept: text/html\n", false},
		{"replace in place", func(m *abi.HeaderMap) { m.Replace("HOST", "engine") }, "Host: engine\nX-Tag: a\nAccept: */*\nx-tag: b\n", false},
		{"replace removes further ones", func(m *abi.HeaderMap) { m.Replace("x-tag", "c") }, "Host: docker\nX-Tag: c\nAccept: */*\n", false},
		{"replace by the first of several", func(m *abi.HeaderMap) { m.Replace("x-tag", "a") }, "Host: docker\nX-Tag: a\nAccept: */*\n", false},
		{"replace by the same", func(m *abi.HeaderMap) { m.Replace("accept", "*/*") }, before, true},
		{"replace what is absent", func(m *abi.HeaderMap) { m.Replace("x-new", "1") }, before + "x-new: 1\n", false},
		{"remove all of a key", func(m *abi.HeaderMap) { m.Remove("X-TAG") }, "Host: docker\nAccept: */*\n", false},
		{"remove what is absent", func(m *abi.HeaderMap) { m.Remove("x-new") }, before, true},
		{
			"set all keeps spellings",
			func(m *abi.HeaderMap) {
				m.SetPairs([]abi.Pair{{Key: "accept", Value: "1"}, {Key: "x-tag", Value: "2"}, {Key: "x-tag", Value: "3"}, {Key: "x-new", Value: "4"}})
			},
			"Accept: 1\nX-Tag: 2\nX-Tag: 3\nx-new: 4\n", false,
		},
		{"set nothing", func(m *abi.HeaderMap) { m.SetPairs(nil) }, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := abi.NewHeaderMap(fields(before))
			m.Encoded() // so that a stale one would be seen
			test.change(m)
			if got := list(m); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if m.Modified() == test.same {
				t.Errorf("modified: %v", m.Modified())
			}
			want := abi.AppendPairs(nil, fields(strings.ToLower(test.want)))
			if got := m.AppendEncoded(nil); string(got) != string(want) {
				t.Errorf("encoded: got %q, want %q", got, want)
			}
			if got := m.ByteSize(); got != len(want) {
				t.Errorf("byte size: got %d, want %d", got, len(want))
			}
			if got, want := m.Len(), strings.Count(test.want, "\n"); got != want {
				t.Errorf("length: got %d, want %d", got, want)
			}
		})
	}
}

func TestHeaderMapLooksUp(t *testing.T) {
	m := abi.NewHeaderMap(fields("X-Tag: a\nEmpty: \nx-TAG: b\n"))
	if got, ok := m.Get("x-tag"); got != "a" || !ok {
		t.Errorf("the first value: got %q, %v", got, ok)
	}
	if got, ok := m.Get("empty"); got != "" || !ok {
		t.Errorf("an empty value: got %q, %v", got, ok)
	}
	if _, ok := m.Get("x-ta"); ok {
		t.Error("a prefix is found")
	}
	if got, want := m.Values("X-TAG"), []string{"a", "b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Only ASCII has case: the Kelvin sign is not a K.
func TestKeysFoldInASCIIOnly(t *testing.T) {
	m := abi.NewHeaderMap([]abi.Pair{{Key: "x-\u212a", Value: "1"}})
	if _, ok := m.Get("x-k"); ok {
		t.Error("the Kelvin sign passes for a K")
	}
	if abi.EqualFold("a[", "A{") || !abi.EqualFold("Content-TYPE", "content-type") {
		t.Error("EqualFold is wrong about ASCII")
	}
}

func TestResetTakesBackItsOwnSlice(t *testing.T) {
	m := abi.NewHeaderMap(fields("A: 1\nB: 2\n"))
	m.Remove("a")
	m.Reset(append(m.Pairs()[:0], abi.Pair{Key: "C", Value: "3"}))
	if got := list(m); got != "C: 3\n" || m.Modified() {
		t.Errorf("got %q, modified %v", got, m.Modified())
	}
	if got := string(m.Encoded()); got != "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00c\x003\x00" {
		t.Errorf("encoded: %q", got)
	}
}

func TestCheckFields(t *testing.T) {
	for _, test := range []struct {
		key, value string
		want       string
	}{
		{"X-Tag", "a\tb \xff", ""},
		{":path", "/", ""},
		{"!#$%&'*+-.^_`|~09azAZ", "", ""},
		{"", "v", "a header field has no name"},
		{":", "v", "a header field has no name"},
		{"x tag", "v", `the name of the header field "x tag" holds a character that is not allowed: " "`},
		{"::x", "v", `the name of the header field "::x" holds a character that is not allowed: ":"`},
		{"x\r\ny", "v", `the name of the header field "x\r\ny" holds a character that is not allowed: "\r"`},
		{"x-é", "v", `the name of the header field "x-é" holds a character that is not allowed: "\xc3"`},
		{"x", "a\r\nb", `the value of the header field "x" holds a control character: "\r"`},
		{"x", "a\x00", `the value of the header field "x" holds a control character: "\x00"`},
		{"x", "\x7f", `the value of the header field "x" holds a control character: "\x7f"`},
	} {
		if got := abi.CheckFields([]abi.Pair{{Key: "Ok", Value: "ok"}, {Key: test.key, Value: test.value}}); got != test.want {
			t.Errorf("%q: %q:\ngot  %s\nwant %s", test.key, test.value, got, test.want)
		}
	}
}

// Both lists may be chosen by strangers. Work that grows with the product of
// their lengths would outlast the test's patience here, by minutes.
func TestSetPairsIsLinear(t *testing.T) {
	const n = 1 << 16
	list := func(first byte, salt string) []abi.Pair {
		pairs := make([]abi.Pair, n)
		for i := range pairs {
			pairs[i].Key = string(first) + strings.Repeat("a", 200) + fmt.Sprintf("%05d%s", i, salt)
		}
		return pairs
	}
	m := abi.NewHeaderMap(list('X', "x"))
	m.SetPairs(list('x', "y"))
	if got := m.Pairs()[n-1].Key; got[0] != 'x' {
		t.Errorf("a key that was not there is spelled %q", got)
	}
	m.SetPairs(list('X', "y"))
	if got := m.Pairs()[n-1].Key; got[0] != 'x' {
		t.Errorf("a key that was there is spelled %q", got)
	}
}

func TestRoomInAHeaderMap(t *testing.T) {
	const pair = 10 // what a field takes beside its text
	many := make([]abi.Pair, abi.MaxPairs)
	for i := range many {
		many[i] = abi.Pair{Key: fmt.Sprintf("X-%d", i), Value: "v"}
	}
	for _, test := range []struct {
		name        string
		pairs       []abi.Pair
		key         string
		value       int // bytes
		add, change bool
	}{
		{"an empty map", nil, "x", 1, true, true},
		{"an empty map, to the last byte", nil, "x", abi.MaxMapBytes - 4 - pair - 1, true, true},
		{"an empty map, a byte more", nil, "x", abi.MaxMapBytes - 4 - pair, false, false},
		{"as many fields as may be, one of them", many, "x-7", 100, false, true},
		{"as many fields as may be, one more", many, "x-new", 0, false, false},
		{"twice as many fields", slices.Concat(many, many), "x-7", 100, false, true},
		{"a long field becomes longer", []abi.Pair{{Key: "X", Value: strings.Repeat("v", abi.MaxMapBytes-100)}}, "x", abi.MaxMapBytes, false, false},
		{"a long field stays as long", []abi.Pair{{Key: "X", Value: strings.Repeat("v", abi.MaxMapBytes-100)}}, "x", abi.MaxMapBytes - 100, false, true},
		{"two long fields become one", []abi.Pair{{Key: "X", Value: strings.Repeat("v", 600<<10)}, {Key: "x", Value: strings.Repeat("v", 600<<10)}}, "x", 600 << 10, false, true},
		{"a map that is too long becomes shorter", []abi.Pair{{Key: "X", Value: strings.Repeat("v", 3<<20)}}, "x", 2 << 20, false, true},
		{"a map that is too long becomes longer", []abi.Pair{{Key: "Y"}, {Key: "X", Value: strings.Repeat("v", 3<<20)}}, "y", 1, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, value := abi.NewHeaderMap(test.pairs), strings.Repeat("n", test.value)
			if got := m.CanAdd(test.key, value); got != test.add {
				t.Errorf("add: got %v", got)
			}
			if got := m.CanReplace(test.key, value); got != test.change {
				t.Errorf("replace: got %v", got)
			}
		})
	}
}
