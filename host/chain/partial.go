package chain

import (
	"errors"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/pieces"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// This file is how a filter sees a body that it is granted in parts, by JSON
// pointers: the stream waits for the whole document, makes another of what the
// filter may see, and puts back what it may change. A body that is not one document
// it does not see.

// partial is a body as one filter sees it.
type partial struct {
	view   *capability.View
	writes capability.Capability
	buffer abi.Buffer // what the filter sees
	shown  bool       // it sees something now
	// gathering says that the beginning of the document is held, of which the filter
	// has not been told.
	gathering bool
	// owed is what the filter has to pay for all that, when it has let go of the body: it is to judge this one first.
	owed int64
}

// pay pays what is owed for the part of a body.
func (f *filterStream) pay(way int) {
	if p := f.parts[way]; p != nil && p.owed > 0 {
		f.filter.Plugin.Pay(p.owed)
		p.owed = 0
	}
}

// partials are what the filter's grants make of the two bodies; nil as a rule.
func partials(p *plugin.Plugin) (parts [2]*partial) {
	if view := p.Grants().RequestBody(); view != nil {
		parts[0] = &partial{view: view, writes: capability.WriteRequestBody}
	}
	if view := p.Grants().ResponseBody(); view != nil {
		parts[1] = &partial{view: view, writes: capability.WriteResponseBody}
	}
	return parts
}

// partOf is how the filter sees what it is called with at a stage; nil for as a whole.
func (f *filterStream) partOf(stage plugin.Stages) *partial {
	switch stage {
	case plugin.RequestBody:
		return f.parts[0]
	case plugin.ResponseBody:
		return f.parts[1]
	}
	return nil
}

// isDocument tells whether the body of a direction is one JSON document.
func (s *Stream) isDocument(d *direction) bool {
	switch {
	case d.step > 0:
		return s.plan == dockerapi.BodyCanonical
	case s.call.GRPC:
		return true
	case s.call.Transport != dockerapi.Unary:
		return false
	}
	kind, _ := d.fields.Get("content-type")
	kind, _, _ = strings.Cut(kind, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

// show makes what the filter sees of a whole body, and returns its size; that of the
// body where it sees nothing, so that a filter which has to judge a body notices
// that it cannot read it.
func (p *partial) show(body []byte, isDocument bool) (size int) {
	p.gathering = false
	p.hide()
	if !isDocument {
		return len(body)
	}
	p.owed += partUnits * int64(len(body))
	shown, ok := p.view.Show(body)
	if !ok {
		return len(body)
	}
	p.buffer.Reset(pieces.Clone(shown)) // it may be a part of the body
	p.shown = true
	return len(shown)
}

func (p *partial) hide() {
	p.buffer.Reset(nil)
	p.shown = false
}

func (p *partial) reset() {
	if p != nil {
		p.hide()
		p.gathering = false
	}
}

// View is the part of a body that the filter sees now; nil for none. It is called
// where Buffer has said that the body can be had.
func (f *filterStream) View(t abi.BufferType) *abi.Buffer {
	way := 0
	if t == abi.BufferTypeHTTPResponseBody {
		way = 1
	}
	if p := f.parts[way]; p != nil && p.shown {
		return &p.buffer
	}
	return nil
}

// mergePart puts what the filter has changed of its part of the body into the body.
// False means that s.local is set.
func (s *Stream) mergePart(d *direction, f *filterStream, p *partial, body *abi.Buffer) bool {
	if !p.shown || !p.buffer.Modified() {
		p.hide()
		return true
	}
	p.owed += partUnits * int64(len(body.Bytes)+len(p.buffer.Bytes))
	merged, refused, err := p.view.Merge(body.Bytes, p.buffer.Bytes)
	p.hide()
	if err != nil {
		return s.refuseRewrite(d, f, err.Error())
	}
	f.filter.Plugin.Refuse(p.writes, refused...)
	if string(merged) == string(body.Bytes) {
		return true
	}
	if body.Splice(0, uint32(len(body.Bytes)), merged, s.chain.BodyLimit) != abi.StatusOK {
		return s.tooLarge(d, f)
	}
	return true
}

// errNotGranted fails a stream that nobody would ever let go of.
var errNotGranted = errors.New("it wanted to end the stream, which it is not granted (local_response), and holds it")

// EndRefused is called when the filter is not granted the local response, or the end,
// that it asked for. SDKs pause then, as they do when they have answered: a filter
// that holds the stream now fails, as one would that crashed.
func (f *filterStream) EndRefused() {
	if f.stage == 0 || f.stage == plugin.Log {
		return // not in a callback that the stream is locked for
	}
	f.refused = true
	if f.stage == plugin.Answer {
		wake(f.stream.request.wake)
		wake(f.stream.response.wake)
	}
}
