package vm

import (
	"math"
	"runtime"
	"sync"
)

// Compiled guest code cannot be interrupted: neither Go's scheduler nor its garbage
// collector, which stops the world twice a cycle, gets at a goroutine that is in it. So
// a call is given its fuel in slices, and between two of them it is in Go for a moment,
// where it can be stopped, and can be made to wait for others.
const (
	// sliceUnits is a slice. The slowest code, which waits for memory at each
	// instruction, takes a millisecond and a half for it; most takes some 50
	// microseconds.
	sliceUnits = 200_000
	// briefUnits is what a call may use before it counts as one that computes at
	// length, and has to share a lane with others of the kind: see lanes. It is its first
	// slice. Nearly every call of a decent filter is over by then; what each of a thousand
	// requests may use that come at the same time has to be little.
	briefUnits = 100_000
)

// fill gives the call that is running so much fuel in all: a slice of it at once. What is
// below zero is a debt, which it traps by.
func (i *Instance) fill(units int64) {
	slice := units
	switch {
	case !i.code.pauses:
	case units == i.budget: // it begins
		slice = min(units, briefUnits)
	default:
		slice = min(units, sliceUnits)
	}
	i.reserve = units - slice
	i.tank.Set(uint64(max(slice, math.MinInt64/2)))
}

// begin is fill for a call that begins: what the one before has left of its slice is a slice,
// too, if it is not too little of one. Most calls use next to nothing, and to fill the tank
// for each would cost more than many of them do.
func (i *Instance) begin(units int64) {
	if i.code.pauses && briefUnits/2 < i.rest && i.rest <= min(units, briefUnits) {
		i.reserve = units - i.rest
		return
	}
	i.fill(units)
}

// left is how much fuel the call that is running has.
func (i *Instance) left() int64 { return int64(i.tank.Get()) + i.reserve }

// pauses tells whether a guest that wants more memory has used up its slice instead: it
// pays for memory before it asks, and so never has less than nothing then.
func (i *Instance) pauses() bool { return i.depth > 0 && int64(i.tank.Get()) < 0 }

// pause is where a guest comes when its slice is used up. It goes on with the next one,
// or traps when there is none.
func (i *Instance) pause() {
	left := i.left()
	used := i.budget - left
	brief := left < 0 || used < briefUnits/2 // see begin
	if !brief && i.pace != nil {
		more := used - i.paced
		i.paced = used
		if !i.pace(more) {
			left, brief = -1, true
		}
	}
	i.fill(left)
	if !brief {
		i.turn()
	}
}

// turn lets somebody else compute, if anybody waits, and comes back with a lane.
func (i *Instance) turn() {
	lanes := &i.code.engine.lanes
	if i.inLane {
		lanes.turn(i.party)
		return
	}
	lanes.enter(i.party)
	i.inLane = true
}

// Rest is called before a host call waits for something, so that others compute
// meanwhile. Nothing has to be done afterwards: a guest that had a lane pauses at the next check of its
// own, and waits for one again.
func (i *Instance) Rest() {
	if !i.inLane {
		return
	}
	i.leaveLane()
	if left := i.left(); left >= 0 {
		i.tank.Set(math.MaxUint64) // -1
		i.reserve = left + 1
	}
}

// leaveLane gives the lane back that the call may have.
func (i *Instance) leaveLane() {
	if i.inLane {
		i.inLane = false
		i.code.engine.lanes.leave()
	}
}

// lanes bounds how many calls compute at length at the same time: one less than there are
// processors, so that one is left for everything else, and for whoever waits for the
// network. Those who wait take turns by party, and not by how many calls each has.
type lanes struct {
	mu      sync.Mutex
	free    int
	parties []*party // that wait, the next one first
}

// party is those of one name that wait.
type party struct {
	name    string
	waiting []chan struct{}
}

func (l *lanes) init() { l.free = max(1, runtime.GOMAXPROCS(0)-1) }

// enter waits for a lane.
func (l *lanes) enter(name string) {
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
		return
	}
	turn := l.queue(name)
	l.mu.Unlock()
	<-turn
}

// queue adds a call to those of its party. The caller holds mu.
func (l *lanes) queue(name string) chan struct{} {
	turn := make(chan struct{})
	for _, p := range l.parties {
		if p.name == name {
			p.waiting = append(p.waiting, turn)
			return turn
		}
	}
	l.parties = append(l.parties, &party{name: name, waiting: []chan struct{}{turn}})
	return turn
}

// leave gives the lane to the next one.
func (l *lanes) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.pass() {
		l.free++
	}
}

// pass wakes the first call of the party whose turn it is, which goes to the end of the
// queue. False: nobody waits. The caller holds mu.
func (l *lanes) pass() bool {
	if len(l.parties) == 0 {
		return false
	}
	next := l.parties[0]
	l.parties = l.parties[1:]
	close(next.waiting[0])
	if next.waiting = next.waiting[1:]; len(next.waiting) > 0 {
		l.parties = append(l.parties, next)
	}
	return true
}

// turn lets somebody else go first, if anybody waits, and comes back with a lane.
func (l *lanes) turn(name string) {
	l.mu.Lock()
	if len(l.parties) == 0 {
		l.mu.Unlock()
		if runtime.GOMAXPROCS(0) == 1 {
			runtime.Gosched() // there is no other processor for the others
		}
		return
	}
	turn := l.queue(name)
	l.pass()
	l.mu.Unlock()
	<-turn
}
