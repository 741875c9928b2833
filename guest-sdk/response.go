package sluice

import (
	"strconv"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// Response is a response on its way to the client. Nothing of it returns an error: what fails makes the stage deny, which
// replaces the response, or cuts the connection where a part of it was sent already.
type Response struct{ message }

// Request returns the request that this is the response to, for reading.
func (r *Response) Request() *Request { return &r.s.req }

// Status returns the status code.
func (r *Response) Status() int {
	value, _ := r.header(":status")
	code, err := strconv.Atoi(value)
	if err != nil {
		r.s.fail("read :status", err)
	}
	return code
}

// Header returns the first value of a header and whether it is there. Names do not depend on case.
func (r *Response) Header(name string) (string, bool) { return r.header(name) }

// Headers returns all headers in their order, names in lower case, :status first.
func (r *Response) Headers() [][2]string { return r.headers() }

// SetHeader replaces all values of a header by one. In ResponseBody it may be too late, which denies.
func (r *Response) SetHeader(name, value string) {
	r.change("set", name, hostapi.SetHeader(hostapi.Response, name, value))
}

// AddHeader adds a value to a header.
func (r *Response) AddHeader(name, value string) {
	r.change("add", name, hostapi.AddHeader(hostapi.Response, name, value))
}

// RemoveHeader removes a header.
func (r *Response) RemoveHeader(name string) {
	r.change("remove", name, hostapi.RemoveHeader(hostapi.Response, name))
}

// Body returns the whole body in ResponseBody, the piece in ResponseChunk, nil elsewhere. It must not be changed.
func (r *Response) Body() []byte { return r.body }

// SetBody replaces what Body returns. The gateway adjusts Content-Length.
func (r *Response) SetBody(body []byte) { r.setBody(body) }

// JSON returns the body's document. Edits are sent on when the function answers Allow.
func (r *Response) JSON() dockerjson.Value { return r.json() }
