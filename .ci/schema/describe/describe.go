// Package describe turns the Go types that an engine decodes request bodies into to a description of the JSON objects
// that encoding/json accepts for them.
package describe

import (
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// Type is what may stand at a place in a body.
type Type struct {
	// Kind is scalar (anything without named fields), struct, map (keys are data), ports (keys are ports) or list.
	Kind string `json:"kind"`
	// Name is the Go name of a struct, with its package.
	Name string `json:"name,omitempty"`
	// Fields are a struct's.
	Fields []Field `json:"fields,omitempty"`
	// Elem is what a map or a list holds.
	Elem *Type `json:"elem,omitempty"`
	// Text tells that a scalar is a JSON string.
	Text bool `json:"text,omitempty"`
}

// Field is one key of a struct.
type Field struct {
	Name string `json:"name"`
	Type *Type  `json:"type"`
}

// Main prints the description of each root, by operation, as JSON.
func Main(roots map[string]any) {
	out := make(map[string]*Type, len(roots))
	for operation, v := range roots {
		out[operation] = typeOf(reflect.TypeOf(v).Elem(), operation, 0)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func typeOf(t reflect.Type, path string, depth int) *Type {
	if depth > 32 {
		fail("%s: the type refers to itself", path)
	}
	pointer := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Type{Kind: "scalar"}
	case pointer.Implements(jsonUnmarshaler):
		// The only one that engines have in request bodies accepts a string for a list of one.
		if t.Name() == "StrSlice" {
			return &Type{Kind: "list", Elem: &Type{Kind: "scalar", Text: true}}
		}
		fail("%s: %v decodes itself, in a way that is not known here", path, t)
	case pointer.Implements(textUnmarshaler):
		return &Type{Kind: "scalar", Text: true}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeOf(t.Elem(), path, depth+1)
	case reflect.Struct:
		return &Type{Kind: "struct", Name: t.String(), Fields: fieldsOf(t, path, depth)}
	case reflect.Map:
		kind := "map"
		switch key := t.Key().String(); {
		case key == "nat.Port" || key == "network.Port":
			kind = "ports"
		case t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler):
			fail("%s: keys of type %s are not known here", path, key)
		}
		return &Type{Kind: kind, Elem: typeOf(t.Elem(), path+"/*", depth+1)}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Type{Kind: "scalar"}
		}
		return &Type{Kind: "list", Elem: typeOf(t.Elem(), path+"[]", depth+1)}
	case reflect.Array:
		return &Type{Kind: "list", Elem: typeOf(t.Elem(), path+"[]", depth+1)}
	case reflect.Interface:
		fail("%s: an interface takes any JSON", path)
	}
	return &Type{Kind: "scalar", Text: t.Kind() == reflect.String}
}

// fieldsOf lists the keys of a struct as encoding/json does: embedded structs are part of it, the less deep of two fields
// of one name wins, and of two at one depth that which has its name in a tag.
func fieldsOf(t reflect.Type, path string, depth int) []Field {
	type candidate struct {
		depth  int
		tagged bool
		count  int // at this depth and with this tagging
	}
	best := map[string]candidate{}
	var order []string
	types := map[string]reflect.Type{}
	var visit func(t reflect.Type, depth int)
	visit = func(t reflect.Type, level int) {
		for i := range t.NumField() {
			f := t.Field(i)
			tag := f.Tag.Get("json")
			if tag == "-" {
				continue
			}
			name, options, _ := strings.Cut(tag, ",")
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
			}
			if f.Anonymous && name == "" && ft.Kind() == reflect.Struct {
				visit(ft, level+1)
				continue
			}
			if !f.IsExported() {
				continue
			}
			for option := range strings.SplitSeq(options, ",") {
				if option == "string" {
					fail("%s.%s: the option string is not known here", path, f.Name)
				}
			}
			c := candidate{level, name != "", 1}
			if name == "" {
				name = f.Name
			}
			if old, ok := best[name]; ok {
				switch {
				case old.depth == c.depth && old.tagged == c.tagged:
					old.count++
					best[name] = old
					continue
				case old.depth < c.depth, old.depth == c.depth && old.tagged:
					continue
				}
			} else {
				order = append(order, name)
			}
			best[name], types[name] = c, f.Type
		}
	}
	visit(t, 0)
	var fields []Field
	for _, name := range order {
		if best[name].count > 1 {
			fail("%s: %q is ambiguous", path, name)
		}
		known := json.NewDecoder(strings.NewReader(fmt.Sprintf("{%q:null}", name)))
		known.DisallowUnknownFields()
		if err := known.Decode(reflect.New(t).Interface()); err != nil {
			fail("%s: encoding/json does not agree: %v", path, err)
		}
		fields = append(fields, Field{name, typeOf(types[name], path+"/"+name, depth+1)})
	}
	return fields
}
