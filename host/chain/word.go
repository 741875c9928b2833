package chain

import "github.com/sluice-gateway/sluice/host/plugin"

// This file is when a filter's word counts. What it says in a callback about the stream's fate, and the properties
// that it sets, count when that callback has come to its end: a filter that crashes has decided nothing. What it has said in one that is over counts
// whatever becomes of its instance then, but for a stage that it holds the stream in: that is one decision, from the callback to the end of the wait.

// word is what a filter has said in the callback that runs.
type word struct {
	answered bool // there is a local response, which is its
	closed   bool
}

// change is a property as it was before a filter has set it.
type change struct {
	path string
	old  value
	new  bool // it was not there
}

// SetStage implements plugin.State.
func (f *filterStream) SetStage(stage plugin.Stages) {
	f.stage = stage
	if stage == plugin.Log {
		return // nothing that it says counts any more, and its stream may be locked by nobody
	}
	f.word = word{}
	if f.awaited == [2]bool{} {
		f.beginChanges()
	}
	if stage != plugin.Answer {
		return
	}
	for way, d := range f.stream.both() {
		if f.holdsBetween(way) {
			f.bodies[way].begin(f.filter.OnFailure)
			f.answerHead[way] = f.stream.snapshot(d, f)
		}
	}
}

// EndStage implements plugin.State.
func (f *filterStream) EndStage(well bool) {
	stage := f.stage
	f.stage = 0
	if stage == plugin.Log {
		return
	}
	if well {
		f.count(stage)
	} else {
		f.takeBack(stage)
	}
	f.word, f.answerHead = word{}, [2]saved{}
}

// count has what the filter said in a callback count.
func (f *filterStream) count(stage plugin.Stages) {
	s := f.stream
	if f.word.closed {
		f.closed.Store(true)
		wake(s.request.wake)
		wake(s.response.wake)
	}
	if stage != plugin.Answer {
		return // whoever called it looks
	}
	if f.word.closed && s.local == nil {
		s.abort(f)
		s.interrupt()
	} else if f.word.answered {
		s.interrupt()
	}
	if f.filter.Plugin.Holds() {
		f.recount() // it may have made longer what it holds
	}
}

// takeBack undoes what the filter did in a callback that has crashed. What becomes of the head and the body is the business of
// the stage that it is a part of; an answer to a call between two of them is a part of none.
func (f *filterStream) takeBack(stage plugin.Stages) {
	s := f.stream
	if f.word.answered {
		s.local = nil
		s.outcome, s.details = Outcome{}, ""
	}
	f.takeBackChanges()
	if stage != plugin.Answer {
		return
	}
	for way, d := range s.both() {
		if f.holdsBetween(way) {
			f.bodies[way].putBack()
			s.restore(d, f, f.answerHead[way])
		}
	}
}

// holdsBetween tells whether the filter holds something of a direction between two callbacks, and nobody waits for it: who does
// takes back the whole stage.
func (f *filterStream) holdsBetween(way int) bool { return f.holding[way] != 0 && !f.awaited[way] }

// hasClosed tells whether the filter has closed the stream while it was not being called; then
// s.local is set.
func (s *Stream) hasClosed(f *filterStream) bool {
	if f.state != open || !f.closed.Load() {
		return false
	}
	s.abort(f)
	return true
}

// both are the two directions by their ways.
func (s *Stream) both() [2]*direction { return [2]*direction{&s.request, &s.response} }

// beginChanges begins to note what the filter changes of the properties.
func (f *filterStream) beginChanges() {
	f.turn++
	clear(f.changes)
	f.changes = f.changes[:0]
}

// setValue sets a property, of which takeBackChanges knows what it was.
func (f *filterStream) setValue(path string, data []byte) {
	s := f.stream
	old, known := s.values[path]
	if s.values == nil {
		s.values = make(map[string]value)
	}
	if !known || old.turn != f.turn {
		f.changes = append(f.changes, change{path: path, old: old, new: !known})
	}
	s.size += len(data) - len(old.data)
	if !known {
		s.size += len(path)
	}
	s.values[path] = value{data: append([]byte(nil), data...), by: f, turn: f.turn}
}

// takeBackChanges makes the properties what they were.
func (f *filterStream) takeBackChanges() {
	s := f.stream
	for _, c := range f.changes {
		s.size -= len(s.values[c.path].data)
		if c.new {
			s.size -= len(c.path)
			delete(s.values, c.path)
			continue
		}
		s.size += len(c.old.data)
		s.values[c.path] = c.old
	}
	clear(f.changes)
	f.changes = f.changes[:0]
}

// forgetValues takes back all properties that the filter has set.
func (s *Stream) forgetValues(f *filterStream) {
	for path, v := range s.values {
		if v.by == f {
			s.size -= len(path) + len(v.data)
			delete(s.values, path)
		}
	}
	f.beginChanges()
}
