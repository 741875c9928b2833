package hostcall

import "github.com/sluice-gateway/sluice/abi"

var properties = []function{
	{name: abi.ImportGetProperty, args: "bo", body: getProperty},
	{name: abi.ImportSetProperty, args: "bb", body: setProperty},
}

// proxy_get_property(path, **value, *size). NOT_FOUND: no such property.
func getProperty(c call) abi.Status {
	path, ok := c.view(0)
	switch {
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case len(path) > abi.MaxPathBytes:
		return abi.StatusNotFound
	}
	value, status := c.caller.Current().Property(string(path))
	if status != abi.StatusOK {
		return status
	}
	return c.give(2, value)
}

// proxy_set_property(path, value)
func setProperty(c call) abi.Status {
	path, ok1 := c.view(0)
	value, ok2 := c.bytes(2)
	switch {
	case !ok1 || !ok2:
		return abi.StatusInvalidMemoryAccess
	case len(path) > abi.MaxPathBytes:
		return abi.StatusBadArgument
	}
	return c.caller.Current().SetProperty(string(path), value)
}
