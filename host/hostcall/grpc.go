package hostcall

import (
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

// gRPC calls. Guests in Rust import these whether they use them or not. Some SDKs
// (AssemblyScript's) declare them with other parameters: they link, and answer
// UNIMPLEMENTED.
var grpcCalls = []function{
	{name: abi.ImportGRPCCall, args: "bbbbbvw", body: grpcCall, charges: true, loose: true},
	{name: abi.ImportGRPCStream, args: "bbbbw", body: grpcStream, charges: true, loose: true},
	{name: abi.ImportGRPCSend, args: "vbv", body: grpcSend, charges: true, loose: true},
	{name: abi.ImportGRPCCancel, args: "v", body: grpcCancel, charges: true, loose: true},
	{name: abi.ImportGRPCClose, args: "v", body: grpcClose, charges: true, loose: true},
}

// proxy_grpc_call(upstream, service, method, metadata, message, timeout, *id):
// the answer comes by proxy_on_grpc_receive, or by proxy_on_grpc_close when there
// is none. A timeout of 0 is the upstream's own. PARSE_FAILURE: an upstream that
// is unknown or not granted. BAD_ARGUMENT: something else is not what it should
// be, or too long. INTERNAL_FAILURE: too many calls are under way.
func grpcCall(c call) abi.Status {
	message, ok := c.view(8)
	return c.grpc(message, ok, 11, func(callouts Callouts, upstream []byte, g GRPCCall) (uint32, abi.Status) {
		g.Message = append([]byte(nil), message...)
		g.Timeout = time.Duration(c.u32(10)) * time.Millisecond
		return callouts.GRPCCall(upstream, g)
	})
}

// proxy_grpc_stream(upstream, service, method, metadata, *id), with the statuses
// of proxy_grpc_call.
func grpcStream(c call) abi.Status {
	return c.grpc(nil, true, 8, Callouts.GRPCStream)
}

// grpc is what both have in common; message is that of a unary call.
func (c call) grpc(message []byte, readable bool, id int, open func(Callouts, []byte, GRPCCall) (uint32, abi.Status)) abi.Status {
	upstream, ok1 := c.view(0)
	service, ok2 := c.view(2)
	method, ok3 := c.view(4)
	metadata, ok4 := c.view(6)
	callouts := c.caller.Callouts()
	switch {
	case !c.charge(len(upstream)+len(service)+len(method), calloutUnits+int64(len(metadata)+len(message))): // they are kept
		return abi.StatusInternalFailure
	case !ok1 || !ok2 || !ok3 || !ok4 || !readable || !c.writable(id, 4):
		return abi.StatusInvalidMemoryAccess
	}
	limit, ok := callouts.Upstream(upstream)
	if !ok {
		// Guests that were written for Envoy give a message of its configuration.
		if upstream = envoyCluster(upstream); upstream == nil {
			return abi.StatusParseFailure
		}
		if limit, ok = callouts.Upstream(upstream); !ok {
			return abi.StatusParseFailure
		}
	}
	if len(message) > limit || len(service) > maxNameBytes || len(method) > maxNameBytes {
		return abi.StatusBadArgument
	}
	fields, err := abi.ParsePairs(metadata)
	if err != nil {
		return abi.StatusBadArgument
	}
	if !c.caller.Charge(int64(len(fields)) * fieldUnits) {
		return abi.StatusInternalFailure
	}
	opened, status := open(callouts, upstream, GRPCCall{Service: string(service), Method: string(method), Metadata: fields})
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(id, opened)
}

// envoyCluster finds the cluster's name in a serialized message
// envoy.config.core.v3.GrpcService that begins with the field envoy_grpc (1),
// which begins with the field cluster_name (1); nil where the bytes are
// something else.
func envoyCluster(message []byte) []byte {
	const lengthDelimited1 = 1<<3 | 2
	for range 2 {
		if len(message) < 2 || message[0] != lengthDelimited1 || message[1] >= 0x80 || len(message) < 2+int(message[1]) {
			return nil // names of more than 127 bytes are no upstream's
		}
		message = message[2 : 2+int(message[1])]
	}
	return message
}

// proxy_grpc_send(id, message, end_of_stream). NOT_FOUND: no such stream.
// BAD_ARGUMENT: the id is a unary call's, or the message is too long.
// INTERNAL_FAILURE: too much waits to be sent already.
func grpcSend(c call) abi.Status {
	message, ok := c.view(1)
	switch {
	case !c.charge(0, calloutUnits/10+int64(len(message))):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	}
	callouts := c.caller.Callouts()
	limit, status := callouts.GRPCSendLimit(c.u32(0))
	switch {
	case status != abi.StatusOK:
		return status
	case len(message) > limit:
		return abi.StatusBadArgument
	}
	return callouts.GRPCSend(c.u32(0), append([]byte(nil), message...), c.u32(3) != 0)
}

// proxy_grpc_cancel(id): no callback comes any more. NOT_FOUND: no such call.
func grpcCancel(c call) abi.Status {
	if !c.charge(0, calloutUnits/10) {
		return abi.StatusInternalFailure
	}
	return c.caller.Callouts().GRPCCancel(c.u32(0))
}

// proxy_grpc_close(id): nothing more is sent; a unary call is cancelled.
// NOT_FOUND: no such call.
func grpcClose(c call) abi.Status {
	if !c.charge(0, calloutUnits/10) {
		return abi.StatusInternalFailure
	}
	return c.caller.Callouts().GRPCClose(c.u32(0))
}
