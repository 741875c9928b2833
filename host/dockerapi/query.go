package dockerapi

import "strings"

// A query is read like net/url's ParseQuery, which the engine uses, and written like its Encode, but in the order in which
// it came: name=value pairs, a space as +, unreserved bytes as themselves, all others as %XX in upper case.

var queryByte = byteSet("-._~")

// fewPairs is how many pairs are compared with each other; above it a set is made, so that a query of a hundred thousand
// pairs costs no more than its bytes.
const fewPairs = 16

// canonicalQuery rewrites a query, and refuses keys that were given more than once where the engine would read the first
// only: a filter that read the last would decide about something else.
func canonicalQuery(raw string, parameters []parameter) (string, error) {
	if raw == "" {
		return "", nil
	}
	query, err := encodeQuery(raw)
	if err != nil {
		return "", err
	}
	if err := checkRepeats(query, parameters); err != nil {
		return "", err
	}
	return canonicalQueryJSON(canonicalBools(query, parameters))
}

func encodeQuery(raw string) (string, error) {
	if isCanonicalQuery(raw) {
		return raw, nil
	}
	b := make([]byte, 0, len(raw)+16)
	for len(raw) > 0 {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key == "" {
			return "", badRequest("the query has a value without a name")
		}
		if len(b) > 0 {
			b = append(b, '&')
		}
		var err error
		if b, err = appendQueryPart(b, key); err != nil {
			return "", err
		}
		b = append(b, '=')
		if b, err = appendQueryPart(b, value); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

// appendQueryPart decodes a name or a value and appends it in the one encoding.
func appendQueryPart(b []byte, raw string) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch c {
		case '%':
			if i+2 >= len(raw) || unhex(raw[i+1]) < 0 || unhex(raw[i+2]) < 0 {
				return nil, badRequest("the query has a malformed percent escape")
			}
			c = byte(unhex(raw[i+1])<<4 | unhex(raw[i+2]))
			i += 2
		case '+':
			c = ' '
		case ';':
			return nil, badRequest("the query has a semicolon; separate parameters by & and write ; as %%3B")
		case '#':
			return nil, badRequest("the request target has a fragment; write # as %%23")
		}
		switch {
		case c == 0:
			return nil, badRequest("the query has a NUL")
		case queryByte[c]:
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = appendEscape(b, c)
		}
	}
	return b, nil
}

// isCanonicalQuery reports whether encodeQuery would return the same bytes.
func isCanonicalQuery(raw string) bool {
	start, equals := 0, -1 // of the pair being looked at
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case queryByte[c] || c == '+':
		case c == '=':
			if equals >= 0 || i == start {
				return false
			}
			equals = i
		case c == '&':
			if equals < 0 {
				return false
			}
			start, equals = i+1, -1
		case c == '%':
			if i+2 >= len(raw) || raw[i+1] >= 'a' || raw[i+2] >= 'a' || unhex(raw[i+1]) < 0 || unhex(raw[i+2]) < 0 {
				return false
			}
			if d := byte(unhex(raw[i+1])<<4 | unhex(raw[i+2])); d == 0 || d == ' ' || queryByte[d] {
				return false
			}
			i += 2
		default:
			return false
		}
	}
	return equals >= 0
}

// checkRepeats looks for a name that stands twice in a canonical query, where equal names have equal bytes.
func checkRepeats(query string, parameters []parameter) error {
	var few [fewPairs]string
	var many map[string]bool
	n := 0
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		key, _, _ := strings.Cut(pair, "=")
		if kindOf(parameters, key) == listParameter {
			continue
		}
		duplicate := false
		if many != nil {
			duplicate = many[key]
			many[key] = true
		} else {
			for i := 0; i < n; i++ {
				if few[i] == key {
					duplicate = true
				}
			}
			if n == fewPairs {
				many = make(map[string]bool, 4*fewPairs)
				for _, k := range few {
					many[k] = true
				}
				many[key] = true
			} else {
				few[n] = key
				n++
			}
		}
		if duplicate {
			return badRequest("the query parameter %s is given more than once", bounded(key))
		}
	}
	return nil
}
