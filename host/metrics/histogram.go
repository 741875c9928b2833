package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Times are counted in buckets that double from firstBucket on: 5 µs, 10 µs, 20 µs,
// up to 2.6 s.
const (
	firstBucket = 5 * time.Microsecond
	timeBuckets = 20
)

// timeBounds are the buckets' upper bounds in seconds.
var timeBounds = func() (bounds [timeBuckets]float64) {
	for i := range bounds {
		bounds[i] = float64(firstBucket<<i) / 1e9 // Seconds is a bit off for those above 1
	}
	return bounds
}()

// timeHistogram counts durations. The zero value is empty.
type timeHistogram struct {
	buckets [timeBuckets + 1]atomic.Uint64 // the last one is for all that is longer
	sum     atomic.Int64                   // nanoseconds
}

func (h *timeHistogram) observe(d time.Duration) {
	at := 0
	if d > 0 {
		at = min(bits.Len64(uint64(d-1)/uint64(firstBucket)), timeBuckets)
	}
	h.buckets[at].Add(1)
	h.sum.Add(int64(d))
}

// cumulative is a histogram as Prometheus has it.
type cumulative struct {
	count   uint64
	sum     float64
	buckets map[float64]uint64
}

// add adds what was counted below each bound; the last bucket is for all that is above them.
func (c *cumulative) add(counted []atomic.Uint64, bounds []float64) {
	if c.buckets == nil {
		c.buckets = make(map[float64]uint64, len(bounds))
	}
	var below uint64
	for i := range counted {
		below += counted[i].Load()
		if i < len(bounds) {
			c.buckets[bounds[i]] += below
		}
	}
	c.count += below
}

// addTo adds what was counted.
func (h *timeHistogram) addTo(total *cumulative) {
	total.add(h.buckets[:], timeBounds[:])
	total.sum += time.Duration(h.sum.Load()).Seconds()
}

// clock is what durations are measured by: reading one clock instead of time.Now's
// two halves the cost.
var clock = time.Now()

// Now is a moment, for two of which the difference is a duration.
func Now() time.Duration { return time.Since(clock) }
