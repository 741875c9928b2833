package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
)

// vertex writes one vertex of a definition, and keeps its bytes.
func (d *decoder) vertex(wire []byte, depth int) *fault {
	sum := sha256.Sum256(wire)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if d.c.vertices == nil {
		d.c.vertices = make(map[string][]byte)
	}
	d.c.vertices[digest] = wire
	d.out = append(d.out, `{"digest":"`...)
	d.out = append(d.out, digest...)
	d.out = append(d.out, `","op":`...)
	if f := d.message(Find("pb.Op"), wire, depth+1); f != nil {
		return f.in("op")
	}
	d.out = append(d.out, '}')
	return nil
}

// vertex returns the bytes that a document's element of "def" stands for.
func (e *encoder) vertex() ([]byte, *fault) {
	if f := e.delim('{'); f != nil {
		return nil, f
	}
	var digest string
	var op json.RawMessage
	seen := map[string]bool{}
	for e.more() {
		key, f := e.text()
		if f != nil {
			return nil, f
		}
		if seen[key] {
			return nil, faultf("the key %s is given twice", quoted(key))
		}
		seen[key] = true
		switch key {
		case "digest":
			if digest, f = e.text(); f != nil {
				return nil, f.in(key)
			}
		case "op":
			if op, f = e.raw(); f != nil {
				return nil, f.in(key)
			}
		default:
			return nil, faultf("a vertex has no %s, only digest and op", quoted(key))
		}
	}
	if f := e.delim('}'); f != nil {
		return nil, f
	}
	wire, ok := e.c.vertices[digest]
	if !ok {
		return nil, faultf("%s is no vertex of the message that came: a definition can be refused, or made shorter, but not edited", quoted(digest))
	}
	if op != nil && !e.says(wire, op) {
		return nil, faultf("the op of vertex %s was changed; its bytes are what its digest stands for, so it can be refused but not edited", quoted(digest))
	}
	return wire, nil
}

// says tells whether a vertex' bytes are what a filter's document says of them.
func (e *encoder) says(wire []byte, op json.RawMessage) bool {
	d := decoder{c: &Codec{ShowUnknown: e.c.ShowUnknown}, limit: e.c.limit()}
	if f := d.message(Find("pb.Op"), wire, 1); f != nil {
		return false
	}
	if bytes.Equal(d.out, op) {
		return true
	}
	// Written another way, with spaces or its keys in another order. Whatever is overlooked here changes nothing: what goes on is made of
	// the bytes.
	var want, got any
	return decodeExact(d.out, &want) && decodeExact(op, &got) && reflect.DeepEqual(want, got)
}

func decodeExact(document []byte, into *any) bool {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return d.Decode(into) == nil
}

// appendText appends a text, which is UTF-8, as a JSON string with no more escapes than JSON asks for.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			const hexDigits = "0123456789ABCDEF"
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// decodeBase64 reads a field's bytes.
func decodeBase64(text string) ([]byte, *fault) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, faultf("the base64 has line ends")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, faultf("this is not base64: %v", err)
	}
	return b, nil
}
