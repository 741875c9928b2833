package hostcall

import (
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

// Callouts is where an instance's calls to other services go, and where the
// answer stands that the running callback is about. Nothing of it waits: an
// answer comes as a callback of its own.
type Callouts interface {
	// Upstream tells how many bytes a body or a message to the service of that
	// name may have; false when there is none that this guest may call.
	Upstream(name []byte) (limit int, ok bool)

	// HTTPCall makes an HTTP call to a service that Upstream knows.
	// BAD_ARGUMENT: the fields are no request. INTERNAL_FAILURE: too many calls
	// are under way.
	HTTPCall(upstream []byte, call HTTPCall) (id uint32, status abi.Status)

	// GRPCCall makes a unary gRPC call, with the statuses of HTTPCall.
	GRPCCall(upstream []byte, call GRPCCall) (id uint32, status abi.Status)

	// GRPCStream opens a gRPC call whose messages are sent one by one; the
	// message and the timeout of the call are not looked at.
	GRPCStream(upstream []byte, call GRPCCall) (id uint32, status abi.Status)

	// GRPCSendLimit is how long a message to the stream may be. BAD_ARGUMENT: the
	// id is a unary call's. NOT_FOUND: nobody's, or the call has ended.
	GRPCSendLimit(id uint32) (limit int, status abi.Status)

	// GRPCSend sends a message, which it takes over, and ends the sending side if
	// end is true. INTERNAL_FAILURE: too much waits to be sent.
	GRPCSend(id uint32, message []byte, end bool) abi.Status

	// GRPCCancel ends a call: no callback comes any more. NOT_FOUND: there is
	// none of that id.
	GRPCCancel(id uint32) abi.Status

	// GRPCClose ends the sending side of a stream. A unary call is cancelled.
	GRPCClose(id uint32) abi.Status

	// HeaderMap is a map of an answer, for reading. NOT_FOUND: the running
	// callback is not about one that has it.
	HeaderMap(t abi.MapType) (*abi.HeaderMap, abi.Status)

	// Buffer is the body or message of an answer, for reading.
	Buffer(t abi.BufferType) (*abi.Buffer, abi.Status)

	// Status is how the call ended that the running callback is about: OK, or why
	// there is no answer. NOT_FOUND: it is about none.
	Status() (code uint32, message string, status abi.Status)
}

// HTTPCall is what a guest asks for by proxy_http_call.
type HTTPCall struct {
	Headers  []abi.Pair
	Body     []byte
	Trailers []abi.Pair
	Timeout  time.Duration // 0: the guest named none
}

// GRPCCall is what a guest asks for by proxy_grpc_call.
type GRPCCall struct {
	Service, Method string
	Metadata        []abi.Pair
	Message         []byte
	Timeout         time.Duration
}

// What a call may be made of beside its body, which the upstream bounds.
const (
	maxNameBytes = 256    // of a service or a method
	calloutUnits = 20_000 // a goroutine, a request and its way through the library
)

// HTTP calls to other services: upstream, headers, body, trailers, timeout.
var httpCalls = []function{
	{name: abi.ImportHTTPCall, args: "bbbbvw", body: httpCall, charges: true},
}

// proxy_http_call(upstream, headers, body, trailers, timeout, *id): the answer
// comes by proxy_on_http_call_response. A timeout of 0 is the upstream's own.
// BAD_ARGUMENT: an upstream that is unknown or not granted, headers without
// :method, :path or :authority, a body that is too long. INTERNAL_FAILURE: too
// many calls are under way.
func httpCall(c call) abi.Status {
	upstream, ok1 := c.view(0)
	headers, ok2 := c.view(2)
	body, ok3 := c.view(4)
	trailers, ok4 := c.view(6)
	callouts := c.caller.Callouts()
	switch {
	case !c.charge(len(upstream), calloutUnits+int64(len(headers)+len(body)+len(trailers))): // they are kept
		return abi.StatusInternalFailure
	case !ok1 || !ok2 || !ok3 || !ok4 || !c.writable(9, 4):
		return abi.StatusInvalidMemoryAccess
	}
	if limit, ok := callouts.Upstream(upstream); !ok || len(body) > limit {
		return abi.StatusBadArgument
	}
	fields, err := abi.ParsePairs(headers)
	if err != nil {
		return abi.StatusBadArgument
	}
	last, err := abi.ParsePairs(trailers)
	if err != nil {
		return abi.StatusBadArgument
	}
	if !c.caller.Charge(int64(len(fields)+len(last)) * fieldUnits) {
		return abi.StatusInternalFailure
	}
	id, status := callouts.HTTPCall(upstream, HTTPCall{
		Headers:  fields,
		Body:     pieces.Clone(body),
		Trailers: last,
		Timeout:  time.Duration(c.u32(8)) * time.Millisecond,
	})
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(9, id)
}

// proxy_get_status(*code, **message, *size): why the call has no answer that
// proxy_on_http_call_response is about, or how the one ended that
// proxy_on_grpc_close is about. NOT_FOUND in any other callback.
func getStatus(c call) abi.Status {
	code, message, status := c.caller.Callouts().Status()
	switch {
	case !c.charge(len(message), 0):
		return abi.StatusInternalFailure
	case status != abi.StatusOK:
		return status
	case !c.writable(0, 4):
		return abi.StatusInvalidMemoryAccess
	}
	if status := give(c, 1, message); status != abi.StatusOK {
		return status
	}
	return c.putU32(0, code)
}

// ofCallout tells whether a map is one of an answer's, and not of the effective
// context's.
func ofCallout(t abi.MapType) bool {
	return t >= abi.MapTypeGRPCCallInitialMetadata && t <= abi.MapTypeHTTPCallResponseTrailers
}

// buffer is a buffer of the effective context, or of the answer that the running
// callback is about.
func (c call) buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status) {
	switch {
	case t != abi.BufferTypeHTTPCallResponseBody && t != abi.BufferTypeGRPCCallMessage:
		return c.caller.Current().Buffer(t, write)
	case write:
		return nil, abi.StatusBadArgument
	}
	return c.caller.Callouts().Buffer(t)
}
