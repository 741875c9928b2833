package dockerjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

func escaped(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }

// decode returns the text of a string that the parser has accepted, without its quotes. It replaces a lone surrogate by
// U+FFFD, as encoding/json does.
func decode(raw []byte) string {
	if !escaped(raw) {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		r, size := nextRune(raw)
		out = utf8.AppendRune(out, r)
		raw = raw[size:]
	}
	return string(out)
}

// nextRune reads the first character of raw, which is not empty and was accepted by the parser.
func nextRune(raw []byte) (r rune, size int) {
	if raw[0] != '\\' {
		return utf8.DecodeRune(raw)
	}
	switch raw[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ := hex4(raw[2:])
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
			if low, ok := hex4(raw[8:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return rune(raw[1]), 2 // quote, backslash, slash
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// folds tells whether encoding/json would store the member named by raw (as written, without quotes) in the field called
// name, which is ASCII: equal under Unicode simple folding. Two characters beyond ASCII fold into it: ſ (U+017F) to s
// and the Kelvin sign (U+212A) to k.
func folds(raw []byte, name string) bool {
	for i := 0; i < len(name); i++ {
		if len(raw) == 0 {
			return false
		}
		r, size := rune(raw[0]), 1
		if r == '\\' || r >= utf8.RuneSelf {
			r, size = nextRune(raw)
		}
		if fold(r) != fold(rune(name[i])) {
			return false
		}
		raw = raw[size:]
	}
	return len(raw) == 0
}

// Folds tells whether encoding/json would store a member of this name in the field called field, which is ASCII.
func Folds(name, field string) bool {
	for _, r := range name {
		if field == "" || fold(r) != fold(rune(field[0])) {
			return false
		}
		field = field[1:]
	}
	return field == ""
}

func fold(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + ('a' - 'A')
	case r == '\u017F':
		return 's'
	case r == '\u212A':
		return 'k'
	}
	return r
}

// Quote returns s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func Quote(s string) string { return string(appendQuoted(nil, s)) }

// Pair is a member of a JSON object of strings.
type Pair struct{ Key, Value string }

// ObjectOf returns a JSON object with these members, in this order.
func ObjectOf(pairs []Pair) string {
	out := []byte{'{'}
	for i, p := range pairs {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendQuoted(out, p.Key)
		out = append(out, ':')
		out = appendQuoted(out, p.Value)
	}
	return string(append(out, '}'))
}

func appendQuoted(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, '\\', 'n')
		case r == '\r':
			out = append(out, '\\', 'r')
		case r == '\t':
			out = append(out, '\\', 't')
		case r < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
