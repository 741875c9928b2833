package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const pageSize = 64 << 10

// The sections of a module that outline reads.
const (
	sectionImport = 2
	sectionMemory = 5
	sectionExport = 7
	sectionStart  = 8
)

// The kinds of imports and exports.
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
	kindTag
)

// outline is what has to be known of a module before it is compiled.
type outline struct {
	code []byte // to be compiled
	// start is the export that the start function was given, "" without one.
	start string
	// imports counts the imported functions; they come first in the index space.
	imports uint32
	// missing lists imports that are not functions.
	missing []*MissingImportError
	memory  bool
	pages   uint64          // of memory at the start
	lent    map[string]bool // functions that the module imports and exports again
	taken   map[string]bool // exports whose names begin with startName
}

// startName is what the start function is exported as, or begins with.
const startName = "sluice:start"

// preamble tells code that is not a module by its first eight bytes.
func preamble(code []byte) error {
	switch {
	case !bytes.HasPrefix(code, []byte("\x00asm")):
		return ErrNotWasm
	case bytes.HasPrefix(code[4:], []byte{0x0d, 0, 1, 0}):
		return ErrComponent
	}
	return nil
}

// scan reads the outline of a module. Malformed code gives an error; much that
// is wrong is left to the compiler to find.
//
// A start section is turned into an export, so that instantiating a module runs
// nothing: the start function is guest code like any other, and must run with
// the instance's context and time limit.
func scan(code []byte) (*outline, error) {
	o := &outline{code: code, lent: make(map[string]bool), taken: make(map[string]bool)}
	r := reader{rest: code[min(8, len(code)):]}
	var starts, exports section
	var startAt uint32
	for len(r.rest) > 0 {
		begin := len(code) - len(r.rest)
		id := r.byte()
		body := r.bytes(r.u32())
		if r.err != nil {
			break
		}
		s := section{begin, len(code) - len(r.rest), body}
		b := reader{rest: body}
		switch id {
		case sectionImport:
			o.readImports(&b)
		case sectionMemory:
			o.readMemories(&b)
		case sectionExport:
			if exports.end != 0 {
				return nil, errors.New("two export sections")
			}
			exports = s
			o.readExports(&b)
		case sectionStart:
			if starts.end != 0 {
				return nil, errors.New("two start sections")
			}
			starts = s
			startAt = b.u32()
		}
		if b.err != nil {
			return nil, fmt.Errorf("section %d: %w", id, b.err)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if starts.end != 0 {
		if startAt < o.imports {
			return nil, errors.New("the start function is an import")
		}
		o.exportStart(exports, starts, startAt)
	}
	return o, nil
}

func (o *outline) readImports(r *reader) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		module, name := string(r.name()), string(r.name())
		kind := r.byte()
		r.importType(kind)
		if kind == kindFunction {
			o.imports++
			continue
		}
		o.missing = append(o.missing, &MissingImportError{Module: module, Name: name, Signature: "a " + kindName(kind)})
	}
}

// importType reads the type of an import, of a function its number.
func (r *reader) importType(kind byte) (function uint32) {
	switch kind {
	case kindFunction:
		return r.u32()
	case kindTable:
		r.byte()
		r.limits()
	case kindMemory:
		r.limits()
	case kindGlobal:
		r.byte()
		r.byte()
	case kindTag:
		r.byte()
		r.u32()
	default:
		r.fail("unknown kind of import")
	}
	return 0
}

func (o *outline) readMemories(r *reader) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		o.memory = true
		o.pages += r.limits()
	}
}

func (o *outline) readExports(r *reader) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		name, kind, index := string(r.name()), r.byte(), r.u32()
		if kind == kindFunction && index < o.imports {
			o.lent[name] = true
		}
		if strings.HasPrefix(name, startName) {
			o.taken[name] = true
		}
	}
}

// exportStart rewrites the code: without the start section, and with an export
// of the start function.
func (o *outline) exportStart(exports, start section, index uint32) {
	o.start = startName
	for i := 1; o.taken[o.start]; i++ {
		o.start = startName + ":" + strconv.Itoa(i)
	}
	count, entries := uint32(0), []byte(nil)
	if exports.end != 0 {
		r := reader{rest: exports.body}
		count, entries = r.u32(), r.rest
	} else {
		// The export section comes right before the start section.
		exports.begin, exports.end = start.begin, start.begin
	}
	body := binary.AppendUvarint(nil, uint64(count+1))
	body = append(body, entries...)
	body = binary.AppendUvarint(body, uint64(len(o.start)))
	body = append(body, o.start...)
	body = append(body, kindFunction)
	body = binary.AppendUvarint(body, uint64(index))

	code := append([]byte(nil), o.code[:exports.begin]...)
	code = append(code, sectionExport)
	code = binary.AppendUvarint(code, uint64(len(body)))
	code = append(code, body...)
	code = append(code, o.code[exports.end:start.begin]...)
	o.code = append(code, o.code[start.end:]...)
}

// section is where a section lies in the code, with its head, and its content.
type section struct {
	begin, end int
	body       []byte
}

// reader reads WebAssembly's numbers and names. After an error it reads zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = errors.New(why)
	}
	r.rest = nil
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail("ends early")
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.fail("ends early")
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) name() []byte { return r.bytes(r.u32()) }

func (r *reader) u64() uint64 {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) u32() uint32 {
	value := r.u64()
	if value > 1<<32-1 {
		r.fail("number beyond 32 bits")
		return 0
	}
	return uint32(value)
}

// limits reads the least and perhaps the greatest size of a memory or a table,
// and returns the least.
func (r *reader) limits() uint64 {
	flags := r.byte()
	least := r.u64()
	if flags&1 != 0 {
		r.u64()
	}
	return least
}
