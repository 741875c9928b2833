package meter

import "encoding/binary"

// A bulk operation on memory may be as long as the memory. Compiled code cannot be stopped
// in the middle of one, and a garbage collection would wait for it. So one that is longer
// than the fuel that is left is done in pieces by a function that is added, which pays for
// each of them and pauses where it has to: with fuel in slices no operation is longer than
// a slice. One that is not costs what it did.
//
// Tables have fewer elements than a slice has units, and need none of this.

// DefaultPiece is Options.Piece where that is 0.
const DefaultPiece = 64 << 10

// helper is a function that is added: a bulk operation in pieces. It takes the operands of
// the operation, the last of which is its length, and gives what is left of that: nothing,
// or all of it where the operation is out of bounds. That is for the caller then to do, who
// traps where the guest would.
type helper struct {
	op      uint32
	segment uint32 // of memory.init
}

// inPieces is the number of the helper of an operation, from 1 on; 0 where there is none,
// and none is needed.
func (m *module) inPieces(op, segment uint32) int32 {
	if !m.memory || op == miscMemoryInit && m.dataSize(segment) <= m.options.Piece {
		return 0
	}
	h := helper{op: op, segment: segment}
	n, ok := m.helpers[h]
	if !ok {
		if m.helpers == nil {
			m.helpers = make(map[helper]int32)
		}
		n = int32(len(m.added)) + 1
		m.helpers[h] = n
		m.added = append(m.added, h)
	}
	return n
}

// dataSize is how many bytes a segment has.
func (m *module) dataSize(segment uint32) uint32 {
	if uint64(segment) >= uint64(len(m.dataSizes)) {
		return 0 // for the compiler to refuse
	}
	return m.dataSizes[segment]
}

// helperIndex is the index of a helper's function.
func (w *writer) helperIndex(helper int32) uint64 { return w.pause + uint64(helper) }

// bulkInPieces writes what comes before a bulk operation in pieces: its length is paid, or else it
// is done by the helper, and the length that is left for it is 0.
func (w *writer) bulkInPieces(e edit, local bool) {
	w.opIndex(opLocalSet, w.lengthLocal)
	w.opIndex(opLocalSet, w.secondLocal)
	w.opIndex(opLocalSet, w.firstLocal)
	operands := func() {
		w.opIndex(opLocalGet, w.firstLocal)
		w.opIndex(opLocalGet, w.secondLocal)
		w.opIndex(opLocalGet, w.lengthLocal)
	}
	w.charge(local, func() { w.units(w.lengthLocal, e.cost) }, func() {
		operands()
		w.opIndex(opCall, w.helperIndex(e.until))
		w.opIndex(opLocalSet, w.lengthLocal)
	})
	operands()
}

// The locals of a helper.
const (
	pieceTo     = iota // and what to fill with or copy from, and the length
	pieceFrom          // or the value
	pieceLength        // that is left
	pieceNow           // of the next piece
)

// helping writes a helper. It is called with its operation's length already taken from the
// fuel, which was not enough.
func (w *writer) helping(h helper) []byte {
	get := func(local uint64) { w.opIndex(opLocalGet, local) }
	wide := func(local uint64) {
		get(local)
		w.op(opI64ExtendI32U)
	}
	// add adds to one of the addresses, in the local itself.
	move := func(local uint64, op byte) {
		get(local)
		get(pieceNow)
		w.op(op)
		w.opIndex(opLocalSet, local)
	}
	w.out = append(w.out[:0], 1, 1, typeI32)
	// The fuel is given back, and taken piece by piece.
	w.opIndex(opGlobalGet, w.fuel)
	w.units(pieceLength, bytesShift)
	w.op(opI64Add)
	w.opIndex(opGlobalSet, w.fuel)
	// Out of bounds?
	beyond := func(local uint64, limit func()) {
		wide(local)
		wide(pieceLength)
		w.op(opI64Add)
		limit()
		w.op(opI64GtU, opIf, emptyBlock)
		get(pieceLength)
		w.op(opReturn, opEnd)
	}
	memory := func() { w.op(opMemorySize, 0, opI64ExtendI32U, opI64Const, pageShift, opI64Shl) }
	beyond(pieceTo, memory)
	switch h.op {
	case miscMemoryCopy:
		beyond(pieceFrom, memory)
	case miscMemoryInit:
		beyond(pieceFrom, func() {
			w.op(opI64Const)
			w.out = appendSigned(w.out, int64(w.dataSize(h.segment)))
		})
	}
	// Of what overlaps, the end is copied first where it would be overwritten else.
	if h.op == miscMemoryCopy {
		get(pieceFrom)
		get(pieceTo)
		w.op(opI32LtU, opIf, emptyBlock)
		w.pieces(func() {
			move(pieceLength, opI32Sub)
			get(pieceTo)
			get(pieceLength)
			w.op(opI32Add)
			get(pieceFrom)
			get(pieceLength)
			w.op(opI32Add)
			get(pieceNow)
			w.misc(h)
		})
		w.op(opI32Const, 0, opReturn, opEnd)
	}
	w.pieces(func() {
		get(pieceTo)
		get(pieceFrom)
		get(pieceNow)
		w.misc(h)
		move(pieceTo, opI32Add)
		if h.op != miscMemoryFill {
			move(pieceFrom, opI32Add)
		}
		move(pieceLength, opI32Sub)
	})
	w.op(opI32Const, 0, opEnd)
	return w.out
}

// pieces writes a loop that pays for a piece and does it, until nothing is left.
func (w *writer) pieces(do func()) {
	w.op(opLoop, emptyBlock)
	whole := func() {
		w.op(opI32Const)
		w.out = appendSigned(w.out, int64(int32(w.options.Piece)))
	}
	w.opIndex(opLocalGet, pieceLength)
	whole()
	w.opIndex(opLocalGet, pieceLength)
	whole()
	w.op(opI32LtU, opSelect)
	w.opIndex(opLocalSet, pieceNow)
	w.charge(false, func() { w.units(pieceNow, bytesShift) }, w.callPause)
	do()
	w.opIndex(opLocalGet, pieceLength)
	w.op(opBrIf, 0, opEnd)
}

// misc writes the operation of a helper.
func (w *writer) misc(h helper) {
	w.op(prefixMisc, byte(h.op))
	switch h.op {
	case miscMemoryFill:
		w.op(0)
	case miscMemoryCopy:
		w.op(0, 0)
	case miscMemoryInit:
		w.out = binary.AppendUvarint(w.out, uint64(h.segment))
		w.op(0)
	}
}

// units writes what a length in a local costs; see bytesShift.
func (w *writer) units(local uint64, shift int32) {
	w.opIndex(opLocalGet, local)
	w.op(opI64ExtendI32U)
	switch {
	case shift > 0:
		w.op(opI64Const, byte(shift), opI64Shl)
	case shift < 0:
		w.op(opI64Const, byte(-shift), opI64ShrU)
	}
}
