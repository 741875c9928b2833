package capability

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// A View is a JSON body as a filter sees it that is granted a part of it. What may
// be changed is seen too.
type View struct {
	root place
}

// newView makes the view of pointers.
func newView(readable, writable []string) (*View, error) {
	v := new(View)
	for half, list := range [][]string{readable, writable} {
		for _, text := range list {
			if text == All {
				v.root.visible = true // the whole of it may be written: there is no view then
				continue
			}
			segments, err := parsePointer(text)
			if err != nil {
				return nil, err
			}
			v.root.add(segments, half == 1)
		}
	}
	v.root.settle()
	return v, nil
}

// Writable tells whether anything of the body may be changed.
func (v *View) Writable() bool { return v.root.changes }

// Whole tells whether all of the body is seen.
func (v *View) Whole() bool { return v.root.visible }

// Show makes the document that the filter sees: what is granted of the body, at its
// places. Elements of arrays that it does not see are null. ok is false for a body
// that is not one JSON document, or says something twice.
func (v *View) Show(body []byte) (shown []byte, ok bool) {
	if !json.Valid(body) {
		return nil, false
	}
	shown, err := v.root.show(trim(body))
	if err != nil {
		return nil, false
	}
	if shown == nil {
		shown = []byte(empty(trim(body)))
	}
	return shown, true
}

// empty is what stands for a document of which nothing is seen.
func empty(document []byte) string {
	switch kindOf(document) {
	case '{':
		return "{}"
	case '[':
		return "[]"
	default:
		return "null"
	}
}

// show returns nil where nothing of the value is seen.
func (p *place) show(value []byte) ([]byte, error) {
	if p.visible {
		return value, nil
	}
	kind := kindOf(value)
	if kind != '{' && kind != '[' {
		return nil, nil
	}
	parts, err := members(value)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	hidden := 0 // elements before, of which nothing has been written yet
	for i, m := range parts {
		name := m.name
		if kind == '[' {
			name = strconv.Itoa(i)
		}
		var shown []byte
		if child := p.at(name); child != nil {
			if shown, err = child.show(m.value); err != nil {
				return nil, err
			}
		}
		if shown == nil {
			hidden++
			continue
		}
		if kind == '[' {
			for ; hidden > 0; hidden-- {
				b.WriteString(",null")
			}
		}
		b.WriteByte(',')
		if kind == '{' {
			b.Write(m.text)
			b.WriteByte(':')
		}
		b.Write(shown)
	}
	if b.Len() == 0 {
		return nil, nil
	}
	if kind == '[' {
		b.WriteString(strings.Repeat(",null", hidden)) // it keeps its length
	}
	out := b.Bytes()
	out[0] = kind
	return append(out, kind+2), nil // } and ] come two after their beginnings
}

// ErrNotJSON says that a filter rewrote its part of a body into what is no JSON.
var ErrNotJSON = errors.New("the filter rewrote what it sees of the body into what is not one JSON document")

// Merge puts what a filter has made of the document that it was shown back into the
// body: what it may write is as it left it, and all else is as it was. refused are
// the places that it has changed without being granted them, a few of them.
func (v *View) Merge(body, rewritten []byte) (merged []byte, refused []string, err error) {
	if !json.Valid(rewritten) {
		return nil, nil, ErrNotJSON
	}
	before, ok := v.Show(body)
	if !ok {
		return nil, nil, errTwice // nothing was shown
	}
	text := trim(body)
	m := merger{}
	result, err := m.merge(&v.root, text, before, trim(rewritten), nil)
	if err != nil {
		return nil, nil, err
	}
	if result == nil {
		result = text // a document is not taken away
	}
	start := bytes.Index(body, text)
	merged = append(append(append(merged, body[:start]...), result...), body[start+len(text):]...)
	return merged, m.refused, nil
}

// maxRefused bounds the places that Merge tells of.
const maxRefused = 8

type merger struct{ refused []string }

func (m *merger) refuse(path []string) {
	if len(m.refused) >= maxRefused {
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	text := ""
	for _, segment := range path {
		text += "/" + escape.Replace(segment)
	}
	m.refused = append(m.refused, text)
}

// merge returns what stands at a place; nil for nothing. Each of the three is nil
// where the body, what was shown, or what the filter left has nothing there.
func (m *merger) merge(p *place, body, shown, left []byte, path []string) ([]byte, error) {
	switch {
	case p.writable:
		return left, nil
	case !p.changes:
		if !same(shown, left) {
			m.refuse(path)
		}
		return body, nil
	}
	// Something below may be changed.
	kind := byte('{')
	if body != nil && kindOf(body) != 'n' {
		kind = kindOf(body)
	}
	if kind != '{' && kind != '[' || left != nil && kindOf(left) != kind {
		if !same(shown, left) {
			m.refuse(path)
		}
		return body, nil
	}
	if kind == '[' {
		return m.mergeArray(p, body, shown, left, path)
	}
	return m.mergeObject(p, body, shown, left, path)
}

func (m *merger) mergeObject(p *place, body, shown, left []byte, path []string) ([]byte, error) {
	have, err := objectOf(body)
	if err != nil {
		return nil, err
	}
	saw, err := objectOf(shown)
	if err != nil {
		return nil, err
	}
	now, err := objectOf(left)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	write := func(text, value []byte) {
		b.WriteByte(',')
		b.Write(text)
		b.WriteByte(':')
		b.Write(value)
	}
	had, seen, is := byName(have), byName(saw), byName(now)
	for _, part := range have {
		child := p.at(part.name)
		if child == nil {
			write(part.text, part.value)
			if is[part.name] != nil {
				m.refuse(below(path, part.name)) // it guessed something hidden
			}
			continue
		}
		value, err := m.merge(child, part.value, seen[part.name], is[part.name], below(path, part.name))
		if err != nil {
			return nil, err
		}
		if value != nil {
			write(part.text, value)
		}
	}
	for _, part := range now {
		if had[part.name] != nil {
			continue
		}
		child := p.at(part.name)
		if child == nil {
			m.refuse(below(path, part.name))
			continue
		}
		value, err := m.merge(child, nil, nil, part.value, below(path, part.name))
		if err != nil {
			return nil, err
		}
		if value != nil {
			write(part.text, value)
		}
	}
	if b.Len() == 0 {
		if body == nil || kindOf(body) != '{' {
			return body, nil
		}
		return []byte("{}"), nil
	}
	out := b.Bytes()
	out[0] = '{'
	return append(out, '}'), nil
}

// mergeArray merges element by element. An array that is not writable itself keeps
// its length.
func (m *merger) mergeArray(p *place, body, shown, left []byte, path []string) ([]byte, error) {
	have, err := members(body)
	if err != nil {
		return nil, err
	}
	saw, err := arrayOf(shown)
	if err != nil {
		return nil, err
	}
	now, err := arrayOf(left)
	if err != nil {
		return nil, err
	}
	if len(saw) != len(now) {
		m.refuse(path)
		return body, nil
	}
	var b bytes.Buffer
	for i, part := range have {
		value := part.value
		name := strconv.Itoa(i)
		switch child := p.at(name); {
		case i >= len(saw):
		case child == nil:
			if !same(saw[i].value, now[i].value) {
				m.refuse(below(path, name))
			}
		default:
			if value, err = m.merge(child, value, saw[i].value, now[i].value, below(path, name)); err != nil {
				return nil, err
			}
			if value == nil {
				value = part.value
			}
		}
		b.WriteByte(',')
		b.Write(value)
	}
	if b.Len() == 0 {
		return body, nil
	}
	out := b.Bytes()
	out[0] = '['
	return append(out, ']'), nil
}

func below(path []string, name string) []string { return append(path[:len(path):len(path)], name) }

// objectOf are the members of an object; none of what is no object.
func objectOf(value []byte) ([]member, error) {
	if value == nil || kindOf(value) != '{' {
		return nil, nil
	}
	return members(value)
}

func arrayOf(value []byte) ([]member, error) {
	if value == nil || kindOf(value) != '[' {
		return nil, nil
	}
	return members(value)
}

func byName(parts []member) map[string][]byte {
	values := make(map[string][]byte, len(parts))
	for _, part := range parts {
		values[part.name] = part.value
	}
	return values
}
