package hostcall

import "github.com/sluice-gateway/sluice/abi"

var streams = []function{
	{name: abi.ImportContinueStream, args: "v", body: continueStream},
	{name: abi.ImportCloseStream, args: "v", body: closeStream},
	{name: abi.ImportSendLocalResponse, args: "vbbbv", body: sendLocalResponse},
	later(abi.ImportGetStatus, "wo"), // of a callout
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

// proxy_send_local_response(code, details, body, headers, grpc_status).
// BAD_ARGUMENT: the headers are not a serialized map, or there is nobody to
// answer.
func sendLocalResponse(c call) abi.Status {
	details, ok1 := c.text(1)
	body, ok2 := c.bytes(3)
	headers, ok3 := c.view(5)
	if !ok1 || !ok2 || !ok3 {
		return abi.StatusInvalidMemoryAccess
	}
	pairs, err := abi.ParsePairs(headers)
	if err != nil {
		return abi.StatusBadArgument
	}
	return c.caller.Current().SendLocalResponse(abi.LocalResponse{
		StatusCode: c.u32(0),
		Details:    details,
		Body:       body,
		Headers:    pairs,
		GRPCStatus: int32(c.u32(7)),
	})
}
