package dockerapi

import (
	"strconv"
	"strings"
)

// parameter is a query parameter that the engine does not read as one text; see Route.Query.
type parameter struct {
	name string
	kind parameterKind
}

type parameterKind uint8

const (
	textParameter parameterKind = iota
	listParameter
	boolParameter
	parsedBoolParameter
)

func parseParameters(query string) []parameter {
	var parameters []parameter
	for _, word := range strings.Fields(query) {
		p := parameter{name: word[:len(word)-1]}
		switch word[len(word)-1] {
		case '*':
			p.kind = listParameter
		case '?':
			p.kind = boolParameter
		case '!':
			p.kind = parsedBoolParameter
		}
		parameters = append(parameters, p)
	}
	return parameters
}

// kindOf returns how the engine reads a parameter; names are compared exactly.
func kindOf(parameters []parameter, name string) parameterKind {
	for i := range parameters {
		if parameters[i].name == name {
			return parameters[i].kind
		}
	}
	return textParameter
}

// canonicalBools writes the booleans of a canonical query as 1 and 0: the engine takes off, n, null and 2 for true, and a
// filter cannot be expected to. A parameter without a value stays so, as engines do not agree on it where true is the
// default (pause, rm); so does a word that the engine refuses.
func canonicalBools(query string, parameters []parameter) string {
	if len(parameters) == 0 {
		return query
	}
	var b []byte // what is rewritten, up to query[copied:]
	copied := 0
	for start := 0; start < len(query); {
		end := len(query)
		if n := strings.IndexByte(query[start:], '&'); n >= 0 {
			end = start + n
		}
		name, value, _ := strings.Cut(query[start:end], "=")
		if value != "" && value != "0" && value != "1" {
			if word, ok := boolWord(kindOf(parameters, name), value); ok {
				b = append(b, query[copied:end-len(value)]...)
				b = append(b, word)
				copied = end
			}
		}
		start = end + 1
	}
	if copied == 0 {
		return query
	}
	return string(append(b, query[copied:]...))
}

// boolWord returns 1 or 0 for a value of a canonical query, and false where the parameter is no boolean, or the value none.
func boolWord(kind parameterKind, value string) (word byte, ok bool) {
	isTrue := true
	switch kind {
	case boolParameter:
		switch strings.ToLower(strings.TrimSpace(string(decodeQueryPart(value)))) {
		case "", "0", "no", "false", "none":
			isTrue = false
		}
	case parsedBoolParameter:
		var err error
		if isTrue, err = strconv.ParseBool(value); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	if isTrue {
		return '1', true
	}
	return '0', true
}
