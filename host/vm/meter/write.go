package meter

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// write makes the rewritten module.
func (m *module) write() {
	m.boundTables()
	if m.err != nil {
		return
	}
	w := m.newWriter()
	m.divideData()
	if m.err != nil {
		return
	}
	out := append(make([]byte, 0, len(m.code)+len(m.code)/8+256), m.code[:8]...)
	globals, exports := false, false
	section := func(id byte, content []byte) {
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(content)))
		out = append(out, content...)
	}
	// before makes the sections that a module does not have, where they belong.
	before := func(place int) {
		if !globals && place > order[sectionGlobal] {
			globals = true
			section(sectionGlobal, m.appendGlobals(nil, 0, nil))
		}
		if !exports && place > order[sectionExport] {
			exports = true
			section(sectionExport, m.appendExports(nil, 0, nil))
		}
	}
	for _, s := range m.sections {
		if s.id == sectionCustom {
			out = m.appendCustom(out, s)
			continue
		}
		before(order[s.id])
		r := reader{code: m.code, pos: s.content, end: s.end}
		switch s.id {
		case sectionGlobal:
			globals = true
			n := r.u32()
			section(s.id, m.appendGlobals(nil, n, m.code[r.pos:s.end]))
		case sectionExport:
			exports = true
			n := r.u32()
			section(s.id, m.appendExports(nil, n, m.code[r.pos:s.end]))
		case sectionType, sectionFunction:
			if !m.adds() {
				out = append(out, m.code[s.begin:s.end]...)
				continue
			}
			if s.id == sectionType {
				section(s.id, m.appendTypes(r.u32(), m.code[r.pos:s.end]))
			} else {
				section(s.id, m.appendFunctions(r.u32(), m.code[r.pos:s.end]))
			}
		case sectionMemory:
			out = append(out, m.appendMemory(s)...)
		case sectionDataCount, sectionData:
			if len(m.large) == 0 {
				out = append(out, m.code[s.begin:s.end]...)
				continue
			}
			section(s.id, m.appendData(nil, s))
		case sectionTable:
			section(s.id, m.appendTables(nil, s))
		case sectionCode:
			content := w.writeFunctions(len(out))
			if m.err != nil {
				return
			}
			section(s.id, content)
		default:
			out = append(out, m.code[s.begin:s.end]...)
		}
	}
	before(len(order))
	m.result.Code = out
	m.result.Instance = m.counted()
	m.result.Complexity = m.complexity
	m.result.Added = uint32(m.pause())
	if !m.elusive && len(m.mutable) <= maxState {
		m.result.StateInMemory = true
		for i := range m.mutable {
			m.result.State = append(m.result.State, stateName(i))
		}
	}
}

// counted is what an instance of the module that was written consists of.
func (m *module) counted() Instance {
	counts := m.counts
	const added = 2 // fuel and stack
	counts.Imports = uint32(len(m.imported))
	counts.Globals = m.globals + added + uint32(len(m.constants))
	counts.References = m.elements
	for _, t := range m.tables {
		if m.grows {
			counts.Slots += t.most
		} else {
			counts.Slots += t.least
		}
	}
	return counts
}

// stateName is what the module's ith mutable global is exported as.
func stateName(i int) string { return statePrefix + strconv.Itoa(i) }

// appendTypes adds the types of the functions that are added: the one that pauses takes and
// gives nothing, helpers take and give lengths.
func (m *module) appendTypes(n uint32, old []byte) []byte {
	added := [][]byte{{0x60, 0, 0}}
	if len(m.added) > 0 {
		added = append(added, []byte{0x60, 3, typeI32, typeI32, typeI32, 1, typeI32})
	}
	out := binary.AppendUvarint(nil, uint64(n)+uint64(len(added)))
	out = append(out, old...)
	return append(out, slices.Concat(added...)...)
}

func (m *module) appendFunctions(n uint32, old []byte) []byte {
	pausing := uint64(len(m.shapes))
	out := binary.AppendUvarint(nil, uint64(n)+1+uint64(len(m.added)))
	out = append(out, old...)
	out = binary.AppendUvarint(out, pausing)
	for range m.added {
		out = binary.AppendUvarint(out, pausing+1)
	}
	return out
}

func (m *module) appendGlobals(out []byte, n uint32, old []byte) []byte {
	out = binary.AppendUvarint(out, uint64(n)+2+uint64(len(m.constants)))
	out = append(out, old...)
	for _, value := range []int64{m.options.Fuel, m.options.Stack} {
		out = append(out, typeI64, 1, opI64Const)
		out = appendSigned(out, value)
		out = append(out, opEnd)
	}
	for _, function := range m.constants {
		out = append(out, typeFuncref, 0, opRefFunc)
		out = binary.AppendUvarint(out, uint64(function))
		out = append(out, opEnd)
	}
	return out
}

func (m *module) appendExports(out []byte, n uint32, old []byte) []byte {
	state := m.mutable
	if len(state) > maxState {
		state = nil
	}
	out = binary.AppendUvarint(out, uint64(n)+2+uint64(len(state)))
	out = append(out, old...)
	export := func(name string, global uint64) {
		out = binary.AppendUvarint(out, uint64(len(name)))
		out = append(out, name...)
		out = append(out, kindGlobal)
		out = binary.AppendUvarint(out, global)
	}
	export(FuelGlobal, uint64(m.globals))
	export(StackGlobal, uint64(m.globals)+1)
	for i, global := range state {
		export(stateName(i), uint64(global))
	}
	return out
}

// appendMemory is the memory section, without a maximum where guests are to pause.
func (m *module) appendMemory(s section) []byte {
	same := m.code[s.begin:s.end]
	r := reader{code: m.code, pos: s.content, end: s.end}
	if !m.options.Pauses || !m.adds() || r.u32() != 1 || r.pos == s.end || m.code[r.pos] > 1 {
		return same // or shared, which is for the compiler to refuse
	}
	least, most, bounded := r.limits()
	const mostPages = 1 << 16
	if r.err != nil || r.pos != s.end || least > mostPages || bounded && (most < least || most > mostPages) {
		return same // so is this
	}
	m.result.Pauses, m.result.MaxPages, m.result.Bounded = true, most, bounded
	content := binary.AppendUvarint([]byte{1, 0}, uint64(least))
	return append(binary.AppendUvarint([]byte{sectionMemory}, uint64(len(content))), content...)
}

// boundTables gives each table the most elements that it may grow to, so that
// all together keep to the limit.
func (m *module) boundTables() {
	limit := uint64(m.options.TableElements)
	have := uint64(0)
	for _, t := range m.tables {
		have += uint64(t.least)
	}
	if have > limit {
		m.err = &LimitError{What: "elements in tables", Have: have, Limit: limit}
		return
	}
	for i := range m.tables {
		t := &m.tables[i]
		most := t.least + uint32((limit-have)/uint64(len(m.tables)))
		if !t.bounded || t.most > most {
			t.bounded, t.most = true, most
		}
	}
}

func (m *module) appendTables(out []byte, s section) []byte {
	from := s.content
	for _, t := range m.tables {
		out = append(out, m.code[from:t.limits.begin]...)
		out = append(out, m.code[t.limits.begin]|1)
		out = binary.AppendUvarint(out, uint64(t.least))
		out = binary.AppendUvarint(out, uint64(t.most))
		from = t.limits.end
	}
	return append(out, m.code[from:s.end]...)
}

// appendSigned writes a signed number.
func appendSigned(out []byte, value int64) []byte {
	for value < -64 || value > 63 {
		out = append(out, byte(value)|0x80)
		value >>= 7
	}
	return append(out, byte(value)&0x7f)
}
