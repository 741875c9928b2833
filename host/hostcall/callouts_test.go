package hostcall_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// testCallouts knows one service, "auth", for bodies of up to 32 bytes. Call 7 is
// a stream of gRPC and call 8 a unary call. An answer can be put in.
type testCallouts struct {
	caller  *caller
	answers map[abi.MapType]*abi.HeaderMap
	body    map[abi.BufferType]*abi.Buffer
	ended   bool
	code    uint32
	message string
	refuse  abi.Status
}

func (c *caller) Callouts() hostcall.Callouts { return &c.callouts }

func (c *testCallouts) Upstream(name []byte) (int, bool) { return 32, string(name) == "auth" }

func (c *testCallouts) HTTPCall(upstream []byte, h hostcall.HTTPCall) (uint32, abi.Status) {
	if c.refuse != abi.StatusOK {
		return 0, c.refuse
	}
	c.caller.log("call %s: headers %q, body %q, trailers %q, timeout %s", upstream, h.Headers, h.Body, h.Trailers, h.Timeout)
	return 41, abi.StatusOK
}

func (c *testCallouts) GRPCCall(upstream []byte, g hostcall.GRPCCall) (uint32, abi.Status) {
	return c.grpc("call", upstream, g)
}

func (c *testCallouts) GRPCStream(upstream []byte, g hostcall.GRPCCall) (uint32, abi.Status) {
	return c.grpc("stream", upstream, g)
}

func (c *testCallouts) grpc(what string, upstream []byte, g hostcall.GRPCCall) (uint32, abi.Status) {
	if c.refuse != abi.StatusOK {
		return 0, c.refuse
	}
	c.caller.log("gRPC %s %s: %s/%s, metadata %q, message %q, timeout %s", what, upstream, g.Service, g.Method, g.Metadata, g.Message, g.Timeout)
	return 42, abi.StatusOK
}

func (c *testCallouts) GRPCSendLimit(id uint32) (int, abi.Status) {
	switch id {
	case 7:
		return 32, abi.StatusOK
	case 8:
		return 0, abi.StatusBadArgument
	}
	return 0, abi.StatusNotFound
}

func (c *testCallouts) GRPCSend(id uint32, message []byte, end bool) abi.Status {
	c.caller.log("gRPC %d: send %q, end %v", id, message, end)
	return abi.StatusOK
}

func (c *testCallouts) GRPCCancel(id uint32) abi.Status { return c.known("cancel", id) }

func (c *testCallouts) GRPCClose(id uint32) abi.Status { return c.known("close", id) }

func (c *testCallouts) known(what string, id uint32) abi.Status {
	if id != 7 && id != 8 {
		return abi.StatusNotFound
	}
	c.caller.log("gRPC %d: %s", id, what)
	return abi.StatusOK
}

func (c *testCallouts) HeaderMap(t abi.MapType) (*abi.HeaderMap, abi.Status) {
	if m := c.answers[t]; m != nil {
		return m, abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

func (c *testCallouts) Buffer(t abi.BufferType) (*abi.Buffer, abi.Status) {
	if b := c.body[t]; b != nil {
		return b, abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

func (c *testCallouts) Status() (uint32, string, abi.Status) {
	if !c.ended {
		return 0, "", abi.StatusNotFound
	}
	return c.code, c.message, abi.StatusOK
}

// request3 is a request that can be sent.
var request3 = []abi.Pair{{Key: ":method", Value: "GET"}, {Key: ":path", Value: "/"}, {Key: ":authority", Value: "a"}}

// oversized is a body of a byte more than the upstream takes.
var oversized = strings.Repeat("x", 33)

func TestHTTPCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportHTTPCall, "auth", request3, "body", []abi.Pair{{Key: "x-sum", Value: "1"}}, 250, out32{})
	d.call(abi.ImportHTTPCall, "auth", request3, "", "", 0, out32{})
	d.call(abi.ImportHTTPCall, "other", request3, "", "", 0, out32{})
	d.call(abi.ImportHTTPCall, raw{1 << 30, 0}, request3, "", "", 0, out32{})
	d.call(abi.ImportHTTPCall, "auth", request3, oversized, "", 0, out32{})
	d.call(abi.ImportHTTPCall, "auth", "\x01", "", "", 0, out32{})
	d.call(abi.ImportHTTPCall, "auth", request3, "", "\x01\x02", 0, out32{})
	for i := range 4 { // each of the byte strings beyond the end of memory
		args := []any{"auth", request3, "", "", 0, out32{}}
		args[i] = raw{2 << 16, 1}
		d.call(abi.ImportHTTPCall, args...)
	}
	d.call(abi.ImportHTTPCall, "auth", request3, "", "", 0, at(2<<16-3))
	d.callouts.refuse = abi.StatusInternalFailure
	d.call(abi.ImportHTTPCall, "auth", request3, "", "", 0, out32{})
	d.callouts.refuse = abi.StatusOK
	d.restricted = true
	d.call(abi.ImportHTTPCall, "auth", request3, "", "", 0, out32{})
	d.golden("http-calls")
}

func TestGRPCCalls(t *testing.T) {
	d := newDriver(t, "driver")
	metadata := []abi.Pair{{Key: "x-who", Value: "me"}}
	d.call(abi.ImportGRPCCall, "auth", "svc", "Do", metadata, "message", 250, out32{})
	d.call(abi.ImportGRPCCall, "\n\x06\n\x04auth", "svc", "Do", "", "", 0, out32{}) // as Envoy is given it
	d.call(abi.ImportGRPCCall, "\n\x06\n\x05auth", "svc", "Do", "", "", 0, out32{})
	d.call(abi.ImportGRPCCall, "\n\x07\n\x05other", "svc", "Do", "", "", 0, out32{})
	d.call(abi.ImportGRPCCall, "other", "svc", "Do", "", "", 0, out32{})
	d.call(abi.ImportGRPCCall, "auth", "svc", "Do", "", oversized, 0, out32{})
	d.call(abi.ImportGRPCCall, "auth", strings.Repeat("s", 257), "Do", "", "", 0, out32{})
	d.call(abi.ImportGRPCCall, "auth", "svc", "Do", "\x01", "", 0, out32{})
	d.call(abi.ImportGRPCStream, "auth", "svc", "Do", metadata, out32{})
	d.call(abi.ImportGRPCStream, "other", "svc", "Do", "", out32{})
	d.callouts.refuse = abi.StatusBadArgument
	d.call(abi.ImportGRPCStream, "auth", "svc", "", "", out32{})
	d.call(abi.ImportGRPCSend, 7, "message", 0)
	d.call(abi.ImportGRPCSend, 7, "", 1)
	d.call(abi.ImportGRPCSend, 7, oversized, 0)
	d.call(abi.ImportGRPCSend, 7, raw{2 << 16, 1}, 0)
	d.call(abi.ImportGRPCSend, 8, "message", 0) // a unary call's
	d.call(abi.ImportGRPCSend, 9, "message", 0)
	d.call(abi.ImportGRPCClose, 7)
	d.call(abi.ImportGRPCClose, 9)
	d.call(abi.ImportGRPCCancel, 8)
	d.call(abi.ImportGRPCCancel, 9)
	d.golden("grpc-calls")
}

// What a callback about a call can read, no other callback can, and none can
// write.
func TestAnswersOfCalls(t *testing.T) {
	d := newDriver(t, "driver")
	look := func() {
		for _, m := range []abi.MapType{abi.MapTypeGRPCCallInitialMetadata, abi.MapTypeGRPCCallTrailingMetadata, abi.MapTypeHTTPCallResponseHeaders, abi.MapTypeHTTPCallResponseTrailers} {
			d.call(abi.ImportGetHeaderMapSize, int(m), out32{})
			d.call(abi.ImportGetHeaderMapPairs, int(m), outData{})
			d.call(abi.ImportGetHeaderMapValue, int(m), ":STATUS", outData{})
			d.call(abi.ImportAddHeaderMapValue, int(m), "x", "1")
			d.call(abi.ImportReplaceHeaderMapValue, int(m), "x", "1")
			d.call(abi.ImportRemoveHeaderMapValue, int(m), ":status")
			d.call(abi.ImportSetHeaderMapPairs, int(m), "")
		}
		for _, b := range []abi.BufferType{abi.BufferTypeHTTPCallResponseBody, abi.BufferTypeGRPCCallMessage} {
			d.call(abi.ImportGetBufferStatus, int(b), out32{}, out32{})
			d.call(abi.ImportGetBufferBytes, int(b), 1, all, outData{})
			d.call(abi.ImportSetBufferBytes, int(b), 0, 0, "x")
		}
		d.call(abi.ImportGetStatus, out32{}, outData{})
	}
	d.callouts.ended = false
	look()
	d.transcript.WriteString("\n    with an answer\n")
	d.callouts.ended, d.callouts.code, d.callouts.message = true, 0, ""
	fields := []abi.Pair{{Key: ":status", Value: "200"}}
	d.callouts.answers = map[abi.MapType]*abi.HeaderMap{
		abi.MapTypeHTTPCallResponseHeaders: abi.NewHeaderMap(fields), abi.MapTypeHTTPCallResponseTrailers: abi.NewHeaderMap(nil),
		abi.MapTypeGRPCCallInitialMetadata: abi.NewHeaderMap(fields),
	}
	d.callouts.body = map[abi.BufferType]*abi.Buffer{
		abi.BufferTypeHTTPCallResponseBody: {Bytes: []byte("answer")}, abi.BufferTypeGRPCCallMessage: {Bytes: []byte("message")},
	}
	look()
	d.transcript.WriteString("\n    with a failure\n")
	d.callouts.code, d.callouts.message = 11, "timeout"
	d.call(abi.ImportGetStatus, out32{}, outData{})
	d.call(abi.ImportGetStatus, at(2<<16-3), outData{})
	d.call(abi.ImportGetStatus, out32{}, at(2<<16-3), at(outputsAt))
	d.golden("answers")
}

// SDKs for AssemblyScript know gRPC calls without metadata.
func TestGRPCCallsWithoutMetadata(t *testing.T) {
	i32 := api.ValueTypeI32
	d := newDriver(t, "driver")
	memory := d.vm.Memory()
	text := "authsvcDoping"
	memory.WriteString(1024, text)
	args := []uint64{1024, 4, 1028, 3, 1031, 2, 1033, 4, 250, 2048}
	for name, c := range map[string]struct {
		args []uint64
		want string
	}{
		abi.ImportGRPCCall:   {args, `    gRPC call auth: svc/Do, metadata [], message "ping", timeout 250ms`},
		abi.ImportGRPCStream: {append(slices.Clone(args[:6]), 2048), `    gRPC stream auth: svc/Do, metadata [], message "", timeout 0s`},
	} {
		fn, ok := hostcall.Lookup("env", name, slices.Repeat([]api.ValueType{i32}, len(c.args)), []api.ValueType{i32})
		if !ok {
			t.Fatalf("%s does not link", name)
		}
		d.transcript.Reset()
		memory.WriteUint32Le(2048, 0)
		fn(d.caller, module{memory: memory}, c.args)
		id, _ := memory.ReadUint32Le(2048)
		if got := d.transcript.String(); c.args[0] != 0 || id != 42 || got != c.want+"\n" {
			t.Errorf("%s: status %d, id %d, %q, want %q", name, c.args[0], id, got, c.want)
		}
	}
}
