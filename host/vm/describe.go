package vm

import "fmt"

// A Description is what a module says of itself, read without compiling it: also
// of one that would be refused. Names are a stranger's, and may hold any bytes.
type Description struct {
	Imports []Entry `json:"imports"`
	Exports []Entry `json:"exports"`
	// Memory is the least and the greatest size of its memory, in bytes; a greatest of
	// 0 is any. Nil: it has none of its own.
	Memory *Extent `json:"memory,omitempty"`
	// Tables are the sizes of its tables, in elements.
	Tables []Extent `json:"tables,omitempty"`
	// Functions and Globals are how many it defines, beside those that it imports.
	Functions uint32 `json:"functions"`
	Globals   uint32 `json:"globals"`
	// Code and Data are the lengths of these sections, in bytes.
	Code int `json:"code_bytes"`
	Data int `json:"data_bytes"`
	// Start tells that it has a start function.
	Start bool `json:"start"`
	// Custom are the names of its custom sections, in their order.
	Custom []string `json:"custom,omitempty"`
}

// Entry is an import or an export.
type Entry struct {
	Module string `json:"module,omitempty"` // of an import
	Name   string `json:"name"`
	Kind   string `json:"kind"`           // function, table, memory, global or tag
	Type   string `json:"type,omitempty"` // of a function: "(i32, i32) -> i32"
}

// Extent is the size of something that can grow.
type Extent struct {
	Least uint64 `json:"least"`
	Most  uint64 `json:"most,omitempty"`
}

// The further sections that a description reads.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionFunction = 3
	sectionTable    = 4
	sectionGlobal   = 6
	sectionCode     = 10
	sectionData     = 11
)

var kindNames = [...]string{"function", "table", "memory", "global", "tag"}

// Describe reads what a module says of itself. The error is about what is no module,
// or breaks off; what was read before is returned all the same.
func Describe(code []byte) (*Description, error) {
	d := describer{Description: &Description{Imports: []Entry{}, Exports: []Entry{}}}
	if err := preamble(code); err != nil {
		return d.Description, err
	}
	r := reader{rest: code[min(8, len(code)):]}
	for len(r.rest) > 0 && r.err == nil {
		id := r.byte()
		body := reader{rest: r.bytes(r.u32())}
		if r.err != nil {
			break
		}
		d.section(id, &body)
		if body.err != nil {
			r.fail(fmt.Sprintf("section %d: %s", id, body.err))
		}
	}
	d.nameTypes()
	return d.Description, r.err
}

// describer keeps what is needed to name the types of functions.
type describer struct {
	*Description
	types     []string
	typeOf    []uint32 // by function, imported ones first
	importsOf []int    // the entries of imported functions, in their order
	exportsOf []exportedFunction
}

type exportedFunction struct {
	entry    int
	function uint32
}

func (d *describer) section(id byte, r *reader) {
	switch id {
	case sectionCustom:
		d.Custom = append(d.Custom, string(r.name()))
	case sectionType:
		d.readTypes(r)
	case sectionImport:
		d.readImports(r)
	case sectionFunction:
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			d.typeOf = append(d.typeOf, r.u32())
			d.Functions++
		}
	case sectionTable:
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			r.byte()
			d.Tables = append(d.Tables, r.extent(1))
		}
	case sectionMemory:
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			e := r.extent(pageSize)
			d.Memory = &e
		}
	case sectionGlobal:
		d.Globals = r.u32()
	case sectionExport:
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			name, kind, index := string(r.name()), r.byte(), r.u32()
			if kind == kindFunction {
				d.exportsOf = append(d.exportsOf, exportedFunction{len(d.Exports), index})
			}
			d.Exports = append(d.Exports, Entry{Name: name, Kind: kindName(kind)})
		}
	case sectionStart:
		d.Start = true
	case sectionCode:
		d.Code = len(r.rest)
	case sectionData:
		d.Data = len(r.rest)
	}
}

func (d *describer) readImports(r *reader) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		e := Entry{Module: string(r.name()), Name: string(r.name())}
		kind := r.byte()
		e.Kind = kindName(kind)
		typeOf := r.importType(kind)
		if kind == kindFunction {
			d.importsOf = append(d.importsOf, len(d.Imports))
			d.typeOf = append(d.typeOf, typeOf)
		}
		d.Imports = append(d.Imports, e)
	}
}

// readTypes reads the types of functions. What else there may be in newer modules
// ends the reading: their functions are shown without a type.
func (d *describer) readTypes(r *reader) {
	const functionType = 0x60
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		if r.byte() != functionType {
			r.rest = nil
			return
		}
		params := r.bytes(r.u32())
		results := r.bytes(r.u32())
		d.types = append(d.types, signature(params, results))
	}
}

// nameTypes gives the functions their types, once all sections are read.
func (d *describer) nameTypes() {
	typeOf := func(function uint32) string {
		if uint64(function) < uint64(len(d.typeOf)) {
			if t := d.typeOf[function]; uint64(t) < uint64(len(d.types)) {
				return d.types[t]
			}
		}
		return ""
	}
	for n, entry := range d.importsOf {
		d.Imports[entry].Type = typeOf(uint32(n))
	}
	for _, e := range d.exportsOf {
		d.Exports[e.entry].Type = typeOf(e.function)
	}
}

func kindName(kind byte) string {
	if int(kind) < len(kindNames) {
		return kindNames[kind]
	}
	return "unknown"
}

// extent reads the least and perhaps the greatest size of a memory or a table, in
// units of so many.
func (r *reader) extent(unit uint64) Extent {
	flags := r.byte()
	e := Extent{Least: clampedProduct(r.u64(), unit)}
	if flags&1 != 0 {
		e.Most = clampedProduct(r.u64(), unit)
	}
	return e
}

// clampedProduct is a product of which the first factor is a stranger's.
func clampedProduct(n, unit uint64) uint64 { return min(n, (1<<62)/unit) * unit }
