package dockerapi

import (
	"strings"
	"unicode/utf8"
)

// A path is decoded once, as the engine's router does it before matching, and encoded in one way afterwards: bytes that
// RFC 3986 allows in a segment stand for themselves, all others are %XX in upper case.

// pathByte tells the bytes that stand for themselves in a canonical path, the slash included.
var pathByte = byteSet("/-._~!$&'()*+,;=:@")

// byteSet returns letters, digits and the bytes of extra.
func byteSet(extra string) (set [256]bool) {
	for c := 'a'; c <= 'z'; c++ {
		set[c], set[c-'a'+'A'] = true, true
	}
	for c := '0'; c <= '9'; c++ {
		set[c] = true
	}
	for i := 0; i < len(extra); i++ {
		set[extra[i]] = true
	}
	return set
}

// decodedPath is a path after decoding.
type decodedPath struct {
	text string
	// canonical is set when text is what came over the wire, and nothing in it has to be encoded.
	canonical bool
	// firstEscape and lastEscape are where in text the first and the last slash or dot stands that came encoded; -1: none.
	firstEscape, lastEscape int
}

// escapes reports whether a slash or a dot that came encoded lies outside text[start:end].
func (p *decodedPath) escapes(start, end int) bool {
	return p.firstEscape >= 0 && (p.firstEscape < start || p.lastEscape >= end)
}

// decodePath undoes the percent encoding and refuses what a router might clean up or cut off behind a filter's back.
func decodePath(raw string) (decodedPath, error) {
	p := decodedPath{text: raw, canonical: true, firstEscape: -1, lastEscape: -1}
	if raw == "" || raw[0] != '/' {
		return p, badRequest("the request target is not a path that begins with a slash")
	}
	for i := 0; i < len(raw); i++ {
		if !pathByte[raw[i]] {
			p.canonical = false
			break
		}
	}
	if !p.canonical {
		if err := p.unescape(raw); err != nil {
			return p, err
		}
	}
	return p, p.check()
}

func (p *decodedPath) unescape(raw string) error {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			if i+2 >= len(raw) || unhex(raw[i+1]) < 0 || unhex(raw[i+2]) < 0 {
				return badRequest("the path has a malformed percent escape at byte %d", i)
			}
			c = byte(unhex(raw[i+1])<<4 | unhex(raw[i+2]))
			if c == '/' || c == '.' {
				if p.firstEscape < 0 {
					p.firstEscape = b.Len()
				}
				p.lastEscape = b.Len()
			}
			i += 2
		case c == '#':
			return badRequest("the request target has a fragment; write # as %%23")
		}
		if c < 0x20 || c == 0x7f {
			return badRequest("the path has a control character (0x%02x)", c)
		}
		b.WriteByte(c)
	}
	p.text = b.String()
	if !utf8.ValidString(p.text) {
		return badRequest("the path is not valid UTF-8")
	}
	return nil
}

// check refuses doubled slashes and dot segments: the engine would answer them with a redirect to the cleaned path, and a
// client that follows it would have asked for something else than the filters saw.
func (p *decodedPath) check() error {
	text := p.text
	for i := 0; i < len(text); i++ {
		if text[i] != '/' {
			continue
		}
		rest := text[i+1:]
		if rest == "" {
			break
		}
		switch {
		case rest[0] == '/':
			return badRequest("the path has an empty segment (//)")
		case rest[0] != '.':
		case rest == "." || rest == ".." || rest[1] == '/' || (rest[1] == '.' && rest[2] == '/'):
			return badRequest("the path has a dot segment (. or ..)")
		}
	}
	return nil
}

// encodePath is the one encoding of a decoded path.
func encodePath(text string) string {
	n := 0
	for i := 0; i < len(text); i++ {
		if !pathByte[text[i]] {
			n++
		}
	}
	if n == 0 {
		return text
	}
	b := make([]byte, 0, len(text)+2*n)
	for i := 0; i < len(text); i++ {
		if c := text[i]; pathByte[c] {
			b = append(b, c)
		} else {
			b = appendEscape(b, c)
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

func appendEscape(b []byte, c byte) []byte {
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// unhex returns the value of a hexadecimal digit, -1 for any other byte.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
