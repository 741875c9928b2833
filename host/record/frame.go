package record

import "encoding/binary"

const frameHead = 8

// frameReader is where in a frame the Splitter stands, when the frame is larger than a record may be.
type frameReader struct {
	stream Stream
	left   int64 // bytes of the payload that are still to come
}

// nextFrame cuts one frame. One that is longer than the limit becomes several of the same stream.
func (s *Splitter) nextFrame() (Record, bool, error) {
	f := &s.frame
	if f.left > 0 {
		n := int(min(f.left, int64(s.limit)))
		if len(s.in) < n {
			return Record{}, false, nil
		}
		f.left -= int64(n)
		r := s.take(n, 0)
		r.Kind, r.Stream, r.whole = KindFrame, f.stream, nil
		return r, true, nil
	}
	if len(s.in) < frameHead {
		return Record{}, false, nil
	}
	stream := Stream(s.in[0])
	if stream >= streams || s.in[1]|s.in[2]|s.in[3] != 0 {
		return Record{}, false, failf("what came is no frame of a multiplexed stream: it begins with % x", s.in[:4])
	}
	size := int64(binary.BigEndian.Uint32(s.in[4:frameHead]))
	if size > int64(s.limit) {
		s.in = s.in[frameHead:]
		f.stream, f.left = stream, size
		return s.nextFrame()
	}
	n := frameHead + int(size)
	if len(s.in) < n {
		return Record{}, false, nil
	}
	r := s.take(n, frameHead)
	r.Kind, r.Stream, r.Opaque = KindFrame, stream, size == 0
	return r, true, nil
}

// appendFrame appends a frame. Data is far smaller than the four gigabytes that a frame has room for.
func appendFrame(b []byte, stream Stream, data []byte) []byte {
	return append(appendFrameHead(b, stream, len(data)), data...)
}

func appendFrameHead(b []byte, stream Stream, size int) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(stream), 0, 0, 0), uint32(size))
}

// AppendFrame appends a frame of a multiplexed stream to b.
func AppendFrame(b []byte, stream Stream, text string) []byte {
	return appendFrame(b, stream, []byte(text))
}
