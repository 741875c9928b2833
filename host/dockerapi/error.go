package dockerapi

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error is a request that is refused before any filter saw it.
type Error struct {
	// Status is the HTTP status to answer with.
	Status int
	// Message tells the client what is wrong with the request. It is the message of the answer's JSON body.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func badRequest(format string, args ...any) error {
	return &Error{Status: 400, Message: fmt.Sprintf(format, args...)}
}

// bounded quotes a client's text for a message, cut after 64 bytes.
func bounded(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}

// ErrorBody returns the engine's form of an error, {"message":"…"} and a newline, which every Docker client prints. Its
// content type is application/json.
func ErrorBody(message string) []byte {
	return AppendErrorBody(make([]byte, 0, len(message)+16), message)
}

// AppendErrorBody appends the engine's form of an error to dst. Like the engine it leaves <, > and & as they are; bytes
// that are not UTF-8 become U+FFFD.
func AppendErrorBody(dst []byte, message string) []byte {
	dst = append(dst, `{"message":"`...)
	for i := 0; i < len(message); {
		c := message[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(message[i:])
			switch r {
			case '\u2028', '\u2029':
				// Legal in JSON, but line ends in JavaScript.
				dst = append(dst, `\u202`...)
				dst = append(dst, upperHex[r&15])
			default:
				dst = utf8.AppendRune(dst, r)
			}
			i += size
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c < 0x20 || c == 0x7f {
				dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
		i++
	}
	return append(dst, '"', '}', '\n')
}
