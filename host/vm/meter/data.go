package meter

import "encoding/binary"

// Segments of data are copied into an instance's memory when it is made, each of them at
// once. In the middle of that wazero cannot be stopped: so a large segment is written as
// several that follow each other.

// dataPiece is how many bytes of a segment are copied at once.
const dataPiece = 256 << 10

// largestNamed is how large a segment may be that cannot be divided, because code names
// segments by their numbers.
const largestNamed = 1 << 20

// largeData is a segment that is copied when an instance is made, and to be divided.
type largeData struct {
	whole   span   // with its head
	at      uint32 // in memory
	content span
}

// readData reads a data segment.
func (m *module) readData() {
	r := &m.reader
	begin := r.pos
	kind := r.u32()
	offset, known := uint32(0), false
	switch kind {
	case 0:
		offset, known = m.offset()
	case 1:
	case 2:
		memory := r.u32()
		offset, known = m.offset()
		known = known && memory == 0
	default:
		r.fail(begin, "unknown kind of data segment %d", kind)
	}
	size := r.u32()
	content := r.pos
	r.take(size)
	m.dataSizes = append(m.dataSizes, size)
	if r.err != nil || kind == 1 {
		return
	}
	m.counts.Data += uint64(size)
	// One that is out of bounds is to be refused as a whole.
	if size > dataPiece && known && uint64(offset)+uint64(size) <= 1<<32 {
		m.large = append(m.large, largeData{whole: span{begin, r.pos}, at: offset, content: span{content, r.pos}})
	}
}

// offset skips a constant expression, and tells what it is if it is nothing but a number.
func (m *module) offset() (value uint32, known bool) {
	r := &m.reader
	begin := r.pos
	m.constant()
	if r.err != nil || m.code[begin] != opI32Const {
		return 0, false
	}
	number := reader{code: m.code, pos: begin + 1, end: r.pos}
	signed, _ := number.signed(5)
	return uint32(signed), number.err == nil && number.pos == r.pos-1
}

// divideData decides whether segments are divided: where the module has a memory of its
// own, so that nobody sees how far an instance came that could not be made.
func (m *module) divideData() {
	if !m.ownMemory {
		m.large = nil
	}
	if !m.namesData {
		return
	}
	for _, large := range m.large {
		if have := uint64(large.content.end - large.content.begin); have > largestNamed && m.err == nil {
			m.err = &LimitError{What: "bytes in a data segment beside code that names segments", Have: have, Limit: largestNamed}
		}
	}
	m.large = nil
}

// divided is how many segments are added.
func (m *module) divided() uint32 {
	n := 0
	for _, large := range m.large {
		n += (large.content.end - large.content.begin - 1) / dataPiece
	}
	return uint32(n)
}

// appendData writes the content of the data section, or of the section of their number.
func (m *module) appendData(out []byte, s section) []byte {
	r := reader{code: m.code, pos: s.content, end: s.end}
	out = binary.AppendUvarint(out, uint64(r.u32()+m.divided()))
	from := r.pos
	if s.id == sectionDataCount {
		return append(out, m.code[from:s.end]...) // nothing, or what the compiler refuses
	}
	for _, large := range m.large {
		out = append(out, m.code[from:large.whole.begin]...)
		from = large.whole.end
		for at := large.content.begin; at < large.content.end; at += dataPiece {
			piece := m.code[at:min(at+dataPiece, large.content.end)]
			out = append(out, 0, opI32Const)
			out = appendSigned(out, int64(int32(large.at+uint32(at-large.content.begin))))
			out = append(out, opEnd)
			out = binary.AppendUvarint(out, uint64(len(piece)))
			out = append(out, piece...)
		}
	}
	return append(out, m.code[from:s.end]...)
}
