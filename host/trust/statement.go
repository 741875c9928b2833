package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// A Statement is what a signature says of a module.
type Statement struct {
	// Name is what the module is: the name of a filter, as a rule.
	Name    string
	Version Version
	// Digest is the SHA-256 of the module's bytes.
	Digest [sha256.Size]byte
	// Key is the id of the key that signed it. It is no part of the comment.
	Key string
}

// statementMark begins the trusted comment, so that a signature that was made for
// something else is never taken for one of ours.
const statementMark = "sluice"

var statementName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// CheckName tells why a module cannot have the name; nil when it can.
func CheckName(name string) error {
	if !statementName.MatchString(name) {
		return fmt.Errorf("%q is not a module's name: names have letters, digits, _ . and -, begin with a letter or digit, and have at most 64 characters", name)
	}
	return nil
}

// String is the statement as a trusted comment.
func (s Statement) String() string {
	return fmt.Sprintf("%s name=%s version=%s sha256=%x", statementMark, s.Name, s.Version, s.Digest)
}

// parseStatement reads a trusted comment. It is strict: each of the three facts
// once and nothing else, so that two readers of one comment cannot differ.
func parseStatement(comment string) (Statement, error) {
	var s Statement
	words := strings.Split(comment, " ")
	if words[0] != statementMark {
		return s, fmt.Errorf("its trusted comment does not begin with %q", statementMark)
	}
	seen := make(map[string]bool)
	for _, word := range words[1:] {
		key, text, ok := strings.Cut(word, "=")
		if !ok || seen[key] {
			return s, fmt.Errorf("its trusted comment has %q where name=, version= and sha256= are expected, each once and a space between", word)
		}
		seen[key] = true
		var err error
		switch key {
		case "name":
			s.Name, err = text, CheckName(text)
		case "version":
			s.Version, err = ParseVersion(text)
		case "sha256":
			s.Digest, err = ParseDigest(text)
		default:
			err = fmt.Errorf("it says %s=, which is not known here", key)
		}
		if err != nil {
			return s, fmt.Errorf("its trusted comment: %w", err)
		}
	}
	for _, key := range []string{"name", "version", "sha256"} {
		if !seen[key] {
			return s, fmt.Errorf("its trusted comment says no %s=", key)
		}
	}
	return s, nil
}

// ParseDigest reads a SHA-256 digest in hex, with or without "sha256:" before it.
func ParseDigest(text string) (digest [sha256.Size]byte, err error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "sha256:"))
	if err != nil || len(raw) != sha256.Size {
		return digest, fmt.Errorf("%.80q is not a SHA-256 digest: write its %d hexadecimal digits", text, 2*sha256.Size)
	}
	return [sha256.Size]byte(raw), nil
}
