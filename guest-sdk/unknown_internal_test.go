package sluice

import "testing"

func TestTheKeyOfAnUnknownFieldIsFound(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "", `{"#5":["CAE="]}`: "5", `{"a":{"b":[{"#17":["x"]}]}}`: "17", `{"#x":[1]}`: "", `{"a":"#5"}`: "", `{"#5":"a map's"}`: "",
		`{"a":"\"#5\":["}`: "", `{"#":["x"]}`: "", `{"a":"#5","#6":["x"]}`: "6", `"#`: "",
	} {
		if got := unknownField([]byte(text)); got != want {
			t.Errorf("unknownField(%s) = %q, want %q", text, got, want)
		}
	}
}
