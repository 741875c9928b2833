package message

import "encoding/binary"

// The wire types of protobuf.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

// maxNumber is the largest number that a field can have.
const maxNumber = 1<<29 - 1

// record is one field as it stands on the wire.
type record struct {
	number  int32
	wire    uint8
	value   uint64 // of a varint
	payload []byte // of wireBytes
	whole   []byte // tag and value
}

// next reads the record at the beginning of b, and returns what is behind it.
func next(b []byte) (r record, rest []byte, f *fault) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return r, nil, faultf("the message ends inside of a tag, or the tag is malformed")
	}
	number := tag >> 3
	r.wire = uint8(tag & 7)
	if number < 1 || number > maxNumber {
		return r, nil, faultf("%d is not the number of a field", number)
	}
	r.number = int32(number)
	at := n
	switch r.wire {
	case wireVarint:
		if r.value, n = binary.Uvarint(b[at:]); n <= 0 {
			return r, nil, faultf("field %d: a malformed number", number)
		}
		at += n
	case wireFixed8:
		at += 8
	case wireFixed4:
		at += 4
	case wireBytes:
		size, n := binary.Uvarint(b[at:])
		if n <= 0 {
			return r, nil, faultf("field %d: a malformed length", number)
		}
		at += n
		if size > uint64(len(b)-at) {
			return r, nil, faultf("field %d is longer than its message", number)
		}
		r.payload = b[at : at+int(size) : at+int(size)]
		at += int(size)
	default:
		return r, nil, faultf("field %d has the wire type %d, which nothing in this API has", number, r.wire)
	}
	if at > len(b) {
		return r, nil, faultf("field %d is longer than its message", number)
	}
	r.whole = b[:at:at]
	return r, b[at:], nil
}

func appendTag(b []byte, number int32, wire uint8) []byte {
	return binary.AppendUvarint(b, uint64(number)<<3|uint64(wire))
}

func appendBytes(b []byte, number int32, payload []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, number, wireBytes), uint64(len(payload)))
	return append(b, payload...)
}

// nextPacked reads a number out of a packed field.
func nextPacked(b []byte) (value uint64, rest []byte, f *fault) {
	value, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, faultf("a malformed number")
	}
	return value, b[n:], nil
}
