package dockerapi

import "strings"

// parseVersion reads the version in front of a decoded path. The engine takes any "/v" followed by digits and dots for one
// and compares the numbers between the dots, so that /v1.041, /v1.41. and /v1.41.0 are all its version 1.41; here they
// become "1.41". end is the length of what stands before the route's own path: 0 when the path has no version.
//
// Which versions are acceptable is not decided here.
func parseVersion(path string) (version string, end int, err error) {
	if len(path) < 3 || path[1] != 'v' {
		return "", 0, nil
	}
	end = 2
	for end < len(path) && (path[end] == '.' || '0' <= path[end] && path[end] <= '9') {
		end++
	}
	if end == 2 || end == len(path) || path[end] != '/' {
		return "", 0, nil
	}
	text := path[2:end]
	major, rest, _ := strings.Cut(text, ".")
	minor, rest, _ := strings.Cut(rest, ".")
	major, okMajor := trimNumber(major)
	minor, okMinor := trimNumber(minor)
	if !okMajor || !okMinor || strings.Trim(rest, ".0") != "" || strings.Contains(rest, "..") || strings.HasPrefix(rest, ".") {
		return "", 0, badRequest("the path has a malformed API version %q; write it as /v1.41/", "v"+text)
	}
	if n := len(major) + 1 + len(minor); len(text) == n && text[:len(major)] == major && text[n-len(minor):] == minor {
		return text, end, nil
	}
	return major + "." + minor, end, nil
}

// trimNumber drops leading zeros from one to four digits.
func trimNumber(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s, len(s) <= 4
}

// CheckVersion refuses a call whose path asks for an API version below lowest, such as "1.24": engines have let older versions do what
// newer ones do not, such as starting a container with other rights than it was created with. A path without a version means the
// engine's newest, and passes. A lowest that is not MAJOR.MINOR refuses every version.
func CheckVersion(call *Call, lowest string) error {
	if call.APIVersion == "" || !olderVersion(call.APIVersion, lowest) {
		return nil
	}
	return badRequest("client version %s is too old: the lowest API version that is accepted here is %s", call.APIVersion, lowest)
}

// AtLeast tells whether an API version, the APIVersion of a Call, is lowest or a newer one. A path without a version has
// none: what it means depends on the engine, and the answer is false.
func AtLeast(version, lowest string) bool { return version != "" && !olderVersion(version, lowest) }

// olderVersion compares MAJOR.MINOR.
func olderVersion(version, lowest string) bool {
	major, minor, _ := strings.Cut(version, ".")
	lowMajor, lowMinor, ok := strings.Cut(lowest, ".")
	if !ok {
		return true
	}
	if n := compareNumbers(major, lowMajor); n != 0 {
		return n < 0
	}
	return compareNumbers(minor, lowMinor) < 0
}

// compareNumbers compares digits without leading zeros.
func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
