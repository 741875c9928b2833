package hostcall

import (
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

// gRPC calls. Guests in Rust import these whether they use them or not. SDKs for
// AssemblyScript declare the first two without metadata, which are served so. Any
// other parameters link too, and answer UNIMPLEMENTED.
var grpcCalls = []function{
	{
		name: abi.ImportGRPCCall, args: "bbbbbvw", body: grpcCall, charges: true, loose: true,
		other: &function{args: "bbbbvw", body: grpcCallWithoutMetadata, charges: true},
	},
	{
		name: abi.ImportGRPCStream, args: "bbbbw", body: grpcStream, charges: true, loose: true,
		other: &function{args: "bbbw", body: grpcStreamWithoutMetadata, charges: true},
	},
	{name: abi.ImportGRPCSend, args: "vbv", body: grpcSend, charges: true, loose: true},
	{name: abi.ImportGRPCCancel, args: "v", body: grpcCancel, charges: true, loose: true},
	{name: abi.ImportGRPCClose, args: "v", body: grpcClose, charges: true, loose: true},
}

// proxy_grpc_call(upstream, service, method, metadata, message, timeout, *id):
// the answer comes by proxy_on_grpc_receive, or by proxy_on_grpc_close when there
// is none. A timeout of 0 is the upstream's own. PARSE_FAILURE: an upstream that
// is unknown or not granted. BAD_ARGUMENT: something else is not what it should
// be, or too long. INTERNAL_FAILURE: too many calls are under way.
func grpcCall(c call) abi.Status { return c.grpc(6, 8, 10, 11) }

func grpcCallWithoutMetadata(c call) abi.Status { return c.grpc(none, 6, 8, 9) }

// proxy_grpc_stream(upstream, service, method, metadata, *id), with the statuses
// of proxy_grpc_call.
func grpcStream(c call) abi.Status { return c.grpc(6, none, none, 8) }

func grpcStreamWithoutMetadata(c call) abi.Status { return c.grpc(none, none, none, 6) }

// none is the place of an argument that there is not.
const none = -1

// grpc opens a call whose first six arguments are upstream, service and method,
// and the others where it is told. A call without a message is a stream.
func (c call) grpc(metadataAt, messageAt, timeoutAt, idAt int) abi.Status {
	readable := true
	view := func(at int) []byte {
		if at == none {
			return nil
		}
		data, ok := c.view(at)
		readable = readable && ok
		return data
	}
	upstream, service, method := view(0), view(2), view(4)
	metadata, message := view(metadataAt), view(messageAt)
	callouts := c.caller.Callouts()
	switch {
	case !c.charge(len(upstream)+len(service)+len(method), calloutUnits+int64(len(metadata)+len(message))): // they are kept
		return abi.StatusInternalFailure
	case !readable || !c.writable(idAt, 4):
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
	g := GRPCCall{Service: string(service), Method: string(method), Metadata: fields}
	var id uint32
	var status abi.Status
	if messageAt == none {
		id, status = callouts.GRPCStream(upstream, g)
	} else {
		g.Message = pieces.Clone(message)
		g.Timeout = time.Duration(c.u32(timeoutAt)) * time.Millisecond
		id, status = callouts.GRPCCall(upstream, g)
	}
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(idAt, id)
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
	return callouts.GRPCSend(c.u32(0), pieces.Clone(message), c.u32(3) != 0)
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
