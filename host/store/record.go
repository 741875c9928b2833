package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// The file is a line that names its format, and then records, one for each
// change, in their order:
//
//	u32 length of the body, u32 CRC-32C of the body, body
//
// A body is an operation and its fields: bytes with their length before them,
// and numbers, all lengths and numbers as Go's varints. Integers of fixed length are
// little-endian. A snapshot is the same: the records that make what there is.
const fileHeader = "sluice store 1\n"

// operation is what a record says.
type operation byte

const (
	opSet     operation = 1 + iota // key, value, end of life in Unix milliseconds or 0
	opDelete                       // key
	opEnqueue                      // queue, item
	opDequeue                      // queue
	opRequeue                      // queue, item
)

// record is one change of a namespace.
type record struct {
	op operation
	ns Namespace
	// name is the key, or the queue's name.
	name    []byte
	value   []byte // or the item
	expires int64
}

const (
	recordHead = 8
	// maxRecord is the longest body: what is longer was not written by us. Values
	// and items are far shorter; config bounds them by 1 GiB.
	maxRecord = 1<<30 + 1<<20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendTo appends the record as the file has it.
func (r *record) appendTo(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, byte(r.op))
	dst = appendBytes(dst, r.ns.Tenant)
	dst = appendBytes(dst, r.ns.VMID)
	dst = appendBytes(dst, r.name)
	switch r.op {
	case opSet:
		dst = appendBytes(dst, r.value)
		dst = binary.AppendVarint(dst, r.expires)
	case opEnqueue, opRequeue:
		dst = appendBytes(dst, r.value)
	}
	body := dst[start+recordHead:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

func appendBytes[T string | []byte](dst []byte, field T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(field)))
	return pieces.Append(dst, field)
}

var errMalformed = errors.New("a record makes no sense")

// parseRecord reads a body. The record's slices are the body's.
func parseRecord(body []byte) (r record, err error) {
	if len(body) == 0 {
		return r, errMalformed
	}
	p := parser{rest: body[1:]}
	r.op = operation(body[0])
	r.ns.Tenant = string(p.bytes())
	r.ns.VMID = string(p.bytes())
	r.name = p.bytes()
	switch r.op {
	case opSet:
		r.value = p.bytes()
		r.expires = p.varint()
	case opEnqueue, opRequeue:
		r.value = p.bytes()
	case opDelete, opDequeue:
	default:
		return r, errMalformed
	}
	if p.bad || len(p.rest) > 0 {
		return r, errMalformed
	}
	return r, nil
}

// parser takes fields off a body. Once something is bad everything is.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) bytes() []byte {
	size, n := binary.Uvarint(p.rest)
	if n <= 0 || size > uint64(len(p.rest)-n) {
		p.rest, p.bad = nil, true
		return nil
	}
	field := p.rest[n : n+int(size) : n+int(size)]
	p.rest = p.rest[n+int(size):]
	return field
}

func (p *parser) varint() int64 {
	value, n := binary.Varint(p.rest)
	if n <= 0 {
		p.rest, p.bad = nil, true
		return 0
	}
	p.rest = p.rest[n:]
	return value
}
