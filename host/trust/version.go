package trust

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is MAJOR.MINOR.PATCH. There are no pre-releases: what is signed for
// use is a release.
type Version [3]uint32

// ParseVersion reads a version. Numbers are written without leading zeros, so
// that a version has one spelling.
func ParseVersion(text string) (Version, error) {
	var v Version
	parts := strings.Split(text, ".")
	ok := len(parts) == len(v)
	for i := 0; ok && i < len(v); i++ {
		n, err := strconv.ParseUint(parts[i], 10, 32)
		v[i] = uint32(n)
		ok = err == nil && strconv.FormatUint(n, 10) == parts[i]
	}
	if !ok {
		return Version{}, fmt.Errorf("%.40q is not a version: write MAJOR.MINOR.PATCH, as in 1.2.0", text)
	}
	return v, nil
}

// String is MAJOR.MINOR.PATCH.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Compare is negative when v is older than other, and positive when newer.
func (v Version) Compare(other Version) int {
	return cmp.Or(cmp.Compare(v[0], other[0]), cmp.Compare(v[1], other[1]), cmp.Compare(v[2], other[2]))
}
