package meter

import "fmt"

// reader reads the binary format. Once something is wrong it reads zeros, and
// keeps the first error.
type reader struct {
	code []byte // the whole module, so that pos is an offset in it
	pos  int
	end  int
	err  error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
	r.pos = r.end
}

func (r *reader) more() bool { return r.err == nil && r.pos < r.end }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail(r.pos, "ends early")
		return 0
	}
	b := r.code[r.pos]
	r.pos++
	return b
}

// take returns the next n bytes.
func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(r.end-r.pos) {
		r.fail(r.pos, "ends early")
		return nil
	}
	b := r.code[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// u32 reads an unsigned number: at most five bytes, and 32 bits.
func (r *reader) u32() uint32 {
	if r.pos < r.end && r.code[r.pos] < 0x80 {
		r.pos++
		return uint32(r.code[r.pos-1])
	}
	at := r.pos
	var value uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if value > 1<<32-1 {
				break
			}
			return uint32(value)
		}
	}
	r.fail(at, "a number has more than 32 bits")
	return 0
}

// signed reads a signed number of at most so many bytes, and returns its first
// byte, too. Whether the last byte has bits too many is for the compiler to judge.
func (r *reader) signed(most int) (value int64, first byte) {
	at := r.pos
	for shift := 0; shift < 7*most; shift += 7 {
		b := r.byte()
		if shift == 0 {
			first = b
		}
		value |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift+7 < 64 {
				value |= -1 << (shift + 7)
			}
			return value, first
		}
	}
	r.fail(at, "a number is longer than %d bytes", most)
	return 0, first
}

// count reads how many items follow, each of which takes at least one byte.
func (r *reader) count() uint32 {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(r.end-r.pos) {
		r.fail(at, "%d items in %d bytes", n, r.end-r.pos)
		return 0
	}
	return n
}

// within reads how many items follow, and refuses more than a limit.
func (r *reader) within(what string, limit, before uint32) uint32 {
	n := r.u32()
	if have := uint64(n) + uint64(before); have > uint64(limit) && r.err == nil {
		r.err = &LimitError{What: what, Have: have, Limit: uint64(limit)}
		r.pos = r.end
		return 0
	}
	if uint64(n) > uint64(r.end-r.pos) {
		r.fail(r.pos, "%d %s in %d bytes", n, what, r.end-r.pos)
		return 0
	}
	return n
}

// valueType skips the type of a value and returns its first byte.
func (r *reader) valueType() byte {
	b := r.byte()
	if b == refNull || b == ref {
		r.signed(5) // a heap type
	}
	return b
}

// limits reads the sizes of a memory or a table.
func (r *reader) limits() (least, most uint32, bounded bool) {
	at := r.pos
	flags := r.byte()
	if flags > 3 {
		r.fail(at, "unknown kind of limits %#x", flags)
	}
	least = r.u32()
	if flags&1 != 0 {
		return least, r.u32(), true
	}
	return least, 0, false
}
