package callout

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Failure is why a call has no answer. What a guest is told of it is Reason: a
// few words that name neither addresses nor anything else of the gateway's
// surroundings. Error has the rest, for the operator.
type Failure struct {
	// Reason is one of the reasons below.
	Reason string
	// Err is what happened; nil when the reason says everything.
	Err error
}

// The reasons of a Failure.
const (
	ReasonTimeout   = "timeout"          // no whole answer within the call's time
	ReasonCancelled = "cancelled"        // the caller's stream or instance ended
	ReasonConnect   = "no connection"    // the service cannot be reached, or proves no identity
	ReasonReset     = "reset"            // the connection broke
	ReasonMalformed = "malformed"        // the answer is no HTTP
	ReasonTooLarge  = "answer too large" // body or head are larger than allowed
	ReasonDepth     = "too many calls inside of each other"
)

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Reason
	}
	return f.Reason + ": " + f.Err.Error()
}

// Unwrap is Err.
func (f *Failure) Unwrap() error { return f.Err }

// failed makes a Failure of an error of net/http.
func failed(ctx context.Context, err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	f = &Failure{Reason: ReasonMalformed, Err: err}
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	deadline, limited := ctx.Deadline()
	switch {
	case limited && !time.Now().Before(deadline): // the service may have noticed first
		f.Reason = ReasonTimeout
	case ctx.Err() != nil:
		f.Reason = ReasonCancelled
	case errors.Is(err, os.ErrDeadlineExceeded): // of the handshake or of dialing
		f.Reason = ReasonTimeout
	case errors.As(err, &dial) && dial.Op == "dial", errors.As(err, &certificate), errors.As(err, &record),
		strings.Contains(err.Error(), "remote error: tls:"), // its alerts have no exported type
		strings.Contains(err.Error(), "could not be established"):
		f.Reason = ReasonConnect
	case errors.Is(err, errHead), strings.Contains(err.Error(), "server response headers exceeded"), strings.Contains(err.Error(), "header list too large"):
		f.Reason = ReasonTooLarge
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), strings.Contains(err.Error(), "EOF"),
		strings.Contains(err.Error(), "server closed"), strings.Contains(err.Error(), "stream error"), strings.Contains(err.Error(), "GOAWAY"):
		// net/http has no names for how connections end.
		f.Reason = ReasonReset
	}
	return f
}
