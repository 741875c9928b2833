package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// appendJSON writes a value as JSON. Keys keep their order and numbers their
// digits, so that a filter gets what the file says and not what some number type
// made of it.
func (l *loader) appendJSON(dst []byte, v *value) []byte {
	switch v.kind {
	case kindBool:
		return append(dst, v.text...)
	case kindNumber:
		number, err := jsonNumber(v.text)
		if err != nil {
			l.fail(v.pos, fmt.Sprintf("config: %s", err), "")
			number = "0"
		}
		return append(dst, number...)
	case kindString:
		return appendJSONString(dst, v.text)
	case kindList:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = l.appendJSON(dst, item)
		}
		return append(dst, ']')
	case kindMap:
		dst = append(dst, '{')
		for i, e := range v.entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, e.key)
			dst = append(dst, ':')
			dst = l.appendJSON(dst, e.value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendJSONString leaves <, > and & as they are: they need no escape outside
// of HTML, and a filter may compare bytes.
func appendJSONString(dst []byte, text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil { // a string always has a JSON form
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
