package dockerapi

import (
	"bytes"
	"hash/maphash"
)

// keySet remembers the keys of objects whose keys no table knows, for all objects of a document together. It costs no
// allocation for documents of the usual size once it has been used.
type keySet struct {
	entries []seenKey
	slots   []uint32 // index into entries plus one, by hash; a power of two of them
	text    []byte   // the keys, one behind the other
}

type seenKey struct {
	object     uint32 // whose key it is
	start, end uint32 // in text
	hash       uint32
}

var keySeed = maphash.MakeSeed()

const fewKeys = 64

// reset forgets all keys, and the memory that a large document needed.
func (s *keySet) reset() {
	if len(s.slots) > 64*fewKeys || cap(s.text) > 1<<16 {
		*s = keySet{}
		return
	}
	if len(s.entries) > 0 {
		clear(s.slots)
	}
	s.entries, s.text = s.entries[:0], s.text[:0]
}

// add remembers a key of an object. It returns false when the object has it already.
func (s *keySet) add(object uint32, key []byte) bool {
	if 2*len(s.entries) >= len(s.slots) {
		s.grow()
	}
	hash := uint32(maphash.Bytes(keySeed, key)) + object*0x9e3779b1 // so that objects with the same keys do not meet
	mask := uint32(len(s.slots) - 1)
	slot := hash & mask
	for ; s.slots[slot] != 0; slot = (slot + 1) & mask {
		e := &s.entries[s.slots[slot]-1]
		if e.hash == hash && e.object == object && bytes.Equal(s.text[e.start:e.end], key) {
			return false
		}
	}
	start := len(s.text)
	s.text = append(s.text, key...)
	s.entries = append(s.entries, seenKey{object, uint32(start), uint32(len(s.text)), hash})
	s.slots[slot] = uint32(len(s.entries))
	return true
}

func (s *keySet) grow() {
	s.slots = make([]uint32, max(2*len(s.slots), fewKeys))
	mask := uint32(len(s.slots) - 1)
	for i := range s.entries {
		slot := s.entries[i].hash & mask
		for ; s.slots[slot] != 0; slot = (slot + 1) & mask {
		}
		s.slots[slot] = uint32(i + 1)
	}
}
