package chain

import (
	"time"

	"github.com/sluice-gateway/sluice/host/pieces"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// This file is what becomes of a piece of a body, or of a connection's data, when the filter that has it is to be called no
// more. It is not the filter's to keep: nobody who may not write can cut something out of what passes.

// wantsBody is wants for a stage with a body, or a connection's data: a filter that holds some of it is called
// until it has let go, whatever it skips.
func (f *filterStream) wantsBody(d *direction, stage plugin.Stages) bool {
	return f.wants(stage) || f.state == open && f.holding[f.way(d)] == stage && !f.released(d)
}

// left is what a filter still has of a body that it is not called with any more, since it has failed in the
// other direction, or skips a document before it was shown any of it; and behind that what comes.
func (s *Stream) left(d *direction, f *filterStream, data []byte) []byte {
	way := f.way(d)
	b := &f.bodies[way].buffer
	var part []byte // of a record
	if d.step < 0 && f.splitter != nil {
		part = f.splitter.Rest()
		f.splitter = nil
	}
	if len(b.Bytes)+len(part) == 0 {
		return data
	}
	s.noteRewrite(d, f, b)
	data = pieces.Append(pieces.Append(pieces.Clone(b.Bytes), part), data)
	f.heldSince[way] = time.Time{}
	f.resumed[way].Store(false)
	f.parts[way].reset()
	f.letGo(way)
	return data
}
