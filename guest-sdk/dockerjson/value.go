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
	text     []byte
	nodes    nodes
	err      error
	edits    []edit
	inserted []int32 // the objects that edits gave a member, so that the next one needs a comma
	indexes  []index
	decoded  []byte // where strings are that had escapes; what is full is left to them
	walk     walk
}

// walk is how far a list has been gone through.
type walk struct {
	list, at, node int32
}

// Err returns the first refusal of a lookup or edit, nil when every answer so far was certain. A document with an error
// must not be acted upon: what it said about the refused place was the zero value.
func (d *Document) Err() error { return d.err }

// Root returns the document's outermost value.
// It is Absent in the zero Document, which stands for an empty body.
func (d *Document) Root() Value {
	if d.nodes.count == 0 {
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

func (v Value) node() *node { return v.doc.nodes.at(v.index) }

// Kind returns the value's kind.
func (v Value) Kind() Kind {
	if v.absent() {
		return Absent
	}
	return kindOf(v.doc.text[v.node().start])
}

// kindOf is the kind of the value that begins so.
func kindOf(c byte) Kind {
	switch c {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	return Number
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
	all := v.doc.candidates(v.index, name)
	for i := all.next(); i != 0; i = all.next() {
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
	all := v.doc.candidates(v.index, name)
	for i := all.next(); i != 0; i = all.next() {
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
	end := v.doc.nodes.next(v.index)
	for i := v.index + 1; i < end; i++ {
		if v.doc.nodes.at(i).key != 0 && v.doc.is(i, name) {
			out = append(out, Value{v.doc, i})
		}
	}
	return out
}

// Element returns the element at a place of an array, counted from 0; Absent when there is none. Whoever goes through a list in its
// order needs no [Value.Elements].
func (v Value) Element(at int) Value {
	none := Value{v.doc, -1}
	if !v.want(Array) || at < 0 {
		return none
	}
	w := &v.doc.walk
	if w.list != v.index || int(w.at) > at || w.node == 0 {
		*w = walk{list: v.index, node: v.index + 1}
	}
	end := v.node().after
	for int(w.at) < at && w.node < end {
		w.node = v.doc.nodes.next(w.node)
		w.at++
	}
	if w.node >= end {
		*w = walk{}
		return none
	}
	return Value{v.doc, w.node}
}

// first returns the first member or element, and the end of all of them. v is an array or an object.
func (v Value) first() (first, end int32) { return v.index + 1, v.node().after }

func (v Value) children() []Value {
	count := v.Len()
	if count == 0 {
		return nil
	}
	out := make([]Value, count)
	i, _ := v.first()
	for at := range out {
		out[at] = Value{v.doc, i}
		i = v.doc.nodes.next(i)
	}
	return out
}

// folds tells whether the engine would store member i in the field called name.
func (d *Document) folds(i int32, name string) bool {
	key := d.nodes.at(i).key
	if key > 0 {
		end := int(key) + len(name)
		if end >= len(d.text) || d.text[end] != '"' {
			return false
		}
		return folds(d.text[key:end], name)
	}
	return folds(nameAt(d.text, key), name)
}

// is tells whether member i is called name.
func (d *Document) is(i int32, name string) bool {
	key := d.nodes.at(i).key
	if key > 0 {
		end := int(key) + len(name)
		return end < len(d.text) && d.text[end] == '"' && string(d.text[key:end]) == name
	}
	raw := nameAt(d.text, key)
	for _, r := range name {
		if len(raw) == 0 {
			return false
		}
		c, size := nextRune(raw)
		if c != r {
			return false
		}
		raw = raw[size:]
	}
	return len(raw) == 0
}

// Key returns the name of the member that this value is, escapes resolved; "" for elements and the root.
func (v Value) Key() string {
	if v.absent() {
		return ""
	}
	key := v.node().key
	raw := nameAt(v.doc.text, key)
	if key < 0 && escaped(raw) {
		return v.doc.decode(raw)
	}
	return view(raw)
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
	if n.after == escapes {
		return v.doc.decode(v.doc.text[n.start+1 : n.end-1])
	}
	return view(v.doc.text[n.start+1 : n.end-1])
}

// Texts returns an array of strings; nil when absent or null. A null element is "", as the engine has it.
func (v Value) Texts() []string {
	if !v.want(Array) || v.Len() == 0 {
		return nil
	}
	out := make([]string, v.Len())
	i, _ := v.first()
	for at := range out {
		out[at] = Value{v.doc, i}.Text()
		i = v.doc.nodes.next(i)
	}
	return out
}

// Len returns the number of members or elements; 0 for everything else. It counts them.
func (v Value) Len() int {
	if v.Kind() < Array {
		return 0
	}
	count := 0
	for i, end := v.first(); i < end; i = v.doc.nodes.next(i) {
		count++
	}
	return count
}

// Path returns where the value stands, with the names as they are spelled there: HostConfig.Mounts[0].Type.
func (v Value) Path() string {
	if v.absent() {
		return ""
	}
	path := ""
	for parent := v.doc.Root(); parent.index < v.index; {
		at := 0
		i, _ := parent.first()
		for next := v.doc.nodes.next(i); next <= v.index; next = v.doc.nodes.next(i) {
			i = next
			at++
		}
		child := Value{v.doc, i}
		if parent.Kind() == Array {
			path += "[" + strconv.Itoa(at) + "]"
		} else {
			if path != "" {
				path += "."
			}
			path += child.Key()
		}
		parent = child
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
