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
	if i := m.index(key, 0); i >= 0 {
		key = m.pairs[i].Key
	}
	m.append(key, value)
}

func (m *HeaderMap) append(key, value string) {
	m.pairs = append(m.pairs, Pair{key, value})
	m.size += pairSize(key, value)
	m.change()
}

// Replace gives a key one value: the first field of that key changes in place,
// further ones are removed, and a missing one is added at the end.
func (m *HeaderMap) Replace(key, value string) {
	first := m.index(key, 0)
	if first < 0 {
		m.append(key, value)
		return
	}
	more := m.removeFrom(first+1, key)
	old := m.pairs[first].Value
	if !more && old == value {
		return
	}
	m.size += len(value) - len(old)
	m.pairs[first].Value = value
	m.change()
}

// CanAdd tells whether the map stays within MaxPairs and MaxMapBytes when a field
// is added to it.
func (m *HeaderMap) CanAdd(key, value string) bool {
	return len(m.pairs) < MaxPairs && m.canBe(4+m.size+pairSize(key, value))
}

// CanReplace tells whether the map stays within MaxPairs and MaxMapBytes when a
// key is given one value. A map that is beyond them, since its peer was, may
// become smaller.
func (m *HeaderMap) CanReplace(key, value string) bool {
	if m.CanAdd(key, value) {
		return true // whether the key is there or not: most maps are small
	}
	size, found := 4+m.size, false
	for i := range m.pairs {
		if !EqualFold(m.pairs[i].Key, key) {
			continue
		}
		if found {
			size -= pairSize(key, m.pairs[i].Value)
		} else {
			size += len(value) - len(m.pairs[i].Value)
		}
		found = true
	}
	return found && m.canBe(size)
}

func (m *HeaderMap) canBe(size int) bool {
	return size <= MaxMapBytes || size <= m.ByteSize()
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
	// Both lists come from strangers: each key is looked at once.
	spellings := make(map[string]string, len(m.pairs))
	for i := range m.pairs {
		name := lowerKey(m.pairs[i].Key)
		if _, known := spellings[name]; !known {
			spellings[name] = m.pairs[i].Key
		}
	}
	for i := range pairs {
		if spelling, known := spellings[lowerKey(pairs[i].Key)]; known {
			pairs[i].Key = spelling
		}
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

// lowerKey is a key in lower case: itself, where it is.
func lowerKey(key string) string {
	for i := 0; i < len(key); i++ {
		if lower(key[i]) != key[i] {
			return string(appendLower(make([]byte, 0, len(key)), key))
		}
	}
	return key
}

func appendLower(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		dst[i] = lower(dst[i])
	}
	return dst
}
