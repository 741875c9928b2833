package dockerjson_test

import (
	"strconv"
	"strings"
	"testing"
)

// crowded is an object of so many members that an index is made for it, with these among them.
func crowded(members string) string {
	var b strings.Builder
	for i := range 500 {
		b.WriteString(`"k` + strconv.Itoa(i) + `":` + strconv.Itoa(i) + `,`)
		if i == 250 {
			b.WriteString(members + `,`)
		}
	}
	return `{` + b.String() + `"last":[0,[],2]}`
}

func TestFieldsAreFoundAmongMany(t *testing.T) {
	for _, spelling := range []string{"Privileged", "PRIVILEGED", "\\u0050rivileged"} {
		d := parse(t, crowded(`"`+spelling+`":true`))
		if !d.Root().Get("Privileged").Bool() || d.Err() != nil {
			t.Errorf("%s is not found: %v", spelling, d.Err())
		}
	}
	d := parse(t, crowded(`"tas\u212as":"a","é":"b","Team":"c","team":"d"`))
	r := d.Root()
	if r.Get("Tasks").Text() != "a" || r.Get("taskS").Text() != "a" {
		t.Error("a name with another letter that folds is not found")
	}
	if r.Get("Task").IsSet() || r.Get("Taskk").IsSet() || r.Member("tasks").IsSet() {
		t.Error("a field of another name was found")
	}
	if got := r.Member("é").Text() + r.Member("Team").Text() + r.Member("team").Text(); got != "bcd" {
		t.Errorf("exact names: got %q", got)
	}
	if r.Member("k250").Kind() == 0 || r.Member("K250").Kind() != 0 || d.Err() != nil {
		t.Errorf("exact names: %v", d.Err())
	}
	if r.Get("Team"); d.Err() == nil {
		t.Error("two spellings of one field were accepted")
	}
	last := parse(t, crowded(`"a":1`)).Root().Get("Last")
	for at, want := range []string{"0", "[]", "2"} {
		if got := string(last.Element(at).Raw()); got != want {
			t.Errorf("element %d is %q, want %q", at, got, want)
		}
	}
	if last.Element(3).Kind() != 0 || last.Element(-1).Kind() != 0 || string(last.Element(1).Raw()) != "[]" || last.Element(2).Path() != "last[2]" {
		t.Error("elements are taken for others")
	}
}
