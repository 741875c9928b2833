package hostcall

import "github.com/sluice-gateway/sluice/abi"

// What host calls cost beyond the call itself, in units of fuel (vm.Fuel: one
// stands for a nanosecond, and is used up in less). As measured: an empty host
// call takes about as long as the units of its instruction say; most that do
// something take as long again. Bytes cross between host and guest at some 10
// in a nanosecond, but memory that the host has to allocate for them, and to
// collect later, takes it 0.7 ns each. Looking through fields, and encoding them,
// takes up to a nanosecond for each byte and each field; taking in a map of
// other fields, some 100 ns for each.
//
// Bytes that a guest names are paid for before anything is checked of them, so
// that it cannot have the host look at them for nothing.
//
// BenchmarkPrices of package host compares all of it with what it takes.
const (
	callUnits    = 100
	fieldUnits   = 100
	bytesPerUnit = 4

	// lookupUnits is to find something by its name, found or not: in a map that has a
	// lock, by a copy of the name.
	lookupUnits = 100

	// sentUnits is a byte that a guest has the host send: it is allocated, looked through,
	// written to a connection, and collected; and on the other side of that somebody
	// reads it, mostly on the same machine.
	sentUnits = 3

	// timerUnits is a timer that is set, lineUnits a line of the log, written or not.
	timerUnits = 1000
	lineUnits  = 500 // and WrittenUnits if it is

	// keepUnits is a key or an item that the host keeps beyond the stream: its
	// place in a map or a list, and the collector's work on it later.
	keepUnits = 1000

	// fileUnits is a byte of it that goes to a file, too: a sum is made of it, it is copied and written, and written
	// again when the file is made anew. Two to four nanoseconds, measured; and the disk has to take it.
	fileUnits = 4

	// WrittenUnits is a line that comes into the log and is not dropped: it is composed, and
	// written by a system call.
	WrittenUnits = 2000
)

// charge makes the guest pay for a call that moves so many bytes and does
// besides what the given units stand for. Every body charges, before it does
// anything that takes time; when the fuel does not suffice it answers
// INTERNAL_FAILURE. The guest traps when it is back.
func (c call) charge(bytes int, units int64) bool {
	return c.caller.Charge(callUnits + int64(bytes)/bytesPerUnit + units)
}

// kept is what the host pays for so many bytes that it keeps of what the guest shares.
func (c call) kept(bytes int) int64 {
	if c.caller.Shared().Kept() {
		return keepUnits + (1+fileUnits)*int64(bytes)
	}
	return keepUnits + int64(bytes)
}

// scan is what looking through a map costs, or encoding it; nothing for nil.
func scan(fields *abi.HeaderMap) int64 {
	if fields == nil {
		return 0
	}
	return int64(fields.Len()) + int64(fields.ByteSize())
}
