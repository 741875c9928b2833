package dockerjson

import "slices"

// edit replaces text[start:end].
type edit struct {
	start, end int32
	text       string
}

// Replace puts json, a whole JSON value, in the place of this one. Replacing an absent value is refused.
func (v Value) Replace(json string) {
	if v.absent() {
		v.refuse("is not there, so it cannot be replaced")
		return
	}
	n := v.node()
	v.doc.edits = append(v.doc.edits, edit{n.start, n.end, json})
}

// Insert adds a member at the end of an object. The caller has made sure that there is none of that name yet. Inserting
// into anything but an object is refused.
func (v Value) Insert(key, json string) {
	if v.Kind() != Object {
		v.refuse("is " + v.Kind().String() + ", so the member " + key + " cannot be added")
		return
	}
	n := v.node()
	text := Quote(key) + ":" + json
	if n.count > 0 || n.inserted {
		text = "," + text
	}
	n.inserted = true
	v.doc.edits = append(v.doc.edits, edit{n.end - 1, n.end - 1, text})
}

// Set gives an object's member a value: the one with exactly this name, or a new one. Setting a member of anything but an
// object is refused.
func (v Value) Set(key, json string) {
	if old := v.Member(key); old.Kind() != Absent {
		old.Replace(json)
		return
	}
	v.Insert(key, json)
}

// Modified tells whether an edit was made.
func (d *Document) Modified() bool { return len(d.edits) > 0 }

// Bytes returns the text with all edits. When two edits touch the same bytes the document is refused (see
// [Document.Err]) and the original text is returned.
func (d *Document) Bytes() []byte {
	if len(d.edits) == 0 {
		return d.text
	}
	// Stable: insertions at one place stay in the order in which they were made.
	slices.SortStableFunc(d.edits, func(a, b edit) int { return int(a.start) - int(b.start) })
	size := len(d.text)
	at := int32(0)
	for _, e := range d.edits {
		if e.start < at {
			d.Root().refuse("two edits of the same value")
			return d.text
		}
		at = e.end
		size += len(e.text) - int(e.end-e.start)
	}
	out := make([]byte, 0, size)
	at = 0
	for _, e := range d.edits {
		out = append(out, d.text[at:e.start]...)
		out = append(out, e.text...)
		at = e.end
	}
	return append(out, d.text[at:]...)
}
