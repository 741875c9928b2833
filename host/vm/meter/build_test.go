package meter_test

import (
	"encoding/binary"
	"slices"
)

// section is a section of a module that a test builds from bytes.
func section(id byte, content ...byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

// vector is a list of items.
func vector(items ...[]byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(items))), slices.Concat(items...)...)
}

// sized is content with its length before it.
func sized(content []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(content))), content...)
}

func module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// function is a module with a memory of one page and one function, "f", without
// parameters or results, of the given locals (as they are encoded) and
// instructions.
func function(locals, instructions []byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	return module(
		section(1, vector([]byte{0x60, 0, 0})...),
		section(3, vector([]byte{0})...),
		section(5, vector([]byte{0, 1})...),
		section(7, vector([]byte{1, 'f', 0, 0})...),
		section(10, vector(sized(slices.Concat(locals, instructions, []byte{0x0b})))...),
	)
}
