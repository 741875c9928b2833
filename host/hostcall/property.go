package hostcall

import (
	"bytes"

	"github.com/sluice-gateway/sluice/abi"
)

// MaxPropertyBytes is the longest value that a guest can give a property.
const MaxPropertyBytes = 64 << 10

const (
	// referencesUnits is what each byte of a request's target and body costs that is
	// searched for the objects that it names, and each byte of what is told of them.
	referencesUnits = 20
	// manyReferencesUnits is what it costs to find out that they are too many to be told.
	manyReferencesUnits = 2_000_000

	referencesPath = "docker\x00references"
)

var properties = []function{
	{name: abi.ImportGetProperty, args: "bo", body: getProperty, charges: true},
	{name: abi.ImportSetProperty, args: "bb", body: setProperty, charges: true},
}

// proxy_get_property(path, **value, *size). NOT_FOUND: no such property.
func getProperty(c call) abi.Status {
	path, ok := c.view(0)
	context := c.caller.Current()
	switch {
	case !c.charge(len(path), lookupUnits+searched(context, path)):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case len(path) > abi.MaxPathBytes:
		return abi.StatusNotFound
	}
	value, status := context.Property(string(path))
	switch {
	case string(path) != referencesPath:
	case status == abi.StatusOK && !c.caller.Charge(int64(len(value))*referencesUnits),
		status == abi.StatusInternalFailure && !c.caller.Charge(manyReferencesUnits):
		return abi.StatusInternalFailure
	}
	switch {
	case status != abi.StatusOK:
		return status
	case !c.caller.Charge(int64(len(value)) / bytesPerUnit):
		return abi.StatusInternalFailure
	}
	return give(c, 2, value)
}

// searched is what looking for a property costs that is, or lies in, a header
// map, or is read out of the request's body.
func searched(context Context, path []byte) int64 {
	of := abi.MapTypeHTTPRequestHeaders
	if guarded, ok := context.(interface{ Unguarded() Context }); ok {
		context = guarded.Unguarded() // it is to be found out what it costs, and not more
	}
	switch {
	case string(path) == referencesPath:
		// Not the field :path, which the guest may have changed by now.
		target, _ := context.Property("request\x00path")
		size := len(target)
		if body, status := context.Buffer(abi.BufferTypeHTTPRequestBody, false); status == abi.StatusOK {
			size += len(body.Bytes)
		}
		return int64(size) * referencesUnits
	case bytes.HasPrefix(path, []byte("request\x00headers")):
	case bytes.HasPrefix(path, []byte("response\x00headers")):
		of = abi.MapTypeHTTPResponseHeaders
	default:
		return 0
	}
	fields, status := context.HeaderMap(of, Access{})
	if status != abi.StatusOK {
		return 0
	}
	return scan(fields)
}

// proxy_set_property(path, value). BAD_ARGUMENT: something is longer than it may
// be, or the property cannot be set.
func setProperty(c call) abi.Status {
	path, ok1 := c.view(0)
	value, ok2 := c.view(2)
	switch {
	case !c.charge(len(path), lookupUnits+int64(len(value))): // it is kept
		return abi.StatusInternalFailure
	case !ok1 || !ok2:
		return abi.StatusInvalidMemoryAccess
	case len(path) > abi.MaxPathBytes, len(value) > MaxPropertyBytes:
		return abi.StatusBadArgument
	}
	return c.caller.Current().SetProperty(string(path), value)
}
