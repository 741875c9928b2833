package dockerjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

func escaped(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }

// view returns the text of a string without escapes, where it stands: to copy each string of a long list would take a guest
// longer than to read it.
func view(raw []byte) string { return unsafe.String(unsafe.SliceData(raw), len(raw)) }

// decode returns the text of a string with escapes. raw is not empty.
func (d *Document) decode(raw []byte) string {
	if cap(d.decoded)-len(d.decoded) < len(raw) {
		d.decoded = make([]byte, 0, max(len(raw), decodedBlock))
	}
	begin := len(d.decoded)
	d.decoded = appendDecoded(d.decoded, raw)
	return view(d.decoded[begin:])
}

// decodedBlock is how much memory strings with escapes share.
const decodedBlock = 512

// decode returns the text of a string that the parser has accepted, without its quotes. It replaces a lone surrogate by
// U+FFFD, as encoding/json does.
func decode(raw []byte) string {
	if !escaped(raw) {
		return string(raw)
	}
	return string(appendDecoded(make([]byte, 0, len(raw)), raw))
}

// appendDecoded appends what raw says, which is no longer than raw.
func appendDecoded(out, raw []byte) []byte {
	for len(raw) > 0 {
		if c := raw[0]; c != '\\' && c < utf8.RuneSelf {
			out = append(out, c)
			raw = raw[1:]
			continue
		}
		r, size := nextRune(raw)
		out = utf8.AppendRune(out, r)
		raw = raw[size:]
	}
	return out
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
func Quote(s string) string {
	out := appendQuoted(make([]byte, 0, len(s)+2), s)
	return view(out)
}

// Pair is a member of a JSON object of strings.
type Pair struct{ Key, Value string }

// ObjectOf returns a JSON object with these members, in this order.
func ObjectOf(pairs []Pair) string {
	size := 2
	for _, p := range pairs {
		size += len(p.Key) + len(p.Value) + len(`"":"",`)
	}
	out := append(make([]byte, 0, size), '{')
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
	done := 0 // what is out already
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, s[done:i]...)
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		i += size
		done = i
	}
	return append(append(out, s[done:]...), '"')
}
