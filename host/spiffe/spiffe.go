// Package spiffe reads SPIFFE ids: the names of workloads, as they stand in
// certificates and in configurations.
package spiffe

import (
	"strings"
)

// Bounds of the SPIFFE ID specification (2.3).
const (
	maxID          = 2048
	maxTrustDomain = 255
)

// Valid reports whether a text is a SPIFFE id, spiffe://trust-domain/path, in the
// one spelling that the specification allows: a lower-case trust domain without
// port or user, plain segments, no query, no fragment.
func Valid(id string) bool { return valid(id, false) }

// ValidPattern reports whether a text is a SPIFFE id, or one whose last segment is
// a star, for all ids below.
func ValidPattern(pattern string) bool { return valid(pattern, true) }

func valid(id string, star bool) bool {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	if !ok || len(id) > maxID {
		return false
	}
	domain, path, hasPath := strings.Cut(rest, "/")
	if domain == "" || len(domain) > maxTrustDomain || !all(domain, trustDomainByte) {
		return false
	}
	for hasPath {
		var segment string
		segment, path, hasPath = strings.Cut(path, "/")
		if star && !hasPath && segment == "*" {
			return true
		}
		if segment == "" || segment == "." || segment == ".." || !all(segment, segmentByte) {
			return false
		}
	}
	return true
}

// Match reports whether a valid pattern stands for a valid id.
func Match(pattern, id string) bool {
	if above, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(id) > len(above) && strings.HasPrefix(id, above)
	}
	return pattern == id
}

func all(s string, allowed func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func trustDomainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

func segmentByte(c byte) bool { return trustDomainByte(c) || c >= 'A' && c <= 'Z' }
