package dockerapi

// The parameter filters has two forms, which engines take for the same: {"label":{"a=b":true}}, in which the booleans are
// not looked at, and the older {"label":["a=b"]}. They try the first, and where that does not fit, the second. A filter
// gets, and forwards, the first with true throughout.

// canonicalFilters rewrites filters, which is a canonical JSON object. What fits neither form is left for the engine to
// refuse. changed tells whether that made a difference.
func canonicalFilters(in []byte, maxKeys int) (out []byte, changed bool, f *fault) {
	r := filtersReader{cursor: cursor{in: in}, maxKeys: maxKeys}
	if !r.read() {
		return in, false, r.fault
	}
	if !r.changed {
		return in, false, nil
	}
	return append(r.out, in[r.copied:]...), true, nil
}

// filtersReader walks over an object of objects or arrays. What it reads has been found well-formed before.
type filtersReader struct {
	cursor
	maxKeys int
	out     []byte // the rewritten object up to in[copied]
	copied  int
	changed bool
	lists   bool // in the older form; decided by the first value that is no null
	decided bool
	fault   *fault
}

// read returns false where the object fits neither form, or has too many keys.
func (r *filtersReader) read() bool {
	r.skipSpace()
	if r.peek() != '{' {
		return false
	}
	r.pos++
	for r.more('}') {
		r.key()
		c := r.peek()
		if c == 'n' {
			r.pos += len("null")
			continue
		}
		if !r.decided {
			r.decided, r.lists = true, c == '['
		}
		switch {
		case c == '[' && r.lists:
			if !r.list() {
				return false
			}
		case c == '{' && !r.lists:
			if !r.object() {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// list rewrites ["a","b"] to {"a":true,"b":true}.
func (r *filtersReader) list() bool {
	start := r.pos
	r.pos++
	out := append(r.out, r.in[r.copied:start]...)
	out = append(out, '{')
	seen := map[string]bool{}
	for r.more(']') {
		var value []byte
		switch r.peek() {
		case '"':
			value = appendText(nil, r.string())
		case 'n': // null is "" in an array of strings
			r.pos += len("null")
		default:
			return false
		}
		if seen[string(value)] {
			continue
		}
		if len(seen) > 0 {
			out = append(out, ',')
		}
		seen[string(value)] = true
		if len(seen) > r.maxKeys {
			r.fault = &fault{offset: r.pos, why: "there are too many values"}
			return false
		}
		out = appendQuoted(out, value)
		out = append(out, ":true"...)
	}
	r.out, r.copied, r.changed = append(out, '}'), r.pos, true
	return true
}

// object puts true in the place of every false and null.
func (r *filtersReader) object() bool {
	r.pos++
	for r.more('}') {
		r.key()
		switch r.peek() {
		case 't':
			r.pos += len("true")
			continue
		case 'f', 'n':
		default:
			return false
		}
		r.out = append(append(r.out, r.in[r.copied:r.pos]...), "true"...)
		if r.peek() == 'f' {
			r.pos++
		}
		r.pos += len("null")
		r.copied, r.changed = r.pos, true
	}
	return true
}
