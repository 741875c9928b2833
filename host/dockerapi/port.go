package dockerapi

import "bytes"

// appendPort appends the one spelling of a port that is a key: its number without leading zeros, a slash, and the protocol in
// lower case, tcp where none is given. What does not begin with a number stays as it is, as do ranges, which are the engine's
// to refuse. ok is false for a second slash: engines up to 20.10 do not look behind it, later ones do.
func appendPort(dst, key []byte) (port []byte, ok bool) {
	number, protocol, _ := bytes.Cut(key, []byte("/"))
	for i, c := range number {
		if c < '0' || c > '9' {
			return append(dst, key...), i == 0 || !bytes.Contains(protocol, []byte("/"))
		}
	}
	if len(number) == 0 {
		return append(dst, key...), true
	}
	for len(number) > 1 && number[0] == '0' {
		number = number[1:]
	}
	dst = append(append(dst, number...), '/')
	if len(protocol) == 0 {
		return append(dst, "tcp"...), true
	}
	ascii := true
	for _, c := range protocol {
		switch {
		case c == '/':
			return dst, false
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c >= 0x80:
			ascii = false
		}
		dst = append(dst, c)
	}
	if !ascii {
		return append(dst[:len(dst)-len(protocol)], bytes.ToLower(protocol)...), true
	}
	return dst, true
}
