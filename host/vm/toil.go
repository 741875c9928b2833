package vm

import "github.com/sluice-gateway/sluice/host/vm/meter"

// toil is work that the host does in an instance's name and outside of its calls: to
// make it, and to put it back. It costs what a guest would pay for as much, and takes
// its turns like a guest.

// unitsOf is what copying or clearing so many bytes costs, as for a guest's memory.copy.
func unitsOf(bytes uint64) int64 { return int64(bytes / 8) }

// toil does work of so many units for a party: where that is much, in one of the lanes
// for what computes at length. The work calls next now and then with how many bytes it
// has copied or cleared, so that others get their turn.
func (e *Engine) toil(party string, units int64, work func(next func(bytes int))) {
	if units < briefUnits {
		work(nil)
		return
	}
	e.lanes.enter(party)
	defer e.lanes.leave()
	since := int64(0)
	work(func(bytes int) {
		if since += unitsOf(uint64(bytes)); since >= sliceUnits {
			since = 0
			e.lanes.turn(party)
		}
	})
}

// What making an instance costs, in units as measured: itself, and each of what
// meter.Instance counts.
const (
	instanceUnits  = 30_000
	importUnits    = 200
	globalUnits    = 100
	segmentUnits   = 120
	referenceUnits = 800
)

// What an instance costs the host beside that, in units as measured; see Instance.Owed.
const (
	// functionUnits is for the first call of a function: what wazero makes for it, with its
	// first stack, is garbage when the instance is closed.
	functionUnits = 10_000
	// stackUnits is for each byte that a native stack has grown by: it was doubled again and
	// again, and each time made anew, copied and walked through.
	stackUnits = 2
	// trapUnits is for a trap: to find out where it was, to say so, and to do without the instance.
	trapUnits = 20_000
)

// Owed is what the host has done for the instance since it was asked last, outside of the
// guest's code and of what making it has cost, in units: the guest's fuel does not pay for it,
// since a call is to use as much as the one before.
func (i *Instance) Owed() (units int64) {
	units, i.owed = i.owed, 0
	return units
}

// makeUnits is what making an instance costs the host. Memory that is new costs more than
// what is written again: the system has to give it, for a small one now and then.
func makeUnits(of meter.Instance, memory uint64) int64 {
	fresh := 2 * unitsOf(memory)
	if memory > smallMemory {
		fresh = freshUnits(memory)
	}
	return instanceUnits + importUnits*int64(of.Imports) + globalUnits*int64(of.Globals) + segmentUnits*int64(of.Segments) + referenceUnits*int64(of.References) +
		unitsOf(of.Data) + unitsOf(8*uint64(of.Slots)) + fresh
}

// hostBytes is what the host has for an instance beside its memory, for each of what
// meter.Instance counts, as measured. The first 64 KiB, more than most filters have, are
// not counted; it is whole pages, like the memory.
func hostBytes(of meter.Instance) uint64 {
	const (
		importBytes    = 48
		globalBytes    = 100
		segmentBytes   = 32
		referenceBytes = 64
		slotBytes      = 8
		free           = pageSize
	)
	n := importBytes*uint64(of.Imports) + globalBytes*uint64(of.Globals) + segmentBytes*uint64(of.Segments) +
		referenceBytes*uint64(of.References) + slotBytes*uint64(of.Slots)
	return pages(n - min(n, free))
}

// pages rounds up to whole ones.
func pages(bytes uint64) uint64 { return (bytes + pageSize - 1) / pageSize * pageSize }
