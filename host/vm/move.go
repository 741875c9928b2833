package vm

import "github.com/sluice-gateway/sluice/host/pieces"

// Where no address space can be reserved, because of the system or of a limit of the
// process, a memory stays on Go's heap, and is made anew and moved when it grows.

// move makes the memory so large, which has been taken for it. Where a pool is nearly empty a guest
// that grows page by page has it all moved each time, and pays for it.
func (m *memory) move(length uint64) error {
	if length <= uint64(cap(m.content)) {
		m.content = m.content[:length] // nobody has written there yet
		return nil
	}
	if !m.instance.Charge(unitsOf(uint64(len(m.content)))) {
		return errUnpaid
	}
	next := make([]byte, length, m.room(length))
	pieces.Copy(next, m.content)
	m.content = next
	return nil
}

// room is how much memory is made for so many bytes: twice what there was, if that may be
// and can be had, so that a guest that grows page by page does not have it all moved each
// time.
func (m *memory) room(length uint64) uint64 {
	room := min(2*uint64(cap(m.content)), m.limit-min(m.host, m.limit), m.most)
	if room <= length || !m.spare(room) {
		return length
	}
	return room
}
