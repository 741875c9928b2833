package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// plainNumber is a number of YAML 1.2's core schema in its decimal forms.
var plainNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// isPlainNumber reports whether an unquoted text is a number. 0888 counts: it
// looks like one, and number is refused for its leading zero where it is read.
func isPlainNumber(text string) bool { return plainNumber.MatchString(text) }

// parseBytes reads a size: an integer of bytes, or a number with one of the
// units B, KiB, MiB, GiB (powers of 1024) and kB, MB, GB (powers of 1000).
func parseBytes(text string) (int64, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := text[len(number):]
	number = strings.TrimSpace(number)
	factor, known := map[string]int64{
		"": 1, "B": 1,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
		"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
	}[unit]
	if !known {
		switch strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(unit), "b"), "i")) {
		case "k", "m", "g":
			return 0, fmt.Errorf("%q has no unit of size; write %s%siB", text, number, strings.ToUpper(unit[:1]))
		}
		return 0, fmt.Errorf("%q is not a size; write bytes, or a number with KiB, MiB or GiB, as in 16MiB", text)
	}
	n, err := strconv.ParseFloat(number, 64)
	size := n * float64(factor)
	if err != nil || math.IsNaN(n) || size != math.Trunc(size) || strings.ContainsAny(number, "xXpP_") {
		return 0, fmt.Errorf("%q is not a size; write bytes, or a number with KiB, MiB or GiB, as in 16MiB", text)
	}
	if size < 0 || size > 1<<52 {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return int64(size), nil
}

// formatBytes writes a size the way parseBytes reads it, in the largest unit
// that leaves no fraction.
func formatBytes(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n != 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseDuration reads a Go duration, which has a unit: 200ms, 30s, 1m30s. A
// bare 0 needs none.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if isPlainNumber(text) {
		return 0, fmt.Errorf("%q has no unit of time; write %ss or %sms", text, text, text)
	}
	return 0, fmt.Errorf("%q is not a duration; write a number with its unit, as in 200ms, 30s or 1m30s", text)
}

// formatDuration writes a duration without the zero units that Go appends.
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// parseMode reads a file's permission: octal digits, as chmod takes them.
func parseMode(text string) (fs.FileMode, error) {
	digits := strings.TrimPrefix(text, "0o")
	n, err := strconv.ParseUint(digits, 8, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not an octal mode; write it as chmod takes it, as in 0660", text)
	}
	if n == 0 {
		return 0, errors.New("a socket of mode 0 would be for nobody; the default is 0660")
	}
	if n > 0o777 {
		return 0, fmt.Errorf("the mode %s has bits beyond 0777", text)
	}
	return fs.FileMode(n), nil
}

// jsonNumber returns a YAML number as JSON, digit by digit where JSON can say
// it. Spellings whose value depends on the reader are refused.
func jsonNumber(text string) (string, error) {
	sign, digits := "", text
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = "-", digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	}
	lower := strings.ToLower(digits)
	switch {
	case lower == ".inf" || lower == ".nan":
		return "", fmt.Errorf("%s has no form in JSON", text)
	case strings.Contains(digits, "_"):
		return "", fmt.Errorf("%s is a number in some versions of YAML and a text in others; drop the _ or quote it", text)
	case strings.HasPrefix(lower, "0x"), strings.HasPrefix(lower, "0o"), strings.HasPrefix(lower, "0b"):
		n, err := strconv.ParseUint(lower, 0, 64)
		if err != nil {
			return "", fmt.Errorf("%s does not fit into 64 bits", text)
		}
		return sign + strconv.FormatUint(n, 10), nil
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9':
		return "", fmt.Errorf("%s is octal in some versions of YAML and decimal in others; write 0o%s, or quote it", text, strings.TrimLeft(digits, "0"))
	case !isPlainNumber(digits):
		return "", errors.New(text + " is not a number")
	}
	// JSON wants digits on both sides of the point.
	if digits[0] == '.' {
		digits = "0" + digits
	}
	if at := strings.Index(digits, "."); at >= 0 && (at+1 == len(digits) || digits[at+1] == 'e' || digits[at+1] == 'E') {
		digits = digits[:at] + digits[at+1:]
	}
	return sign + digits, nil
}
