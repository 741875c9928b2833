package abi

import "strconv"

// CheckFields tells what is wrong with fields that a filter made, as a sentence
// for the operator; "" when they can go on the wire. A name must be a token
// (RFC 9110), or a pseudo-header when the colon comes first; a value must not
// hold a byte that could end a line or a head: CR, LF, NUL or another control
// character except the tab.
func CheckFields(pairs []Pair) string {
	for i := range pairs {
		key, value := pairs[i].Key, pairs[i].Value
		name := key
		if name != "" && name[0] == ':' {
			name = name[1:]
		}
		if name == "" {
			return "a header field has no name"
		}
		for j := 0; j < len(name); j++ {
			if !tokenByte(name[j]) {
				return "the name of the header field " + strconv.Quote(key) + " holds a character that is not allowed: " + strconv.Quote(name[j:j+1])
			}
		}
		for j := 0; j < len(value); j++ {
			if c := value[j]; c < ' ' && c != '\t' || c == 0x7f {
				return "the value of the header field " + strconv.Quote(key) + " holds a control character: " + strconv.Quote(value[j:j+1])
			}
		}
	}
	return ""
}

func tokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
