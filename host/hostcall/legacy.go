package hostcall

import "github.com/sluice-gateway/sluice/abi"

// Functions of version 0.1.0 alone. The specification gives the last three no
// result, the C++ host gives them one: guests may declare either.
var legacy = []function{
	{name: abi.ImportGetConfiguration, args: "o", body: getConfiguration, charges: true},
	{name: abi.ImportContinueRequest, args: "", body: continueRequest},
	{name: abi.ImportContinueResponse, args: "", body: continueResponse},
	{name: abi.ImportClearRouteCache, args: "", body: clearRouteCache},
}

// proxy_get_configuration(**data, *size): that of the VM or of the plugin,
// whichever the running callback is about; nothing outside of those.
func getConfiguration(c call) abi.Status {
	context := c.caller.Current()
	buffer, status := context.Buffer(abi.BufferTypePluginConfiguration, false)
	if status != abi.StatusOK {
		buffer, status = context.Buffer(abi.BufferTypeVMConfiguration, false)
	}
	var data []byte
	if status == abi.StatusOK {
		data = buffer.Bytes
	}
	if !c.charge(len(data), 0) {
		return abi.StatusInternalFailure
	}
	return give(c, 0, data)
}

// proxy_continue_request()
func continueRequest(c call) abi.Status {
	return c.caller.Current().ContinueStream(abi.StreamTypeHTTPRequest)
}

// proxy_continue_response()
func continueResponse(c call) abi.Status {
	return c.caller.Current().ContinueStream(abi.StreamTypeHTTPResponse)
}

// proxy_clear_route_cache(): there are no routes, so there is nothing to do.
func clearRouteCache(call) abi.Status { return abi.StatusOK }
