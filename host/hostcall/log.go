package hostcall

import "github.com/sluice-gateway/sluice/abi"

// MaxLogBytes is the longest log message that a guest can write; the rest is
// cut off.
const MaxLogBytes = 16 << 10

var logging = []function{
	{name: abi.ImportLog, args: "vb", body: logMessage, unrestricted: true, charges: true},
	{name: abi.ImportGetLogLevel, args: "w", body: getLogLevel, unrestricted: true},
}

// proxy_log(level, message): BAD_ARGUMENT for an unknown level.
func logMessage(c call) abi.Status {
	level := abi.LogLevel(c.u32(0))
	message, ok := c.view(1)
	message = message[:min(len(message), MaxLogBytes)]
	switch {
	case !c.charge(0, lineUnits+int64(len(message))): // it is kept
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case !level.Valid():
		return abi.StatusBadArgument
	case level < c.caller.LogLevel():
		return abi.StatusOK // before it is copied
	}
	c.caller.Log(level, string(message))
	return abi.StatusOK
}

// proxy_get_log_level(*level)
func getLogLevel(c call) abi.Status { return c.putU32(0, uint32(c.caller.LogLevel())) }
