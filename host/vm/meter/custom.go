package meter

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// maxName bounds each name of the name section in bytes. Names are written into
// stack traces, thirty of them at a time, and cost their author no fuel.
const maxName = 256

// appendCustom appends a custom section, unless it is of no use after the rewriting.
//
// The compiler takes the name section's numbers at their word, and sets memory aside for
// as many names as it is told of. So it gets a section that is made anew.
func (m *module) appendCustom(out []byte, s section) []byte {
	r := reader{code: m.code, pos: s.content, end: s.end}
	name := string(r.take(r.u32()))
	switch {
	case stale(name):
		return out
	case name != "name":
		return append(out, m.code[s.begin:s.end]...)
	case m.hasNames:
		return out // one is allowed
	}
	m.hasNames = true
	content := append([]byte{byte(len(name))}, name...)
	content = append(content, m.names(&r)...)
	out = binary.AppendUvarint(append(out, sectionCustom), uint64(len(content)))
	return append(out, content...)
}

// stale tells whether a custom section would be wrong after rewriting, because
// it points into functions.
func stale(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, "reloc.") ||
		strings.HasPrefix(name, "metadata.code.") || name == "linking" || name == "sourceMappingURL" || name == "external_debug_info"
}

// names are the names of the module and of its functions, as far as they can be read. Those of
// locals are of no use in a stack trace. What is wrong with the rest is no reason to refuse a module: it names things and
// does nothing.
func (m *module) names(r *reader) []byte {
	const ofModule, ofFunctions = 0, 1
	var out []byte
	for last := -1; r.more(); {
		id := int(r.byte())
		part := reader{code: r.code}
		size := r.u32()
		part.pos = r.pos
		r.take(size)
		part.end = r.pos
		if r.err != nil || id <= last {
			break
		}
		last = id
		var content []byte
		switch id {
		case ofModule:
			if name := part.shortName(); part.err == nil {
				content = appendName(nil, name)
			}
		case ofFunctions:
			content = m.functionNames(&part)
		}
		if len(content) > 0 {
			out = binary.AppendUvarint(append(out, byte(id)), uint64(len(content)))
			out = append(out, content...)
		}
	}
	return out
}

// functionNames are the names of functions that there are, in the order of their indices.
func (m *module) functionNames(r *reader) []byte {
	var out []byte
	count, next := uint64(0), uint64(0)
	for n := r.count(); n > 0 && r.err == nil; n-- {
		index := uint64(r.u32())
		name := r.shortName()
		if r.err != nil || index < next || index >= m.pause() {
			break
		}
		next = index + 1
		count++
		out = appendName(binary.AppendUvarint(out, index), name)
	}
	return append(binary.AppendUvarint(nil, count), out...)
}

// shortName reads a name, and returns as much of it as is kept.
func (r *reader) shortName() []byte {
	name := r.take(r.u32())
	if len(name) > maxName {
		name = name[:maxName]
		for len(name) > 0 && !utf8.Valid(name) && len(name) > maxName-utf8.UTFMax {
			name = name[:len(name)-1]
		}
	}
	if !utf8.Valid(name) {
		r.fail(r.pos, "a name is not UTF-8")
		return nil
	}
	return name
}

func appendName(out, name []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(name))), name...)
}
