package wire

import (
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// field is a header field that means something to the framing of a message.
type field uint8

const (
	other field = iota
	fieldHost
	fieldContentLength
	fieldTransferEncoding
	fieldConnection
	fieldUpgrade
	fieldExpect
	fieldTrailer
	fieldHop // hop by hop, without a meaning here: dropped
)

// fieldOf recognises the fields that this package owns. The switch on length keeps it to a comparison or none for the others.
func fieldOf(name string) field {
	switch len(name) {
	case 2:
		if abi.EqualFold(name, "TE") {
			return fieldHop
		}
	case 4:
		if abi.EqualFold(name, "Host") {
			return fieldHost
		}
	case 6:
		if abi.EqualFold(name, "Expect") {
			return fieldExpect
		}
	case 7:
		if abi.EqualFold(name, "Upgrade") {
			return fieldUpgrade
		}
		if abi.EqualFold(name, "Trailer") {
			return fieldTrailer
		}
	case 10:
		if abi.EqualFold(name, "Connection") {
			return fieldConnection
		}
		if abi.EqualFold(name, "Keep-Alive") {
			return fieldHop
		}
	case 14:
		if abi.EqualFold(name, "Content-Length") {
			return fieldContentLength
		}
	case 16:
		if abi.EqualFold(name, "Proxy-Connection") {
			return fieldHop
		}
	case 17:
		if abi.EqualFold(name, "Transfer-Encoding") {
			return fieldTransferEncoding
		}
	case 18:
		if abi.EqualFold(name, "Proxy-Authenticate") {
			return fieldHop
		}
	case 19:
		if abi.EqualFold(name, "Proxy-Authorization") {
			return fieldHop
		}
	}
	return other
}

// The classes of bytes, in one table.
const (
	isToken = 1 << iota // tchar of RFC 9110
	isHost              // may stand in a Host field
	isHex
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = isToken | isHost | isHex
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = isToken|isHost, isToken|isHost
	}
	for _, c := range "abcdefABCDEF" {
		t[c] |= isHex
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= isToken
	}
	for _, c := range "!$%&'()*+,-.:;=[]_~" {
		t[c] |= isHost
	}
	return t
}()

func all(s string, want uint8) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&want == 0 {
			return false
		}
	}
	return true
}

// ValidName reports whether s can be a field's name: a token.
func ValidName(s string) bool { return s != "" && all(s, isToken) }

// ValidValue reports whether s can be a field's value: no control characters but the tab. Values are most of a head, and are
// checked on both sides, so eight bytes are looked at together, and only where one of them is conspicuous each by itself.
func ValidValue(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// The usual test for a zero byte, with "less than 32" and "equal to 127" in its place.
		del := w ^ 0x7f*ones
		if ((w-' '*ones)&^w|(del-ones)&^del)&high != 0 && !validBytes(s[:8]) {
			return false
		}
		s = s[8:]
	}
	return validBytes(s)
}

func validBytes(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func trimBlank(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// parseLength reads a Content-Length: digits only, and small enough that arithmetic on it cannot overflow.
func parseLength(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// eachElement calls f with each non-empty element of a comma-separated list, until f is false, and reports whether it never was.
func eachElement(list string, f func(string) bool) bool {
	for list != "" {
		var e string
		e, list, _ = strings.Cut(list, ",")
		if e = trimBlank(e); e != "" && !f(e) {
			return false
		}
	}
	return true
}
