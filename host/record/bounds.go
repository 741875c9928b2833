package record

import "encoding/binary"

// FrameBounds follows the frames of a multiplexed stream that is passed on as it comes, to know where one ends. The zero value stands
// at the stream's beginning.
type FrameBounds struct {
	head [frameHead]byte
	read int   // bytes of head
	left int64 // bytes of the payload that are still to come
}

// Pass follows the next bytes. It costs a few instructions a frame.
func (f *FrameBounds) Pass(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, int64(len(p)))
			f.left -= n
			p = p[n:]
			continue
		}
		n := copy(f.head[f.read:], p)
		p = p[n:]
		if f.read += n; f.read == frameHead {
			f.read, f.left = 0, int64(binary.BigEndian.Uint32(f.head[4:]))
		}
	}
}

// Between tells whether what has passed ends with a whole frame, so that another can be put behind it.
func (f *FrameBounds) Between() bool { return f.read == 0 && f.left == 0 }
