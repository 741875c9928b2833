package sluice

import (
	"strings"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// Request is a request on its way to the engine. It is valid during the call that it was given to, and on the response's
// way for reading: see [Response.Request]. Its setters may be called from the request's functions only. Nothing of it
// returns an error: what fails makes the stage deny.
type Request struct{ message }

// Method returns the method, in upper case.
func (r *Request) Method() string { return r.pseudo(":method") }

// Path returns the path with the API version and the query, as it is sent to the engine: /v1.41/containers/json?all=1.
func (r *Request) Path() string { return r.pseudo(":path") }

// SetPath replaces path and query. The gateway classifies the request anew, and refuses what is not canonical.
func (r *Request) SetPath(path string) { r.SetHeader(":path", path) }

func (r *Request) pseudo(name string) string {
	value, ok := r.header(name)
	if !ok || value == "" {
		r.s.fail("read "+name, hostapi.ErrNotFound)
	}
	return value
}

// Query returns the value of a query parameter, decoded, and whether it is there. Names are case-sensitive. The gateway
// lets no parameter through twice.
func (r *Request) Query(name string) (string, bool) {
	_, query, _ := strings.Cut(r.Path(), "?")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if unescape(key) == name {
			return unescape(value), true
		}
	}
	return "", false
}

// SetQuery sets a query parameter, in its place when it is there already.
func (r *Request) SetQuery(name, value string) {
	path, query, _ := strings.Cut(r.Path(), "?")
	set := escape(name) + "=" + escape(value)
	var pairs []string
	found := false
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if key, _, _ := strings.Cut(pair, "="); unescape(key) == name {
			if found {
				continue
			}
			pair, found = set, true
		}
		pairs = append(pairs, pair)
	}
	if !found {
		pairs = append(pairs, set)
	}
	r.SetPath(path + "?" + strings.Join(pairs, "&"))
}

// Header returns the first value of a header and whether it is there. Names do not depend on case.
func (r *Request) Header(name string) (string, bool) { return r.header(name) }

// Headers returns all headers in their order, names in lower case, the pseudo-headers (:method, :path, :authority,
// :scheme) first.
func (r *Request) Headers() [][2]string { return r.headers() }

// SetHeader replaces all values of a header by one.
func (r *Request) SetHeader(name, value string) {
	r.change("set", name, hostapi.SetHeader(hostapi.Request, name, value))
}

// AddHeader adds a value to a header.
func (r *Request) AddHeader(name, value string) {
	r.change("add", name, hostapi.AddHeader(hostapi.Request, name, value))
}

// RemoveHeader removes a header.
func (r *Request) RemoveHeader(name string) {
	r.change("remove", name, hostapi.RemoveHeader(hostapi.Request, name))
}

// Operation returns what the request asks of the engine, Unknown when its API has no such route.
func (r *Request) Operation() Operation { return r.s.op() }

// Transport returns how the operation is carried: "unary" (an ordinary request and response), "stream" (a body of any
// length in either direction) or "hijack" (a connection to a process).
func (r *Request) Transport() string {
	r.s.unary()
	return r.s.transport
}

// APIVersion returns the version in the path, such as "1.41", "" when there is none.
func (r *Request) APIVersion() string { return r.property("docker", "api_version") }

// ResourceKind returns what the request is about: container, image, volume, …; "" when it is nothing of the kind.
func (r *Request) ResourceKind() string { return r.property("docker", "resource", "kind") }

// ResourceID returns the name or id in the path, decoded, as the client gave it; "" when there is none.
func (r *Request) ResourceID() string { return r.property("docker", "resource", "id") }

// RoutePath returns the path without API version and query: /containers/json.
func (r *Request) RoutePath() string { return r.property("docker", "path") }

// ID returns the request's id, which stands in the gateway's log and in denials.
func (r *Request) ID() string { return r.property("request", "id") }

// property reads what may be missing.
func (r *Request) property(path ...string) string {
	value, _ := r.Property(path...)
	return value
}

// Property reads any property of the stream, and whether there is one: r.Property("source", "address"). Numbers come as
// the ABI has them, 8 bytes in little endian.
func (r *Request) Property(path ...string) (string, bool) {
	value, err := hostapi.Property(path...)
	if err == hostapi.ErrNotFound { //nolint:errorlint // a sentinel of the host call layer, never wrapped
		return "", false
	}
	if err != nil {
		r.s.fail("read the property "+strings.Join(path, "."), err)
		return "", false
	}
	return string(value), true
}

// Set keeps a value for the rest of the stream, where all filters of the chain can [Request.Get] it. Values must not be
// empty.
func (r *Request) Set(name, value string) {
	if err := hostapi.SetProperty(value, "values", name); err != nil {
		r.s.fail("keep the value "+name, err)
	}
}

// Get returns a value that this or an earlier filter has kept with Set, and whether there is one.
func (r *Request) Get(name string) (string, bool) { return r.Property("values", name) }

// Body returns the whole body in RequestBody, the piece in RequestChunk, nil elsewhere. It must not be changed.
func (r *Request) Body() []byte { return r.body }

// SetBody replaces what Body returns. The gateway adjusts Content-Length. Edits made to [Request.JSON] before are lost.
func (r *Request) SetBody(body []byte) { r.setBody(body) }

// JSON returns the body's document, read as the engine reads it, nothing (kind Absent) for an empty body. A body that can
// be read in two ways denies the request with status 400. Edits are sent on when the function answers Allow.
func (r *Request) JSON() dockerjson.Value { return r.json() }
