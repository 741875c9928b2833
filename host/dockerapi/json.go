package dockerapi

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// document walks over one JSON document with the schema of what an engine decodes it into, and rewrites it on the way as
// far as something has to be rewritten.
type document struct {
	in     []byte
	pos    int
	limits JSONLimits

	out    []byte // the rewritten document up to in[copied]; empty as long as nothing was rewritten
	copied int

	keys    int
	objects uint32
	seen    keySet
	text    []byte // scratch: a key's text
	folded  []byte // scratch: its folded form, or its one spelling
	quoted  []byte // scratch: that in quotes
}

// documents keeps scratch memory for the next document.
var documents = sync.Pool{New: func() any { return new(document) }}

// canonicalJSON rewrites a document that an engine decodes by the schema. changed tells whether that made a difference.
func canonicalJSON(root *schema, body []byte, limits JSONLimits) (canonical []byte, changed bool, f *fault) {
	d := documents.Get().(*document)
	d.in, d.limits = body, limits.withDefaults()
	f = d.read(root)
	canonical, changed = body, d.copied > 0
	if changed && f == nil {
		canonical = append(d.out, body[d.copied:]...)
	}
	d.seen.reset()
	*d = document{seen: d.seen, text: d.text[:0], folded: d.folded[:0], quoted: d.quoted[:0]}
	if cap(d.text) > 1<<16 {
		d.text, d.folded, d.quoted = nil, nil, nil
	}
	documents.Put(d)
	if f != nil {
		return nil, false, f
	}
	return canonical, changed, nil
}

// fault is why a document is refused. Objects put their keys to the path while it is on its way up.
type fault struct {
	offset int
	why    string
	path   []string // innermost first
}

// error says what is wrong with what.
func (f *fault) error(what string) error {
	if len(f.path) == 0 {
		return badRequest("%s: at byte %d: %s", what, f.offset, f.why)
	}
	slices.Reverse(f.path)
	return badRequest("%s: at byte %d, %s: %s", what, f.offset, bounded(strings.Join(f.path, ".")), f.why)
}

// pathKey is a key as part of a fault's path. What is too long to be shown is not kept.
func pathKey(key []byte) string { return string(key[:min(len(key), 80)]) }

func (d *document) fault(why string) *fault { return &fault{offset: d.pos, why: why} }

func (d *document) read(root *schema) *fault {
	if bytes.HasPrefix(d.in, []byte("\uFEFF")) {
		return d.fault("a byte order mark; JSON begins without")
	}
	switch c := d.skipSpace(); {
	case c == 'n': // null is read like no body at all
	case root == nil && c != '{' && c != '[':
		return d.fault("this has to be a JSON object or array")
	case root != nil && root.kind == list && c != '[':
		return d.fault("this has to be a JSON array")
	case root != nil && root.kind != list && c != '{':
		return d.fault("this has to be a JSON object")
	}
	if f := d.value(root, 1); f != nil {
		return f
	}
	if d.skipSpace(); d.pos < len(d.in) {
		return d.fault("more bytes behind the JSON document; send one document only")
	}
	return nil
}

// skipSpace returns the byte it stops at, 0 at the end.
func (d *document) skipSpace() byte {
	for ; d.pos < len(d.in); d.pos++ {
		if c := d.in[d.pos]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	return 0
}

// value reads the value that begins at pos.
func (d *document) value(s *schema, depth int) *fault {
	if d.pos == len(d.in) {
		return d.fault("the JSON document ends early")
	}
	switch c := d.in[d.pos]; c {
	case '{':
		return d.object(s, depth)
	case '[':
		return d.array(s, depth)
	case '"':
		return d.string()
	case 't':
		return d.literal("true")
	case 'f':
		return d.literal("false")
	case 'n':
		return d.literal("null")
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return d.number()
		}
	}
	return d.fault("no JSON value begins here")
}

func (d *document) enter(depth int) *fault {
	if depth > d.limits.Depth {
		return d.fault("objects and arrays are nested too deep")
	}
	d.pos++
	return nil
}

func (d *document) array(s *schema, depth int) *fault {
	if f := d.enter(depth); f != nil {
		return f
	}
	var elem *schema
	if s != nil && s.kind == list {
		elem = s.elem
	}
	if d.skipSpace() == ']' {
		d.pos++
		return nil
	}
	for {
		d.skipSpace()
		if f := d.value(elem, depth+1); f != nil {
			return f
		}
		switch d.skipSpace() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			return nil
		default:
			return d.fault("a comma or ] is missing")
		}
	}
}

func (d *document) object(s *schema, depth int) *fault {
	if f := d.enter(depth); f != nil {
		return f
	}
	if s != nil && s.kind == list {
		s = nil // an object in the place of an array: the engine will refuse it
	}
	o := openObject{schema: s, id: d.objects}
	d.objects++
	if d.skipSpace() == '}' {
		d.pos++
		return nil
	}
	for {
		if d.skipSpace() != '"' {
			return d.fault("a key in double quotes is missing")
		}
		start := d.pos
		value, f := d.key(&o)
		if f != nil {
			return f
		}
		end := d.pos
		if d.skipSpace() != ':' {
			return d.fault("a colon is missing behind a key")
		}
		d.pos++
		d.skipSpace()
		if f := d.value(value, depth+1); f != nil {
			f.path = append(f.path, pathKey(appendText(nil, d.in[start+1:end-1])))
			return f
		}
		switch d.skipSpace() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			return nil
		default:
			return d.fault("a comma or } is missing")
		}
	}
}

// openObject is an object whose keys are being read.
type openObject struct {
	schema *schema
	id     uint32
	// given has a bit for every field of the schema that was given, and next is the field behind the last of them.
	given [maxFields / 64]uint64
	next  int
}

// key reads a key, brings it into its one spelling and returns the schema of its value. A key that the object has already,
// in any spelling that the engine takes for the same, is refused: of two scalars the engine uses the last, and two objects
// it merges.
func (d *document) key(o *openObject) (value *schema, f *fault) {
	start := d.pos
	end, kind, why := scanText(d.in, start+1)
	if why != "" {
		d.pos = end
		return nil, d.fault(why)
	}
	d.pos = end + 1
	if d.keys++; d.keys > d.limits.Keys {
		return nil, &fault{offset: start, why: "there are too many keys"}
	}
	raw := d.in[start+1 : end]
	text := raw
	if kind != 0 {
		d.text = appendText(d.text[:0], raw)
		text = d.text
	}
	identity, spelling := text, text
	switch {
	case o.schema != nil && o.schema.kind == dict:
		value = o.schema.elem
	case o.schema != nil && o.schema.kind == ports:
		value = o.schema.elem
		var ok bool
		if d.folded, ok = appendPort(d.folded[:0], text); !ok {
			return nil, &fault{offset: start, path: []string{pathKey(text)}, why: "a port is a number, a slash and a protocol"}
		}
		identity, spelling = d.folded, d.folded
	case o.schema != nil:
		if i := o.schema.find(text, o.next); i >= 0 {
			return d.knownKey(o, i, start, kind, raw)
		}
		fallthrough
	default:
		d.folded = appendFolded(d.folded[:0], text)
		identity = d.folded
		if o.schema == nil {
			break
		}
		if i := o.schema.findFolded(d.folded); i >= 0 {
			return d.knownKey(o, i, start, kind, raw)
		}
	}
	if !d.seen.add(o.id, identity) {
		return nil, duplicate(start, spelling)
	}
	if kind != 0 || len(spelling) != len(raw) || !bytes.Equal(spelling, raw) {
		if d.quoted = appendQuoted(d.quoted[:0], spelling); !bytes.Equal(d.quoted[1:len(d.quoted)-1], raw) {
			f = d.replace(start, end+1, d.quoted)
		}
	}
	return value, f
}

// knownKey notes that a field of the object's schema is given.
func (d *document) knownKey(o *openObject, i, start int, kind textKind, raw []byte) (*schema, *fault) {
	field := &o.schema.fields[i]
	if field.value == &topLevel {
		return nil, &fault{offset: start, path: []string{field.name}, why: "this key belongs into HostConfig; " +
			"at the top level engines up to 26.1 act on it and later ones ignore it, so that it is not passed on"}
	}
	word, bit := i/64, uint64(1)<<(i%64)
	if o.given[word]&bit != 0 {
		return nil, duplicate(start, raw)
	}
	o.given[word] |= bit
	o.next = i + 1
	if kind != 0 || field.name != string(raw) {
		if f := d.replace(start+1, start+1+len(raw), []byte(field.name)); f != nil {
			return nil, f
		}
	}
	return field.value, nil
}

func duplicate(offset int, key []byte) *fault {
	return &fault{offset: offset, path: []string{pathKey(key)}, why: "this key is given before, in this or another spelling"}
}

// string reads a string that is a value.
func (d *document) string() *fault {
	start := d.pos + 1
	end, kind, why := scanText(d.in, start)
	d.pos = end
	if why != "" {
		return d.fault(why)
	}
	d.pos++
	if kind&broken == 0 {
		return nil
	}
	d.text = appendMended(d.text[:0], d.in[start:end])
	return d.replace(start, end, d.text)
}

// replace puts other bytes in the place of in[start:end].
func (d *document) replace(start, end int, by []byte) *fault {
	if d.limits.Strict {
		return &fault{offset: start, why: "the canonical form of this is " + bounded(string(by)) + ", and other forms are refused here"}
	}
	if d.out == nil {
		d.out = make([]byte, 0, len(d.in)+64)
	}
	d.out = append(d.out, d.in[d.copied:start]...)
	d.out = append(d.out, by...)
	d.copied = end
	return nil
}

func (d *document) literal(word string) *fault {
	if !bytes.HasPrefix(d.in[d.pos:], []byte(word)) {
		return d.fault("no JSON value begins here")
	}
	d.pos += len(word)
	return nil
}

func (d *document) number() *fault {
	if d.in[d.pos] == '-' {
		d.pos++
	}
	if d.pos < len(d.in) && d.in[d.pos] == '0' {
		d.pos++
	} else if !d.digits() {
		return d.fault("a malformed number")
	}
	if d.pos < len(d.in) && d.in[d.pos] == '.' {
		d.pos++
		if !d.digits() {
			return d.fault("a malformed number")
		}
	}
	if d.pos < len(d.in) && (d.in[d.pos] == 'e' || d.in[d.pos] == 'E') {
		d.pos++
		if d.pos < len(d.in) && (d.in[d.pos] == '+' || d.in[d.pos] == '-') {
			d.pos++
		}
		if !d.digits() {
			return d.fault("a malformed number")
		}
	}
	return nil
}

// digits reads one digit or more.
func (d *document) digits() bool {
	start := d.pos
	for d.pos < len(d.in) && '0' <= d.in[d.pos] && d.in[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > start
}
