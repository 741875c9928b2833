package abi_test

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares bytes with a hex dump in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(hex.Dump(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.Dump(got); got != string(want) {
		t.Errorf("%s:\ngot\n%swant\n%s", file, got, want)
	}
}

var requestFields = []abi.Pair{
	{Key: ":method", Value: "POST"},
	{Key: ":path", Value: "/v1.41/containers/create?name=web"},
	{Key: ":authority", Value: "docker"},
	{Key: "User-Agent", Value: "Docker-Client/28.2 (linux)"},
	{Key: "X-Empty", Value: ""},
	{Key: "X-Twice", Value: "1"},
	{Key: "x-twice", Value: "2"},
	{Key: "X-Bytes", Value: "\xff\x00\n"},
}

func TestPairsBytes(t *testing.T) {
	golden(t, "pairs", abi.AppendPairs(nil, requestFields))
	// The first byte of what was there is not touched.
	golden(t, "pairs-appended", abi.AppendPairs([]byte("before"), requestFields[:1]))
}

func TestHeaderMapBytes(t *testing.T) {
	m := abi.NewHeaderMap(requestFields)
	golden(t, "header-map", m.Encoded())
	if got, want := len(m.Encoded()), m.ByteSize(); got != want {
		t.Errorf("%d bytes, ByteSize says %d", got, want)
	}
}

// SDKs for Go and Rust crash on the one zero byte that the specification allows.
func TestNoPairsAreNoBytes(t *testing.T) {
	if got := abi.AppendPairs(nil, nil); len(got) != 0 {
		t.Errorf("AppendPairs: % x", got)
	}
	var m abi.HeaderMap
	if got := m.AppendEncoded(nil); len(got) != 0 || m.ByteSize() != 0 {
		t.Errorf("HeaderMap: % x, size %d", got, m.ByteSize())
	}
}

func TestParsePairs(t *testing.T) {
	got, err := abi.ParsePairs(abi.AppendPairs(nil, requestFields))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, requestFields) {
		t.Errorf("got  %q\nwant %q", got, requestFields)
	}
	for _, empty := range []string{"", "\x00", "\x00\x00\x00\x00"} {
		if got, err := abi.ParsePairs([]byte(empty)); len(got) != 0 || err != nil {
			t.Errorf("% x: got %q, %v", empty, got, err)
		}
	}
}

// The guest's memory changes after the call.
func TestParsePairsCopies(t *testing.T) {
	data := abi.AppendPairs(nil, requestFields)
	got, err := abi.ParsePairs(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '?'
	}
	if !reflect.DeepEqual(got, requestFields) {
		t.Errorf("the pairs changed with the bytes: %q", got)
	}
}

func TestParsePairsRefuses(t *testing.T) {
	one := string(abi.AppendPairs(nil, []abi.Pair{{Key: "k", Value: "v"}}))
	many := make([]abi.Pair, abi.MaxPairs+1)
	for _, test := range []struct{ name, data, want string }{
		{"a wrong single byte", "\x01", "serialized map ends early"},
		{"half a count", "\x01\x00\x00", "serialized map ends early"},
		{"no lengths", "\x01\x00\x00\x00", "serialized map ends early"},
		{"a missing NUL at the end", one[:len(one)-1], "serialized map ends early"},
		{"another byte than NUL", strings.Replace(one, "k\x00", "kk", 1), "serialized map misses a NUL after a key or value"},
		{"a byte too many", one + "\x00", "serialized map has bytes after its end"},
		{"bytes after an empty map", "\x00\x00\x00\x00\x00", "serialized map has bytes after its end"},
		{"the greatest count", "\xff\xff\xff\xff", "serialized map has more than 1024 pairs"},
		{"the greatest length of a key", "\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00", "serialized map ends early"},
		{"the greatest length of a value", "\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00", "serialized map ends early"},
		{"too many pairs", string(abi.AppendPairs(nil, many)), "serialized map has more than 1024 pairs"},
		{"too many bytes", strings.Repeat("x", abi.MaxMapBytes+1), "serialized map is longer than 1 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := abi.ParsePairs([]byte(test.data))
			if err == nil || err.Error() != test.want {
				t.Errorf("got %q, %v, want the error %q", got, err, test.want)
			}
		})
	}
}

// The law: what parses is, written again, the same bytes.
func FuzzParsePairs(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{0, 0, 0, 0})
	f.Add(abi.AppendPairs(nil, requestFields))
	f.Add(abi.AppendPairs(nil, []abi.Pair{{}, {}}))
	f.Add([]byte("\x02\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pairs, err := abi.ParsePairs(data)
		if err != nil {
			return
		}
		written := abi.AppendPairs(nil, pairs)
		if len(pairs) == 0 { // three ways to write it, of which one is written
			if len(written) != 0 {
				t.Fatalf("no pairs give % x", written)
			}
			return
		}
		if string(written) != string(data) {
			t.Fatalf("read % x\nwrote % x", data, written)
		}
		m := abi.NewHeaderMap(pairs)
		if got := len(m.Encoded()); got != len(data) || m.ByteSize() != got {
			t.Fatalf("HeaderMap: %d bytes, size %d, want %d", got, m.ByteSize(), len(data))
		}
	})
}
