package hostcall

import "github.com/sluice-gateway/sluice/abi"

// HTTP calls to other services: upstream, headers, body, trailers, timeout.
var httpCalls = []function{
	later(abi.ImportHTTPCall, "bbbbvw"),
}

// gRPC calls. Guests in Rust import these whether they use them or not.
var grpcCalls = []function{
	later(abi.ImportGRPCCall, "bbbbbvw"),
	later(abi.ImportGRPCStream, "bbbbw"),
	later(abi.ImportGRPCSend, "vbv"),
	later(abi.ImportGRPCCancel, "v"),
	later(abi.ImportGRPCClose, "v"),
}
