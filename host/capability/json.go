package capability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// This file reads JSON that json.Valid has found right, without taking apart what
// nobody asks for: what is put back together is the very bytes that came.

var (
	errTwice = errors.New("a name stands twice in an object")
	errMany  = fmt.Errorf("an object or array has more than %d members", maxMembers)
)

// maxMembers bounds what is taken apart at a time: each part takes several times the
// memory of a short text.
const maxMembers = 1 << 16

// member is one member of an object, or an element of an array, which has no name.
type member struct {
	name  string
	text  []byte // the name as it is written
	value []byte
}

// kindOf is the first byte of a value: { [ " t f n, or 0 for a number.
func kindOf(value []byte) byte {
	switch c := value[0]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	default:
		return 0
	}
}

// trim cuts white space off a value.
func trim(value []byte) []byte { return bytes.Trim(value, " \t\r\n") }

// members takes an object or an array apart. The parts are parts of value.
func members(value []byte) (parts []member, err error) {
	object := value[0] == '{'
	var names map[string]bool
	if object {
		names = make(map[string]bool)
	}
	at := skipSpace(value, 1)
	for value[at] != '}' && value[at] != ']' {
		var m member
		if object {
			end := skipValue(value, at)
			m.text = value[at:end]
			if m.name, err = nameOf(m.text); err != nil {
				return nil, err
			}
			if names[m.name] {
				return nil, errTwice
			}
			names[m.name] = true
			at = skipSpace(value, skipSpace(value, end)+1) // the colon
		}
		end := skipValue(value, at)
		m.value = value[at:end]
		if len(parts) == maxMembers {
			return nil, errMany
		}
		parts = append(parts, m)
		if at = skipSpace(value, end); value[at] == ',' {
			at = skipSpace(value, at+1)
		}
	}
	return parts, nil
}

// nameOf is what a text in JSON says, which as a rule is what it looks like.
func nameOf(text []byte) (name string, err error) {
	for _, c := range text {
		if c == '\\' || c >= 0x80 {
			err = json.Unmarshal(text, &name)
			return name, err
		}
	}
	return string(text[1 : len(text)-1]), nil
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

// skipValue returns where the value ends that begins at a place.
func skipValue(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\r', '\n':
			at++
			continue
		default:
			for at < len(text) && !bytes.ContainsRune([]byte(",:]} \t\r\n"), rune(text[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// same tells whether two values mean the same.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	return a != nil && b != nil && reflect.DeepEqual(decoded(a), decoded(b))
}

func decoded(text []byte) (value any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil
	}
	return value
}
