package record

import "fmt"

// Kind is what a record is, in the word that filters see as docker.record.
type Kind uint8

const (
	// KindRaw is bytes without boundaries of their own: a terminal's output, a WebSocket's message.
	KindRaw Kind = iota
	// KindJSON is one JSON value with the end of its line.
	KindJSON
	// KindFrame is the payload of one frame of a multiplexed stream.
	KindFrame
)

// String returns raw, json or frame.
func (k Kind) String() string {
	switch k {
	case KindRaw:
		return "raw"
	case KindJSON:
		return "json"
	case KindFrame:
		return "frame"
	}
	return "invalid"
}

// Stream is which of a process's streams a frame belongs to, in the word that filters see as docker.stream.
type Stream uint8

// The streams, as they are numbered in the frames. Clients print what is called stdin to their standard output.
const (
	Stdin Stream = iota
	Stdout
	Stderr
	// SystemErr is an error of the engine's own: clients fail with its text.
	SystemErr
	streams
)

// String returns stdin, stdout, stderr or systemerr.
func (s Stream) String() string {
	switch s {
	case Stdin:
		return "stdin"
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case SystemErr:
		return "systemerr"
	}
	return "invalid"
}

// A Record is one record of a stream. It is valid until the next call on its Splitter.
type Record struct {
	Kind Kind
	// Stream is that of a frame; for other kinds it means nothing.
	Stream Stream
	// Data is what a filter is shown: a value with its white space, a payload without its frame. It may be changed.
	Data []byte
	// Opaque says that there is nothing in the record to show: a frame without a payload, a WebSocket's ping. It is passed on
	// as it is.
	Opaque bool

	whole []byte // the record as it stands in the stream; nil for a part of a frame
	head  byte   // the first byte of a WebSocket's frame
}

// Error is a stream that cannot be cut any further. It says why in words for the operator.
type Error struct{ Reason string }

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

func failf(format string, args ...any) error { return &Error{Reason: fmt.Sprintf(format, args...)} }
