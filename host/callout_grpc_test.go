package host_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// startGRPC starts a service and a gateway whose one filter may call it.
func startGRPC(t *testing.T, handler grpc.StreamHandler) *hosttest.Gateway {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	address := hosttest.StartGRPC(t, l, handler)
	engine := hosttest.StartFakeDocker(t)
	engine.Handle("GET /info", hosttest.JSON(200, "{}"))
	return hosttest.StartGateway(t, engine.Address(), "upstreams: [{name: svc, address: '"+address+"', timeout: 20s}]\n"+filters(t, caller))
}

// pong answers each ping with its number, and ends with the last one.
func pong(_ any, stream grpc.ServerStream) error {
	_ = stream.SendHeader(metadata.Pairs("x-status", "begun"))
	stream.SetTrailer(metadata.Pairs("x-status", "done"))
	for n := byte('1'); ; n++ {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return grpcstatus.Error(codes.ResourceExhausted, "no more")
		} else if err != nil {
			return err
		}
		message = append(message, n)
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// lines are what the guest said, in order.
func lines(g *hosttest.Gateway) []string {
	var said []string
	for line := range strings.Lines(g.Log.String()) {
		// Those of a request have other keys before the filter's.
		if _, rest, ok := strings.Cut(line, `"level":"INFO","msg":"`); ok {
			if message, rest, _ := strings.Cut(rest, `",`); strings.HasPrefix(rest, `"filter":"callout-1"`) {
				said = append(said, message)
			}
		}
	}
	return said
}

func TestAFilterHoldsARequestForAUnaryCall(t *testing.T) {
	g := startGRPC(t, func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		message = append(message, " to "+method...)
		return stream.SendMsg(&message)
	})
	if code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "gp", "x-then-1": "0"}); code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	// As with Envoy there is an answer, and no close behind it.
	asks(t, g, "GET", "/info", "", nil)
	if got := strings.Join(lines(g), "|"); got != "message 1 26 ping to /test.Service/Echo 0" {
		t.Errorf("the guest heard %q", got)
	}
}

func TestAUnaryCallThatFailsIsClosed(t *testing.T) {
	g := startGRPC(t, func(any, grpc.ServerStream) error { return grpcstatus.Error(codes.PermissionDenied, "not you") })
	code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "gp", "x-then-1": "d"})
	if code != 403 || !strings.Contains(body, ": not you (request") {
		t.Errorf("got %d %q", code, body)
	}
	if got := strings.Join(lines(g), "|"); got != "close 1 7 7 not you" {
		t.Errorf("the guest heard %q", got)
	}
	// An answer that is not one message is none.
	g = startGRPC(t, func(_ any, stream grpc.ServerStream) error {
		message := []byte("one")
		_ = stream.SendMsg(&message)
		return stream.SendMsg(&message)
	})
	asks(t, g, "GET", "/info", "", map[string]string{"x-do": "gp", "x-then-1": "d"})
	if got := strings.Join(lines(g), "|"); got != "close 1 13 13 the answer is not one message" {
		t.Errorf("the guest heard %q", got)
	}
}

func TestAStreamOfMessagesBothWays(t *testing.T) {
	g := startGRPC(t, pong)
	code, _, body := asks(t, g, "GET", "/info", "", map[string]string{"x-do": "Gmp", "x-then-1": "m", "x-then-2": "M", "x-then-4": "0"})
	if code != 200 {
		t.Errorf("got %d %q", code, body)
	}
	want := "initial 1 begun|message 1 5 ping1 99|message 1 5 ping2 99|message 1 5 ping3 99|trailing 1 done|close 1 8 8 no more"
	if got := strings.Join(lines(g), "|"); got != want {
		t.Errorf("the guest heard\n%s, want\n%s", got, want)
	}
}

func TestAGuestMayEndAStream(t *testing.T) {
	ended := make(chan error, 10)
	watch := func(_ any, stream grpc.ServerStream) error {
		_ = stream.SendHeader(nil)
		var message []byte
		err := stream.RecvMsg(&message)
		if errors.Is(err, io.EOF) { // closed by the guest, who waits for us
			ended <- err
			return nil
		}
		<-stream.Context().Done()
		ended <- stream.Context().Err()
		return nil
	}
	for name, c := range map[string]struct {
		scripts map[string]string
		want    string
	}{
		"by closing its side":         {map[string]string{"x-do": "Gzp", "x-then-1": "0"}, "initial 1 |trailing 1 |close 1 0 0 "},
		"by cancelling":               {map[string]string{"x-do": "Gmk"}, ""},
		"by cancelling a unary call":  {map[string]string{"x-do": "gk"}, ""},
		"by closing a unary call":     {map[string]string{"x-do": "gz"}, ""},
		"by the end of its own":       {map[string]string{"x-do": "Gm"}, "close 1 1 1 cancelled"},
		"by the end of its own, held": {map[string]string{"x-do": "Gm", "x-do-log": "G"}, "close 1 1 1 cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGRPC(t, watch)
			if code, _, body := asks(t, g, "GET", "/info", "", c.scripts); code != 200 {
				t.Errorf("got %d %q", code, body)
			}
			if c.want != "" {
				g.Log.Wait(t, c.want[strings.LastIndexByte(c.want, '|')+1:])
			} else {
				asks(t, g, "GET", "/info", "", nil)
			}
			said := lines(g)
			for len(said) > 0 && strings.HasPrefix(said[0], "initial") && strings.HasPrefix(c.want, "close") {
				said = said[1:] // the service was faster than the engine, for the second call too
			}
			if got := strings.Join(said, "|"); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("the guest heard %q, want %q", got, c.want)
			}
		})
	}
}
