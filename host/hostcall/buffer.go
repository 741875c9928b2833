package hostcall

import "github.com/sluice-gateway/sluice/abi"

var buffers = []function{
	{name: abi.ImportGetBufferBytes, args: "vvvo", body: getBufferBytes, charges: true},
	{name: abi.ImportSetBufferBytes, args: "vvvb", body: setBufferBytes, charges: true},
	{name: abi.ImportGetBufferStatus, args: "vww", body: getBufferStatus},
}

// proxy_get_buffer_bytes(buffer, start, max, **data, *size): at most max bytes
// from start on, fewer at the end. NOT_FOUND: the buffer is not available.
func getBufferBytes(c call) abi.Status {
	var data []byte
	buffer, status := c.buffer(abi.BufferType(c.u32(0)), false)
	if status == abi.StatusOK {
		data, status = buffer.Slice(c.u32(1), c.u32(2))
	}
	switch {
	case !c.charge(len(data), 0):
		return abi.StatusInternalFailure
	case status != abi.StatusOK:
		return status
	}
	return give(c, 3, data)
}

// proxy_set_buffer_bytes(buffer, start, size, data): replaces size bytes from
// start on. BAD_ARGUMENT: the buffer is not writable now, or would outgrow its
// limit.
func setBufferBytes(c call) abi.Status {
	data, ok := c.view(3)
	context := c.caller.Current()
	buffer, status := c.buffer(abi.BufferType(c.u32(0)), true)
	moved := len(data)
	if status == abi.StatusOK {
		moved += displaced(buffer, c.u32(1), c.u32(2), len(data))
	}
	switch {
	case !c.charge(moved, sentUnits*int64(len(data))):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case status != abi.StatusOK:
		return status
	}
	return buffer.Splice(c.u32(1), c.u32(2), data, context.BufferLimit())
}

// displaced is how many bytes of a buffer have to move when size of them, from
// start on, are replaced by so many: those after them, or all in a buffer that
// has to grow.
func displaced(buffer *abi.Buffer, start, size uint32, by int) int {
	length := len(buffer.Bytes)
	from := min(uint64(start), uint64(length))
	tail := length - int(min(from+uint64(size), uint64(length)))
	switch {
	case int(from)+by+tail > cap(buffer.Bytes):
		return length
	case int(from)+by+tail == length:
		return 0
	}
	return tail
}

// proxy_get_buffer_status(buffer, *size, *unused): the second output is called
// flags or trailers by some, and is 0 in every host.
func getBufferStatus(c call) abi.Status {
	buffer, status := c.buffer(abi.BufferType(c.u32(0)), false)
	if status != abi.StatusOK {
		return status
	}
	if !c.writable(1, 4) || !c.writable(2, 4) {
		return abi.StatusInvalidMemoryAccess
	}
	if status := c.putU32(1, uint32(len(buffer.Bytes))); status != abi.StatusOK {
		return status
	}
	return c.putU32(2, 0)
}
