package wire

import "github.com/sluice-gateway/sluice/abi"

// Kind says how the end of a message's body is told.
type Kind uint8

const (
	// None is no body, and no field that speaks of one.
	None Kind = iota
	// Length is a body of exactly Framing.Length bytes (0 included: "Content-Length: 0").
	Length
	// Chunked is a body in chunks, its end told by the last one.
	Chunked
	// UntilClose is a response that ends with its connection. Written, it carries "Connection: close".
	UntilClose
	// LengthOnly is no body, but a Content-Length of Framing.Length: the answer to HEAD, and 304.
	LengthOnly
	// Raw is what follows the head of a hijacked connection (101, or Docker's older 200): no field speaks of it,
	// and it ends when its side of the connection ends.
	Raw
)

// String names the kind for logs and tests.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Length:
		return "length"
	case Chunked:
		return "chunked"
	case UntilClose:
		return "until-close"
	case LengthOnly:
		return "length-only"
	case Raw:
		return "raw"
	}
	return "invalid"
}

// Framing is how a body is delimited. The zero value is no body.
type Framing struct {
	Kind   Kind
	Length int64 // bytes; meaningful for Length and LengthOnly
}

// HasBody reports whether bytes may follow the head.
func (f Framing) HasBody() bool {
	switch f.Kind {
	case Length:
		return f.Length > 0
	case Chunked, UntilClose, Raw:
		return true
	}
	return false
}

// Request is the head of a request. The strings of one that was read share one allocation and stay valid; Header is
// reused when the Request is read into again.
type Request struct {
	Method string
	// Target is in origin form ("/v1.41/info?x=y"), or "*" for OPTIONS. An absolute-form target was reduced to it.
	Target string
	// Host is the authority: the Host field, or that of an absolute-form target. Often empty on Docker's socket.
	Host string
	// Minor is the version's minor number: HTTP/1.Minor, 0 or 1. Requests are always written as HTTP/1.1.
	Minor  int
	Header []abi.Pair
	Body   Framing
	// Close: the peer wants the connection to end with the response.
	Close bool
	// Upgrade is the Upgrade field, "" when absent. It is set even when Connection does not name it: dockerd does
	// not ask for that either. Written, both fields go out.
	Upgrade string
	// Expect100: the client waits for Continue100, or a final status, before it sends the body.
	Expect100 bool
}

// Response is the head of a response. The strings of one that was read share one allocation and stay valid; Header is
// reused when the Response is read into again.
type Response struct {
	Status int
	// Reason is the status line's phrase. Written, "" stands for the standard phrase.
	Reason string
	// Minor is the version's minor number as it was read. Responses are written in the version of the request.
	Minor  int
	Header []abi.Pair
	Body   Framing
	// Close: the connection ends with this response.
	Close bool
	// Upgrade is the Upgrade field of a 101 (and of a 426).
	Upgrade string
}

// Informational reports whether another head follows this one: 1xx except 101.
func (r *Response) Informational() bool {
	return r.Status >= 100 && r.Status < 200 && r.Status != 101
}
