package capability

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Match tells whether a pattern, in which * stands for any text, none included, means the name.
func Match(pattern, name string) bool { return match(pattern, name, false) }

// match tells whether a pattern, in which * stands for any text, means the name.
// fold makes no difference between cases of ASCII letters in the name; the pattern
// is in lower case then.
func match(pattern, name string, fold bool) bool {
	p, n := 0, 0
	star, mark := -1, 0
	for n < len(name) {
		c := name[n]
		if fold && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == c:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// secret tells whether a field is one of the Secrets.
func secret(name string) bool {
	return slices.ContainsFunc(Secrets, func(s string) bool { return abi.EqualFold(s, name) })
}

// means tells whether one of a capability's names means what a guest names.
func (c Capability) means(granted, name string) bool {
	switch table[c].form {
	case onOff, whole:
		return granted == All
	case fields:
		if secret(name) {
			return abi.EqualFold(granted, name)
		}
		return match(granted, name, true)
	case exact:
		return granted == name
	}
	return match(granted, name, false)
}

// covers tells whether everything that a name of a grant means is meant by one of
// a ceiling too. A star in the grant is met only by a star of the ceiling.
func (c Capability) covers(ceiling, grant string) bool {
	if table[c].form != pointers {
		return c.means(ceiling, grant)
	}
	if ceiling == All || ceiling == grant {
		return true
	}
	if grant == All {
		return false
	}
	above, below := strings.Split(ceiling, "/"), strings.Split(grant, "/")
	if len(above) > len(below) {
		return false
	}
	for i := range above {
		if above[i] != below[i] && above[i] != "*" {
			return false
		}
	}
	return true
}
