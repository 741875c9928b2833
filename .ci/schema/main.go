// Command schema writes host/dockerapi/schema_gen.go: the keys of the JSON objects that Docker Engines read from requests,
// in the spelling of their API.
//
// The engines' own Go types are asked by reflection, each generation in a module of its own: 20.10 (the oldest in use), 28 (the
// last of module docker/docker) and 29 and later (module moby/moby/api). Their keys are put together, because a key that
// any engine would read has to have one spelling in front of all of them.
//
//	go run -C .ci/schema .
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"sort"
	"strings"

	"github.com/sluice-gateway/sluice/.ci/schema/describe"
)

// generations, the newest first: their order and names win.
var generations = []string{"engine29", "engine28", "engine20"}

const (
	target = "../../host/dockerapi/schema_gen.go"
	// legacy is how a generation names the fields of HostConfig that it reads at the top level.
	legacy = " legacy"
)

func main() {
	var all []map[string]*describe.Type
	for _, generation := range generations {
		all = append(all, load(generation))
	}
	roots := map[string]*node{}
	for i, types := range all {
		for operation, t := range types {
			if !strings.HasSuffix(operation, legacy) {
				roots[operation] = merge(roots[operation], t, generations[i])
			}
		}
	}
	for i, types := range all {
		for operation, t := range types {
			if operation, ok := strings.CutSuffix(operation, legacy); ok {
				refuse(roots[operation], t, generations[i])
			}
		}
	}
	// Engines up to 26.1 read what HostConfig had by then, which is not in 20.10's list yet.
	refuseFields(roots["ContainerCreate"], roots["ContainerCreate"].field("HostConfig").node)
	w := &writer{names: map[string]string{}}
	w.roots(roots)
	source, err := format.Source(w.bytes())
	if err != nil {
		fail(err)
	}
	if err := os.WriteFile(target, source, 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schema:", err)
	os.Exit(1)
}

func load(generation string) map[string]*describe.Type {
	cmd := exec.Command("go", "run", "-C", generation, ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		fail(fmt.Errorf("%s: %w", generation, err))
	}
	types := map[string]*describe.Type{}
	if err := json.Unmarshal(out, &types); err != nil {
		fail(fmt.Errorf("%s: %w", generation, err))
	}
	return types
}

// node is what all generations together have at one place.
type node struct {
	kind   string
	name   string
	fields []*field
	elem   *node
}

type field struct {
	name    string
	node    *node
	refused bool
	only    string // the generation that it was first seen in, if that is not the newest
}

func (n *node) field(name string) *field {
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func merge(n *node, t *describe.Type, generation string) *node {
	if n == nil {
		n = &node{kind: t.Kind, name: t.Name}
	}
	if n.kind != t.Kind {
		// A list of names in one, a name in the other: neither has keys.
		if n.kind == "struct" || n.kind == "map" || t.Kind == "struct" || t.Kind == "map" {
			fail(fmt.Errorf("%s %s: a %s in one engine and a %s in another", n.name, t.Name, n.kind, t.Kind))
		}
		return n
	}
	known := len(n.fields) > 0
	for _, f := range t.Fields {
		have := n.field(f.Name)
		if have == nil {
			for _, other := range n.fields {
				if strings.EqualFold(other.name, f.Name) {
					fail(fmt.Errorf("%s: %s in one engine, %s in another", n.name, other.name, f.Name))
				}
			}
			have = &field{name: f.Name}
			if known {
				have.only = generation
			}
			n.fields = append(n.fields, have)
		}
		have.node = merge(have.node, f.Type, generation)
	}
	if t.Elem != nil {
		n.elem = merge(n.elem, t.Elem, generation)
	}
	return n
}

func refuse(root *node, t *describe.Type, generation string) {
	refuseFields(root, merge(nil, t, generation))
}

func refuseFields(root, from *node) {
	for _, f := range from.fields {
		if root.field(f.name) == nil {
			root.fields = append(root.fields, &field{name: f.name, refused: true})
		}
	}
}

// plain tells that nothing below n has keys.
func (n *node) plain() bool {
	return n == nil || n.kind == "scalar" || n.kind == "list" && n.elem.plain() || n.kind == "struct" && len(n.fields) == 0
}

type writer struct {
	types, table bytes.Buffer
	names        map[string]string // by structure
	used         map[string]bool
}

func (w *writer) roots(roots map[string]*node) {
	w.used = map[string]bool{}
	var operations []string
	for operation := range roots {
		operations = append(operations, operation)
	}
	sort.Strings(operations)
	for _, operation := range operations {
		n := roots[operation]
		expr := w.expr(n, strings.ToLower(operation[:1])+operation[1:])
		if expr == "nil" {
			expr = "&schema{kind: list}" // PluginSet: names only
		}
		fmt.Fprintf(&w.table, "\t%s: %s,\n", operation, expr)
	}
}

// expr is the Go expression of a pointer to n's schema. A struct is named after its Go type, or where that is taken by
// another generation's form of it, after what it is the body of.
func (w *writer) expr(n *node, root string) string {
	switch {
	case n.plain():
		return "nil"
	case n.kind == "map" && n.elem.plain():
		return "&anyKeys"
	case n.kind == "map":
		return "&schema{kind: dict, elem: " + w.expr(n.elem, root) + "}"
	case n.kind == "list":
		return "&schema{kind: list, elem: " + w.expr(n.elem, root) + "}"
	}
	var body strings.Builder
	for _, f := range n.fields {
		expr := "&topLevel"
		if !f.refused {
			expr = w.expr(f.node, root)
		}
		note := ""
		if f.only != "" {
			note = " // " + strings.TrimPrefix(f.only, "engine")
		}
		fmt.Fprintf(&body, "\t{%q, %s},%s\n", f.name, expr, note)
	}
	if name, ok := w.names[n.name+body.String()]; ok {
		return "&" + name
	}
	pkg, name, _ := strings.Cut(n.name, ".")
	if pkg == "main" {
		pkg = "engine"
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	name = pkg + name
	if w.used[name] {
		name = root
	}
	if w.used[name] {
		fail(fmt.Errorf("%s: there are two types %s already", root, n.name))
	}
	w.used[name] = true
	w.names[n.name+body.String()] = name
	fmt.Fprintf(&w.types, "\nvar %s = schema{kind: object, fields: []field{\n%s}}\n", name, body.String())
	return "&" + name
}

func (w *writer) bytes() []byte {
	var b bytes.Buffer
	b.WriteString("// Code generated by .ci/schema. DO NOT EDIT.\n\npackage dockerapi\n\n")
	b.WriteString("// A number behind a field is the generation of engines that is the last to have it.\n\n")
	b.WriteString("var schemas = map[Operation]*schema{\n")
	// gofumpt leaves the type of a map's element out.
	b.Write(bytes.ReplaceAll(w.table.Bytes(), []byte(": &schema{"), []byte(": {")))
	b.WriteString("}\n")
	b.Write(w.types.Bytes())
	return b.Bytes()
}
