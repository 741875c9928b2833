package meter

// The instructions that are looked at one by one.
const (
	opUnreachable        = 0x00
	opDrop               = 0x1a
	opBlock              = 0x02
	opLoop               = 0x03
	opIf                 = 0x04
	opElse               = 0x05
	opEnd                = 0x0b
	opBr                 = 0x0c
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opReturn             = 0x0f
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
	opSelect             = 0x1b
	opTypedSelect        = 0x1c
	opLocalGet           = 0x20
	opLocalSet           = 0x21
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opMemorySize         = 0x3f
	opMemoryGrow         = 0x40
	opI32Const           = 0x41
	opI64Const           = 0x42
	opF32Const           = 0x43
	opF64Const           = 0x44
	opI32LtU             = 0x49
	opI64LtS             = 0x53
	opI64GtU             = 0x56
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32Mul             = 0x6c
	opI64Add             = 0x7c
	opI64Sub             = 0x7d
	opI64Mul             = 0x7e
	opI64Or              = 0x84
	opI64Shl             = 0x86
	opI64ShrU            = 0x88
	opI64ExtendI32U      = 0xad
	opRefNull            = 0xd0
	opRefFunc            = 0xd2

	prefixMisc   = 0xfc
	prefixVector = 0xfd

	vectorConst   = 0x0c
	vectorShuffle = 0x0d

	opTableSet = 0x26

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// The first bytes of types.
const (
	emptyBlock  = 0x40
	typeI32     = 0x7f
	typeI64     = 0x7e
	typeFuncref = 0x70
	ref         = 0x64
	refNull     = 0x63
)

// immediate is what follows an instruction.
type immediate uint8

const (
	unknown immediate = iota
	none
	special // see body.go
	index   // a number
	memory  // alignment and offset
)

// instruction is what has to be known of an instruction to walk over it.
type instruction struct {
	immediate immediate
	cost      uint8 // units of fuel
	effect    int8  // on the height of the operand stack
}

// What instructions cost, in units of about the time of an addition. They need
// not be exact: fuel bounds time, it does not measure it.
const (
	costPlain    = 1
	costMemory   = 2
	costVector   = 2
	costCall     = 4
	costDivision = 8
	costBulk     = 16  // besides its length
	costGrow     = 200 // the same; the engine leaves the guest for it
	costHostCall = 100
)

var instructions = func() (table [256]instruction) {
	fill := func(first, last int, i immediate, cost uint8) {
		for op := first; op <= last; op++ {
			table[op] = instruction{immediate: i, cost: cost}
		}
	}
	fill(0x00, 0x01, none, costPlain)
	fill(opBlock, opElse, special, costPlain)
	fill(opEnd, opReturn, special, costPlain)
	table[opEnd].cost = 0
	table[opBlock].cost = 0
	fill(opCall, opReturnCallIndirect, special, costCall)
	fill(0x1a, 0x1b, none, costPlain)
	fill(opTypedSelect, opTypedSelect, special, costPlain)
	fill(opLocalGet, opGlobalSet, special, costPlain)
	fill(0x25, 0x26, index, costMemory)  // table.get, table.set
	fill(0x28, 0x3e, memory, costMemory) // loads and stores
	fill(0x3f, 0x40, special, costPlain) // memory.size, memory.grow
	fill(opI32Const, 0x44, special, costPlain)
	fill(0x45, 0xc4, none, costPlain) // everything that computes
	for _, division := range [][2]int{
		{0x6d, 0x70}, {0x7f, 0x82}, // i32 and i64
		{0x91, 0x91}, {0x95, 0x95}, {0x9f, 0x9f}, {0xa3, 0xa3}, // roots and divisions of f32 and f64
	} {
		fill(division[0], division[1], none, costDivision)
	}
	fill(opRefNull, opRefNull, special, costPlain)
	fill(0xd1, 0xd1, none, costPlain)
	fill(opRefFunc, opRefFunc, special, costPlain)
	fill(prefixMisc, prefixVector, special, costPlain)

	effect := func(by int8, ranges ...[2]int) {
		for _, r := range ranges {
			for op := r[0]; op <= r[1]; op++ {
				table[op].effect = by
			}
		}
	}
	effect(1, [2]int{opLocalGet, opLocalGet}, [2]int{opGlobalGet, opGlobalGet}, [2]int{0x3f, 0x3f},
		[2]int{opI32Const, opF64Const}, [2]int{opRefNull, opRefNull}, [2]int{opRefFunc, opRefFunc})
	effect(-1, [2]int{opBrIf, opBrTable}, [2]int{0x1a, 0x1a}, [2]int{opLocalSet, opLocalSet},
		[2]int{opGlobalSet, opGlobalSet}, [2]int{0x46, 0x4f}, [2]int{0x51, 0x66}, [2]int{opI32Add, 0x78},
		[2]int{opI64Add, 0x8a}, [2]int{0x92, 0x98}, [2]int{0xa0, 0xa6}, // with two operands
		[2]int{opCallIndirect, opCallIndirect}, [2]int{opReturnCallIndirect, opReturnCallIndirect})
	effect(-2, [2]int{0x1b, opTypedSelect}, [2]int{0x26, 0x26}, [2]int{0x36, 0x3e}) // select and stores
	return table
}()

// miscEffects is what the instructions that begin with 0xfc do to the height of
// the operand stack.
var miscEffects = [...]int8{
	miscMemoryInit: -3, miscMemoryCopy: -3, miscMemoryFill: -3, miscTableInit: -3, miscTableCopy: -3,
	miscTableGrow: -1, miscTableSize: 1, miscTableFill: -3,
}

// vectorEffect is the same for those that begin with 0xfd; for some of those with
// two operands it is too high by one.
func vectorEffect(op byte) int {
	switch {
	case op == vectorConst:
		return 1
	case op == 0x0b, op == 0x52, op >= 0x58 && op <= 0x5b:
		return -2
	case op == vectorShuffle, op == 0x0e, op == 0x17, op == 0x1a, op == 0x1c, op == 0x1e, op == 0x20,
		op >= 0x22 && op <= 0x4c, op >= 0x4e && op <= 0x51, op >= 0x54 && op <= 0x57:
		return -1
	}
	return 0
}
