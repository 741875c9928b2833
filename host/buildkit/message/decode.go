package message

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// decoder writes the JSON of one message.
type decoder struct {
	c     *Codec
	out   []byte
	limit int
}

// message writes a message's object.
func (d *decoder) message(t *Type, wire []byte, depth int) *fault {
	if depth > maxDepth {
		return faultf("messages stand inside each other more than %d deep", maxDepth)
	}
	known, unknown, f := d.sort(t, wire)
	if f != nil {
		return f
	}
	d.out = append(d.out, '{')
	first := true
	for i, records := range known {
		if len(records) == 0 {
			continue
		}
		field := &t.fields[i]
		before := len(d.out)
		d.key(field.name, &first)
		shown, f := d.field(field, records, depth)
		if f != nil {
			return f.in(field.name)
		}
		if !shown {
			first = first || d.out[before-1] == '{'
			d.out = d.out[:before]
		}
	}
	for _, number := range sortedKeys(unknown) {
		d.key("#"+strconv.Itoa(int(number)), &first)
		d.out = append(d.out, '[')
		for i, r := range unknown[number] {
			if i > 0 {
				d.out = append(d.out, ',')
			}
			if f := d.base64(r.whole); f != nil {
				return f
			}
		}
		d.out = append(d.out, ']')
	}
	d.out = append(d.out, '}')
	return d.room(0)
}

// sort collects the records of each field of a message.
func (d *decoder) sort(t *Type, wire []byte) (known [][]record, unknown map[int32][]record, f *fault) {
	known = make([][]record, len(t.fields))
	chosen := ""
	for len(wire) > 0 {
		var r record
		if r, wire, f = next(wire); f != nil {
			return nil, nil, f
		}
		i, field := t.find(r.number)
		if field == nil {
			if !d.c.ShowUnknown {
				return nil, nil, faultf("field %d is not known to this gateway, and may ask the engine for anything; "+
					"unknown_fields: show lets filters judge it", r.number)
			}
			if unknown == nil {
				unknown = make(map[int32][]record)
			}
			unknown[r.number] = append(unknown[r.number], r)
			continue
		}
		switch field.shape {
		case single, oneof:
			if len(known[i]) > 0 {
				return nil, nil, faultf("the field is given twice").in(field.name)
			}
			if field.shape == oneof {
				if chosen != "" {
					return nil, nil, faultf("only one of %s and %s can be given", chosen, field.name)
				}
				chosen = field.name
			}
		}
		known[i] = append(known[i], r)
	}
	return known, unknown, nil
}

// field writes a field's value. shown is false for a zero that is the same as nothing.
func (d *decoder) field(field *field, records []record, depth int) (shown bool, f *fault) {
	switch field.shape {
	case mapped:
		return true, d.mapOf(field, records, depth)
	case repeated:
		return true, d.list(field, records, depth)
	}
	before := len(d.out)
	if f := d.value(field, records[0], depth); f != nil {
		return false, f
	}
	if field.shape == oneof || field.kind == kindMessage {
		return true, nil
	}
	return !isZero(field, records[0], d.out[before:]), nil
}

func isZero(field *field, r record, text []byte) bool {
	if field.bytesOnWire() {
		return len(text) == len(`""`)
	}
	return r.value == 0
}

func (d *decoder) list(field *field, records []record, depth int) *fault {
	d.out = append(d.out, '[')
	n := 0
	for _, r := range records {
		if r.wire == wireBytes && field.packable() {
			for b := r.payload; len(b) > 0; n++ {
				// Values of a packed field are varints without tags.
				value, rest, f := nextPacked(b)
				if f != nil {
					return f.in(index(n))
				}
				b = rest
				if f := d.item(field, record{wire: wireVarint, value: value}, depth, n); f != nil {
					return f
				}
			}
			continue
		}
		if f := d.item(field, r, depth, n); f != nil {
			return f
		}
		n++
	}
	d.out = append(d.out, ']')
	return nil
}

func (d *decoder) item(field *field, r record, depth, n int) *fault {
	if n > 0 {
		d.out = append(d.out, ',')
	}
	if f := d.value(field, r, depth); f != nil {
		return f.in(index(n))
	}
	return d.room(0)
}

func index(n int) string { return "[" + strconv.Itoa(n) + "]" }

// mapOf writes the entries of a map, sorted by their keys.
func (d *decoder) mapOf(field *field, records []record, depth int) *fault {
	entries := make(map[string]record, len(records))
	for _, r := range records {
		key, value, f := mapEntry(field, r)
		if f != nil {
			return f
		}
		if _, twice := entries[key]; twice {
			return faultf("the key is given twice").in("[" + quoted(key) + "]")
		}
		entries[key] = value
	}
	d.out = append(d.out, '{')
	first := true
	for _, key := range sortedKeys(entries) {
		d.key(key, &first)
		if f := d.value(field.value, entries[key], depth+1); f != nil {
			return f.in("[" + quoted(key) + "]")
		}
	}
	d.out = append(d.out, '}')
	return nil
}

// mapEntry reads an entry, which is a message of a key and a value.
func mapEntry(field *field, r record) (key string, value record, f *fault) {
	if r.wire != wireBytes {
		return "", value, faultf("an entry has the wire type %d", r.wire)
	}
	seen := [3]bool{}
	value.wire = wireVarint // the zero value of what is missing
	if field.value.bytesOnWire() {
		value.wire = wireBytes
	}
	for b := r.payload; len(b) > 0; {
		var part record
		if part, b, f = next(b); f != nil {
			return "", value, f
		}
		if part.number > 2 || seen[part.number] {
			return "", value, faultf("an entry is malformed: field %d", part.number)
		}
		seen[part.number] = true
		if part.number == 2 {
			value = part
			continue
		}
		if part.wire != wireBytes || !utf8.Valid(part.payload) {
			return "", value, faultf("a key is no text")
		}
		key = string(part.payload)
	}
	return key, value, nil
}

// value writes one value.
func (d *decoder) value(field *field, r record, depth int) *fault {
	want := uint8(wireVarint)
	if field.bytesOnWire() {
		want = wireBytes
	}
	if r.wire != want {
		return faultf("the wire type is %d, and that of the field %d", r.wire, want)
	}
	switch field.kind {
	case kindString:
		if !utf8.Valid(r.payload) {
			return faultf("the text is not UTF-8")
		}
		if f := d.room(len(r.payload)); f != nil {
			return f
		}
		d.out = appendText(d.out, string(r.payload))
	case kindBytes:
		if field.bytes == vertexBytes {
			return d.vertex(r.payload, depth)
		}
		return d.base64(r.payload)
	case kindMessage:
		return d.message(field.msg, r.payload, depth+1)
	case kindBool:
		if r.value > 1 {
			return faultf("%d is no boolean", r.value)
		}
		d.out = strconv.AppendBool(d.out, r.value == 1)
	case kindInt64:
		d.out = strconv.AppendInt(d.out, int64(r.value), 10)
	case kindUint64:
		d.out = strconv.AppendUint(d.out, r.value, 10)
	case kindUint32:
		if r.value > math.MaxUint32 {
			return faultf("%d does not fit into 32 bits", r.value)
		}
		d.out = strconv.AppendUint(d.out, r.value, 10)
	case kindInt32, kindEnum:
		n := int64(r.value)
		if n < math.MinInt32 || n > math.MaxInt32 {
			return faultf("%d does not fit into 32 bits", n)
		}
		if field.kind == kindInt32 {
			d.out = strconv.AppendInt(d.out, n, 10)
			break
		}
		return d.enum(field.enum, int32(n))
	}
	return nil
}

func (d *decoder) enum(e *enumType, n int32) *fault {
	if name, ok := e.names[n]; ok {
		d.out = appendText(d.out, name)
		return nil
	}
	if !d.c.ShowUnknown {
		return faultf("%d is no value of %s that is known to this gateway", n, e.name)
	}
	d.out = strconv.AppendInt(d.out, int64(n), 10)
	return nil
}

func (d *decoder) key(name string, first *bool) {
	if !*first {
		d.out = append(d.out, ',')
	}
	*first = false
	d.out = append(appendText(d.out, name), ':')
}

func (d *decoder) base64(b []byte) *fault {
	if f := d.room(base64.StdEncoding.EncodedLen(len(b))); f != nil {
		return f
	}
	d.out = append(d.out, '"')
	d.out = base64.StdEncoding.AppendEncode(d.out, b)
	d.out = append(d.out, '"')
	return nil
}

// room says no when the document, with n more bytes, is longer than the limit.
func (d *decoder) room(n int) *fault {
	if len(d.out)+n > d.limit {
		return &fault{cause: ErrTooLarge}
	}
	return nil
}

func sortedKeys[K int32 | string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Has tells whether a message of the type has a field. An error says that the message is malformed, or has fields that are not known.
func (t *Type) Has(wire []byte, name string) (has bool, err error) {
	for len(wire) > 0 {
		var r record
		var f *fault
		if r, wire, f = next(wire); f != nil {
			return false, f.error(t)
		}
		_, field := t.find(r.number)
		if field == nil {
			return false, faultf("field %d is not known to this gateway", r.number).error(t)
		}
		has = has || field.name == name
	}
	return has, nil
}
