package plugin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/host/vm"
)

// heavy is of whose requests the filter has computed for long, lately, or waited for the engine while it held an
// instance (see heavyWait), or crashed. While there are others, their
// streams keep to one half of the instances, and those of the others to the other half: for a call that
// computes for long has its instance for as long as it does, waits for its turn in it,
// and everybody whose stream is on that instance waits with it, or is lost when it traps.
type heavy struct {
	// some is set while there may be any, so that nobody else pays for it.
	some atomic.Bool

	mu      sync.Mutex           // guards what follows
	parties map[string]time.Time // until when each is one of them
	others  time.Time            // when somebody came last who was not one of them
}

const (
	// heavyUnits is what a call uses that makes its party heavy, some five milliseconds. In
	// what is shorter, taking turns suffices; and that a guest collects its garbage, which takes two
	// to four million units of those of TinyGo, may happen to anybody's call.
	heavyUnits = 200 * vm.Brief
	// heavyTime is how long after that it is, and crashTime how long after it has crashed the
	// filter: a crash cuts all streams that are on the instance, and once in ten seconds would be
	// often. othersTime is how long others count as there after each request.
	heavyTime  = 10 * time.Second
	crashTime  = time.Hour
	othersTime = time.Minute
)

// count remembers who a call was made for that has used so many units, or crashed: the filter's
// own party never.
func (h *heavy) count(party, own string, units int64, err error) {
	switch {
	case party == own:
	case err != nil:
		h.note(party, crashTime)
	case units > heavyUnits:
		h.note(party, heavyTime)
	}
}

// note remembers a party for some time.
func (h *heavy) note(party string, stays time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parties == nil {
		h.parties = make(map[string]time.Time)
	}
	if until := time.Now().Add(stays); until.After(h.parties[party]) {
		h.parties[party] = until
	}
	h.some.Store(true)
}

// shards is the range of the n instances that a stream of the party is to have.
func (h *heavy) shards(party string, n int) (from, to int) {
	if n < 2 || !h.some.Load() {
		return 0, n
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for name, until := range h.parties {
		if now.After(until) {
			delete(h.parties, name)
		}
	}
	if len(h.parties) == 0 {
		h.some.Store(false)
		return 0, n
	}
	_, is := h.parties[party]
	switch {
	case !is:
		h.others = now
		return n / 2, n
	case now.Sub(h.others) > othersTime:
		return 0, n
	}
	return 0, n / 2
}
