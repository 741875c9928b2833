package sluice

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// HTTPRequest is a request to another service.
type HTTPRequest struct {
	// Upstream is the service, by the name that the gateway's configuration gives it in upstreams. The filter may call it
	// when its callouts name it too.
	Upstream string
	// Method may be left empty: then it is POST with a body, and GET without.
	Method string
	// Path with its query; "/" when it is empty.
	Path string
	// Authority is the Host field; the upstream's name when it is empty.
	Authority string
	Headers   [][2]string
	Body      []byte
	// Timeout is how long the whole call may take. 0, and more than the configuration allows, mean the upstream's own.
	Timeout time.Duration

	// Failed decides when there is no answer: no connection, too late, too large. Nil denies the stream, and so it should be,
	// unless the service is asked for something that is not needed to decide. An answer of any status is no failure.
	Failed func(error) Verdict
}

// HTTPResponse is the answer of another service.
type HTTPResponse struct {
	s       *stream
	headers [][2]string
	body    []byte
	doc     *dockerjson.Document
}

// Status returns the status code.
func (r *HTTPResponse) Status() int {
	text, _ := r.Header(":status")
	code, err := strconv.Atoi(text)
	if err != nil {
		r.s.fail("read an answer's status", err)
	}
	return code
}

// Header returns the first value of a header and whether it is there. Names do not depend on case.
func (r *HTTPResponse) Header(name string) (string, bool) {
	for _, h := range r.headers {
		if strings.EqualFold(h[0], name) {
			return h[1], true
		}
	}
	return "", false
}

// Headers returns all headers, names in lower case, :status first.
func (r *HTTPResponse) Headers() [][2]string { return r.headers }

// Body returns the body.
func (r *HTTPResponse) Body() []byte { return r.body }

// JSON returns the body's document, nothing (kind Absent) for an empty body. One that is no JSON, or can be read in two ways,
// makes the stage deny.
func (r *HTTPResponse) JSON() dockerjson.Value {
	if r.doc == nil {
		r.doc = new(dockerjson.Document)
		if len(r.body) > 0 {
			doc, err := dockerjson.Parse(r.body)
			if err != nil {
				r.s.fail("read an answer as JSON", err)
			} else {
				r.doc = doc
				r.s.answers = append(r.s.answers, doc)
			}
		}
	}
	return r.doc.Root()
}

// Call asks another service, and lets the request wait for its answer. What Call returns must be returned by the filter's
// function; then is called with the answer, may look at the request and change it as that function could, and its Verdict
// counts: Allow lets the request go on. It may be another Call.
//
//	func check(c *config, r *sluice.Request) sluice.Verdict {
//		return r.Call(sluice.HTTPRequest{Upstream: "opa", Path: "/v1/data/docker", Body: question(r)},
//			func(answer *sluice.HTTPResponse) sluice.Verdict {
//				if answer.Status() == 200 && answer.JSON().Get("result").Bool() {
//					return sluice.Allow()
//				}
//				return sluice.Deny("the policy says no")
//			})
//	}
//
// The stream is denied when there is no answer (see [HTTPRequest.Failed]), when the call cannot be made, when the function
// allows without waiting for it, and by the gateway's limits.pause when all takes too long. RequestChunk and ResponseChunk
// cannot wait.
func (r *Request) Call(request HTTPRequest, then func(*HTTPResponse) Verdict) Verdict {
	return r.call([]HTTPRequest{request}, func(answers []*HTTPResponse) Verdict { return then(answers[0]) })
}

// Calls is [Request.Call] for several calls at the same time: then is called when all have been answered, with the answers
// in the order of the requests. The first that fails decides.
func (r *Request) Calls(requests []HTTPRequest, then func([]*HTTPResponse) Verdict) Verdict {
	return r.call(requests, then)
}

// Notify makes a call that nobody waits for: an audit record. That it fails is logged.
func (r *Request) Notify(request HTTPRequest) { r.notify(request) }

// Call is [Request.Call] for the response: it waits for the answer.
func (r *Response) Call(request HTTPRequest, then func(*HTTPResponse) Verdict) Verdict {
	return r.call([]HTTPRequest{request}, func(answers []*HTTPResponse) Verdict { return then(answers[0]) })
}

// Calls is [Request.Calls] for the response.
func (r *Response) Calls(requests []HTTPRequest, then func([]*HTTPResponse) Verdict) Verdict {
	return r.call(requests, then)
}

// Notify is [Request.Notify].
func (r *Response) Notify(request HTTPRequest) { r.notify(request) }

// calls are what a stage waits for.
type calls struct {
	m       *message // whose stage it is
	then    func([]*HTTPResponse) Verdict
	answers []*HTTPResponse
	left    int
}

func (m *message) call(requests []HTTPRequest, then func([]*HTTPResponse) Verdict) Verdict {
	s := m.s
	switch {
	case m.wants == chunks && m.loaded:
		s.fail("call a service", errors.New("a piece of a body cannot wait for the answer"))
	case s.waiting != nil:
		s.fail("call a service", errors.New("a call is waited for already: make both by Calls, or one after the other"))
	case len(requests) == 0:
		s.fail("call a service", errors.New("there is no request"))
	}
	if s.err != nil {
		return Verdict{}
	}
	c := &calls{then: then, answers: make([]*HTTPResponse, len(requests)), left: len(requests)}
	for i := range requests {
		request := &requests[i]
		err := hostapi.Dispatch(request.dispatched(), func(a hostapi.Answer) { s.answered(c, i, request, a) })
		if err != nil {
			s.fail("call the upstream "+request.Upstream, err)
			return Verdict{}
		}
	}
	s.waiting = c
	return Verdict{outcome: wait}
}

func (m *message) notify(request HTTPRequest) {
	name := request.Upstream
	err := hostapi.Dispatch(request.dispatched(), func(a hostapi.Answer) {
		if a.Failure != "" {
			Warn("no answer from the upstream " + name + ": " + a.Failure)
		}
	})
	if err != nil {
		Warn("cannot call the upstream " + name + ": " + err.Error())
	}
}

func (r *HTTPRequest) dispatched() hostapi.Call {
	method, path, authority := r.Method, r.Path, r.Authority
	if method == "" {
		method = "GET"
		if len(r.Body) > 0 {
			method = "POST"
		}
	}
	if path == "" {
		path = "/"
	}
	if authority == "" {
		authority = r.Upstream
	}
	headers := make([][2]string, 0, 3+len(r.Headers))
	headers = append(headers, [2]string{":method", method}, [2]string{":path", path}, [2]string{":authority", authority})
	milliseconds := min(max(r.Timeout.Milliseconds(), 0), 1<<31)
	if r.Timeout > 0 && milliseconds == 0 {
		milliseconds = 1
	}
	return hostapi.Call{Upstream: r.Upstream, Headers: append(headers, r.Headers...), Body: r.Body, Timeout: uint32(milliseconds)}
}

// answered takes the answer to one of a stage's calls. The host has made the stream the one that is acted upon.
func (s *stream) answered(c *calls, at int, request *HTTPRequest, a hostapi.Answer) {
	if s.over || s.waiting != c {
		return // nobody waits for it any more
	}
	var v Verdict
	if a.Failure != "" {
		err := errors.New("no answer from " + request.Upstream + ": " + a.Failure)
		v = Fail(err)
		if request.Failed != nil {
			v = request.Failed(err)
		}
	} else {
		c.answers[at] = &HTTPResponse{s: s, headers: a.Headers, body: a.Body}
		if c.left--; c.left > 0 {
			return
		}
		s.waiting = nil
		v = c.then(c.answers)
	}
	if s.waiting == c {
		s.waiting = nil
	}
	if s.decide(v, c.m) != allow {
		return
	}
	if err := hostapi.Continue(c.m.direction); err != nil {
		// It stays held until the gateway's patience is over, which denies it.
		Error("cannot let the stream go on: " + err.Error())
	}
}
