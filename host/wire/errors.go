package wire

import (
	"errors"
	"fmt"
)

// Error is a message that breaks the protocol or a limit. Reading a request, Status is what to answer it with (400, 408, 413, 417,
// 431, 501, 505) before closing the connection; reading a response, it is 502.
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

func badRequest(format string, args ...any) *Error {
	return &Error{Status: 400, Message: "malformed request: " + fmt.Sprintf(format, args...)}
}

// clip shortens what is quoted from a peer, so that an error never grows with the message it is about.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
