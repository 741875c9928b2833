package dockerapi

import (
	"encoding/base64"
	"encoding/json"
)

// Two header fields hold JSON, in base64 with the alphabet for URLs: credentials for a registry, and for several. The engine
// decodes it like a body, takes the first of two fields, and ignores what it cannot decode.

// jsonHeaders are these fields; the names are in lower case.
var jsonHeaders = [...]struct {
	name string
	root *schema
}{
	{"x-registry-auth", &registryAuthConfig},
	{"x-registry-config", &schema{kind: dict, elem: &registryAuthConfig}},
}

// noCredentials is {}: what engines take instead of what they cannot decode.
const noCredentials = "e30="

// Headers brings the header fields of a request into the one form that filters and engine are given, field by field.
type Headers struct {
	// Limits are those of the JSON in them.
	Limits JSONLimits

	seen [len(jsonHeaders)]bool
}

// Canonical returns the form of a field that is to go on. For most fields that is the value as it is, at no cost.
//
// X-Registry-Auth and X-Registry-Config are decoded, brought into canonical JSON and encoded again. What is no JSON in base64
// becomes {}, because that is how the engine reads it; some releases would use a part of it. A field that is given
// twice, and JSON that can be read in two ways, is refused with an *Error.
func (h *Headers) Canonical(name, value string) (string, error) {
	for i := range jsonHeaders {
		if len(name) != len(jsonHeaders[i].name) || !equalFoldASCII(name, jsonHeaders[i].name) {
			continue
		}
		if h.seen[i] {
			return "", badRequest("the header %s is given more than once", name)
		}
		h.seen[i] = true
		return h.canonical(name, value, jsonHeaders[i].root)
	}
	return value, nil
}

func (h *Headers) canonical(name, value string, root *schema) (string, error) {
	if value == "" || value == noCredentials {
		return value, nil
	}
	text, err := base64.URLEncoding.DecodeString(value)
	if err != nil || !json.Valid(text) {
		if h.Limits.Strict {
			return "", badRequest("the header %s is not JSON in base64 (URL alphabet, padded), and other forms are refused here", name)
		}
		return noCredentials, nil
	}
	text, _, f := canonicalJSON(root, text, h.Limits)
	if f != nil {
		return "", f.error("header " + name)
	}
	if encoded := base64.URLEncoding.EncodeToString(text); encoded != value {
		return encoded, nil
	}
	return value, nil
}

func equalFoldASCII(a, b string) bool {
	for i := 0; i < len(a); i++ {
		if upper(a[i]) != upper(b[i]) {
			return false
		}
	}
	return true
}
