package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on one YAML file, against aliases that multiply and nesting that
// exhausts the stack. A chain of a thousand filters stays far below them.
const (
	maxYAMLBytes  = 1 << 20
	maxYAMLValues = 200_000
	maxYAMLDepth  = 64
	maxYAMLInLine = 256 // marks that open a level in a line: - ? ! &
)

// kind is what a value is, in the words of an error message.
type kind string

const (
	kindNull   kind = "nothing"
	kindBool   kind = "a boolean"
	kindNumber kind = "a number"
	kindString kind = "a text"
	kindList   kind = "a list"
	kindMap    kind = "a map"
)

// value is one node of a YAML file, with its place. It keeps what a decoded Go
// value would lose: positions, the order of keys, and a scalar's own spelling.
type value struct {
	pos     Position
	kind    kind
	text    string // scalars: a string's content, or the spelling of the others
	quoted  bool   // strings: in quotes or a block, so never meant as a number
	loose   bool   // from a variable, a flag or a default: a text, whatever is wanted
	items   []*value
	entries []entry
}

// entry is one key of a map and its value.
type entry struct {
	key    string
	keyPos Position
	value  *value
}

// get returns the value of a key, nil when it is absent.
func (v *value) get(key string) *value {
	for i := range v.entries {
		if v.entries[i].key == key {
			return v.entries[i].value
		}
	}
	return nil
}

// yamlReader builds the values of one file and reports what YAML allows but a
// configuration does not.
type yamlReader struct {
	file    string
	report  func(pos Position, message, hint string)
	anchors map[string]*value
	count   int
	full    bool // maxYAMLValues was reported
}

// parseYAML reads a file's content. The result is nil after a syntax error and
// for an empty file.
func parseYAML(file string, content []byte, report func(pos Position, message, hint string)) (root *value) {
	r := &yamlReader{file: file, report: report, anchors: map[string]*value{}}
	text := strings.TrimPrefix(string(content), "\ufeff")

	// The parser is not ours, and a configuration that somebody is just typing
	// reaches it on every reload: a panic in it must not end the gateway.
	defer func() {
		if recover() != nil {
			report(Position{File: file}, "the YAML parser gave up on this file", "simplify what was changed last")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(text)
	if !r.shallow(tokens) {
		return nil
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			report(r.at(doc.Body), "a second YAML document begins here", "write one document a file, and give several files if need be")
			break
		}
		root = r.value(doc.Body, 0)
	}
	return root
}

// shallow reports what nests so deeply that the parser, which recurses, would
// exhaust the stack. Go cannot recover from that. Levels made by indentation need
// no check: a file is too short for many.
func (r *yamlReader) shallow(tokens token.Tokens) bool {
	flow, line, inLine := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, inLine = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			inLine++
		}
		if flow > maxYAMLDepth || inLine > maxYAMLInLine {
			r.report(r.position(tk), fmt.Sprintf("more than %d levels", maxYAMLDepth), "")
			return false
		}
	}
	return true
}

func (r *yamlReader) syntaxError(err error) {
	var located yaml.Error
	if !errors.As(err, &located) {
		r.report(Position{File: r.file}, "not YAML: "+err.Error(), "")
		return
	}
	r.report(r.position(located.GetToken()), "not YAML: "+located.GetMessage(), "")
}

func (r *yamlReader) position(tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{File: r.file}
	}
	return Position{File: r.file, Line: tk.Position.Line, Column: max(tk.Position.Column, 1)}
}

// at returns where a node begins. A mapping's own token is the colon after its
// first key, which is not where a reader looks.
func (r *yamlReader) at(node ast.Node) Position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return r.at(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return r.at(n.Key)
	}
	return r.position(node.GetToken())
}

func (r *yamlReader) value(node ast.Node, depth int) *value {
	r.count++
	v := &value{pos: r.at(node), kind: kindNull}
	if depth > maxYAMLDepth || r.count > maxYAMLValues {
		if !r.full {
			r.report(v.pos, fmt.Sprintf("more than %d levels or %d values", maxYAMLDepth, maxYAMLValues), "")
		}
		r.full = true
		return v
	}
	switch n := node.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		v.kind, v.text = kindBool, "false"
		if n.Value {
			v.text = "true"
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v.kind, v.text = kindNumber, node.GetToken().Value
	case *ast.StringNode:
		v.kind, v.text = kindString, n.Value
		v.quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
		if !v.quoted && isPlainNumber(v.text) {
			v.kind = kindNumber // 1e3 and integers beyond 64 bits, which the parser takes for text
		}
	case *ast.LiteralNode:
		v.kind, v.text, v.quoted = kindString, n.Value.Value, true
	case *ast.SequenceNode:
		v.kind = kindList
		for _, item := range n.Values {
			v.items = append(v.items, r.value(item, depth+1))
		}
	case *ast.MappingNode:
		v.kind = kindMap
		r.entries(v, n.Values, depth)
	case *ast.MappingValueNode:
		v.kind = kindMap
		r.entries(v, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		v = r.value(n.Value, depth+1)
		r.anchors[n.Name.GetToken().Value] = v
	case *ast.AliasNode:
		return r.alias(n, v)
	case *ast.TagNode:
		return r.tagged(n, v, depth)
	default:
		r.report(v.pos, fmt.Sprintf("a configuration cannot contain this (%s)", node.Type()), "")
	}
	return v
}

// alias returns what an anchor stands for, under the alias' own position: that
// is the place to change.
func (r *yamlReader) alias(n *ast.AliasNode, v *value) *value {
	name := n.Value.GetToken().Value
	target := r.anchors[name]
	if target == nil {
		r.report(v.pos, fmt.Sprintf("no anchor &%s comes before this alias", name), suggest(name, keysOf(r.anchors)))
		return v
	}
	r.count += target.size()
	if r.count > maxYAMLValues {
		if !r.full {
			r.report(v.pos, fmt.Sprintf("aliases make more than %d values", maxYAMLValues), "")
		}
		r.full = true
		return v
	}
	same := *target
	same.pos = v.pos
	return &same
}

// size counts a value and all below it.
func (v *value) size() int {
	n := 1
	for _, item := range v.items {
		n += item.size()
	}
	for i := range v.entries {
		n += v.entries[i].value.size()
	}
	return n
}

func (r *yamlReader) tagged(n *ast.TagNode, v *value, depth int) *value {
	tag := n.Start.Value
	if n.Value == nil {
		r.report(v.pos, "the tag "+tag+" has no value", "")
		return v
	}
	tagged := r.value(n.Value, depth+1)
	want := map[string]kind{
		"!!str": kindString, "!!int": kindNumber, "!!float": kindNumber,
		"!!bool": kindBool, "!!null": kindNull, "!!seq": kindList, "!!map": kindMap,
	}[tag]
	switch {
	case want == "":
		r.report(v.pos, "the tag "+tag+" is not supported", "write the value plainly")
	case want == kindString && (tagged.kind == kindNumber || tagged.kind == kindBool):
		tagged.kind, tagged.quoted = kindString, true
	case want != tagged.kind:
		r.report(v.pos, fmt.Sprintf("the tag %s is on %s", tag, tagged.kind), "")
	}
	return tagged
}

func (r *yamlReader) entries(v *value, nodes []*ast.MappingValueNode, depth int) {
	seen := make(map[string]Position, len(nodes))
	var merged []*value
	for _, n := range nodes {
		key, keyPos := r.key(n.Key), r.at(n.Key)
		child := r.value(n.Value, depth+1)
		if _, ok := n.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, r.merge(child)...)
			continue
		}
		if first, twice := seen[key]; twice {
			r.report(keyPos, fmt.Sprintf("the key %q is written twice", key), fmt.Sprintf("the first is on line %d", first.Line))
			continue
		}
		seen[key] = keyPos
		v.entries = append(v.entries, entry{key: key, keyPos: keyPos, value: child})
	}
	for _, from := range merged {
		for _, e := range from.entries {
			if _, written := seen[e.key]; !written {
				seen[e.key] = e.keyPos
				v.entries = append(v.entries, e)
			}
		}
	}
}

func (r *yamlReader) key(node ast.MapKeyNode) string {
	if explicit, ok := node.(*ast.MappingKeyNode); ok && explicit.Value != nil {
		return explicit.Value.GetToken().Value
	}
	return node.GetToken().Value
}

// merge returns the maps that a merge key (<<) brings in.
func (r *yamlReader) merge(v *value) []*value {
	switch v.kind {
	case kindMap:
		return []*value{v}
	case kindList:
		var maps []*value
		for _, item := range v.items {
			maps = append(maps, r.merge(item)...)
		}
		return maps
	}
	r.report(v.pos, fmt.Sprintf("a merge key (<<) takes a map, not %s", v.kind), "")
	return nil
}
