package meter

import "encoding/binary"

// writer writes the functions of a module.
type writer struct {
	body
	out []byte

	paying bool  // the function pays for stack
	frame  int64 // what it pays

	fuel, stack           uint64 // globals
	pause                 uint64 // the function that is called when one of them is below zero
	fuelLocal, stackLocal uint64 // i64
	lengthLocal           uint64 // i32

	firstLocal, secondLocal uint64 // the same: other operands
}

// newWriter reads all functions, and with them what has to be known before anything is
// written.
func (m *module) newWriter() *writer {
	w := &writer{body: body{module: m}, fuel: uint64(m.globals), stack: uint64(m.globals) + 1, pause: m.pause()}
	w.recursion()
	return w
}

// writeFunctions rewrites the code section. size is that of what was written
// before it.
func (w *writer) writeFunctions(size int) []byte {
	m := w.module
	n := uint64(len(m.bodies))
	if m.adds() {
		n += 1 + uint64(len(m.added))
	}
	content := binary.AppendUvarint(nil, n)
	for i, where := range m.bodies {
		if !w.body.read(where, m.shapes[m.types[i]]) {
			return nil
		}
		w.paying = w.pays[i]
		w.function()
		content = binary.AppendUvarint(content, uint64(len(w.out)))
		content = append(content, w.out...)
		if have, limit := uint64(size)+uint64(len(content)), uint64(m.options.OutputBytes); have > limit {
			m.err = &LimitError{What: "bytes after rewriting", Have: have, Limit: limit}
			return nil
		}
	}
	add := func(function []byte) {
		content = binary.AppendUvarint(content, uint64(len(function)))
		content = append(content, function...)
	}
	if m.adds() {
		add(w.pausing())
		for _, h := range m.added {
			add(w.helping(h))
		}
	}
	m.result.Functions, m.result.CodeBytes = len(m.bodies), len(content)
	return content
}

// function writes the function that was read.
func (w *writer) function() {
	w.out = w.out[:0]
	w.frame = frameSize(w.locals, w.instructions)
	if w.paying {
		w.result.Paying++
	}
	w.declare()
	from := w.at.begin
	cached := int32(0) // up to this edit the fuel is in a local
	for i, e := range w.edits {
		if e.kind == dropped || (!w.paying && (e.kind == beforeCall || e.kind == afterCall)) {
			continue
		}
		w.out = append(w.out, w.code[from:e.at]...)
		from = e.at
		switch e.kind {
		case charge:
			w.result.Charges++
			if i == 0 && w.paying {
				w.enter(int64(e.cost))
				continue
			}
			w.take(int32(i) < cached, func() {
				w.op(opI64Const)
				w.out = appendSigned(w.out, int64(e.cost))
			})
			if w.looks(e) {
				w.look(int32(i) < cached, w.callPause)
			}
		case bulk:
			w.result.Bulk++
			if e.until > 0 {
				w.bulkInPieces(e, int32(i) < cached)
				continue
			}
			w.opIndex(opLocalTee, w.lengthLocal)
			w.charge(int32(i) < cached, func() { w.units(w.lengthLocal, e.cost) }, w.callPause)
		case reference:
			w.opIndex(opGlobalGet, w.stack+1+uint64(w.referred[uint32(e.cost)]))
			from = int(e.until)
		case beginLoop:
			cached = e.until
			w.opIndex(opGlobalGet, w.fuel)
			w.opIndex(opLocalSet, w.fuelLocal)
		case beforeCall:
			w.opIndex(opLocalGet, w.stackLocal)
			w.opIndex(opGlobalSet, w.stack)
		case afterCall:
			w.opIndex(opLocalGet, w.stackLocal)
			w.op(opI64Const)
			w.out = appendSigned(w.out, w.frame)
			w.op(opI64Add)
			w.opIndex(opGlobalSet, w.stack)
		}
	}
	w.out = append(w.out, w.code[from:w.at.end]...)
}

// declare writes the declarations of the locals, with those that are added.
func (w *writer) declare() {
	var fuel, length, pieces bool
	for _, e := range w.edits {
		fuel = fuel || e.kind == beginLoop
		length = length || e.kind == bulk
		pieces = pieces || e.kind == bulk && e.until > 0
	}
	next := uint64(w.locals)
	var added []byte
	add := func(local *uint64, needed bool, valueType byte) {
		if needed {
			*local = next
			next++
			added = append(added, 1, valueType)
		}
	}
	add(&w.fuelLocal, fuel, typeI64)
	add(&w.stackLocal, w.paying, typeI64)
	add(&w.lengthLocal, length, typeI32)
	add(&w.firstLocal, pieces, typeI32)
	add(&w.secondLocal, pieces, typeI32)
	w.out = binary.AppendUvarint(w.out, uint64(w.groups)+uint64(len(added)/2))
	w.out = append(w.out, w.code[w.declarations.begin:w.declarations.end]...)
	w.out = append(w.out, added...)
}

// looks tells whether it is looked if there was enough fuel for a charge. That costs more
// than to take it: a branch, and a call beside it. Nothing can go on for long that neither comes to the head of a loop nor
// enters a function, and so it is looked there. The stack may be full of functions that have
// something left to do when they are back, but no more code altogether than Options.Stack;
// those that recurse look at all that they pay.
func (w *writer) looks(e edit) bool { return e.looks || w.paying }

// charge takes what cost puts on the stack from the fuel; where there is not enough it
// does what short writes.
func (w *writer) charge(local bool, cost, short func()) {
	w.take(local, cost)
	w.look(local, short)
}

// take takes what cost puts on the stack from the fuel. With the fuel in a local, the
// global is written all the same: nothing waits for it, and it is right however the
// function ends.
func (w *writer) take(local bool, cost func()) {
	if local {
		w.opIndex(opLocalGet, w.fuelLocal)
		cost()
		w.op(opI64Sub)
		w.opIndex(opLocalTee, w.fuelLocal)
	} else {
		w.opIndex(opGlobalGet, w.fuel)
		cost()
		w.op(opI64Sub)
	}
	w.opIndex(opGlobalSet, w.fuel)
}

// look does what short writes where the fuel is below zero.
func (w *writer) look(local bool, short func()) {
	if local {
		w.opIndex(opLocalGet, w.fuelLocal)
	} else {
		w.opIndex(opGlobalGet, w.fuel)
	}
	w.op(opI64Const, 0, opI64LtS, opIf, emptyBlock)
	short()
	if local { // there may be more now
		w.opIndex(opGlobalGet, w.fuel)
		w.opIndex(opLocalSet, w.fuelLocal)
	}
	w.op(opEnd)
}

func (w *writer) callPause() { w.opIndex(opCall, w.pause) }

// enter is the charge at the start of a function that pays for stack, too: one
// comparison for both.
func (w *writer) enter(cost int64) {
	w.opIndex(opGlobalGet, w.fuel)
	w.op(opI64Const)
	w.out = appendSigned(w.out, cost)
	w.op(opI64Sub)
	w.opIndex(opGlobalSet, w.fuel)
	w.opIndex(opGlobalGet, w.stack)
	w.op(opI64Const)
	w.out = appendSigned(w.out, w.frame)
	w.op(opI64Sub)
	w.opIndex(opLocalTee, w.stackLocal)
	w.opIndex(opGlobalGet, w.fuel)
	w.op(opI64Or)
	w.op(opI64Const, 0, opI64LtS, opIf, emptyBlock)
	w.opIndex(opLocalGet, w.stackLocal) // to tell which of the two it was
	w.opIndex(opGlobalSet, w.stack)
	w.opIndex(opCall, w.pause)
	w.opIndex(opLocalGet, w.stackLocal) // as the caller left it
	w.op(opI64Const)
	w.out = appendSigned(w.out, w.frame)
	w.op(opI64Add)
	w.opIndex(opGlobalSet, w.stack)
	w.op(opEnd)
}

// pausing is the function that is called when fuel or stack are below zero: it may get
// more fuel, see Options.Pauses, and traps where one of them still is.
func (w *writer) pausing() []byte {
	w.out = binary.AppendUvarint(w.out[:0], 0) // locals
	if w.result.Pauses {
		w.opIndex(opGlobalGet, w.fuel)
		w.op(opI64Const, 0, opI64LtS, opIf, emptyBlock, opI32Const, 1, opMemoryGrow, 0, opDrop, opEnd)
	}
	w.opIndex(opGlobalGet, w.fuel)
	w.opIndex(opGlobalGet, w.stack)
	w.op(opI64Or, opI64Const, 0, opI64LtS, opIf, emptyBlock, opUnreachable, opEnd, opEnd)
	return w.out
}

func (w *writer) op(bytes ...byte) { w.out = append(w.out, bytes...) }

func (w *writer) opIndex(op byte, index uint64) {
	w.out = append(w.out, op)
	w.out = binary.AppendUvarint(w.out, index)
}

// frameSize is what a function pays for its stack. See DefaultStack.
func frameSize(locals uint32, instructions int) int64 {
	return 64 + 8*int64(locals) + int64(instructions)
}
