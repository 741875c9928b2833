package abi

// LocalResponse is an answer that a filter gives instead of the upstream.
type LocalResponse struct {
	// StatusCode is the HTTP status. Guests may give any number.
	StatusCode uint32
	// Details says why, for logs. SDKs often leave it empty.
	Details string
	// Body is the response's body; empty for none.
	Body []byte
	// Headers are added to the response's own.
	Headers []Pair
	// GRPCStatus is -1 when the response is none of gRPC's.
	GRPCStatus int32
}
