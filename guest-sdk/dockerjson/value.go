// Package dockerjson reads and edits JSON bodies in the way that Docker Engine understands them.
//
// The engine decodes with Go's encoding/json: member names match without regard to case, with Unicode folding, after
// their escapes were resolved ("HO\u017fTCONFIG" is HostConfig); the last of several scalars wins, several objects merge,
// and old engines ignore what follows the first document. A filter that looks a key up by its exact spelling, or takes
// the first of two, decides about another document than the one the engine acts on. So here
//
//   - [Parse] accepts one document and nothing after it, and refuses a member name that is there twice;
//   - [Value.Get] finds a field by folding, as the engine does, and refuses two spellings of it;
//   - the typed readers take null and absence for the zero value, as the engine does, and refuse any other type.
//
// A refusal after parsing is remembered in the document: see [Document.Err]. Filters built on the SDK need not look at it,
// as the SDK denies what was allowed in spite of it.
package dockerjson

import (
	"errors"
	"strconv"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values. Absent is that of the zero Value: a member that is not there.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind in the words of an error message.
func (k Kind) String() string {
	switch k {
	case Absent:
		return "nothing"
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case String:
		return "string"
	case Array:
		return "array"
	case Object:
		return "object"
	}
	return "unknown kind"
}

// Document is a parsed JSON text with the edits made to it. It is for one goroutine.
type Document struct {
	text  []byte
	nodes []node
	err   error
	edits []edit
}

// Err returns the first refusal of a lookup or edit, nil when every answer so far was certain. A document with an error
// must not be acted upon: what it said about the refused place was the zero value.
func (d *Document) Err() error { return d.err }

// Root returns the document's outermost value.
// It is Absent in the zero Document, which stands for an empty body.
func (d *Document) Root() Value {
	if len(d.nodes) == 0 {
		return Value{d, -1}
	}
	return Value{d, 0}
}

// Value is one value of a document, or nothing: a Value of kind Absent answers every question with the zero value, so
// that root.Get("HostConfig").Get("Privileged").Bool() needs no checks between.
type Value struct {
	doc   *Document
	index int32 // -1 when absent; doc is kept all the same, to remember refusals in
}

func (v Value) absent() bool { return v.doc == nil || v.index < 0 }

func (v Value) node() *node { return &v.doc.nodes[v.index] }

// Kind returns the value's kind.
func (v Value) Kind() Kind {
	if v.absent() {
		return Absent
	}
	return v.node().kind
}

// IsSet tells whether the value is there and not null. The engine treats null like absence.
func (v Value) IsSet() bool { return v.Kind() > Null }

// Raw returns the value's JSON text, nil when absent, without the edits made to it. It must not be changed.
func (v Value) Raw() []byte {
	if v.absent() {
		return nil
	}
	n := v.node()
	return v.doc.text[n.start:n.end]
}

// Get returns the member that the engine would store in the struct field called name (ASCII), Absent when there is none.
// Two members that both fold to name are refused, as is looking into something other than an object or null.
func (v Value) Get(name string) Value {
	found := Value{v.doc, -1}
	if !v.want(Object) {
		return found
	}
	for i := v.first(); i != 0; i = v.doc.nodes[i].next {
		if !v.doc.folds(i, name) {
			continue
		}
		if !found.absent() {
			v.refuse(strconv.Quote(found.Key()) + " and " + strconv.Quote(Value{v.doc, i}.Key()) + " both mean " + name)
			return Value{v.doc, -1}
		}
		found.index = i
	}
	return found
}

// Member returns the member with exactly this name: for maps, such as Labels, whose keys the engine takes as they are.
func (v Value) Member(name string) Value {
	if !v.want(Object) {
		return Value{v.doc, -1}
	}
	for i := v.first(); i != 0; i = v.doc.nodes[i].next {
		if v.doc.is(i, name) {
			return Value{v.doc, i}
		}
	}
	return Value{v.doc, -1}
}

// Members returns the members of an object in the order of the text, none when the value is absent or null. Anything
// else is refused. Each member's name is its [Value.Key].
func (v Value) Members() []Value {
	if !v.want(Object) {
		return nil
	}
	return v.children()
}

// Elements returns the elements of an array, none when the value is absent or null. Anything else is refused.
func (v Value) Elements() []Value {
	if !v.want(Array) {
		return nil
	}
	return v.children()
}

// Descendants returns the members with exactly this name in this value and at any depth within it, in the order of the
// text. It is for filters that cannot know every place where the engine repeats something. (To walk a document by
// recursion is no choice for a guest, whose stack is small.)
func (v Value) Descendants(name string) []Value {
	if v.absent() {
		return nil
	}
	var out []Value
	end := v.node().end
	for i := v.index + 1; i < int32(len(v.doc.nodes)) && v.doc.nodes[i].start < end; i++ {
		if v.doc.nodes[v.doc.nodes[i].parent].kind == Object && v.doc.is(i, name) {
			out = append(out, Value{v.doc, i})
		}
	}
	return out
}

// first returns the index of the first member or element, 0 for none. v is not absent.
func (v Value) first() int32 {
	if v.node().count == 0 {
		return 0
	}
	return v.index + 1
}

func (v Value) children() []Value {
	n := v.node()
	if n.count == 0 {
		return nil
	}
	out := make([]Value, 0, n.count)
	for i := v.first(); i != 0; i = v.doc.nodes[i].next {
		out = append(out, Value{v.doc, i})
	}
	return out
}

// folds tells whether the engine would store member i in the field called name.
func (d *Document) folds(i int32, name string) bool {
	n := &d.nodes[i]
	if n.plainKey && int(n.keyEnd-n.keyStart) != len(name) {
		return false
	}
	return folds(d.text[n.keyStart:n.keyEnd], name)
}

// is tells whether member i is called name.
func (d *Document) is(i int32, name string) bool {
	n := &d.nodes[i]
	raw := d.text[n.keyStart:n.keyEnd]
	if n.plainKey {
		return string(raw) == name
	}
	return decode(raw) == name
}

// Key returns the name of the member that this value is, escapes resolved; "" for elements and the root.
func (v Value) Key() string {
	if v.absent() {
		return ""
	}
	n := v.node()
	return decode(v.doc.text[n.keyStart:n.keyEnd])
}

// Bool returns a boolean; false when absent or null.
func (v Value) Bool() bool {
	return v.want(Bool) && v.doc.text[v.node().start] == 't'
}

// Text returns a string, escapes resolved; "" when absent or null.
func (v Value) Text() string {
	if !v.want(String) {
		return ""
	}
	n := v.node()
	return decode(v.doc.text[n.start+1 : n.end-1])
}

// Texts returns an array of strings; nil when absent or null. A null element is "", as the engine has it.
func (v Value) Texts() []string {
	if !v.want(Array) || v.Len() == 0 {
		return nil
	}
	out := make([]string, 0, v.Len())
	for i := v.first(); i != 0; i = v.doc.nodes[i].next {
		out = append(out, Value{v.doc, i}.Text())
	}
	return out
}

// Len returns the number of members or elements; 0 for everything else.
func (v Value) Len() int {
	if v.absent() {
		return 0
	}
	return int(v.node().count)
}

// Path returns where the value stands, with the names as they are spelled there: HostConfig.Mounts[0].Type.
func (v Value) Path() string {
	if v.absent() {
		return ""
	}
	path := ""
	for v.node().parent >= 0 {
		parent := Value{v.doc, v.node().parent}
		step := v.Key()
		if parent.Kind() == Array {
			at := 0
			for i := parent.first(); i != v.index; i = v.doc.nodes[i].next {
				at++
			}
			step = "[" + strconv.Itoa(at) + "]"
		}
		if path != "" && path[0] != '[' {
			step += "."
		}
		path, v = step+path, parent
	}
	return path
}

// want tells whether the value has this kind. Absent and null are a quiet no, another kind is refused.
func (v Value) want(kind Kind) bool {
	got := v.Kind()
	if got > Null && got != kind {
		v.refuse("is a " + got.String() + " where the engine expects a " + kind.String())
	}
	return got == kind
}

func (v Value) refuse(problem string) {
	if v.doc == nil || v.doc.err != nil {
		return
	}
	where := v.Path()
	if where == "" {
		where = "body"
	}
	v.doc.err = errors.New(where + ": " + problem)
}
