package hostcall

import "github.com/sluice-gateway/sluice/abi"

// Functions of the host beyond the ABI.
var foreign = []function{
	{name: abi.ImportCallForeignFunction, args: "bbO", body: callForeignFunction, charges: true},
}

// MaxForeignNameBytes is the longest name of a foreign function that is looked up.
const MaxForeignNameBytes = 128

// proxy_call_foreign_function(name, arguments, **result, *size). NOT_FOUND: no
// such function. Every other status is the function's. With either of the last
// two 0, the result is not wanted: the function is called, and nothing is written.
func callForeignFunction(c call) abi.Status {
	name, ok1 := c.view(0)
	arguments, ok2 := c.view(2)
	wanted := c.u32(4) != 0 && c.u32(5) != 0
	switch {
	case !c.charge(len(name)+len(arguments), lookupUnits):
		return abi.StatusInternalFailure
	case !ok1 || !ok2:
		return abi.StatusInvalidMemoryAccess
	case wanted && !(c.writable(4, 4) && c.writable(5, 4)):
		return abi.StatusInvalidMemoryAccess // before the function does something
	case len(name) > MaxForeignNameBytes:
		return abi.StatusNotFound
	}
	result, status := c.caller.Current().CallForeignFunction(string(name), arguments, c.caller)
	switch {
	case status != abi.StatusOK || !wanted:
		return status
	case !c.caller.Charge(int64(len(result)) / bytesPerUnit):
		return abi.StatusInternalFailure
	}
	return give(c, 4, result)
}
