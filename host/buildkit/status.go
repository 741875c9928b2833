package buildkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sluice-gateway/sluice/host/chain"
)

// The status codes of gRPC that this package gives.
const (
	codeOK                 = 0
	codeCancelled          = 1
	codeUnknown            = 2
	codeInvalidArgument    = 3
	codeNotFound           = 5
	codeAlreadyExists      = 6
	codePermissionDenied   = 7
	codeResourceExhausted  = 8
	codeFailedPrecondition = 9
	codeOutOfRange         = 11
	codeUnimplemented      = 12
	codeInternal           = 13
	codeUnavailable        = 14
	codeUnauthenticated    = 16
	maxStatusMessage       = 4 << 10
	contentTypeGRPC        = "application/grpc"
	trailerStatus          = http.TrailerPrefix + "Grpc-Status"
	trailerMessage         = http.TrailerPrefix + "Grpc-Message"
	headerStatus           = "Grpc-Status"
	headerMessage          = "Grpc-Message"
	headerStatusDetailsBin = "Grpc-Status-Details-Bin"
)

// status ends a call. It is an error.
type status struct {
	code    int
	message string
	denied  bool // a decision, and no failure
	whole   bool // the message says already who speaks, and of which request
}

func (s *status) Error() string { return s.message }

func refusal(code int, format string, args ...any) *status {
	return &status{code: code, message: fmt.Sprintf(format, args...), denied: true}
}

func failure(code int, format string, args ...any) *status {
	return &status{code: code, message: fmt.Sprintf(format, args...)}
}

// HTTPStatus is the status of HTTP that says most nearly what the call's does.
func (r *Record) HTTPStatus() int {
	switch r.Code {
	case codeOK:
		return 200
	case codeCancelled:
		return 499
	case codeInvalidArgument, codeAlreadyExists, codeFailedPrecondition, codeOutOfRange:
		return 400
	case codeUnauthenticated:
		return 401
	case codePermissionDenied:
		return 403
	case codeNotFound:
		return 404
	case codeResourceExhausted:
		return 429
	case codeUnimplemented:
		return 501
	case codeUnavailable:
		return 503
	}
	return 500
}

// fromHTTP is the code for a status of HTTP that says no.
func fromHTTP(code int) int {
	switch code {
	case 400, 415:
		return codeInvalidArgument
	case 401:
		return codeUnauthenticated
	case 403:
		return codePermissionDenied
	case 404:
		return codeNotFound
	case 409:
		return codeAlreadyExists
	case 413, 429, 431:
		return codeResourceExhausted
	case 501:
		return codeUnimplemented
	case 502, 503, 504:
		return codeUnavailable
	}
	if code >= 500 {
		return codeInternal
	}
	return codeUnknown
}

// fromLocal is the status for a filter's local response, or the gateway's.
func fromLocal(code int, body []byte) *status {
	if code < 400 {
		return failure(codeUnimplemented, "a filter answered with status %d in the engine's place, which a gRPC call has no form for", code)
	}
	message := strings.TrimSpace(string(body))
	var docker struct{ Message *string }
	if json.Unmarshal(body, &docker) == nil && docker.Message != nil {
		message = *docker.Message
	}
	if message == "" {
		message = "denied without a reason"
	}
	grpc := fromHTTP(code)
	if grpc == codeUnavailable {
		// Clients would try again.
		grpc = codeInternal
	}
	return &status{code: grpc, message: message, denied: true, whole: true}
}

// write ends the call with the status. Where the answer has begun it ends with it.
func (s *status) write(w http.ResponseWriter, id string) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", contentTypeGRPC)
	}
	w.WriteHeader(200) // where it was written already this does nothing
	_ = http.NewResponseController(w).Flush()
	message := s.message
	if !s.whole {
		message = fmt.Sprintf("sluice: %s (request %s)", message, id)
	}
	if len(message) > maxStatusMessage {
		message = strings.ToValidUTF8(message[:maxStatusMessage], "") + "…"
	}
	h.Set(trailerStatus, fmt.Sprint(s.code))
	h.Set(trailerMessage, percentEncode(message))
}

// percentEncode writes a message as a field can carry it.
func percentEncode(message string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(message) {
		if c := message[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// streamError is a reset of a stream, as net/http's errors.As gives it.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return fmt.Sprintf("stream reset with code %d", e.Code) }

// broken is the status for a call that the other side did not end as it should.
func broken(callee side, err error) *status {
	var own *status
	if errors.As(err, &own) {
		return own
	}
	var reset streamError
	if errors.As(err, &reset) {
		switch reset.Code {
		case 7: // REFUSED_STREAM
			return failure(codeUnavailable, "%s refused the call", callee)
		case 8: // CANCEL
			return failure(codeCancelled, "%s cancelled the call", callee)
		case 11: // ENHANCE_YOUR_CALM
			return failure(codeResourceExhausted, "%s had enough of this call", callee)
		}
		return failure(codeInternal, "%s reset the call (HTTP/2 error %d)", callee, reset.Code)
	}
	return failure(codeUnavailable, "%s broke the call off: %v", callee, err)
}

// outcome is what the log says of a call that ended with the status.
func (s *status) outcome(o chain.Outcome) chain.Outcome {
	if o.Verdict == chain.VerdictAllow && s.denied {
		o.Verdict = chain.VerdictDeny
		o.Reason = s.message
	}
	return o
}

func quoted(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return fmt.Sprintf("%q", s)
}
