package hostcall

import (
	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/pieces"
)

var streams = []function{
	{name: abi.ImportContinueStream, args: "v", body: continueStream},
	{name: abi.ImportCloseStream, args: "v", body: closeStream},
	{name: abi.ImportSendLocalResponse, args: "vbbbv", body: sendLocalResponse, charges: true},
	{name: abi.ImportGetStatus, args: "wo", body: getStatus, charges: true}, // of a callout
}

// proxy_continue_stream(type)
func continueStream(c call) abi.Status {
	t := abi.StreamType(c.u32(0))
	if !t.Valid() {
		return abi.StatusBadArgument
	}
	return c.caller.Current().ContinueStream(t)
}

// proxy_close_stream(type)
func closeStream(c call) abi.Status {
	t := abi.StreamType(c.u32(0))
	if !t.Valid() {
		return abi.StatusBadArgument
	}
	return c.caller.Current().CloseStream(t)
}

// MaxDetailsBytes is the longest text that says why a guest sends a local
// response.
const MaxDetailsBytes = 4 << 10

// proxy_send_local_response(code, details, body, headers, grpc_status).
// BAD_ARGUMENT: the headers are not a serialized map, something is longer than it
// may be, or there is nobody to answer.
func sendLocalResponse(c call) abi.Status {
	details, ok1 := c.view(1)
	body, ok2 := c.view(3)
	headers, ok3 := c.view(5)
	context := c.caller.Current()
	switch {
	case !c.charge(0, lookupUnits+sentUnits*int64(len(details)+len(body)+len(headers))):
		return abi.StatusInternalFailure
	case !ok1 || !ok2 || !ok3:
		return abi.StatusInvalidMemoryAccess
	case len(details) > MaxDetailsBytes, len(body) > context.BufferLimit():
		return abi.StatusBadArgument
	}
	pairs, err := abi.ParsePairs(headers) // checks its length itself
	switch {
	case err != nil:
		return abi.StatusBadArgument
	case !c.caller.Charge(int64(len(pairs)) * fieldUnits):
		return abi.StatusInternalFailure
	}
	return context.SendLocalResponse(abi.LocalResponse{
		StatusCode: c.u32(0),
		Details:    string(details),
		Body:       pieces.Clone(body),
		Headers:    pairs,
		GRPCStatus: int32(c.u32(7)),
	})
}
