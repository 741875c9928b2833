package dockerapi

import (
	"bytes"
	"strings"
)

// Some query parameters are JSON, which the engine decodes like a body: equal keys replace each other, and objects that it
// knows take their keys in any case. Such a value is brought into the same one form.

// queryJSON is what the engine decodes query parameters into. A value that is no JSON object or array is a plain one.
var queryJSON = map[string]*schema{
	"filters":   {kind: dict, elem: &anyKeys},
	"buildargs": &anyKeys,
	"labels":    &anyKeys,
	"cachefrom": {kind: list},
	"ulimits":   {kind: list, elem: &unitsUlimit},
	"outputs":   {kind: list, elem: &buildOutput},
	"platform":  &ociPlatform,
	"platforms": &ociPlatform,
}

var buildOutput = schema{kind: object, fields: []field{
	{"Type", nil},
	{"Attrs", &anyKeys},
}}

var ociPlatform = schema{kind: object, fields: []field{
	{"architecture", nil},
	{"os", nil},
	{"os.version", nil},
	{"os.features", nil},
	{"variant", nil},
}}

// canonicalQueryJSON rewrites the JSON values of a canonical query.
func canonicalQueryJSON(query string) (string, error) {
	if !strings.Contains(query, "%7B") && !strings.Contains(query, "%5B") {
		return query, nil
	}
	var b []byte // what is rewritten, up to query[copied:]
	copied := 0
	for start := 0; start < len(query); {
		end := len(query)
		if n := strings.IndexByte(query[start:], '&'); n >= 0 {
			end = start + n
		}
		name, value, _ := strings.Cut(query[start:end], "=")
		if root, ok := queryJSON[name]; ok {
			text := decodeQueryPart(value)
			if plain := bytes.TrimLeft(text, " \t\r\n"); len(plain) > 0 && (plain[0] == '{' || plain[0] == '[') {
				canonical, changed, f := canonicalJSON(root, text, JSONLimits{})
				if f == nil && name == "filters" {
					var other bool
					canonical, other, f = canonicalFilters(canonical, JSONLimits{}.withDefaults().Keys)
					changed = changed || other
				}
				if f != nil {
					return "", f.error("query parameter " + name)
				}
				if changed {
					b = append(b, query[copied:end-len(value)]...)
					b = appendQueryBytes(b, canonical)
					copied = end
				}
			}
		}
		start = end + 1
	}
	if copied == 0 {
		return query, nil
	}
	return string(append(b, query[copied:]...)), nil
}

// decodeQueryPart decodes a value of a canonical query.
func decodeQueryPart(value string) []byte {
	b := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			c = byte(unhex(value[i+1])<<4 | unhex(value[i+2]))
			i += 2
		}
		b = append(b, c)
	}
	return b
}

// appendQueryBytes encodes a value like appendQueryPart does.
func appendQueryBytes(b, value []byte) []byte {
	for _, c := range value {
		switch {
		case queryByte[c]:
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = appendEscape(b, c)
		}
	}
	return b
}
