package buildkit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// A gRPC message stands behind five bytes: whether it is compressed, and its length.
const prefix = 5

// readMessage reads one message of at most limit bytes, once room has found room for what it announces. At the end of the stream the error is
// io.EOF.
func readMessage(r io.Reader, limit int, room func(size int) error) ([]byte, error) {
	size, err := readPrefix(r, limit)
	if err != nil {
		return nil, err
	}
	if err := room(size); err != nil {
		return nil, err
	}
	// Grown by what comes, not by what was announced.
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(size)); err != nil {
		if errors.Is(err, io.EOF) {
			err = errTruncated
		}
		return nil, err
	}
	return b.Bytes(), nil
}

// readPrefix reads what stands before a message, and returns its length.
func readPrefix(r io.Reader, limit int) (int, error) {
	var head [prefix]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errTruncated
		}
		return 0, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	switch {
	case head[0] == 1:
		return 0, errCompressed
	case head[0] != 0:
		return 0, refusal(codeInvalidArgument, "a gRPC message begins with %d, where 0 or 1 has to stand", head[0])
	case uint64(size) > uint64(limit):
		return 0, refusal(codeResourceExhausted, "a message of %d bytes is larger than limits.body (%d bytes)", size, limit)
	}
	return int(size), nil
}

var (
	errTruncated  = refusal(codeInvalidArgument, "the call ended inside of a message")
	errCompressed = refusal(codeUnimplemented, "a compressed message cannot be looked into: send messages without compression")
)

// readOnly reads the one message of a call, and its end.
func readOnly(r io.Reader, limit int, room func(size int) error) ([]byte, error) {
	message, err := readMessage(r, limit, room)
	if errors.Is(err, io.EOF) {
		return nil, refusal(codeInvalidArgument, "the call ended without its message")
	}
	if err != nil {
		return nil, err
	}
	var more [1]byte
	switch _, err := io.ReadFull(r, more[:]); {
	case errors.Is(err, io.EOF):
		return message, nil
	case err != nil:
		return nil, err
	}
	return nil, refusal(codeInvalidArgument, "this method takes one message, and more came")
}

// appendMessage appends a message with what stands before it.
func appendMessage(dst, message []byte) []byte {
	return append(appendPrefix(dst, len(message)), message...)
}

// appendPrefix appends what stands before a message of so many bytes.
func appendPrefix(dst []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(size))
}
