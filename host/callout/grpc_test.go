package callout_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // which is not offered
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
	"github.com/sluice-gateway/sluice/host/hosttest"
)

func serveGRPC(t *testing.T, network string, handler grpc.StreamHandler, options ...grpc.ServerOption) string {
	t.Helper()
	return hosttest.StartGRPC(t, listen(t, network), handler, options...)
}

// echo answers each message with itself, and tells what it was called by.
func echo(_ any, stream grpc.ServerStream) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	method, _ := grpc.MethodFromServerStream(stream)
	_ = stream.SendHeader(metadata.Pairs("x-method", method, "x-who", strings.Join(md.Get("x-who"), "+")))
	stream.SetTrailer(metadata.Pairs("x-sum", "7"))
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if string(message) == "fail" {
			return status.Error(codes.FailedPrecondition, "100 % wrong: ä")
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// transcript writes down a call's events.
type transcript struct {
	lines []string
	then  func(message []byte) // runs at each message
}

func (e *transcript) InitialMetadata(fields []abi.Pair) { e.add("initial", fields) }

func (e *transcript) TrailingMetadata(fields []abi.Pair) { e.add("trailing", fields) }

func (e *transcript) Message(message []byte) {
	e.lines = append(e.lines, fmt.Sprintf("message %.40q", message))
	if e.then != nil {
		e.then(message)
	}
}

func (e *transcript) add(what string, fields []abi.Pair) {
	line := what
	for _, f := range fields {
		if strings.HasPrefix(f.Key, "x-") {
			line += " " + f.Key + "=" + f.Value
		}
	}
	e.lines = append(e.lines, line)
}

func call(t *testing.T, u *callout.Upstream, method string, metadata []abi.Pair, timeout time.Duration) *callout.Stream {
	t.Helper()
	s, err := u.Open("test.Service", method, metadata, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGRPCCallsReachTheirService(t *testing.T) {
	ca := authority(t)
	pair := ca.issue(t, "service.test")
	secure := grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	for name, options := range map[string]callout.Options{
		"unix": {Address: serveGRPC(t, "unix", echo)},
		"tcp":  {Address: serveGRPC(t, "tcp", echo)},
		"tls":  {Address: serveGRPC(t, "tcp", echo, secure), TLS: &callout.TLS{CA: ca.path("ca.pem"), ServerName: "service.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := open(t, options)
			who := []abi.Pair{{Key: "x-who", Value: "me"}, {Key: "X-Who", Value: "you"}, {Key: "content-type", Value: "text/plain"}, {Key: "te", Value: "x"}, {Key: "grpc-encoding", Value: "gzip"}, {Key: ":path", Value: "/"}}
			stream := call(t, u, "Echo", who, 0)
			events := &transcript{}
			events.then = func(message []byte) { // one after the other: both sides are open
				switch string(message) {
				case "one":
					_ = stream.Send([]byte(""))
				case "":
					_ = stream.Send([]byte(strings.Repeat("x", 300<<10)))
					stream.CloseSend()
				}
			}
			if err := stream.Send([]byte("one")); err != nil {
				t.Fatal(err)
			}
			if got := stream.Run(t.Context(), events); got != (callout.Status{}) {
				t.Errorf("status %+v", got)
			}
			want := []string{
				"initial x-method=/test.Service/Echo x-who=me+you", `message "one"`, `message ""`,
				`message "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`, "trailing x-sum=7",
			}
			if diff := cmp.Diff(want, events.lines); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if err := stream.Send(nil); !errors.Is(err, callout.ErrSendClosed) {
				t.Errorf("sending after the end: %v", err)
			}
		})
	}
}

// The service that every library of gRPC brings along.
func TestAHealthCheck(t *testing.T) {
	server := grpc.NewServer()
	states := health.NewServer()
	states.SetServingStatus("docker", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(server, states)
	u := open(t, callout.Options{Address: hosttest.ServeGRPC(t, listen(t, "unix"), server)})
	for service, want := range map[string]string{"": `message "\b\x01"`, "\n\x06docker": `message "\b\x02"`} {
		s, err := u.Open("grpc.health.v1.Health", "Check", nil, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Send([]byte(service))
		s.CloseSend()
		var events transcript
		if got := s.Run(t.Context(), &events); got.Code != callout.CodeOK || !slices.Contains(events.lines, want) {
			t.Errorf("%q: %+v, %q", service, got, events.lines)
		}
	}
}

func TestHowGRPCCallsEnd(t *testing.T) {
	answer := func(status int, header map[string]string, body string) string {
		return serve(t, "tcp", func(w http.ResponseWriter, r *http.Request) {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	isGRPC := map[string]string{"Content-Type": "application/grpc"}
	large := func(_ any, s grpc.ServerStream) error {
		message := make([]byte, 101)
		return s.SendMsg(&message)
	}
	compressed := func(_ any, s grpc.ServerStream) error {
		if names, err := grpc.ClientSupportedCompressors(s.Context()); err != nil || strings.Join(names, "") != "" {
			t.Errorf("offered compressions: %v, %v", names, err)
		}
		return nil
	}
	asleep := func(_ any, s grpc.ServerStream) error {
		deadline, ok := s.Context().Deadline()
		if !ok || time.Until(deadline) > time.Minute {
			t.Errorf("the service is told no deadline: %v", deadline)
		}
		<-t.Context().Done() // and does not look at it
		return nil
	}
	l := listen(t, "tcp")
	refusing := "tcp://" + l.Addr().String()
	l.Close()
	// What net/http says of it depends on what it notices first.
	const unclear = callout.Code(99)
	for name, c := range map[string]struct {
		address string
		message string
		code    callout.Code
		want    string
	}{
		"as it should":                {serveGRPC(t, "tcp", echo), "hello", callout.CodeOK, ""},
		"by the service":              {serveGRPC(t, "tcp", echo), "fail", 9, "100 % wrong: ä"},
		"by trailers only":            {serveGRPC(t, "tcp", func(any, grpc.ServerStream) error { return status.Error(codes.NotFound, "no such thing") }), "", 5, "no such thing"},
		"too late":                    {serveGRPC(t, "tcp", asleep), "", callout.CodeDeadlineExceeded, "timeout"},
		"with a message too large":    {serveGRPC(t, "tcp", large), "", callout.CodeResourceExhausted, "answer too large"},
		"without a message":           {serveGRPC(t, "tcp", compressed), "", callout.CodeOK, ""},
		"nobody there":                {refusing, "", callout.CodeUnavailable, "no connection"},
		"hangs up":                    {raw(t, func(net.Conn) {}), "", callout.CodeUnavailable, ""},
		"HTTP/1.1 only":               {raw(t, onlyHTTP1), "", unclear, ""},
		"by a proxy before it":        {answer(503, nil, "no"), "", callout.CodeUnavailable, "HTTP status 503"},
		"by a proxy that wants login": {answer(401, nil, "no"), "", callout.CodeUnauthenticated, "HTTP status 401"},
		"by a web page":               {answer(200, map[string]string{"Content-Type": "text/html"}, "<html>"), "", callout.CodeUnknown, "does not speak gRPC"},
		"without a status":            {answer(200, isGRPC, ""), "", callout.CodeInternal, "malformed"},
		"in a message's head":         {answer(200, isGRPC, "\x00\x00"), "", callout.CodeUnavailable, "reset"},
		"in a message":                {answer(200, isGRPC, "\x00\x00\x00\x00\x05abc"), "", callout.CodeUnavailable, "reset"},
		"with a compressed message":   {answer(200, isGRPC, "\x01\x00\x00\x00\x01a"), "", callout.CodeInternal, "malformed"},
		"with a lie about a length":   {answer(200, isGRPC, "\x00\xff\xff\xff\xffa"), "", callout.CodeResourceExhausted, "answer too large"},
		"with no number":              {answer(200, map[string]string{"Content-Type": "application/grpc", "Grpc-Status": "ok"}, ""), "", callout.CodeInternal, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			u := open(t, callout.Options{Address: c.address, Body: 100})
			timeout := 10 * time.Second
			if name == "too late" {
				timeout = 50 * time.Millisecond
			}
			stream := call(t, u, "Any", nil, timeout)
			_ = stream.Send([]byte(c.message))
			stream.CloseSend()
			got := stream.Run(t.Context(), &transcript{})
			if c.code == unclear && got.Code != callout.CodeOK {
				return
			}
			if got.Code != c.code || !strings.Contains(got.Message, c.want) {
				t.Errorf("got %+v, want %d %q", got, c.code, c.want)
			}
		})
	}
}

func TestACancelledStreamEndsAtBothSides(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	u := open(t, callout.Options{Address: serveGRPC(t, "unix", func(_ any, s grpc.ServerStream) error {
		_ = s.SendHeader(nil)
		close(begun)
		<-s.Context().Done()
		ended <- s.Context().Err()
		return nil
	})})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-begun
		cancel()
	}()
	if got := call(t, u, "Watch", nil, 0).Run(ctx, &transcript{}); got.Code != callout.CodeCancelled {
		t.Errorf("status %+v", got)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the service sees %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the service was not told")
	}
}

func TestOnlySoMuchWaitsToBeSent(t *testing.T) {
	block := make(chan struct{})
	u := open(t, callout.Options{Body: 1000, Address: serveGRPC(t, "unix", func(_ any, s grpc.ServerStream) error {
		<-block
		return nil
	})})
	stream := call(t, u, "Take", nil, 0)
	if err := stream.Send(make([]byte, 1001)); !errors.Is(err, callout.ErrQueueFull) {
		t.Errorf("a message beyond the limit: %v", err)
	}
	if err := stream.Send(make([]byte, 1000)); err != nil {
		t.Errorf("a message of the limit: %v", err)
	}
	if err := stream.Send(nil); !errors.Is(err, callout.ErrQueueFull) {
		t.Errorf("an empty message in a full queue: %v", err)
	}
	done := make(chan callout.Status)
	go func() { done <- stream.Run(t.Context(), &transcript{}) }()
	sent := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		// The transport takes what its windows hold; then it is full for good.
		if err := stream.Send(make([]byte, 900)); err == nil {
			sent++
			deadline = time.Now().Add(200 * time.Millisecond)
		}
		time.Sleep(time.Millisecond / 4)
	}
	if sent == 0 || sent > 1000 {
		t.Errorf("%d messages were taken", sent)
	}
	close(block)
	if got := <-done; got.Code != callout.CodeOK {
		t.Errorf("status %+v", got)
	}
}

func TestGRPCCallsThatCannotBeMade(t *testing.T) {
	u := open(t, callout.Options{Address: "unix:///nowhere"})
	for _, c := range []struct {
		service, method string
		metadata        []abi.Pair
		want            string
	}{
		{"", "Do", nil, "needs a service and a method"},
		{"svc", "", nil, "needs a service and a method"},
		{"svc", "Do/../x", nil, "without /"},
		{"svc", "Do?x", nil, "without /"},
		{"svc", "Do it", nil, "printable"},
		{"svc\r\n", "Do", nil, "printable"},
		{"svc", "Do", []abi.Pair{{Key: "x", Value: "\n"}}, "control character"},
	} {
		if _, err := u.Open(c.service, c.method, c.metadata, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: got %v, want %q", c.service, c.method, err, c.want)
		}
	}
	u.Close()
	if got := call(t, u, "Do", nil, 0).Run(t.Context(), &transcript{}); got.Code != callout.CodeInternal {
		t.Errorf("on a closed upstream: %+v", got)
	}
}
