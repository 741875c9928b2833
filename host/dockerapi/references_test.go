package dockerapi

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// covers tells whether a place of a body, as testdata/texts.txt writes it, names something.
func (p *place) covers(path string) bool {
	for p != nil {
		switch {
		case path == "":
			return p.text != nil
		case path == "{key}":
			return p.keys != nil
		case p.mount:
			return path == ".Source" || path == ".Type"
		case strings.HasPrefix(path, "[]"):
			p, path = p.elem, path[2:]
		case strings.HasPrefix(path, "{}"):
			p, path = p.member, path[2:]
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[{")
			if end < 0 {
				end = len(path)
			}
			p, path = p.fields[path[:end]], path[end:]
		}
	}
	return false
}

// lines are those of a file in testdata, without comments.
func lines(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if s.Text() != "" && !strings.HasPrefix(s.Text(), "#") {
			all = append(all, s.Text())
		}
	}
	return all
}

// exceptions reads testdata/no-references.txt: what names no object, by operation and place, and the reasons. The place of a
// query parameter begins with a question mark.
func exceptions(t *testing.T) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	reason := ""
	for _, line := range lines(t, "no-references.txt") {
		if text, ok := strings.CutPrefix(line, "== "); ok {
			reason = text
			continue
		}
		place, operations, _ := strings.Cut(line, " ")
		for operation := range strings.FieldsSeq(operations) {
			if reason == "" || reasons[operation+" "+place] != "" {
				t.Errorf("no-references.txt: %s: no reason, or twice", line)
			}
			reasons[operation+" "+place] = reason
		}
	}
	return reasons
}

// Every parameter and every place of a body where an engine reads text either names objects, and References tells them, or
// stands in testdata/no-references.txt with a reason. What a new release reads beside that makes this fail.
func TestWhatNamesObjectsIsKnown(t *testing.T) {
	excepted := exceptions(t)
	covered := 0
	check := func(operation Operation, place string, covers bool) {
		key := string(operation) + " " + place
		_, isExcepted := excepted[key]
		delete(excepted, key)
		switch {
		case covers && isExcepted:
			t.Errorf("%s names objects, and no-references.txt says that it does not", key)
		case covers:
			covered++
		case !isExcepted:
			t.Errorf("%s is neither in the table naming nor in no-references.txt", key)
		}
	}
	for _, line := range lines(t, "texts.txt") {
		operation, place, _ := strings.Cut(line, " ")
		check(Operation(operation), place, naming[Operation(operation)].body.covers(place))
	}
	seen := map[string]bool{}
	for _, line := range lines(t, "engines.txt") {
		words := strings.Fields(line)
		if strings.HasPrefix(words[2], "/pprof") || words[2] == "/vars" || words[1] == "OPTIONS" {
			continue
		}
		path := words[2]
		for _, name := range []string{"{name:.*}", "{name}", "{id:.*}", "{id:.+}", "{id}", "{checkpoint}"} {
			path = strings.ReplaceAll(path, name, "x")
		}
		call, err := Classify(words[1], path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words[3:] {
			name, kind, _ := strings.Cut(word, "=")
			if kind == "bool" || kind == "parsebool" || seen[string(call.Operation)+" "+name] {
				continue
			}
			seen[string(call.Operation)+" "+name] = true
			covers := naming[call.Operation].tag == name
			for _, n := range naming[call.Operation].query {
				covers = covers || n.parameter == name || n.tag == name
			}
			check(call.Operation, "?"+name, covers)
		}
	}
	for key := range excepted {
		t.Errorf("no-references.txt: no engine reads %s", key)
	}
	if covered < 60 {
		t.Errorf("only %d places name objects", covered)
	}
}
