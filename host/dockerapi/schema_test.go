package dockerapi

import (
	"strings"
	"testing"
)

// TestTheSchemaCoversEveryJSONBody keeps the two tables together: a route whose body is JSON, and nothing known about it, would
// let every spelling pass.
func TestTheSchemaCoversEveryJSONBody(t *testing.T) {
	json := map[Operation]bool{}
	for _, route := range table {
		if route.Body == BodyJSON {
			json[route.Operation] = true
			if schemas[route.Operation] == nil {
				t.Errorf("%s has a JSON body and no schema", route.Operation)
			}
		}
	}
	for operation := range schemas {
		if !json[operation] {
			t.Errorf("%s has a schema and no JSON body", operation)
		}
	}
}

func TestTheSchemaIsUnambiguous(t *testing.T) {
	seen := map[*schema]bool{}
	var check func(path string, s *schema)
	check = func(path string, s *schema) {
		if s == nil || s == &topLevel {
			return
		}
		if strings.Count(path, ".") > 20 {
			t.Fatalf("%s: the schema holds itself", path)
		}
		if s.kind != object {
			if len(s.fields) > 0 {
				t.Errorf("%s: fields of what is no object", path)
			}
			check(path+".*", s.elem)
			return
		}
		if len(s.fields) == 0 || len(s.fields) > maxFields || s.elem != nil {
			t.Errorf("%s: %d fields, element %v", path, len(s.fields), s.elem)
		}
		folded := map[string]bool{}
		for _, f := range s.fields {
			for _, c := range []byte(f.name) {
				if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
					t.Errorf("%s: %q cannot be compared byte by byte", path, f.name)
				}
			}
			key := string(appendFolded(nil, []byte(f.name)))
			if key == "" || folded[key] {
				t.Errorf("%s: %q is empty or there twice", path, f.name)
			}
			folded[key] = true
			check(path+"."+f.name, f.value)
		}
		seen[s] = true
	}
	for operation, s := range schemas {
		check(string(operation), s)
	}
	if len(seen) < 50 {
		t.Errorf("only %d objects in the schema", len(seen))
	}
}

// Engines up to 26.1 take HostConfig's fields from the top level too, and one more.
func TestHostConfigIsRefusedAtTheTopLevel(t *testing.T) {
	hostConfig := map[string]bool{"Cpuset": true}
	for _, f := range containerHostConfig.fields {
		hostConfig[f.name] = true
	}
	refused := 0
	for _, f := range schemas[ContainerCreate].fields {
		if f.value == &topLevel {
			refused++
		}
		if got, want := f.value == &topLevel, hostConfig[f.name]; got != want {
			t.Errorf("%s: refused %v, want %v", f.name, got, want)
		}
	}
	if refused != len(hostConfig) {
		t.Errorf("%d keys are refused at the top level, HostConfig has %d", refused, len(hostConfig))
	}
}
