package dockerapi

import (
	"unicode"
	"unicode/utf8"
)

// encoding/json compares keys by Unicode's simple folding, one character for one, after their escapes are undone: beside
// the two cases of a letter it takes ſ (U+017F) for s and the kelvin sign (U+212A) for k. All releases of Go agree in this
// (before 1.21 by comparing with each field, since then by a folded form of the key), and so does its second
// implementation of the package.

// appendFolded appends the folded form of a key. Keys have the same folded form if and only if encoding/json takes them
// for the same field; that of a key in ASCII is the key in upper case.
func appendFolded(dst, key []byte) []byte {
	for i := 0; i < len(key); {
		if c := key[i]; c < utf8.RuneSelf {
			dst = append(dst, upper(c))
			i++
			continue
		}
		r, size := utf8.DecodeRune(key[i:])
		dst = utf8.AppendRune(dst, leastFold(r))
		i += size
	}
	return dst
}

// leastFold returns the smallest of the characters that fold to each other.
func leastFold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

// foldsTo reports whether a name in ASCII has this folded form.
func foldsTo(name string, folded []byte) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if upper(name[i]) != folded[i] {
			return false
		}
	}
	return true
}
