package sluice

import (
	"errors"
	"slices"
	"strconv"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// stream is one request and its response: the HTTP context of the ABI.
type stream struct {
	types.DefaultHttpContext
	plugin *plugin
	req    Request
	resp   Response
	rec    Record

	operation Operation // "" until it was asked for
	transport string

	// denied is set once this filter has answered in the engine's place. Its response passes the filter's own response
	// stages as well; they have nothing to say about it, and must not deny it again.
	denied bool

	// err is the first thing that went wrong in this stage; badInput is the status to say so with on the request's way where
	// it is the client's fault, 0 where it is not.
	err      error
	badInput int

	// documents are what this stream's references were read from: what a filter asked of them and was refused denies.
	documents []*dockerjson.Document

	waiting *calls                 // what a stage waits for
	answers []*dockerjson.Document // of other services; as documents
	over    bool                   // the stream has ended
}

// wanted is what a stream's body is wanted for.
type wanted uint8

const (
	skip    wanted = iota
	chunks         // each piece as it passes
	whole          // once, when it is complete
	records        // each record of a stream
)

func (s *stream) fail(what string, err error) {
	if s.err == nil {
		s.err = errors.New("the filter failed: " + what + ": " + err.Error())
	}
}

func (s *stream) refuse(err error) { s.refuseWith(400, err) }

func (s *stream) refuseWith(status int, err error) {
	if s.err == nil {
		s.err, s.badInput = err, status
	}
}

// op returns the operation, "" with s.err set when the host does not know it.
func (s *stream) op() Operation {
	if s.operation == "" {
		value, err := hostapi.Property("docker", "operation")
		if err == nil && len(value) == 0 {
			err = hostapi.ErrNotFound
		}
		if err != nil {
			s.fail("read the property docker.operation", err)
			return ""
		}
		s.operation = Operation(value)
	}
	return s.operation
}

func (s *stream) unary() bool {
	if s.transport == "" {
		value, err := hostapi.Property("docker", "transport")
		if err == nil && len(value) == 0 {
			err = hostapi.ErrNotFound
		}
		if err != nil {
			s.fail("read the property docker.transport", err)
			return false
		}
		s.transport = string(value)
	}
	return s.transport == "unary"
}

// wants tells what this stream's body is wanted for. An operation that the host does not tell sets s.err, which denies:
// a check must not be skipped because nobody said that it applies.
func (s *stream) wants(hasWhole, hasChunks bool, bodyFor []Operation) wanted {
	if hasWhole {
		if len(bodyFor) == 0 {
			bodyFor = s.plugin.filter.operations
		}
		if len(bodyFor) == 0 && s.unary() || len(bodyFor) > 0 && slices.Contains(bodyFor, s.op()) {
			return whole
		}
	}
	if hasChunks {
		return chunks
	}
	return skip
}

// wantsRecords tells whether the response is a stream of which this filter wants the records.
func (s *stream) wantsRecords() bool {
	f := s.plugin.filter
	if f.record == nil || s.unary() {
		return false
	}
	if status := s.resp.Status(); status != 200 && status != 101 {
		return false // an ordinary answer in the place of a stream
	}
	operations := f.recordsFor
	if len(operations) == 0 {
		operations = f.operations
	}
	return len(operations) == 0 || slices.Contains(operations, s.op())
}

// concerned tells whether the filter takes part in this stream.
func (s *stream) concerned() bool {
	return len(s.plugin.filter.operations) == 0 || s.plugin.filter.concerns(s.op())
}

// conclude ends a stage, or its first part.
func (s *stream) conclude(v Verdict, m *message) types.Action {
	if s.decide(v, m) == allow {
		return types.ActionContinue
	}
	return types.ActionPause
}

// decide does what is to be done about a verdict: nothing for an allow, and nothing yet where the stage waits.
func (s *stream) decide(v Verdict, m *message) outcome {
	for v.outcome == allow && s.err == nil && s.waiting == nil {
		m.apply(&v)
		if !m.bodyNext || s.err != nil {
			break
		}
		m.bodyNext, m.done = false, true
		v = s.plugin.filter.requestBody(s.plugin.config, &s.req)
	}
	if !s.denied {
		s.misread("read what a reference names", s.documents)
		s.misread("read an answer", s.answers)
	}
	if s.waiting != nil {
		if v.outcome == wait && s.err == nil {
			s.waiting.m = m
			return wait
		}
		s.waiting = nil
		if v.outcome == allow {
			s.fail("decide", errors.New("it did not wait for the answer to its call: return what Call returns"))
		}
	}
	failed := 500
	if m.direction == hostapi.Response {
		failed = 502
	}
	v = s.settle(v, failed)
	s.err, s.badInput = nil, 0
	if v.outcome == allow {
		return allow
	}
	s.denied = true
	if err := hostapi.SendLocalResponse(v.status, v.reason); err != nil {
		// The response is under way already, or the host refuses: to hold it for good is all that is left.
		Error("cannot deny the stream (" + v.reason + "): " + err.Error())
	}
	return deny
}

// misread fails the stage for a document that the filter asked for something that it does not hold.
func (s *stream) misread(what string, documents []*dockerjson.Document) {
	for _, doc := range documents {
		if err := doc.Err(); err != nil {
			s.fail(what, err)
		}
	}
}

// OnHttpRequestHeaders implements types.HttpContext.
func (s *stream) OnHttpRequestHeaders(_ int, end bool) types.Action {
	f := s.plugin.filter
	hasBody := f.requestBody != nil || f.requestChunk != nil
	concerned := s.concerned()
	if s.err == nil && concerned {
		s.req.wants = s.wants(f.requestBody != nil, f.requestChunk != nil, f.requestBodyFor)
	}
	if hasBody && s.req.wants == skip && !end {
		_ = hostapi.SetProperty("skip", "sluice", "request_body") // a hint: OnHttpRequestBody would continue
	}
	s.req.bodyNext = end && s.req.wants == whole
	v := Allow()
	if s.err == nil && concerned && f.requestHeaders != nil {
		v = f.requestHeaders(s.plugin.config, &s.req)
	}
	return s.conclude(v, &s.req.message)
}

// OnHttpRequestBody implements types.HttpContext.
func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	if s.denied {
		return types.ActionPause
	}
	f, m := s.plugin.filter, &s.req.message
	switch {
	case m.wants == skip || m.wants == whole && m.done:
		return types.ActionContinue
	case m.wants == chunks:
		m.take(size)
		return s.conclude(f.requestChunk(s.plugin.config, &s.req, end), m)
	case !end:
		return types.ActionPause // the host goes on to collect
	}
	m.done = true
	m.take(size)
	return s.conclude(f.requestBody(s.plugin.config, &s.req), m)
}

// OnHttpRequestTrailers implements types.HttpContext. Where trailers end a body, the body was never called with the end
// of the stream, and cannot be read any more.
func (s *stream) OnHttpRequestTrailers(int) types.Action {
	if !s.denied && s.req.wants == whole && !s.req.done {
		return s.conclude(DenyWith(400, "a request body that ends with trailers cannot be checked"), &s.req.message)
	}
	return types.ActionContinue
}

// OnHttpResponseHeaders implements types.HttpContext. It may come twice: when a filter nearer to the client than the
// engine, but not than this one, replaces the response.
func (s *stream) OnHttpResponseHeaders(_ int, end bool) types.Action {
	f := s.plugin.filter
	s.resp.reset()
	s.waiting = nil
	s.rec.reset()
	concerned := !s.denied && s.concerned()
	if s.err == nil && concerned {
		s.resp.wants = s.wants(f.responseBody != nil, f.responseChunk != nil, f.responseBodyFor)
		if s.resp.wants != whole && s.wantsRecords() {
			s.resp.wants = records
		}
	}
	switch {
	case !f.seesResponseBody() || end:
	case s.resp.wants == skip:
		_ = hostapi.SetProperty("skip", "sluice", "response_body")
	case s.resp.wants == records:
		if err := hostapi.SetProperty("records", "sluice", "response_body"); err != nil {
			s.fail("ask for records", err)
		}
	}
	v := Allow()
	if s.err == nil && concerned && f.responseHeaders != nil {
		v = f.responseHeaders(s.plugin.config, &s.resp)
	}
	return s.conclude(v, &s.resp.message)
}

// OnHttpResponseBody implements types.HttpContext.
func (s *stream) OnHttpResponseBody(size int, end bool) types.Action {
	f, m := s.plugin.filter, &s.resp.message
	switch {
	case m.wants == skip || m.wants == whole && m.done:
		return types.ActionContinue
	case m.wants == records:
		return s.onRecord(size, end)
	case m.wants == chunks:
		m.take(size)
		return s.conclude(f.responseChunk(s.plugin.config, &s.resp, end), m)
	case !end:
		return types.ActionPause
	}
	m.done = true
	m.take(size)
	return s.conclude(f.responseBody(s.plugin.config, &s.resp), m)
}

// OnHttpStreamDone implements types.HttpContext.
func (s *stream) OnHttpStreamDone() { s.over, s.waiting = true, nil }

// message is what requests and responses have in common.
type message struct {
	s         *stream
	direction hostapi.Direction
	wants     wanted
	done      bool // the function for the whole body was called
	bodyNext  bool // it is called in this stage, when the one for the headers has allowed
	loaded    bool // body is what the host holds
	body      []byte
	doc       *dockerjson.Document
}

// reset makes m ready for another response of the same stream.
func (m *message) reset() { *m = message{s: m.s, direction: hostapi.Response} }

// take reads what the host holds of the body.
func (m *message) take(size int) {
	m.body, m.doc, m.loaded = nil, nil, true
	if size == 0 {
		return
	}
	body, err := hostapi.Body(m.direction, size)
	if err == nil && len(body) != size {
		err = errors.New("got " + strconv.Itoa(len(body)) + " of " + strconv.Itoa(size) + " bytes")
	}
	if err != nil {
		m.s.fail("read the body", err)
		return
	}
	m.body = body
}

// apply writes the edits of the JSON document back before an Allow counts, and makes its refusals this stage's.
func (m *message) apply(v *Verdict) {
	if v.outcome != allow || m.doc == nil {
		return
	}
	edited := m.doc.Modified()
	var text []byte
	if edited {
		text = m.doc.Bytes()
	}
	if err := m.doc.Err(); err != nil {
		m.s.refuse(err)
		return
	}
	if edited {
		m.setBody(text)
	}
}

func (m *message) setBody(body []byte) {
	if err := hostapi.SetBody(m.direction, body); err != nil {
		m.s.fail("replace the body", err)
		return
	}
	m.body, m.doc = body, nil
}

// json parses the body once.
func (m *message) json() dockerjson.Value {
	if m.doc == nil {
		m.doc = new(dockerjson.Document)
		if !m.loaded && !m.done {
			m.s.fail("read the body as JSON", errors.New("this stage has no body"))
		} else if len(m.body) > 0 {
			doc, err := dockerjson.Parse(m.body)
			if err != nil {
				m.s.refuse(err)
			} else {
				m.doc = doc
			}
		}
	}
	return m.doc.Root()
}

func (m *message) header(name string) (string, bool) {
	value, err := hostapi.Header(m.direction, name)
	if err == hostapi.ErrNotFound { //nolint:errorlint // a sentinel of the host call layer, never wrapped
		return "", false
	}
	if err != nil {
		m.s.fail("read the header "+name, err)
		return "", false
	}
	return value, true
}

func (m *message) headers() [][2]string {
	pairs, err := hostapi.Headers(m.direction)
	if err != nil && err != hostapi.ErrNotFound { //nolint:errorlint // see above
		m.s.fail("read the headers", err)
	}
	return pairs
}

func (m *message) change(what, name string, err error) {
	if err != nil {
		m.s.fail(what+" the header "+name, err)
	}
}
