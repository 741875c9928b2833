package record

import "encoding/binary"

const (
	wsFin     = 0x80
	wsReserve = 0x70
	wsOpcode  = 0x0f
	wsMask    = 0x80
	wsBinary  = 2
	wsControl = 8 // the first opcode of the frames that carry no data: close, ping, pong
)

// nextMessage cuts one frame. The engine sends each of its writes as a message of one frame; where a message comes in
// several, each of them is a record.
func (s *Splitter) nextMessage() (Record, bool, error) {
	if len(s.in) < 2 {
		return Record{}, false, nil
	}
	head, size, start := s.in[0], int64(s.in[1]&^wsMask), 2
	opcode := head & wsOpcode
	switch {
	case s.in[1]&wsMask != 0:
		return Record{}, false, failf("what came is no WebSocket frame of a server: it is masked")
	case head&wsReserve != 0:
		return Record{}, false, failf("a WebSocket frame uses an extension that nobody agreed on")
	case opcode > wsBinary && opcode < wsControl, opcode > wsControl+2:
		return Record{}, false, failf("a WebSocket frame has the unknown opcode %d", opcode)
	case opcode >= wsControl && (head&wsFin == 0 || size > 125):
		return Record{}, false, failf("a WebSocket's control frame is too long or in parts")
	case size == 126:
		start = 4
	case size == 127:
		start = 10
	}
	if len(s.in) < start {
		return Record{}, false, nil
	}
	switch start {
	case 4:
		size = int64(binary.BigEndian.Uint16(s.in[2:]))
	case 10:
		size = int64(binary.BigEndian.Uint64(s.in[2:]) & (1<<63 - 1))
	}
	if size > int64(s.limit) {
		return Record{}, false, failf("a WebSocket frame is longer than limits.record (%d bytes)", s.limit)
	}
	n := start + int(size)
	if len(s.in) < n {
		return Record{}, false, nil
	}
	r := s.take(n, start)
	r.head, r.Opaque = head, size == 0 || opcode >= wsControl
	return r, true, nil
}

// fragment tells whether the record is a part of a WebSocket's message, which cannot be left out.
func (s *Splitter) fragment(r *Record) bool {
	return s.format == WebSocket && (r.head&wsFin == 0 || r.head&wsOpcode == 0)
}

func appendMessage(b []byte, head byte, data []byte) []byte {
	b = append(b, head)
	switch n := len(data); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = append(b, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, data...)
}
