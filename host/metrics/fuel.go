package metrics

import "sync/atomic"

// fuelBounds are the buckets for the fuel of a callback, in seconds: what limits are
// written in.
var fuelBounds = [...]float64{1e-6, 1e-5, 1e-4, 1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1}

// fuelUnits are fuelBounds in units of fuel.
var fuelUnits = func() (units [len(fuelBounds)]int64) {
	for i, seconds := range fuelBounds {
		units[i] = int64(seconds*1e9 + 0.5)
	}
	return units
}()

// fuelHistogram counts what callbacks used. The zero value is empty.
type fuelHistogram struct {
	buckets [len(fuelBounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

func (h *fuelHistogram) observe(units int64) {
	at := 0
	for at < len(fuelUnits) && units > fuelUnits[at] {
		at++
	}
	h.buckets[at].Add(1)
	h.sum.Add(units)
}

func (h *fuelHistogram) addTo(total *cumulative) {
	total.add(h.buckets[:], fuelBounds[:])
	total.sum += float64(h.sum.Load()) / 1e9
}

// Used notes the fuel that a callback used, a unit for a nanosecond. Instances of
// different numbers do not wait for each other.
func (f *Filter) Used(instance int, units int64) {
	f.fuel[uint(instance)%shards].observe(units)
	for {
		most := f.most.Load()
		if units <= most || f.most.CompareAndSwap(most, units) {
			return
		}
	}
}

// Fuel is how much fuel all callbacks have used, and the most that one of them has.
// Both are 0 where nobody may look, see Timed.
func (f *Filter) Fuel() (total, most int64) {
	for i := range f.fuel {
		total += f.fuel[i].sum.Load()
	}
	return total, f.most.Load()
}
