package meter

import (
	"bytes"
	"strings"
)

// The sections of a module, by their numbers.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
)

// order is where each section has its place.
var order = [...]int{
	sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5,
	sectionGlobal: 6, sectionExport: 7, sectionStart: 8, sectionElement: 9,
	sectionDataCount: 10, sectionCode: 11, sectionData: 12,
}

// The kinds of imports and exports.
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
)

// module is a module that is being rewritten: what was read of it, and what the
// parts of the rewriting share.
type module struct {
	reader
	options Options
	result  Result

	sections []section
	shapes   []shape  // of types
	imported []uint32 // functions: their types
	types    []uint32 // of each function that is defined here: its type
	globals  uint32   // imported ones included
	mutable  []uint32 // globals that are defined here and are numbers
	elusive  bool     // an instance has state beside its memory and these
	hasNames bool     // the name section was written
	tables   []table  // defined here
	elements uint32   // in element segments
	taken    []uint32 // functions whose address is taken
	// declared are those that ref.func may name, and referred those of them that code
	// names: see refer.
	declared  map[uint32]bool
	referred  map[uint32]uint32
	constants []uint32 // the functions that are referred to, in the order of their globals
	counts    Instance
	large     []largeData // segments of data that are to be divided
	namesData bool        // code names segments of data
	ownMemory bool
	grows     bool     // code grows tables
	bodies    []span   // of functions
	memory    bool     // there is one
	dataSizes []uint32 // of segments
	// added are the helpers, and helpers their numbers in it and one more.
	added   []helper
	helpers map[helper]int32
	// mostNamed is the last function that is named outside of functions, and where.
	mostNamed uint32
	namedAt   int
	// complexity is how much work all functions so far are for the compiler.
	complexity uint64
}

// section is where a section lies: from its number on, and its content.
type section struct {
	id           byte
	begin        int
	content, end int
}

// shape is how many values a function or a block takes and gives.
type shape struct{ params, results uint32 }

func (s shape) effect() int { return int(s.results) - int(s.params) }

// shapeOf is the shape of a type.
func (m *module) shapeOf(at int, index uint64) shape {
	if index >= uint64(len(m.shapes)) {
		m.fail(at, "unknown type %d", index)
		return shape{}
	}
	return m.shapes[index]
}

// functionShape is the shape of a function. One that does not exist is for the
// compiler to refuse.
func (m *module) functionShape(function uint32) shape {
	types, index := m.imported, uint64(function)
	if index >= uint64(len(types)) {
		types, index = m.types, index-uint64(len(types))
	}
	if index >= uint64(len(types)) {
		return shape{}
	}
	return m.shapes[types[index]]
}

// adds tells whether functions are added: the one that pauses, and helpers, where
// there are others that may call them.
func (m *module) adds() bool { return len(m.bodies) > 0 }

// pause is the index of the first function that is added.
func (m *module) pause() uint64 { return uint64(len(m.imported) + len(m.bodies)) }

// named keeps a function's index that something names. What the original does not have
// must not be named: it would be the function that is added. That is checked in the end,
// when it is known how many there are.
func (m *module) named(at int, function uint32) {
	if function >= m.mostNamed {
		m.mostNamed, m.namedAt = function, at
	}
}

// address reads the index of a function whose address is taken.
func (m *module) address() {
	at := m.pos
	function := m.u32()
	m.named(at, function)
	m.declare(function)
	m.taken = append(m.taken, function)
}

// declare notes a function that code may refer to.
func (m *module) declare(function uint32) {
	if m.declared == nil {
		m.declared = make(map[uint32]bool)
	}
	m.declared[function] = true
}

// refer notes that code refers to a function. For each time that a ref.func is carried
// out wazero (1.12) makes something of the host's memory that is kept for as long as the
// instance lives: a loop of them would fill all of it. So each function that is referred
// to is referred to by a global that is added, once an instance.
func (m *module) refer(at int, function uint32) {
	if !m.declared[function] {
		m.fail(at, "function %d is not declared as one that is referred to", function)
		return
	}
	if _, ok := m.referred[function]; ok || m.err != nil {
		return
	}
	if m.referred == nil {
		m.referred = make(map[uint32]uint32)
	}
	n := uint32(len(m.constants))
	if have, limit := uint64(m.globals)+uint64(n)+1, uint64(m.options.Globals); have > limit {
		m.err = &LimitError{What: "globals and functions that are referred to", Have: have, Limit: limit}
		m.pos = m.end
		return
	}
	m.referred[function] = n
	m.constants = append(m.constants, function)
	m.taken = append(m.taken, function)
}

// checkFunction refuses the index of a function that the original does not have.
func (m *module) checkFunction(at int, function uint32) {
	if uint64(function) >= m.pause() {
		m.fail(at, "unknown function %d", function)
	}
}

// span is a part of the code.
type span struct{ begin, end int }

// table is where the limits of a table are, and what they are.
type table struct {
	limits  span
	least   uint32
	most    uint32
	bounded bool
}

// read finds the sections and what has to be known of them.
func (m *module) read() {
	r := &m.reader
	if !bytes.HasPrefix(r.code, []byte("\x00asm\x01\x00\x00\x00")) {
		r.fail(0, "not a WebAssembly module of version 1")
		return
	}
	r.pos = 8
	last := 0
	for r.more() {
		s := section{begin: r.pos}
		s.id = r.byte()
		size := r.u32()
		s.content = r.pos
		r.take(size)
		if r.err != nil {
			return
		}
		s.end = r.pos
		if s.id != sectionCustom {
			if int(s.id) >= len(order) {
				r.fail(s.begin, "unknown section %d: exceptions and other extensions are not supported", s.id)
				return
			}
			if order[s.id] <= last {
				r.fail(s.begin, "section %d is out of order", s.id)
				return
			}
			last = order[s.id]
		}
		m.readSection(&s)
		if r.err != nil {
			return
		}
		m.sections = append(m.sections, s)
	}
	if len(m.types) != len(m.bodies) {
		r.fail(r.pos, "%d functions are declared and %d are defined", len(m.types), len(m.bodies))
	}
	if m.namedAt > 0 {
		m.checkFunction(m.namedAt, m.mostNamed)
	}
}

// readSection reads the content of one section, all of it and not more.
func (m *module) readSection(s *section) {
	r := &m.reader
	whole := r.end
	r.pos, r.end = s.content, s.end
	switch s.id {
	case sectionCustom:
		r.take(r.u32()) // its name
		r.pos = r.end
	case sectionType:
		m.readTypes()
	case sectionImport:
		m.readImports()
	case sectionFunction:
		n := r.within("functions", m.options.Functions, uint32(len(m.imported)))
		for ; n > 0 && r.err == nil; n-- {
			at := r.pos
			index := r.u32()
			m.shapeOf(at, uint64(index))
			m.types = append(m.types, index)
		}
	case sectionTable:
		for n := r.within("tables", m.options.Tables, 0); n > 0 && r.err == nil; n-- {
			m.readTable(true)
		}
	case sectionMemory:
		m.ownMemory = r.u32() > 0
		m.memory = m.memory || m.ownMemory
		r.pos = r.end
	case sectionGlobal:
		n := r.within("globals", m.options.Globals, m.globals)
		for ; n > 0 && r.err == nil; n-- {
			number := isNumber(r.valueType())
			if mutable := r.byte() != 0; mutable && number {
				m.mutable = append(m.mutable, m.globals)
			} else if mutable {
				m.elusive = true
			}
			m.globals++
			m.constant()
		}
	case sectionExport:
		m.readExports()
	case sectionStart:
		at := r.pos
		m.named(at, r.u32())
	case sectionElement:
		n := r.within("element segments", m.options.Entries, 0)
		m.counts.Segments += n
		for ; n > 0 && r.err == nil; n-- {
			m.readElements()
		}
	case sectionCode:
		m.readBodies()
	case sectionData:
		n := r.within("data segments", m.options.Segments, 0)
		m.counts.Segments += n
		for ; n > 0 && r.err == nil; n-- {
			m.readData()
		}
	default:
		r.pos = r.end // nothing in it matters here
	}
	if r.err == nil && r.pos != r.end {
		r.fail(r.pos, "section %d goes on after its end", s.id)
	}
	r.end = whole
}

func (m *module) readTypes() {
	r := &m.reader
	function := func() {
		if at := r.pos; r.byte() != 0x60 {
			r.fail(at, "not the type of a function")
		}
		most := m.options.Locals
		var s shape
		s.params = r.within("parameters in one function", most, 0)
		for n := s.params; n > 0 && r.err == nil; n-- {
			r.valueType()
		}
		s.results = r.within("results in one function", most, 0)
		for n := s.results; n > 0 && r.err == nil; n-- {
			r.valueType()
		}
		m.shapes = append(m.shapes, s)
	}
	for n := r.within("types", m.options.Functions, 0); n > 0 && r.err == nil; n-- {
		const group = 0x4e
		if r.pos < r.end && r.code[r.pos] == group {
			r.pos++
			for k := r.within("types", m.options.Functions, uint32(len(m.shapes))); k > 0 && r.err == nil; k-- {
				function()
			}
			continue
		}
		function()
	}
}

func (m *module) readImports() {
	r := &m.reader
	tables := uint32(0)
	for n := r.within("imports", m.options.Entries, 0); n > 0 && r.err == nil; n-- {
		r.take(r.u32())
		r.take(r.u32())
		at := r.pos
		switch kind := r.byte(); kind {
		case kindFunction:
			at := r.pos
			index := r.u32()
			m.shapeOf(at, uint64(index))
			m.imported = append(m.imported, index)
		case kindTable:
			if tables++; tables > m.options.Tables {
				r.fail(at, "more than %d tables", m.options.Tables)
			}
			m.readTable(false)
		case kindMemory:
			r.limits()
			m.memory = true
		case kindGlobal:
			r.valueType()
			r.byte()
			m.globals++
		default:
			r.fail(at, "unknown kind of import %#x: exceptions and other extensions are not supported", kind)
		}
	}
	for _, limit := range []struct {
		what  string
		have  uint32
		limit uint32
	}{{"functions", uint32(len(m.imported)), m.options.Functions}, {"globals", m.globals, m.options.Globals}} {
		if limit.have > limit.limit && r.err == nil {
			r.err = &LimitError{What: limit.what, Have: uint64(limit.have), Limit: uint64(limit.limit)}
		}
	}
}

func (m *module) readTable(own bool) {
	r := &m.reader
	const withValue = 0x40
	initialized := r.pos < r.end && r.code[r.pos] == withValue
	if initialized {
		r.pos++
		if at := r.pos; r.byte() != 0 {
			r.fail(at, "unknown kind of table")
		}
	}
	r.valueType()
	t := table{limits: span{begin: r.pos}}
	t.least, t.most, t.bounded = r.limits()
	t.limits.end = r.pos
	if initialized {
		m.constant()
	}
	if own {
		m.tables = append(m.tables, t)
	}
}

func (m *module) readExports() {
	r := &m.reader
	for n := r.within("exports", m.options.Entries, 0); n > 0 && r.err == nil; n-- {
		at := r.pos
		if name := string(r.take(r.u32())); name == FuelGlobal || name == StackGlobal || strings.HasPrefix(name, statePrefix) {
			r.fail(at, "exports %q itself", name)
		}
		kind := r.byte()
		switch index := r.u32(); kind {
		case kindGlobal:
			m.checkGlobal(at, index)
		case kindFunction:
			m.named(at, index)
			m.declare(index)
		}
	}
}

// isNumber tells whether a type is i32, i64, f32 or f64.
func isNumber(valueType byte) bool { return valueType >= 0x7c && valueType <= 0x7f }

// checkGlobal refuses the index of a global that the original does not have: it
// would be one of those that are added.
func (m *module) checkGlobal(at int, index uint32) {
	if index >= m.globals {
		m.fail(at, "unknown global %d", index)
	}
}

// constant skips a constant expression.
func (m *module) constant() {
	r := &m.reader
	for r.err == nil {
		at := r.pos
		switch op := r.byte(); op {
		case opEnd:
			return
		case opI32Const:
			r.signed(5)
		case opI64Const:
			r.signed(10)
		case opF32Const:
			r.take(4)
		case opF64Const:
			r.take(8)
		case opI32Add, opI32Sub, opI32Mul, opI64Add, opI64Sub, opI64Mul:
		case opGlobalGet:
			at := r.pos
			m.checkGlobal(at, r.u32())
		case opRefNull:
			r.u32() // a kind of reference is a number, too
		case opRefFunc:
			m.address()
		case prefixVector:
			if op := r.byte(); op != vectorConst {
				r.fail(at, "instruction 0xfd %#x in a constant", op)
			}
			r.take(16)
		default:
			r.fail(at, "instruction %#x in a constant", op)
		}
	}
}

func (m *module) readElements() {
	r := &m.reader
	const (
		passive     = 1 // or declared
		explicit    = 2 // the table, or being declared
		expressions = 4
	)
	at := r.pos
	flags := r.u32()
	if flags > passive|explicit|expressions {
		r.fail(at, "unknown kind of element segment %d", flags)
		return
	}
	if flags&passive == 0 {
		if flags&explicit != 0 {
			r.u32()
		}
		m.constant()
	}
	if flags&(passive|explicit) != 0 {
		if flags&expressions != 0 {
			r.valueType()
		} else {
			r.byte()
		}
	}
	n := r.within("elements in segments", m.options.References, m.elements)
	m.elements += n
	for ; n > 0 && r.err == nil; n-- {
		if flags&expressions != 0 {
			m.constant()
		} else {
			m.address()
		}
	}
}

func (m *module) readBodies() {
	r := &m.reader
	for n := r.within("functions", m.options.Functions, uint32(len(m.imported))); n > 0 && r.err == nil; n-- {
		size := r.u32()
		if size > m.options.FunctionBytes && r.err == nil {
			r.err = &LimitError{What: "bytes in one function", Have: uint64(size), Limit: uint64(m.options.FunctionBytes)}
			return
		}
		begin := r.pos
		r.take(size)
		m.bodies = append(m.bodies, span{begin, r.pos})
	}
}
