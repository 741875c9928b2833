package vm

import (
	"math"
	"time"

	"github.com/sluice-gateway/sluice/host/vm/meter"
)

const (
	// DefaultFuel bounds a call when InstanceOptions do not say: 50 milliseconds
	// by the rule of Fuel.
	DefaultFuel = 50_000_000

	// StackLimit is how large the guest's call stack may become, in bytes as
	// package meter counts them.
	StackLimit = meter.DefaultStack
)

// Fuel is how many units stand for a time: one for a nanosecond. A unit is about
// one instruction of WebAssembly. Loops use two to seven units in a nanosecond, so
// that a call that runs on is over in less than the time; one that waits for
// memory at each instruction, or computes nothing but square roots, takes longer.
// Unlike time, fuel does not depend on what else the machine does.
func Fuel(d time.Duration) int64 { return d.Nanoseconds() }

// SetFuel changes InstanceOptions.Fuel, from the next call on.
func (i *Instance) SetFuel(units int64) {
	if units <= 0 {
		units = DefaultFuel
	}
	i.fuel = units
}

// Charge takes fuel from the call that is running, for what a host call is about
// to do in its name, and tells whether there was as much. Where there was not,
// the host call should not do it: the guest traps at the next check of its own
// after it is back, and at the latest when it returns. Nothing is taken while
// nothing runs.
func (i *Instance) Charge(units int64) bool {
	if i.depth == 0 {
		return true
	}
	if units <= 0 {
		return i.left() >= 0
	}
	units = min(units, 1<<62) // of which there is never as much, and less than nothing can be left
	// Usually the slice has as much, and then that is all there is to do.
	if left := int64(i.tank.Get()) - units; left >= 0 {
		i.tank.Set(uint64(left))
		return true
	}
	left := max(i.left()-units, -1<<62)
	if left < 0 || !i.code.pauses {
		i.fill(left)
		return left >= 0
	}
	// The slice is used up, and the guest pauses at its next check: a storm of host
	// calls takes turns like a loop.
	i.tank.Set(math.MaxUint64) // -1
	i.reserve = left + 1
	return true
}

// Used is how much fuel the last call from outside has used, or the one that is
// running so far.
func (i *Instance) Used() int64 {
	switch {
	case i.closed:
		return 0
	case i.depth == 0:
		return i.used
	}
	return i.budget - i.left()
}

// StartUsed is how much fuel making the instance has cost, and Start has used in all
// functions that it called.
func (i *Instance) StartUsed() int64 { return i.started }

// sleep is what a guest's wait is made of. Time that is slept is paid like time
// that is computed, and cannot be longer than what is left.
func (i *Instance) sleep(nanoseconds int64) {
	if i.Charge(nanoseconds) {
		i.Rest()
		time.Sleep(time.Duration(nanoseconds))
	}
}
