package message

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encoder writes the bytes of the message that a JSON document describes.
type encoder struct {
	c    *Codec
	json *json.Decoder
}

func newEncoder(c *Codec, document []byte) (*encoder, error) {
	if !utf8.Valid(document) {
		return nil, fmt.Errorf("%s: the document is not UTF-8", c.Type.short())
	}
	if len(document) > c.limit() {
		return nil, fmt.Errorf("%s: %w", c.Type.short(), ErrTooLarge)
	}
	e := &encoder{c: c, json: json.NewDecoder(bytes.NewReader(document))}
	e.json.UseNumber()
	return e, nil
}

func (e *encoder) document() ([]byte, *fault) {
	out, f := e.message(nil, e.c.Type, 1)
	if f != nil {
		return nil, f
	}
	if _, err := e.json.Token(); !errors.Is(err, io.EOF) {
		return nil, faultf("more bytes behind the document")
	}
	return out, nil
}

// message appends the fields of an object.
func (e *encoder) message(out []byte, t *Type, depth int) ([]byte, *fault) {
	if depth > maxDepth {
		return nil, faultf("messages stand inside each other more than %d deep", maxDepth)
	}
	if f := e.delim('{'); f != nil {
		return nil, f
	}
	seen := make(map[string]bool)
	chosen := ""
	for e.more() {
		key, f := e.text()
		if f != nil {
			return nil, f
		}
		if seen[key] {
			return nil, faultf("the key is given twice").in(key)
		}
		seen[key] = true
		if strings.HasPrefix(key, "#") {
			if out, f = e.unknown(out, t, key); f != nil {
				return nil, f.in(key)
			}
			continue
		}
		i, ok := t.byName[key]
		if !ok {
			return nil, faultf("%s has no field %s", t.Name, quoted(key))
		}
		field := &t.fields[i]
		if field.shape == oneof {
			if chosen != "" {
				return nil, faultf("only one of %s and %s can be given", chosen, key)
			}
			chosen = key
		}
		if out, f = e.field(out, field, depth); f != nil {
			return nil, f.in(key)
		}
	}
	return out, e.delim('}')
}

func (e *encoder) field(out []byte, field *field, depth int) ([]byte, *fault) {
	var f *fault
	switch field.shape {
	case repeated:
		return e.list(out, field, depth)
	case mapped:
		if f := e.delim('{'); f != nil {
			return nil, f
		}
		seen := make(map[string]bool)
		for e.more() {
			key, f := e.text()
			if f != nil {
				return nil, f
			}
			if seen[key] {
				return nil, faultf("the key is given twice").in("[" + quoted(key) + "]")
			}
			seen[key] = true
			entry := appendBytes(nil, 1, []byte(key))
			if entry, f = e.value(entry, field.value, depth+1, true); f != nil {
				return nil, f.in("[" + quoted(key) + "]")
			}
			out = appendBytes(out, field.number, entry)
		}
		return out, e.delim('}')
	}
	if out, f = e.value(out, field, depth, field.shape == oneof); f != nil {
		return nil, f
	}
	return out, nil
}

func (e *encoder) list(out []byte, field *field, depth int) ([]byte, *fault) {
	if f := e.delim('['); f != nil {
		return nil, f
	}
	var packed []byte
	for n := 0; e.more(); n++ {
		var f *fault
		if field.packable() {
			var value uint64
			if value, f = e.number(field); f == nil {
				packed = binary.AppendUvarint(packed, value)
			}
		} else {
			out, f = e.value(out, field, depth, true)
		}
		if f != nil {
			return nil, f.in(index(n))
		}
	}
	if len(packed) > 0 {
		out = appendBytes(out, field.number, packed)
	}
	return out, e.delim(']')
}

// value appends a record. A zero is left out unless it is kept.
func (e *encoder) value(out []byte, field *field, depth int, keep bool) ([]byte, *fault) {
	var payload []byte
	var f *fault
	switch field.kind {
	case kindMessage:
		if payload, f = e.message(nil, field.msg, depth+1); f != nil {
			return nil, f
		}
		keep = true
	case kindBytes:
		if field.bytes == vertexBytes {
			payload, f = e.vertex()
			keep = true
			break
		}
		var text string
		if text, f = e.text(); f == nil {
			payload, f = decodeBase64(text)
		}
	case kindString:
		var text string
		text, f = e.text()
		payload = []byte(text)
	default:
		value, f := e.number(field)
		if f != nil || value == 0 && !keep {
			return out, f
		}
		return binary.AppendUvarint(appendTag(out, field.number, wireVarint), value), nil
	}
	if f != nil || len(payload) == 0 && !keep {
		return out, f
	}
	return appendBytes(out, field.number, payload), nil
}

// number reads the value of a field that is a varint on the wire.
func (e *encoder) number(field *field) (uint64, *fault) {
	token, f := e.token()
	if f != nil {
		return 0, f
	}
	switch v := token.(type) {
	case bool:
		if field.kind != kindBool {
			return 0, faultf("this has to be a number")
		}
		if v {
			return 1, nil
		}
		return 0, nil
	case string:
		if field.kind != kindEnum {
			return 0, faultf("this has to be a number or a boolean, not a text")
		}
		n, ok := field.enum.numbers[v]
		if !ok {
			return 0, faultf("%s has no value %s", field.enum.name, quoted(v))
		}
		return uint64(int64(n)), nil
	case json.Number:
		return e.parseNumber(field, v.String())
	}
	return 0, faultf("a value is missing or of the wrong type")
}

func (e *encoder) parseNumber(field *field, text string) (uint64, *fault) {
	var n int64
	var u uint64
	var err error
	switch field.kind {
	case kindBool:
		return 0, faultf("this has to be true or false")
	case kindUint64:
		u, err = strconv.ParseUint(text, 10, 64)
	case kindUint32:
		u, err = strconv.ParseUint(text, 10, 32)
	case kindInt64:
		n, err = strconv.ParseInt(text, 10, 64)
		u = uint64(n)
	default:
		n, err = strconv.ParseInt(text, 10, 32)
		u = uint64(n)
	}
	if err != nil {
		return 0, faultf("%s is no number of this field's type", quoted(text))
	}
	if field.kind == kindEnum && (!e.c.ShowUnknown || field.enum.names[int32(n)] != "") {
		return 0, faultf("a value of %s is written by its name", field.enum.name)
	}
	return u, nil
}

// unknown appends the records of a field that the schema does not know, as they came.
func (e *encoder) unknown(out []byte, t *Type, key string) ([]byte, *fault) {
	number, err := strconv.ParseUint(key[1:], 10, 32)
	if err != nil || number < 1 || number > maxNumber || key != "#"+strconv.FormatUint(number, 10) {
		return nil, faultf("this is not the number of a field")
	}
	if !e.c.ShowUnknown {
		return nil, faultf("fields that this gateway does not know are refused")
	}
	if _, field := t.find(int32(number)); field != nil {
		return nil, faultf("this field is known as %s", field.name)
	}
	if f := e.delim('['); f != nil {
		return nil, f
	}
	for e.more() {
		text, f := e.text()
		if f != nil {
			return nil, f
		}
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, faultf("this is not base64: %v", err)
		}
		r, rest, f := next(b)
		if f != nil {
			return nil, f
		}
		if len(rest) > 0 || uint64(r.number) != number {
			return nil, faultf("this is not one record of field %d", number)
		}
		out = append(out, b...)
	}
	return out, e.delim(']')
}

// The tokens of the document.

func (e *encoder) token() (json.Token, *fault) {
	t, err := e.json.Token()
	if err != nil {
		return nil, faultf("the document is not JSON: %v", err)
	}
	return t, nil
}

func (e *encoder) delim(want json.Delim) *fault {
	t, f := e.token()
	if f != nil {
		return f
	}
	if t != want {
		switch want {
		case '{':
			return faultf("this has to be an object")
		case '[':
			return faultf("this has to be a list")
		}
		return faultf("%s is missing", want)
	}
	return nil
}

func (e *encoder) more() bool { return e.json.More() }

func (e *encoder) text() (string, *fault) {
	t, f := e.token()
	if f != nil {
		return "", f
	}
	text, ok := t.(string)
	if !ok {
		return "", faultf("this has to be a text")
	}
	return text, nil
}

// raw reads a value of any kind.
func (e *encoder) raw() (json.RawMessage, *fault) {
	var m json.RawMessage
	if err := e.json.Decode(&m); err != nil {
		return nil, faultf("the document is not JSON: %v", err)
	}
	return m, nil
}
