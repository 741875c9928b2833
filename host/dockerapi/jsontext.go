package dockerapi

import (
	"unicode/utf16"
	"unicode/utf8"
)

// textKind tells what a JSON string needs before its bytes can be taken for its text.
type textKind uint8

const (
	// escaped: it has escapes.
	escaped textKind = 1 << iota
	// broken: it has bytes that are not UTF-8, or half a surrogate pair. encoding/json reads U+FFFD for each of these;
	// other readers stop, or take what follows for the other half.
	broken
)

// textByte tells the bytes that stand for themselves in a string and end no fast scan.
var textByte = func() (set [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		set[c] = c != '"' && c != '\\'
	}
	return set
}()

// scanText reads a JSON string whose opening quote is in[start-1]. It returns the index of the closing quote.
// Where the string is malformed, end is the offset and why says what is wrong.
func scanText(in []byte, start int) (end int, kind textKind, why string) {
	i := start
	for i < len(in) {
		c := in[i]
		switch {
		case textByte[c]:
			i++
		case c == '"':
			return i, kind, ""
		case c == '\\':
			kind |= escaped
			size, lone := escapeSize(in[i:])
			if size == 0 {
				return i, kind, "a malformed escape"
			}
			if lone {
				kind |= broken
			}
			i += size
		case c < 0x20:
			return i, kind, "a control character in a string"
		default:
			r, size := utf8.DecodeRune(in[i:])
			if r == utf8.RuneError && size == 1 {
				kind |= broken
			}
			i += size
		}
	}
	return i, kind, "the JSON document ends inside of a string"
}

// escapeSize returns the length of the escape, or of the two that make one character, at the beginning of b; 0 if it is
// malformed. lone tells of half a surrogate pair.
func escapeSize(b []byte) (size int, lone bool) {
	if len(b) < 2 {
		return 0, false
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		r := unhex4(b)
		if r < 0 {
			return 0, false
		}
		if !utf16.IsSurrogate(r) {
			return 6, false
		}
		if utf16.DecodeRune(r, unhex4(b[6:])) == utf8.RuneError {
			return 6, true
		}
		return 12, false
	}
	return 0, false
}

// unhex4 reads \uXXXX; -1 if b does not begin so.
func unhex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		digit := unhex(c)
		if digit < 0 {
			return -1
		}
		r = r<<4 | rune(digit)
	}
	return r
}

// appendText appends the text of a well-formed JSON string, as encoding/json reads it. raw is what stands between the
// quotes.
func appendText(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '\\':
			size, lone := escapeSize(raw[i:])
			switch r := unhex4(raw[i:]); {
			case lone:
				dst = utf8.AppendRune(dst, utf8.RuneError)
			case size == 12:
				dst = utf8.AppendRune(dst, utf16.DecodeRune(r, unhex4(raw[i+6:])))
			case size == 6:
				dst = utf8.AppendRune(dst, r)
			default:
				dst = append(dst, unescapeByte(raw[i+1]))
			}
			i += size
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRune(raw[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return dst
}

func unescapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // a quote, a backslash or a slash
}

// appendMended appends what stands between the quotes of a JSON string with U+FFFD for whatever is broken in it; all else
// keeps its bytes.
func appendMended(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		size := 1
		switch c := raw[i]; {
		case c == '\\':
			var lone bool
			if size, lone = escapeSize(raw[i:]); lone {
				dst = utf8.AppendRune(dst, utf8.RuneError)
				i += size
				continue
			}
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(raw[i:]); size == 1 {
				dst = utf8.AppendRune(dst, r)
				i++
				continue
			}
		}
		dst = append(dst, raw[i:i+size]...)
		i += size
	}
	return dst
}

// appendQuoted appends a text, which is UTF-8, as a JSON string with no more escapes than JSON asks for.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
