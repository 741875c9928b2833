package wire

import (
	"errors"
	"fmt"
)

// Error is a message that breaks the protocol or a limit. Reading a request, Status is what to answer it with (400, 408, 413, 417,
// 431, 501, 505) before closing the connection; reading a response or its body, it is 502. Writing a request that was not allowed is
// 400, and writing such a response 502.
type Error struct {
	Status int
	// Message says what is wrong in words that may be shown to the client.
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (status %d)", e.Message, e.Status) }

// WriteError is a failure of the connection that was written to, as opposed to the one read from. It is how the error of
// [CopyBody] tells its two sides apart.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write: " + e.Err.Error() }

// Unwrap returns the network's error.
func (e *WriteError) Unwrap() error { return e.Err }

var (
	// ErrBodyLength: more bytes were written than Content-Length promised, or fewer when the body was finished.
	// The connection cannot be used any further.
	ErrBodyLength = errors.New("body does not have the length that its head promised")
	// ErrOutOfOrder: a method was called in a state that it does not fit, such as reading a request before the
	// previous one's body was read.
	ErrOutOfOrder = errors.New("wire: call out of order")
)

// malformed says what is wrong with a message, in code that reads both requests and responses. It never leaves the package:
// inRequest and inResponse make an *Error of it.
type malformed string

func (m malformed) Error() string { return string(m) }

func malformedf(format string, args ...any) error { return malformed(fmt.Sprintf(format, args...)) }

func badRequest(format string, args ...any) *Error {
	return &Error{Status: 400, Message: "malformed request: " + fmt.Sprintf(format, args...)}
}

func badResponse(format string, args ...any) *Error {
	return &Error{Status: 502, Message: "malformed response: " + fmt.Sprintf(format, args...)}
}

// inRequest returns the error for what was met in a request.
func inRequest(err error) error {
	if m, ok := err.(malformed); ok {
		return badRequest("%s", string(m))
	}
	return err
}

// inResponse returns the error for what was met in a response: always 502, for the client did nothing wrong.
func inResponse(err error) error {
	switch e := err.(type) {
	case malformed:
		return badResponse("%s", string(e))
	case *Error:
		return &Error{Status: 502, Message: e.Message}
	}
	return err
}

// fromUpstream returns the error for a response that was read.
func fromUpstream(err error) error {
	err = inResponse(err)
	if e, ok := err.(*Error); ok {
		e.Message = "from upstream: " + e.Message
	}
	return err
}

// clip shortens what is quoted from a peer, so that an error never grows with the message it is about.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
