package vm

import (
	"context"
	"time"
)

// What tests look at to see that nothing leaks.

// Codes is the number of compiled modules that are kept.
func (e *Engine) Codes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.codes)
}

// Users is the number of modules and instances that are not closed.
func (e *Engine) Users() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.codes {
		n += c.refs
	}
	return n
}

// Scan is scan, for fuzzing: the code to compile and the start export.
func Scan(code []byte) (rewritten []byte, start string, err error) {
	o, err := scan(code)
	if err != nil {
		return nil, "", err
	}
	return o.code, o.start, nil
}

// Lanes are how many calls may begin to compute at length now, and how many wait.
func (e *Engine) Lanes() (free, waiting int) {
	e.lanes.mu.Lock()
	defer e.lanes.mu.Unlock()
	for _, p := range e.lanes.parties {
		waiting += len(p.waiting)
	}
	return e.lanes.free, waiting
}

// EnterLane and LeaveLane stand for a call that computes at length.
func (e *Engine) EnterLane(party string) { e.lanes.enter(party) }

// LeaveLane is the end of EnterLane.
func (e *Engine) LeaveLane() { e.lanes.leave() }

// Starve takes the fuel from a call that has just lost its lane.
func (i *Instance) Starve() { i.reserve = 0 }

// NativeStack is how many bytes of native stack the function keeps for its next call.
func (f *Func) NativeStack() int {
	if f.fn == nil {
		return 0
	}
	return nativeStack(f.fn).Len()
}

// TakeTurn stands for another module that is compiled in turn, until it is called again.
func (e *Engine) TakeTurn() { _ = e.turns.take(context.Background(), "") }

// LeaveTurn is the end of TakeTurn.
func (e *Engine) LeaveTurn() { e.turns.leave() }

// WithoutSpace has the engine do as where no address space can be reserved.
func (e *Engine) WithoutSpace() { e.heap = true }

// InTurn does something in the turn of a party.
func (e *Engine) InTurn(party string, do func()) {
	if e.turns.take(context.Background(), party) == nil {
		do()
		e.turns.leave()
	}
}

// WaitFreed returns when nothing is compiled any more.
func (e *Engine) WaitFreed() {
	for {
		e.mu.Lock()
		n := e.compiling
		e.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
