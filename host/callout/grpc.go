package callout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

// A Code is a status of gRPC.
type Code uint32

// The statuses of gRPC that this package gives itself.
const (
	CodeOK                Code = 0
	CodeCancelled         Code = 1
	CodeUnknown           Code = 2
	CodeDeadlineExceeded  Code = 4
	CodePermissionDenied  Code = 7
	CodeResourceExhausted Code = 8
	CodeUnimplemented     Code = 12
	CodeInternal          Code = 13
	CodeUnavailable       Code = 14
	CodeUnauthenticated   Code = 16
)

// A Status is how a gRPC call ended.
type Status struct {
	Code Code
	// Message is for the guest: the service's own words, or a Failure's reason.
	Message string
	// Err is what went wrong on this side, for the operator; nil when the
	// service itself gave the status.
	Err error
}

// Events are told of a gRPC call as it goes on, by the goroutine of Run: the
// next message is read when they are back.
type Events interface {
	InitialMetadata([]abi.Pair)
	Message([]byte)
	TrailingMetadata([]abi.Pair)
}

// A Stream is a gRPC call, unary or not. Send and CloseSend may be called from
// any goroutine, before Run and while it runs.
type Stream struct {
	upstream *Upstream
	path     string
	header   http.Header
	timeout  time.Duration
	queue    *sendQueue
}

// reserved are the fields of a call that are not metadata.
var reserved = []string{"Content-Type", "Grpc-Accept-Encoding", "Grpc-Encoding", "Grpc-Timeout"}

// Open prepares a gRPC call; Run makes it. Metadata is sent as it is: values of
// keys that end in -bin have to be in base64 already, as with Envoy. A timeout
// of 0 is none: it is for streams. An error says what is wrong with the
// arguments.
func (u *Upstream) Open(service, method string, metadata []abi.Pair, timeout time.Duration) (*Stream, error) {
	if service == "" || method == "" || strings.ContainsAny(service+method, "/?") {
		return nil, errors.New("a gRPC call needs a service and a method, without / in them")
	}
	s := &Stream{upstream: u, path: "/" + service + "/" + method, timeout: timeout, queue: newSendQueue(u.options.Body)}
	if _, err := target(s.path); err != nil {
		return nil, errors.New("a gRPC service or method has printable characters only")
	}
	if bad := abi.CheckFields(metadata); bad != "" {
		return nil, errors.New(bad)
	}
	s.header = make(http.Header, len(metadata)+4)
	for _, f := range metadata {
		if f.Key[0] != ':' { // Envoy's guests may give a head of their own
			s.header.Add(f.Key, f.Value)
		}
	}
	for _, name := range framing {
		s.header.Del(name)
	}
	for _, name := range reserved {
		s.header.Del(name)
	}
	if _, there := s.header["User-Agent"]; !there {
		s.header["User-Agent"] = nil
	}
	s.header.Set("Content-Type", "application/grpc")
	s.header.Set("Te", "trailers")
	if timeout > 0 {
		s.timeout = u.timeout(timeout)
		s.header.Set("Grpc-Timeout", strconv.FormatInt(max(1, s.timeout.Milliseconds()), 10)+"m")
	}
	return s, nil
}

// ErrQueueFull is returned by Send when the service takes messages more slowly
// than they are sent: more than the upstream's body limit waits already.
var ErrQueueFull = errors.New("too much waits to be sent")

// ErrSendClosed is returned by Send after CloseSend, and at the end of the call.
var ErrSendClosed = errors.New("the sending side is closed")

// Send queues a message, which it takes over.
func (s *Stream) Send(message []byte) error { return s.queue.push(message) }

// CloseSend ends the sending side, after what is queued.
func (s *Stream) CloseSend() { s.queue.end() }

// Run makes the call and returns when it has ended. It is called once.
func (s *Stream) Run(ctx context.Context, on Events) Status {
	defer s.queue.Close()
	if s.upstream.Inside() {
		return Status{Code: CodeUnimplemented, Message: "this upstream takes HTTP calls alone"}
	}
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	// Once the answer has begun, net/http looks at the context only when the
	// request's body has been sent, which waits for what the guest sends.
	stop := context.AfterFunc(ctx, func() { _ = s.queue.Close() })
	defer stop()
	status, err := s.run(ctx, on)
	if err != nil {
		return s.failure(ctx, err)
	}
	return status
}

func (s *Stream) run(ctx context.Context, on Events) (Status, error) {
	transport, err := s.upstream.http2()
	if err != nil {
		return Status{}, err
	}
	request, err := s.upstream.request(ctx, http.MethodPost, s.path, "", s.header)
	if err != nil {
		return Status{}, err
	}
	request.Body, request.ContentLength = s.queue, -1
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return Status{}, err
	}
	defer answer.Body.Close()
	switch {
	case answer.ProtoMajor != 2:
		return Status{}, errors.New("the service does not speak HTTP/2")
	case answer.Header.Get("Grpc-Status") != "": // trailers only
		on.InitialMetadata(nil)
		return s.trailers(answer.Header, on)
	case answer.StatusCode != http.StatusOK:
		return Status{Code: codeOf(answer.StatusCode), Message: "the service answers with HTTP status " + strconv.Itoa(answer.StatusCode)}, nil
	case !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/grpc"):
		return Status{Code: CodeUnknown, Message: "the service does not speak gRPC"}, nil
	}
	fields, err := pairs(answer.StatusCode, answer.Header)
	if err != nil {
		return Status{}, err
	}
	on.InitialMetadata(fields)
	for {
		message, err := readMessage(answer.Body, s.upstream.options.Body)
		if err == io.EOF {
			return s.trailers(answer.Trailer, on)
		}
		if err != nil {
			return Status{}, err
		}
		on.Message(message)
	}
}

// trailers reads the end of a call.
func (s *Stream) trailers(header http.Header, on Events) (Status, error) {
	fields, err := pairs(0, header)
	if err != nil {
		return Status{}, err
	}
	text := header.Get("Grpc-Status")
	if text == "" {
		return Status{}, errors.New("the service ended the call without a status")
	}
	code, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return Status{}, errors.New("the service ended the call with a status that is no number")
	}
	on.TrailingMetadata(fields)
	message := header.Get("Grpc-Message")
	if decoded, err := url.PathUnescape(message); err == nil {
		message = decoded
	}
	return Status{Code: Code(code), Message: message}, nil
}

// failure is the status of a call that the service gave none.
func (s *Stream) failure(ctx context.Context, err error) Status {
	f := failed(ctx, err)
	status := Status{Code: CodeInternal, Message: f.Reason, Err: f}
	switch f.Reason {
	case ReasonTimeout:
		status.Code = CodeDeadlineExceeded
	case ReasonCancelled:
		status.Code = CodeCancelled
	case ReasonConnect, ReasonReset:
		status.Code = CodeUnavailable
	case ReasonTooLarge:
		status.Code = CodeResourceExhausted
	}
	return status
}

// codeOf is the status that stands for an answer of HTTP alone.
func codeOf(status int) Code {
	switch status {
	case http.StatusBadRequest:
		return CodeInternal
	case http.StatusUnauthorized:
		return CodeUnauthenticated
	case http.StatusForbidden:
		return CodePermissionDenied
	case http.StatusNotFound:
		return CodeUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return CodeUnavailable
	}
	return CodeUnknown
}

// readMessage reads one message of at most limit bytes; io.EOF after the last.
func readMessage(r io.Reader, limit int) ([]byte, error) {
	var head [messageHead]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, fmt.Errorf("a message breaks off: %w", err)
	}
	size := uint64(head[1])<<24 | uint64(head[2])<<16 | uint64(head[3])<<8 | uint64(head[4])
	switch {
	case head[0] != 0:
		return nil, errors.New("a message is compressed, which was not offered")
	case size > uint64(limit):
		return nil, &Failure{Reason: ReasonTooLarge}
	}
	// The length is a stranger's word: memory is taken as the bytes come.
	message := make([]byte, 0, min(size, 64<<10))
	for uint64(len(message)) < size {
		if len(message) == cap(message) {
			message = pieces.Grow(message, 1)
		}
		n, err := io.ReadFull(r, message[len(message):min(uint64(cap(message)), size)])
		message = message[:len(message)+n]
		if err != nil {
			return nil, fmt.Errorf("a message breaks off: %w", err)
		}
	}
	return message, nil
}
