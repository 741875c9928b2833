package abi

// HeaderMap is a list of header fields: ordered, multi-valued, with keys that
// are looked up without regard to case. Keys keep the spelling they arrived
// with; guests are shown them in lower case. The zero value is an empty map.
//
// A HeaderMap is not safe for concurrent use.
type HeaderMap struct {
	pairs    []Pair
	size     int    // of the pairs, without the leading count
	encoded  []byte // the serialized form, when fresh
	fresh    bool
	modified bool
}

// NewHeaderMap returns a map of the given fields and takes the slice over.
func NewHeaderMap(pairs []Pair) *HeaderMap {
	m := new(HeaderMap)
	m.Reset(pairs)
	return m
}

// Reset makes the map hold the given fields, unmodified. It takes the slice
// over, which may be one that Pairs returned.
func (m *HeaderMap) Reset(pairs []Pair) {
	m.set(pairs)
	m.modified = false
}

func (m *HeaderMap) set(pairs []Pair) {
	m.pairs = pairs
	m.size = 0
	for i := range pairs {
		m.size += pairSize(pairs[i].Key, pairs[i].Value)
	}
	m.fresh = false
}

// Pairs returns the fields in order, in their original spelling. The slice
// belongs to the map and is valid until the next change.
func (m *HeaderMap) Pairs() []Pair { return m.pairs }

// Len is the number of fields.
func (m *HeaderMap) Len() int { return len(m.pairs) }

// Modified tells whether any method changed the fields since Reset.
func (m *HeaderMap) Modified() bool { return m.modified }

// Get returns the first value of a key.
func (m *HeaderMap) Get(key string) (value string, ok bool) {
	if i := m.index(key, 0); i >= 0 {
		return m.pairs[i].Value, true
	}
	return "", false
}

// Values returns every value of a key, in order.
func (m *HeaderMap) Values(key string) []string {
	var values []string
	for i := m.index(key, 0); i >= 0; i = m.index(key, i+1) {
		values = append(values, m.pairs[i].Value)
	}
	return values
}

// Add appends a field. It is spelled like the first field of the same key, if
// there is one: guests write keys in lower case, and the peer should see one
// spelling.
func (m *HeaderMap) Add(key, value string) {
	m.pairs = append(m.pairs, Pair{m.spelling(m.pairs, key), value})
	m.size += pairSize(key, value)
	m.change()
}

// Replace gives a key one value: the first field of that key changes in place,
// further ones are removed, and a missing one is added at the end.
func (m *HeaderMap) Replace(key, value string) {
	first := m.index(key, 0)
	if first < 0 {
		m.Add(key, value)
		return
	}
	if m.index(key, first+1) < 0 && m.pairs[first].Value == value {
		return
	}
	m.size += len(value) - len(m.pairs[first].Value)
	m.pairs[first].Value = value
	m.removeFrom(first+1, key)
	m.change()
}

// Remove removes every field of a key.
func (m *HeaderMap) Remove(key string) {
	if m.removeFrom(0, key) {
		m.change()
	}
}

// SetPairs replaces every field, the way proxy_set_header_map_pairs does: the
// map takes pairs over, but a key that was there before keeps its original
// spelling.
func (m *HeaderMap) SetPairs(pairs []Pair) {
	for i := range pairs {
		pairs[i].Key = m.spelling(m.pairs, pairs[i].Key)
	}
	m.set(pairs)
	m.change()
}

// ByteSize is the length of the serialized form in bytes; 0 for an empty map.
func (m *HeaderMap) ByteSize() int {
	if len(m.pairs) == 0 {
		return 0
	}
	return 4 + m.size
}

// AppendEncoded appends the serialized form, with keys in lower case, to dst.
func (m *HeaderMap) AppendEncoded(dst []byte) []byte { return append(dst, m.Encoded()...) }

// Encoded is the serialized form with keys in lower case; no bytes for an empty
// map. It is kept until the next change, belongs to the map, and must not be
// written to.
func (m *HeaderMap) Encoded() []byte {
	if m.fresh {
		return m.encoded
	}
	m.fresh = true
	m.encoded = m.encoded[:0]
	if len(m.pairs) == 0 {
		return m.encoded
	}
	m.encoded = appendLengths(m.encoded, m.pairs)
	for i := range m.pairs {
		m.encoded = appendLower(m.encoded, m.pairs[i].Key)
		m.encoded = append(m.encoded, 0)
		m.encoded = append(m.encoded, m.pairs[i].Value...)
		m.encoded = append(m.encoded, 0)
	}
	return m.encoded
}

func (m *HeaderMap) change() {
	m.fresh = false
	m.modified = true
}

// index finds the first field of a key at or after the given place, or -1.
func (m *HeaderMap) index(key string, from int) int {
	for i := from; i < len(m.pairs); i++ {
		if EqualFold(m.pairs[i].Key, key) {
			return i
		}
	}
	return -1
}

// removeFrom removes the fields of a key at or after the given place and tells
// whether there were any.
func (m *HeaderMap) removeFrom(from int, key string) bool {
	first := m.index(key, from)
	if first < 0 {
		return false
	}
	kept := m.pairs[:first]
	for _, pair := range m.pairs[first:] {
		if EqualFold(pair.Key, key) {
			m.size -= pairSize(pair.Key, pair.Value)
			continue
		}
		kept = append(kept, pair)
	}
	clear(m.pairs[len(kept):]) // let go of the strings
	m.pairs = kept
	return true
}

// spelling is how a key is written among pairs, or else the key itself.
func (m *HeaderMap) spelling(pairs []Pair, key string) string {
	for i := range pairs {
		if EqualFold(pairs[i].Key, key) {
			return pairs[i].Key
		}
	}
	return key
}

// EqualFold tells whether two field names are the same but for the case of
// ASCII letters. Other letters have no case in a header.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func appendLower(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		dst[i] = lower(dst[i])
	}
	return dst
}
