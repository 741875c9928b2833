package hosttest

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// bytesCodec leaves messages, which are *[]byte, as they are.
type bytesCodec struct{}

var _ encoding.CodecV2 = bytesCodec{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// GRPC is a server every call of which, of whatever service and method, goes to the
// handler, which sends and receives *[]byte.
func GRPC(handler grpc.StreamHandler, options ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, grpc.ForceServerCodecV2(bytesCodec{}), grpc.UnknownServiceHandler(handler))...)
}

// StartGRPC serves [GRPC] on a listener until the test ends, and returns its address
// as a configuration has it.
func StartGRPC(t testing.TB, l net.Listener, handler grpc.StreamHandler, options ...grpc.ServerOption) (address string) {
	t.Helper()
	return ServeGRPC(t, l, GRPC(handler, options...))
}

// ServeGRPC is StartGRPC for a server that exists.
func ServeGRPC(t testing.TB, l net.Listener, server *grpc.Server) (address string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return l.Addr().Network() + "://" + l.Addr().String()
}
