package abi_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

func TestPathBytes(t *testing.T) {
	var all []byte
	for _, path := range [][]string{
		{"plugin_name"},
		{"docker", "resource", "id"},
		{"request", "headers", "X-Registry-Auth"},
	} {
		all = abi.AppendPath(append(all, '|'), path...)
	}
	golden(t, "paths", all)
}

func TestSplitPath(t *testing.T) {
	for _, test := range []struct {
		path string
		want []string
		err  string
	}{
		{"plugin_name", []string{"plugin_name"}, ""},
		{"docker\x00resource\x00id", []string{"docker", "resource", "id"}, ""},
		{"docker\x00operation\x00", []string{"docker", "operation"}, ""},
		{"", nil, "property path is empty"},
		{"\x00", nil, "property path is empty"},
		{"\x00\x00", nil, "property path has an empty segment"},
		{"a\x00\x00b", nil, "property path has an empty segment"},
		{"\x00a", nil, "property path has an empty segment"},
		{strings.Repeat("a", abi.MaxPathBytes+1), nil, "property path is longer than 64 KiB"},
	} {
		got, err := abi.SplitPath(test.path)
		if !reflect.DeepEqual(got, test.want) || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
			t.Errorf("%.20q: got %q, %v, want %q, %q", test.path, got, err, test.want, test.err)
		}
	}
}

func FuzzSplitPath(f *testing.F) {
	for _, path := range []string{"", "\x00", "a", "a\x00b", "a\x00b\x00", "a\x00\x00b", "\xff"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		segments, err := abi.SplitPath(path)
		if err != nil {
			return
		}
		if got := string(abi.AppendPath(nil, segments...)); got != path && got+"\x00" != path {
			t.Fatalf("read %q, wrote %q", path, got)
		}
		for _, segment := range segments {
			if segment == "" || strings.Contains(segment, "\x00") {
				t.Fatalf("%q has the segment %q", path, segment)
			}
		}
	})
}
