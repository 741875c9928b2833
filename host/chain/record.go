package chain

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/pieces"
	"github.com/sluice-gateway/sluice/host/plugin"
	"github.com/sluice-gateway/sluice/host/record"
)

// This file is the way of a streaming response through filters that asked for
// its records. Each such filter cuts what comes to it itself, and what it lets
// go of is bytes again: so whatever one filter makes of a record, the next one
// is shown what a client would take for a record.
//
//	engine ─► cut ─► filter n ─► join ─► … ─► cut ─► filter 1 ─► join ─► client
//
// A record that was let go of is pushed through the filters that are left, to
// the client, before the next one is looked at. So nothing waits for a record
// that a filter holds but what comes behind it.

// An Outlet takes what the filters let go of a response that passes in records.
type Outlet interface {
	// Write sends p on, or keeps it for a moment. It is valid during the call.
	Write(p []byte) error
	// Flush sends on what was kept: it may take a while until more comes.
	Flush() error
}

// ErrCut is returned when a stream is not to go on: Local tells why.
var ErrCut = errors.New("cut by a filter")

// WantsRecords tells whether any filter asked to see the response's body in
// records. It is to be asked when the response's head has passed.
func (s *Stream) WantsRecords() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.response
	if d.ended || s.call.Transport == dockerapi.Unary {
		return false
	}
	for i := range s.filters {
		if f := &s.filters[i]; f.records && f.wants(d.body) {
			return true
		}
	}
	return false
}

// BeginRecords prepares the response's body to be given to ResponseRecords. The
// filters that asked for records get them in this format, and the others, if
// they want the body at all, what comes to them, piece by piece.
func (s *Stream) BeginRecords(format record.Format, outlet Outlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.response.outlet, s.response.outletErr = outlet, nil
	for i := range s.filters {
		if f := &s.filters[i]; f.records && f.wants(s.response.body) {
			f.splitter = record.NewSplitter(format, s.chain.RecordLimit)
		}
	}
}

// ResponseRecords takes the next bytes of the response's body through the
// filters, whatever records they are a part of, and writes to the outlet what
// they let go of. It returns when they hold nothing but what is incomplete; a
// filter that pauses at a record holds up the stream. The error is the outlet's,
// or ErrCut.
func (s *Stream) ResponseRecords(chunk []byte, endOfStream bool) error {
	return s.pass(&s.response, chunk, endOfStream)
}

func (s *Stream) pass(d *direction, chunk []byte, endOfStream bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.local == nil && s.expire(d) && s.push(d, d.first, chunk, endOfStream):
		return nil
	case d.outletErr != nil:
		return d.outletErr
	default:
		return ErrCut
	}
}

// ResponseHeldUntil is when a filter that holds a part of a streaming response's
// body will have held it for too long; zero when none does. ResponseRecords is to
// be called then, with no bytes if there are none.
func (s *Stream) ResponseHeldUntil() (until time.Time) { return s.heldUntil(&s.response, 1) }

func (s *Stream) heldUntil(d *direction, way int) (until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.outlet == nil {
		return until
	}
	for i := range s.filters {
		if since := s.filters[i].heldSince[way]; !since.IsZero() && (until.IsZero() || since.Add(s.chain.PauseLimit).Before(until)) {
			until = since.Add(s.chain.PauseLimit)
		}
	}
	return until
}

// expire ends the patience with filters that hold a part of the body for too
// long: a stream may never end, and is not collected. False means that s.local
// or d.outletErr is set.
func (s *Stream) expire(d *direction) bool {
	for i := range s.filters {
		f := &s.filters[i]
		way := f.way(d)
		if f.heldSince[way].IsZero() || f.released(d) || time.Since(f.heldSince[way]) < s.chain.PauseLimit {
			continue
		}
		f.heldSince[way] = time.Time{}
		err := fmt.Errorf("it held a part of a stream for longer than limits.pause (%s): filters see streams piece by piece, or in records", s.chain.PauseLimit)
		if !s.fail(f, err) {
			return false
		}
		held := pieces.Clone(f.bodies[way].buffer.Bytes)
		f.letGo(way)
		if !s.push(d, i+d.step, held, false) {
			return false
		}
	}
	return true
}

// EndsInRecords tells whether what has reached the client ends with a whole
// record, so that another can be put behind it.
func (s *Stream) EndsInRecords() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.response
	for i := d.end - d.step; i >= 0 && i < len(s.filters); i -= d.step {
		if f := &s.filters[i]; f.splitter != nil || s.bodyOf(d, f) != 0 {
			return f.splitter != nil && f.state != bypassed
		}
	}
	return false
}

// push takes bytes through the filters from i on. False means that s.local or
// d.outletErr is set.
func (s *Stream) push(d *direction, i int, data []byte, endOfStream bool) bool {
	for ; i != d.end; i += d.step {
		f := &s.filters[i]
		if s.hasClosed(f) {
			return false
		}
		switch {
		case s.bodyOf(d, f) == 0:
			data = s.left(d, f, data)
			if s.follow(d, f, endOfStream) && !s.trailerStage(d, f) {
				return false
			}
			continue
		case len(data) == 0 && !endOfStream && !f.released(d) && !f.lost.Load():
			continue
		case f.splitter != nil && d == &s.response:
			return s.recordStage(d, f, data, endOfStream)
		}
		way := f.way(d)
		if f.released(d) {
			f.heldSince[way] = time.Time{}
		}
		var ready bool
		data, ready = s.bodyStage(d, f, data, endOfStream)
		switch holds := len(f.bodies[way].buffer.Bytes) > 0; {
		case !holds:
			f.heldSince[way] = time.Time{}
		case f.heldSince[way].IsZero():
			f.heldSince[way] = time.Now()
		}
		if !ready {
			return s.local == nil // it holds them
		}
	}
	if len(data) == 0 {
		return true
	}
	d.outletErr = s.unlocked(func() error { return d.outlet.Write(data) })
	return d.outletErr == nil && s.local == nil
}

// unlocked runs what may have to wait for the client, while the other direction
// goes on.
func (s *Stream) unlocked(run func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return run()
}

// flush sends what was let go of before a filter is waited for, where what passes goes to
// an outlet. False means that d.outletErr is set.
func (s *Stream) flush(d *direction) bool {
	if d.outlet == nil {
		return true
	}
	d.outletErr = s.unlocked(d.outlet.Flush)
	return d.outletErr == nil
}

// recordStage calls one filter with the records that the bytes complete, and
// pushes each on. False means that s.local or d.outletErr is set.
func (s *Stream) recordStage(d *direction, f *filterStream, data []byte, endOfStream bool) bool {
	cut, next, told := f.splitter, f.index+d.step, false
	for cut.Feed(data, endOfStream); !told; {
		r, ok, err := cut.Next()
		switch {
		case err != nil:
			message := "the stream is cut: " + err.Error()
			s.gatewayAnswer(VerdictFail, f, d.limit, "filter \""+f.name()+"\" asked for records: "+message, message)
			return false
		case !ok && !endOfStream:
			return true
		case !ok:
			// The end came alone.
			r, told = cut.End(), true
		default:
			told = cut.Ended() && !r.Opaque
		}
		trailers := s.follow(d, f, told)
		var out []byte
		if r.Opaque {
			out = cut.Join(&r, r.Data, false)
		} else if out, ok = s.recordCall(d, f, &r, told && !trailers); !ok {
			return false
		}
		if trailers && s.follow(d, f, told) && !s.trailersBehind(d, f, out) {
			return false
		}
		if f.state == bypassed {
			rest := cut.Rest()
			return s.push(d, next, out, told && len(rest) == 0) && (len(rest) == 0 || s.push(d, next, rest, endOfStream))
		}
		if !s.push(d, next, out, told) {
			return false
		}
	}
	return true
}

// recordCall calls one filter with one record, and returns what is to be sent on
// in its place. False means that s.local or d.outletErr is set.
func (s *Stream) recordCall(d *direction, f *filterStream, r *record.Record, endOfStream bool) ([]byte, bool) {
	way := f.way(d)
	held := &f.bodies[way]
	b := &held.buffer
	b.Reset(r.Data[:len(r.Data):len(r.Data)])
	held.begin(f.filter.OnFailure)
	defer f.letGo(way)
	var before saved
	f.record, f.recordStream, f.answered = r.Kind, noStream, true
	if r.Kind == record.KindFrame {
		f.recordStream = r.Stream
	}
	defer func() { f.record = noRecord }()
	f.resumed[way].Store(false)
	f.refused = false
	f.holding[way] = 0
	part, size := f.partOf(d.body), len(b.Bytes)
	if part != nil {
		size = part.show(b.Bytes, r.Kind == record.KindJSON)
		defer part.hide()
	}
	f.adding[way] = s.mayAdd(d, f, endOfStream)
	action, err := f.guest.ResponseBody(size, endOfStream)
	goesOn, lost := true, false
	switch {
	case err != nil:
		s.restore(d, f, before)
		goesOn, lost = s.fail(f, err), true
	case s.stopped(d, f):
		goesOn = false
	case action != abi.ActionContinue:
		if !s.flush(d) || !s.countHeld(d, f) {
			return nil, false
		}
		goesOn, lost = s.await(d, f, d.body, before)
	}
	switch {
	case !goesOn || !s.settleAdded(d, f, lost):
		return nil, false
	case lost: // and whatever the filter did to the record counts for nothing
		held.putBack()
		return f.splitter.Join(r, b.Bytes, true), true
	case part != nil && !s.mergePart(d, f, part, b):
		return nil, false
	}
	return f.splitter.Join(r, b.Bytes, b.Modified()), true
}

// Outside of a callback with a record there is none, and no stream of it.
const (
	noRecord record.Kind   = 255
	noStream record.Stream = 255
)

// The properties of a record, and how a filter asks for them.
const (
	recordProperty = "docker\x00record"
	streamProperty = "docker\x00stream"
	askRecords     = "records"
)

// ofRecord is the value of a property of the record that the filter is called
// with, or holds.
func (f *filterStream) ofRecord(path string) ([]byte, abi.Status) {
	if f.record == noRecord || !f.shows(1, plugin.ResponseBody) {
		return nil, abi.StatusNotFound
	}
	if path == recordProperty {
		return recordKinds[f.record], abi.StatusOK
	}
	if f.recordStream == noStream {
		return nil, abi.StatusNotFound
	}
	return recordStreams[f.recordStream], abi.StatusOK
}

// The values of the properties, which are asked for once a record.
var (
	recordKinds = [...][]byte{
		record.KindRaw: []byte(record.KindRaw.String()), record.KindJSON: []byte(record.KindJSON.String()),
		record.KindFrame: []byte(record.KindFrame.String()),
	}
	recordStreams = [...][]byte{
		record.Stdin: []byte(record.Stdin.String()), record.Stdout: []byte(record.Stdout.String()),
		record.Stderr: []byte(record.Stderr.String()), record.SystemErr: []byte(record.SystemErr.String()),
	}
)
