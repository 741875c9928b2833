package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar reports whether v is a scalar of the wanted kind. Variables and flags
// have texts only, so a text of theirs may be anything.
func (l *loader) scalar(v *value, path string, want kind) bool {
	switch {
	case v.kind == kindNull:
		l.fail(v.pos, path+" has no value", "give one or remove the key")
		return false
	case v.kind == want, v.loose, want == kindString && v.kind == kindNumber:
	default:
		l.failf(v, "%s is %s, not %s", path, want, v.kind)
		return false
	}
	if strings.TrimSpace(v.text) == "" {
		hint := "give a value or remove the key"
		if v.loose {
			hint = "give a value or unset it"
		}
		l.fail(v.pos, path+" is empty", hint)
		return false
	}
	return true
}

func (l *loader) text(v *value, path string) (string, bool) {
	if !l.scalar(v, path, kindString) {
		return "", false
	}
	if strings.ContainsRune(v.text, 0) {
		l.failf(v, "%s contains a NUL character", path)
		return "", false
	}
	return v.text, true
}

func (l *loader) word(v *value, path string, words ...string) string {
	text, ok := l.text(v, path)
	if ok && !slices.Contains(words, text) {
		l.fail(v.pos, fmt.Sprintf("%s is %s, not %q", path, orList(words), text), "")
	}
	return text
}

func (l *loader) boolean(v *value, path string) bool {
	if !l.scalar(v, path, kindBool) {
		return false
	}
	if v.text != "true" && v.text != "false" {
		l.failf(v, "%s is true or false, not %q", path, v.text)
	}
	return v.text == "true"
}

func (l *loader) integer(v *value, path string, least, most int) int {
	if !l.scalar(v, path, kindNumber) {
		return 0
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < least || n > most {
		l.failf(v, "%s is a whole number from %d to %d, not %s", path, least, most, v.text)
	}
	return n
}

func (l *loader) bytes(v *value, path string, least, most int64) int64 {
	if !l.scalar(v, path, kindString) {
		return 0
	}
	n, err := parseBytes(v.text)
	if err != nil {
		l.failf(v, "%s: %s", path, err)
		return 0
	}
	if n < least || n > most {
		l.failf(v, "%s is between %s and %s, not %s", path, formatBytes(least), formatBytes(most), v.text)
	}
	return n
}

func (l *loader) duration(v *value, path string, least, most time.Duration) time.Duration {
	if !l.scalar(v, path, kindString) {
		return 0
	}
	d, err := parseDuration(v.text)
	if err != nil {
		l.failf(v, "%s: %s", path, err)
		return 0
	}
	if d < least || d > most {
		l.failf(v, "%s is between %s and %s, not %s", path, formatDuration(least), formatDuration(most), v.text)
	}
	return d
}

// orList writes "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
