package abi

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Limits on a serialized map from a guest. They are those of the C++ host.
const (
	MaxMapBytes = 1 << 20 // bytes of a serialized map
	MaxPairs    = 1024    // pairs in it
)

// Pair is one field of a header map, or one entry of another list of pairs.
// Both strings may hold any bytes.
type Pair struct{ Key, Value string }

var (
	errMapTooLarge  = errors.New("serialized map is longer than 1 MiB")
	errTooManyPairs = errors.New("serialized map has more than 1024 pairs")
	errMapShort     = errors.New("serialized map ends early")
	errMapLong      = errors.New("serialized map has bytes after its end")
	errMapNUL       = errors.New("serialized map misses a NUL after a key or value")
)

// pairsSize is the length of what AppendPairs appends.
func pairsSize(pairs []Pair) int {
	if len(pairs) == 0 {
		return 0
	}
	size := 4
	for i := range pairs {
		size += pairSize(pairs[i].Key, pairs[i].Value)
	}
	return size
}

// pairSize is what one pair costs: two lengths, and two strings with their NUL.
func pairSize(key, value string) int { return 8 + len(key) + 1 + len(value) + 1 }

// AppendPairs appends the serialized form of pairs to dst: the number of pairs,
// the lengths of every key and value (all as little-endian uint32), then every
// key and value, each followed by a NUL.
//
// No pairs give no bytes. The specification also allows a single zero byte, but
// SDKs for Go and Rust crash on that.
func AppendPairs(dst []byte, pairs []Pair) []byte {
	if len(pairs) == 0 {
		return dst
	}
	dst = slices.Grow(dst, pairsSize(pairs))
	dst = appendLengths(dst, pairs)
	for i := range pairs {
		dst = append(dst, pairs[i].Key...)
		dst = append(dst, 0)
		dst = append(dst, pairs[i].Value...)
		dst = append(dst, 0)
	}
	return dst
}

func appendLengths(dst []byte, pairs []Pair) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(pairs)))
	for i := range pairs {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(pairs[i].Key)))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(pairs[i].Value)))
	}
	return dst
}

// ParsePairs reads a serialized map that a guest wrote. The result shares no
// memory with data. An empty map may be no bytes, one zero byte or a count of
// zero. Everything else must be exactly what AppendPairs writes, within
// MaxMapBytes and MaxPairs.
func ParsePairs(data []byte) ([]Pair, error) {
	switch {
	case len(data) == 0, len(data) == 1 && data[0] == 0:
		return nil, nil
	case len(data) > MaxMapBytes:
		return nil, errMapTooLarge
	case len(data) < 4:
		return nil, errMapShort
	}
	count := binary.LittleEndian.Uint32(data)
	if count > MaxPairs {
		return nil, errTooManyPairs
	}
	lengths := data[4:]
	if len(lengths) < int(count)*8 {
		return nil, errMapShort
	}
	// One string holds every key and value; the pairs are parts of it.
	text := string(lengths[count*8:])
	lengths = lengths[:count*8]
	if count == 0 {
		if text != "" {
			return nil, errMapLong
		}
		return nil, nil
	}
	pairs := make([]Pair, count)
	for i := range pairs {
		var err error
		if pairs[i].Key, text, err = cut(text, binary.LittleEndian.Uint32(lengths[i*8:])); err != nil {
			return nil, err
		}
		if pairs[i].Value, text, err = cut(text, binary.LittleEndian.Uint32(lengths[i*8+4:])); err != nil {
			return nil, err
		}
	}
	if text != "" {
		return nil, errMapLong
	}
	return pairs, nil
}

// cut takes a string of the given length and its NUL off the front of text.
func cut(text string, length uint32) (head, tail string, err error) {
	// The guest chose the length: it is compared before anything is added to it.
	if uint64(length) >= uint64(len(text)) {
		return "", "", errMapShort
	}
	if text[length] != 0 {
		return "", "", errMapNUL
	}
	return text[:length], text[length+1:], nil
}
