package sluice

import (
	"bytes"
	"errors"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// RecordKind is what a [Record] is.
type RecordKind string

// The kinds of records.
const (
	// JSONRecord is one JSON value: an event, a line of a build's progress.
	JSONRecord RecordKind = "json"
	// FrameRecord is what a process wrote to one of its streams, without a terminal; see [Record.Stream].
	FrameRecord RecordKind = "frame"
	// RawRecord is a piece of what has no boundaries: a terminal's output, an archive.
	RawRecord RecordKind = "raw"
)

// The streams of a process, for [Record.Stream].
const (
	// Stdin is shown by clients on their standard output. Engines do not send it.
	Stdin  = "stdin"
	Stdout = "stdout"
	Stderr = "stderr"
	// SystemErr is an error of the engine's own, with which clients fail.
	SystemErr = "systemerr"
)

// Record is one record of a streaming response: what a client takes for one thing. It is valid during the call that it was given
// to. What is allowed goes on as its setters left it, at once; what fails denies, which cuts the stream.
type Record struct {
	message
	kind RecordKind
}

// Response returns the response that the record is a part of, for reading.
func (r *Record) Response() *Response { return &r.s.resp }

// Request returns the request of the stream, for reading.
func (r *Record) Request() *Request { return &r.s.req }

// Kind returns what the record is.
func (r *Record) Kind() RecordKind { return r.kind }

// Stream returns which stream of the process a FrameRecord is of: Stdin, Stdout, Stderr or SystemErr. It is "" for other kinds.
func (r *Record) Stream() string {
	if r.kind != FrameRecord {
		return ""
	}
	value, err := hostapi.Property("docker", "stream")
	if err != nil {
		r.s.fail("read the property docker.stream", err)
		return ""
	}
	return string(value)
}

// Body returns the record's bytes: a JSON value with the end of its line, what a frame carries. It must not be changed.
func (r *Record) Body() []byte { return r.body }

// SetBody replaces what Body returns. The end of a line need not be given, nor the head of a frame. Edits made to [Record.JSON]
// before are lost.
func (r *Record) SetBody(body []byte) { r.setBody(body) }

// Drop takes the record out of the stream.
func (r *Record) Drop() { r.setBody(nil) }

// JSON returns the document of a JSONRecord. Edits are sent on when the function answers Allow.
func (r *Record) JSON() dockerjson.Value { return r.json() }

// Call is [Request.Call] for the record: the stream waits behind it for the answer.
func (r *Record) Call(request HTTPRequest, then func(*HTTPResponse) Verdict) Verdict {
	return r.call([]HTTPRequest{request}, func(answers []*HTTPResponse) Verdict { return then(answers[0]) })
}

// Calls is [Request.Calls] for the record.
func (r *Record) Calls(requests []HTTPRequest, then func([]*HTTPResponse) Verdict) Verdict {
	return r.call(requests, then)
}

// Notify is [Request.Notify].
func (r *Record) Notify(request HTTPRequest) { r.notify(request) }

// separators stand before a value: white space, and the record separator of application/json-seq, which the gateway puts back.
const separators = "\x1e \t\r\n"

// json is that of the message, without what separates the record from the one before.
func (r *Record) json() dockerjson.Value {
	whole := r.body
	r.body = bytes.TrimLeft(whole, separators)
	value := r.message.json()
	r.body = whole
	return value
}

// onRecord is OnHttpResponseBody of a response that is given in records.
func (s *stream) onRecord(size int, end bool) types.Action {
	if s.rec.done {
		return types.ActionContinue
	}
	kind, err := hostapi.Property("docker", "record")
	switch {
	case err == nil && size == 0:
		return types.ActionContinue // the end, which came behind the last record
	case err == nil:
	case err != hostapi.ErrNotFound: //nolint:errorlint // a sentinel of the host call layer, never wrapped
		s.fail("read the property docker.record", err)
	case !end:
		// Nobody cuts this one: another filter's answer in the engine's place, or a host that knows no records. It is one, or it
		// is not let through.
		return types.ActionPause
	default:
		kind, s.rec.done = []byte(RawRecord), true
	}
	r := &s.rec
	r.kind = RecordKind(kind)
	r.take(size)
	v := Fail(errors.New("a record of the unknown kind " + string(kind)))
	switch r.kind {
	case JSONRecord, FrameRecord, RawRecord:
		v = s.plugin.filter.record(s.plugin.config, r)
	}
	return s.conclude(v, &r.message)
}
