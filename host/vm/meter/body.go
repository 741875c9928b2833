package meter

// slack is how many units of code that may not run are charged together with
// code that does. A smaller number makes the account more exact and the guest
// slower.
const slack = 48

// edit is something to insert into a function.
type edit struct {
	at   int // in the code
	kind editKind
	// cost is what a charge takes; for a bulk operation, how far its length is
	// shifted to the left; for a reference, the function.
	cost int32
	// until is the edit after the loop, for beginLoop; where the code goes on, for
	// a reference; the helper of a bulk operation, 0 where it has none.
	until int32
	// looks tells that a charge looks whether there was as much; see writer.looks.
	looks bool
}

type editKind uint8

const (
	dropped    editKind = iota
	charge              // take cost from the fuel
	bulk                // take the length on top of the stack from the fuel
	beginLoop           // before a loop without calls: keep the fuel in a local
	beforeCall          // tell the callee how much stack is left
	afterCall           // put it back to what the caller was told
	reference           // a constant in place of ref.func, see module.refer
)

// run is a straight run of code whose charge is not decided yet.
type run struct {
	edit     int32 // where the charge would be
	must     bool  // the charge is needed whatever it amounts to
	cost     int64 // of all that is charged there
	optional int64 // of that: what may not run
}

// block is a block of code that is open.
type block struct {
	op       byte
	targeted bool // something branches to its end
	calls    bool // there is a call in it
	runs     int  // how many runs were open before it
	edit     int  // how many edits there were before it
	height   int  // of the operand stack below it
	shape    shape
}

// body is a function that is being read. It is used again for the next one.
type body struct {
	*module
	edits  []edit
	runs   []run
	blocks []block

	at           span   // of the instructions
	declarations span   // of the locals
	groups       uint32 // of locals
	locals       uint32 // parameters included
	instructions int
	height       int      // of the operand stack, not less than it is
	highest      int      // that it was
	parts        uint64   // of the control flow, between branches and labels
	targets      uint64   // of br_table
	callees      []uint32 // functions that are called directly
	indirect     bool     // and others

	// pays tells of each function that is defined here, and last of all that an
	// indirect call may reach, whether it pays for stack; reaches whether it or
	// something that it calls does. Nil while that is not decided yet.
	pays, reaches []bool
}

// read reads a function: what has to be charged, and where. It returns false
// when it is malformed.
func (b *body) read(where span, kind shape) bool {
	r := &b.reader
	r.pos, r.end = where.begin, where.end
	b.edits, b.runs, b.blocks, b.callees = b.edits[:0], b.runs[:0], b.blocks[:0], b.callees[:0]
	b.instructions, b.indirect, b.height, b.highest, b.parts, b.targets = 0, false, 0, 0, 0, 0
	b.readLocals(kind.params)
	b.at = span{r.pos, where.end}
	b.open(opBlock, shape{results: kind.results})
	b.run(r.pos, true)
	for len(b.blocks) > 0 && r.err == nil {
		if r.pos == r.end {
			r.fail(r.pos, "the function ends inside a block")
			break
		}
		b.instruction()
	}
	if r.err == nil && r.pos != r.end {
		r.fail(r.pos, "the function goes on after its end")
	}
	if r.err != nil {
		return false
	}
	b.settleLoops()
	return true
}

func (b *body) readLocals(params uint32) {
	r := &b.reader
	b.groups = r.count()
	b.declarations.begin = r.pos
	locals := uint64(params)
	for n := b.groups; n > 0 && r.err == nil; n-- {
		locals += uint64(r.u32())
		r.valueType()
	}
	b.declarations.end = r.pos
	if limit := uint64(b.options.Locals); locals > limit && r.err == nil {
		r.err = &LimitError{What: "locals in one function", Have: locals, Limit: limit}
	}
	b.locals = uint32(locals)
}

// run begins a run of code at a place that everything up to the end of the
// block has to pass, and passes once each time.
func (b *body) run(at int, must bool) {
	b.runs = append(b.runs, run{edit: int32(len(b.edits)), must: must})
	b.edits = append(b.edits, edit{at: at, kind: charge, looks: must})
}

// join closes runs down to a number of them. A small one is charged with the
// run before it: that one is always passed before.
func (b *body) join(down int) {
	for len(b.runs) > down {
		last := b.runs[len(b.runs)-1]
		b.runs = b.runs[:len(b.runs)-1]
		e := &b.edits[last.edit]
		if !last.must {
			before := &b.runs[len(b.runs)-1]
			if before.optional+last.cost <= slack {
				before.optional += last.cost
				before.cost += last.cost
				e.kind = dropped
				continue
			}
		}
		e.cost = int32(last.cost)
	}
}

func (b *body) open(op byte, kind shape) {
	if limit := b.options.Nesting; uint64(len(b.blocks)) > uint64(limit) && b.err == nil {
		b.err = &LimitError{What: "blocks inside of each other", Have: uint64(len(b.blocks)), Limit: uint64(limit)}
		b.pos = b.end
	}
	b.parts++
	b.blocks = append(b.blocks, block{
		op: op, runs: len(b.runs), edit: len(b.edits), height: max(0, b.height-int(kind.params)), shape: kind,
	})
}

func (b *body) close() {
	last := b.blocks[len(b.blocks)-1]
	b.blocks = b.blocks[:len(b.blocks)-1]
	b.join(last.runs)
	b.height = last.height + int(last.shape.results)
	if len(b.blocks) == 0 {
		return
	}
	if last.calls {
		b.blocks[len(b.blocks)-1].calls = true
	}
	if last.op == opLoop {
		// The edit before those of the loop was made for this.
		if !last.calls {
			b.edits[last.edit-1].kind = beginLoop
			b.edits[last.edit-1].until = int32(len(b.edits))
		}
	} else if last.targeted {
		// Not all that comes here passed the same code, so what follows is
		// charged by itself.
		b.run(b.pos, false)
	}
}

// settleLoops keeps the outermost of loops without calls: the fuel is in a local
// through all of it.
func (b *body) settleLoops() {
	until := int32(0)
	for i := range b.edits {
		if e := &b.edits[i]; e.kind == beginLoop {
			if int32(i) < until {
				e.kind = dropped
			} else {
				until = e.until
			}
		}
	}
}

func (b *body) branch(at int, label uint32) {
	if uint64(label) >= uint64(len(b.blocks)) {
		b.fail(at, "unknown label %d", label)
		return
	}
	b.blocks[len(b.blocks)-1-int(label)].targeted = true
}

// blockType reads the type of a block.
func (b *body) blockType() shape {
	at := b.pos
	index, first := b.signed(5)
	switch {
	case first == ref || first == refNull:
		b.fail(at, "typed references are not supported")
	case first == emptyBlock:
	case index < 0:
		return shape{results: 1}
	default:
		return b.shapeOf(at, uint64(index))
	}
	return shape{}
}

// instruction reads one instruction.
func (b *body) instruction() {
	r := &b.reader
	at := r.pos
	op := r.byte()
	i := instructions[op]
	cost := int64(i.cost)
	b.instructions++
	switch i.immediate {
	case none:
	case index:
		r.u32()
		b.elusive = b.elusive || op == opTableSet
	case memory:
		r.u32()
		r.u32()
	case special:
		cost = b.special(at, op, cost)
	default:
		r.fail(at, "unknown instruction %#x, or one of an extension that is not supported", op)
	}
	if n := len(b.runs); n > 0 {
		b.runs[n-1].cost += cost
		b.grow(int(i.effect))
	}
}

// grow notes what an instruction does to the height of the operand stack. In code
// that cannot be reached it may take more than there is.
func (b *body) grow(by int) {
	b.height = max(b.height+by, b.blocks[len(b.blocks)-1].height)
	b.highest = max(b.highest, b.height)
}

// special reads an instruction whose immediates or effects are of interest. It
// returns what the instruction costs the run that is open after it.
func (b *body) special(at int, op byte, cost int64) int64 {
	r := &b.reader
	pay := func() { b.runs[len(b.runs)-1].cost += cost }
	switch op {
	case opBlock:
		b.open(op, b.blockType())
	case opLoop:
		pay()
		kind := b.blockType()
		b.edits = append(b.edits, edit{at: at}) // for beginLoop
		b.open(op, kind)
		b.run(r.pos, true)
	case opIf:
		pay()
		kind := b.blockType()
		b.grow(-1)
		b.open(op, kind)
		b.parts += 2
		b.run(r.pos, false)
		return 0
	case opElse:
		last := &b.blocks[len(b.blocks)-1]
		if last.op != opIf {
			r.fail(at, "an else without an if")
			return 0
		}
		last.op = opElse
		b.height = last.height + int(last.shape.params)
		b.join(last.runs)
		b.run(r.pos, false)
	case opEnd:
		b.close()
	case opBr, opBrIf:
		b.parts++
		b.branch(at, r.u32())
	case opBrTable:
		n := uint64(r.count()) + 1
		b.targets += n
		for ; n > 0 && r.err == nil; n-- {
			b.branch(at, r.u32())
		}
	case opCall, opReturnCall:
		callee := r.u32()
		b.checkFunction(at, callee)
		b.grow(b.functionShape(callee).effect())
		if uint64(callee) < uint64(len(b.imported)) {
			cost = costHostCall
			b.blocks[len(b.blocks)-1].calls = true
			break
		}
		b.callees = append(b.callees, callee)
		b.call(at, uint64(callee)-uint64(len(b.imported)))
	case opCallIndirect, opReturnCallIndirect:
		b.grow(b.shapeOf(at, uint64(r.u32())).effect())
		r.u32()
		b.indirect = true
		cost *= 2
		b.call(at, uint64(len(b.bodies)))
	case opTypedSelect:
		if r.byte() != 1 {
			r.fail(at, "a select of more than one value")
		}
		r.valueType()
	case opLocalGet, opLocalSet, opLocalTee:
		// A local that the original does not have would be one that is added.
		if local := r.u32(); local >= b.locals {
			r.fail(at, "unknown local %d", local)
		}
	case opGlobalGet, opGlobalSet:
		b.checkGlobal(at, r.u32())
	case opMemoryGrow:
		r.u32()
		b.bulk(at, pageShift)
		b.blocks[len(b.blocks)-1].calls = true // the host may charge for it, like for a call
		cost = costGrow
	case opI32Const:
		r.signed(5)
	case opI64Const:
		r.signed(10)
	case opF32Const:
		r.take(4)
	case opF64Const:
		r.take(8)
	case opRefNull:
		r.byte()
	case opRefFunc:
		function := r.u32()
		b.checkFunction(at, function)
		b.refer(at, function)
		b.edits = append(b.edits, edit{at: at, kind: reference, cost: int32(function), until: int32(b.pos)})
	case prefixMisc:
		cost = b.misc(at)
	case prefixVector:
		b.vector(at)
		cost = costVector
	default: // memory.size, return
		if op != opReturn {
			r.u32()
		}
	}
	return cost
}

// call notes a call that was just read. After a tail call nothing runs that would
// put the stack back, and nothing has to: the frame is gone.
func (b *body) call(at int, callee uint64) {
	b.blocks[len(b.blocks)-1].calls = true
	if op := b.code[at]; op == opReturnCall || op == opReturnCallIndirect {
		return
	}
	if callee < uint64(len(b.reaches)) && b.reaches[callee] {
		b.edits = append(b.edits, edit{at: at, kind: beforeCall}, edit{at: b.pos, kind: afterCall})
	}
}

// How a length becomes units of fuel: shifted to the left, or to the right when
// negative. Memory costs a unit for 8 bytes, and one for each byte where it is
// new, since the engine may have to move all of the old; a table costs one for
// each element.
const (
	bytesShift   = -3
	pageShift    = 16
	elementShift = 0
)

// bulk charges for an instruction whose length is on top of the stack.
func (b *body) bulk(at int, shift int32) {
	b.parts += 4
	b.edits = append(b.edits, edit{at: at, kind: bulk, cost: shift})
}

// divide has the bulk operation that was just read done in pieces where it is long.
func (b *body) divide(op, segment uint32) {
	if op != miscMemoryInit {
		segment = 0
	}
	if b.err == nil {
		b.edits[len(b.edits)-1].until = b.inPieces(op, segment)
	}
}

// misc reads an instruction that begins with 0xfc, and returns what it costs
// besides its length.
func (b *body) misc(at int) int64 {
	r := &b.reader
	op := r.u32()
	if op < uint32(len(miscEffects)) {
		b.grow(int(miscEffects[op]))
	}
	switch op {
	case miscMemoryInit, miscDataDrop:
		b.namesData = true
	}
	switch op {
	case miscDataDrop, miscElemDrop, miscTableInit, miscTableCopy, miscTableFill, miscTableGrow:
		b.elusive = true
	}
	switch op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
		return costPlain
	case miscMemoryInit, miscMemoryCopy:
		segment := r.u32()
		r.u32()
		b.bulk(at, bytesShift)
		b.divide(op, segment)
	case miscMemoryFill:
		r.u32()
		b.bulk(at, bytesShift)
		b.divide(op, 0)
	case miscTableInit, miscTableCopy:
		r.u32()
		r.u32()
		b.bulk(at, elementShift)
	case miscTableFill:
		r.u32()
		b.bulk(at, elementShift)
	case miscTableGrow:
		b.grows = true
		r.u32()
		b.bulk(at, elementShift)
		return costGrow
	case miscDataDrop, miscElemDrop, miscTableSize:
		r.u32()
		return costPlain
	default:
		r.fail(at, "unknown instruction 0xfc %#x", op)
	}
	return costBulk
}

// vector reads an instruction that begins with 0xfd. Its number can take two
// bytes, of which wazero reads the first and takes the second for an instruction
// without effect. So they must be those that both readings agree on.
func (b *body) vector(at int) {
	r := &b.reader
	op := r.byte()
	b.grow(vectorEffect(op))
	if op >= 0x80 {
		if r.byte() != 1 {
			r.fail(at, "unknown vector instruction, or one that is not supported")
		}
		return // none of these has immediates
	}
	switch {
	case op <= 0x0b, op == 0x5c, op == 0x5d: // loads and stores
		r.u32()
		r.u32()
	case op == vectorConst, op == vectorShuffle:
		r.take(16)
	case op >= 0x15 && op <= 0x22: // lanes
		r.byte()
	case op >= 0x54 && op <= 0x5b: // loads and stores of lanes
		r.u32()
		r.u32()
		r.byte()
	}
}
