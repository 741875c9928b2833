package abi

import "errors"

// MaxPathBytes bounds the path of a property, in bytes.
const MaxPathBytes = 64 << 10

var (
	errPathEmpty   = errors.New("property path is empty")
	errPathSegment = errors.New("property path has an empty segment")
	errPathLong    = errors.New("property path is longer than 64 KiB")
)

// AppendPath appends the path of a property to dst: its segments with a NUL
// between them.
func AppendPath(dst []byte, segments ...string) []byte {
	for i, segment := range segments {
		if i > 0 {
			dst = append(dst, 0)
		}
		dst = append(dst, segment...)
	}
	return dst
}

// SplitPath returns the segments of a property's path. The segments are parts
// of path. The specification leaves the form open; this is what the SDKs write,
// and a NUL at the end, which some other hosts' guests write, is ignored. An
// empty path or segment is an error.
func SplitPath(path string) ([]string, error) {
	if len(path) > MaxPathBytes {
		return nil, errPathLong
	}
	if n := len(path); n > 0 && path[n-1] == 0 {
		path = path[:n-1]
	}
	if path == "" {
		return nil, errPathEmpty
	}
	count := 1
	for i := 0; i < len(path); i++ {
		if path[i] == 0 {
			count++
		}
	}
	segments := make([]string, 0, count)
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != 0 {
			continue
		}
		if i == start {
			return nil, errPathSegment
		}
		segments = append(segments, path[start:i])
		start = i + 1
	}
	return segments, nil
}
