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

// freshUnits is what so many bytes cost that were not there before. A guest pays twice as much for
// those that it asks for, to package meter and before it asks.
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
	if err := m.makePages(m.space[len(m.content):length], commit); err != nil {
		return err
	}
	m.content = m.space[:length:length]
	return nil
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
	if err := m.makePages(space[:size], commit); err != nil {
		release(space, len(m.content))
		return err
	}
	pieces.CopyAnd(space, m.content, func(bytes int) { m.worked(unitsOf(uint64(bytes))) })
	m.space, m.content = space, space[:size:size]
	return nil
}

// makePages makes all pages of a part, in turns. Were that left to when they are touched, a guest could
// touch thousands between two pauses, where nobody can stop it.
func (m *memory) makePages(part []byte, by func([]byte) error) error {
	m.since = 0
	for len(part) > 0 {
		n := min(pieces.Size, len(part))
		if err := by(part[:n]); err != nil {
			return fmt.Errorf("the system has no memory: %w", err)
		}
		part = part[n:]
		m.worked(freshUnits(uint64(n)))
	}
	return nil
}

// worked lets others go first when enough was done: see slice.go.
func (m *memory) worked(units int64) {
	if m.since += units; m.since < sliceUnits {
		return
	}
	m.since = 0
	switch {
	case m.instance != nil:
		m.instance.turn()
	case m.next != nil:
		m.next(8 * sliceUnits) // as if so many bytes had been copied
	}
}

var systemPage = os.Getpagesize()

// touch has the system make the pages of memory that is zero.
func touch(part []byte) error {
	for at := 0; at < len(part); at += systemPage {
		part[at] = 0
	}
	return nil
}
