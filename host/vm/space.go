package vm

import (
	"fmt"
	"os"

	"github.com/sluice-gateway/sluice/host/pieces"
)

// A memory that grows lies in address space of its own, which is reserved for all that it may
// ever have. To grow it is to make the pages behind some more of it: nothing is moved.

// What that costs, in units as measured.
const (
	// spaceUnits is to reserve address space, and to free it.
	spaceUnits = 10_000
	// freshBytes is how many bytes of new pages take a nanosecond: the system clears them,
	// maps them one by one, and takes them back in the end.
	freshBytes = 2
)

// chunk is by how much a memory is extended that has as much. The system can make one page of it, for a fifth of what
// 512 small ones take.
const chunk = 2 << 20

// freshUnits is what so many bytes cost that were not there before. A guest pays twice as much for
// those that it asks for, to package meter and before it asks: they may be small pages, of 0.5 to 0.7 ns a byte,
// and with those that are made ahead a byte that it asks for takes 1 ns at most. Where the system has large pages it takes 0.2
// ns, but nobody can tell before. See BenchmarkCost.
func freshUnits(bytes uint64) int64 { return int64(bytes / freshBytes) }

// extend makes the memory so large, which has been taken for it, and zero where it is new.
func (m *memory) extend(length uint64) error {
	if m.space == nil {
		if err := m.settle(); err != nil {
			return err
		}
		if m.heap {
			return m.move(length)
		}
	}
	if length > m.made {
		end := m.ahead(length)
		if err := m.makePages(m.space[m.made:end]); err != nil {
			return err
		}
		m.made = end
	}
	m.content = m.space[:length:length]
	return nil
}

// ahead is how far pages are made for a memory of so many bytes: up to the next chunk, if that
// can be had.
func (m *memory) ahead(length uint64) uint64 {
	end := min((length+chunk-1)/chunk*chunk, uint64(len(m.space)))
	if length <= chunk || !m.spare(end) {
		return length
	}
	return end
}

// settle moves the memory into address space of its own. Where there is none it stays where it
// is, and heap is set.
func (m *memory) settle() error {
	size := uint64(len(m.content))
	if !m.instance.Charge(spaceUnits + freshUnits(size)) {
		return errUnpaid
	}
	space := reserve(min(m.limit-m.host, m.most) / pageSize * pageSize)
	if space == nil {
		m.heap = true
		return nil
	}
	if err := m.makePages(space[:size]); err != nil {
		release(space, len(m.content))
		return err
	}
	pieces.CopyAnd(space, m.content, func(bytes int) { m.worked(unitsOf(uint64(bytes))) })
	m.space, m.content, m.made = space, space[:size:size], size
	return nil
}

// makePages makes all pages of a part of the address space, in turns. Were that left to when they are touched, a guest could
// touch thousands between two pauses, where nobody can stop it.
func (m *memory) makePages(part []byte) error {
	if err := allow(part); err != nil {
		return fmt.Errorf("the system has no memory: %w", err)
	}
	m.inTurns(part, populate)
	return nil
}

// inTurns does something with each piece of a part that takes as long as to make its pages.
func (m *memory) inTurns(part []byte, do func([]byte)) {
	m.since = 0
	for len(part) > 0 {
		n := min(pieces.Size, len(part))
		do(part[:n])
		part = part[n:]
		m.worked(freshUnits(uint64(n)))
	}
}

// worked lets others go first when enough was done: see slice.go.
func (m *memory) worked(units int64) {
	if m.since += units; m.since < sliceUnits {
		return
	}
	m.since = 0
	switch {
	case m.instance != nil && m.instance.depth > 0:
		m.instance.turn()
	case m.next != nil:
		m.next(8 * sliceUnits) // as if so many bytes had been copied
	}
}

var systemPage = os.Getpagesize()

// touch has the system make the pages of memory that is zero.
func touch(part []byte) {
	for at := 0; at < len(part); at += systemPage {
		part[at] = 0
	}
}
