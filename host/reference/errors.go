package reference

import (
	"errors"
	"fmt"
	"strconv"
)

// What can come of a reference other than a Reference.
var (
	// ErrNotFound: the engine says that the reference names nothing.
	ErrNotFound = errors.New("the reference names nothing")
	// ErrBadReference: the reference is malformed or ambiguous, so that the engine would act upon nothing.
	ErrBadReference = errors.New("the reference is malformed or ambiguous")
	// ErrEngine: the engine gave no answer that could be understood. What the reference names is not known.
	ErrEngine = errors.New("the engine gave no answer")
)

// Error is why a reference was not resolved. It is one of ErrNotFound, ErrBadReference and ErrEngine.
type Error struct {
	Kind Kind
	Ref  string
	// Message says why, in the engine's words where it had some.
	Message string
	// Reason is one of the three.
	Reason error
	// Err is what went wrong underneath; nil for most.
	Err error
	// Read is how many bytes of the engine's answers were read.
	Read int
}

// Error says which reference, and why.
func (e *Error) Error() string { return fmt.Sprintf("%s %s: %s", e.Kind, quote(e.Ref), e.Message) }

// Unwrap lets errors.Is find the reason and what is underneath.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// quote quotes what a client wrote, and cuts what is long.
func quote(s string) string { return strconv.Quote(clip(s, 128)) }

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
