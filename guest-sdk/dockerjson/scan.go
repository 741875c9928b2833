package dockerjson

import "encoding/binary"

// Bytes that a string is made of: those that stand for themselves, and those behind a backslash that make an escape of two bytes.
var (
	letters  [256]bool
	twoBytes [256]bool
)

// What a byte of UTF-8 is, and the state that it leads to from each state; 0 is between characters.
var (
	utf8Class [256]uint8
	utf8Next  [8 * 16]uint8
)

const utf8Wrong = 15

func init() {
	for c := ' '; c < 0x80; c++ {
		letters[c] = c != '"' && c != '\\'
	}
	for _, c := range `"\/bfnrt` {
		twoBytes[c] = true
	}
	for _, r := range []struct {
		first, last int
		class       uint8
	}{
		{0x80, 0x8f, 1}, {0x90, 0x9f, 2}, {0xa0, 0xbf, 3}, {0xc0, 0xc1, 11}, {0xc2, 0xdf, 4}, {0xe0, 0xe0, 5}, {0xe1, 0xec, 6},
		{0xed, 0xed, 7}, {0xee, 0xef, 6}, {0xf0, 0xf0, 8}, {0xf1, 0xf3, 9}, {0xf4, 0xf4, 10}, {0xf5, 0xff, 11},
	} {
		for c := r.first; c <= r.last; c++ {
			utf8Class[c] = r.class
		}
	}
	for i := range utf8Next {
		utf8Next[i] = utf8Wrong
	}
	for _, step := range [][3]uint8{
		{0, 4, 1}, {0, 5, 3}, {0, 6, 2}, {0, 7, 4}, {0, 8, 5}, {0, 9, 6}, {0, 10, 7}, // first bytes
		{1, 1, 0}, {1, 2, 0}, {1, 3, 0}, // one more of any
		{2, 1, 1}, {2, 2, 1}, {2, 3, 1}, // two more
		{3, 3, 1}, {4, 1, 1}, {4, 2, 1}, // neither longer than need be, nor half of a pair
		{5, 2, 2}, {5, 3, 2}, {6, 1, 2}, {6, 2, 2}, {6, 3, 2}, {7, 1, 2}, // three more, up to U+10FFFF
	} {
		utf8Next[step[0]<<4|step[1]] = step[2]
	}
}

// lettersEnd returns where the letters end that begin at a place.
func lettersEnd(text []byte, at int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	// Eight at a time: a byte's high bit becomes set where it is a quote, a backslash, a control character or no ASCII.
	for at+8 <= len(text) {
		x := binary.LittleEndian.Uint64(text[at:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		if (x|(quote-ones)&^quote|(slash-ones)&^slash|(x-' '*ones)&^x)&highs != 0 {
			break
		}
		at += 8
	}
	for at < len(text) && letters[text[at]] {
		at++
	}
	return at
}

// escapesEnd returns where the escapes of two bytes end that begin at a place.
func escapesEnd(text []byte, at int) int {
	for at+1 < len(text) && text[at] == '\\' && twoBytes[text[at+1]] {
		at += 2
	}
	return at
}

// runesEnd returns where the characters beyond ASCII end that begin at a place, the first wrong one among them.
func runesEnd(text []byte, at int) int {
	state := uint8(0)
	whole := at
	for at < len(text) {
		state = utf8Next[(state<<4|utf8Class[text[at]])&127]
		if state == utf8Wrong {
			return whole
		}
		at++
		if state == 0 {
			whole = at
		}
	}
	return whole
}

// digitsEnd returns where the digits end that begin at a place.
func digitsEnd(text []byte, at int) int {
	for at < len(text) && text[at]-'0' <= 9 {
		at++
	}
	return at
}

// spaceEnd returns where the white space ends that begins at a place.
func spaceEnd(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at]-'\t' <= 1 || text[at] == '\r') {
		at++
	}
	return at
}
