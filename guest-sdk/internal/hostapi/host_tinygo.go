//go:build tinygo

package hostapi

import (
	"unsafe"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm"
	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
)

// Register makes vm the filter of this module, and tells whether it is the first one.
func Register(vm types.VMContext) bool {
	first := registered == nil
	registered = vm
	proxywasm.SetVMContext(vm)
	return first
}

// Log writes a line to the host's log.
func Log(level Level, message string) {
	switch level {
	case Debug:
		proxywasm.LogDebug(message)
	case Info:
		proxywasm.LogInfo(message)
	case Warn:
		proxywasm.LogWarn(message)
	default:
		proxywasm.LogError(message)
	}
}

// Configuration returns the filter's configuration. Only on_configure may ask.
func Configuration() ([]byte, error) { return proxywasm.GetPluginConfiguration() }

// Property reads a property.
func Property(path ...string) ([]byte, error) { return proxywasm.GetProperty(path) }

// SetProperty sets a property; value is not empty.
func SetProperty(value string, path ...string) error {
	return proxywasm.SetProperty(path, []byte(value))
}

// Header returns the first value of a header.
func Header(d Direction, name string) (string, error) {
	if d == Request {
		return proxywasm.GetHttpRequestHeader(name)
	}
	return proxywasm.GetHttpResponseHeader(name)
}

// Headers returns all headers in their order, pseudo-headers first.
func Headers(d Direction) ([][2]string, error) {
	if d == Request {
		return proxywasm.GetHttpRequestHeaders()
	}
	return proxywasm.GetHttpResponseHeaders()
}

// SetHeader replaces all values of a header by one.
func SetHeader(d Direction, name, value string) error {
	if d == Request {
		return proxywasm.ReplaceHttpRequestHeader(name, value)
	}
	return proxywasm.ReplaceHttpResponseHeader(name, value)
}

// AddHeader adds a value to a header.
func AddHeader(d Direction, name, value string) error {
	if d == Request {
		return proxywasm.AddHttpRequestHeader(name, value)
	}
	return proxywasm.AddHttpResponseHeader(name, value)
}

// RemoveHeader removes all values of a header.
func RemoveHeader(d Direction, name string) error {
	if d == Request {
		return proxywasm.RemoveHttpRequestHeader(name)
	}
	return proxywasm.RemoveHttpResponseHeader(name)
}

// Body returns size bytes of the body that the host holds.
func Body(d Direction, size int) ([]byte, error) {
	if d == Request {
		return proxywasm.GetHttpRequestBody(0, size)
	}
	return proxywasm.GetHttpResponseBody(0, size)
}

// SetBody replaces the body that the host holds.
func SetBody(d Direction, body []byte) error {
	if d == Request {
		return proxywasm.ReplaceHttpRequestBody(body)
	}
	return proxywasm.ReplaceHttpResponseBody(body)
}

// SendLocalResponse answers the client in the engine's place.
func SendLocalResponse(status int, body string) error {
	return proxywasm.SendHttpResponse(uint32(status), nil, []byte(body), -1)
}

// CallForeign calls a foreign function of the host.
func CallForeign(name string, arguments []byte) (result []byte, status Status) {
	var data *byte
	var size uint32
	status = Status(callForeignFunction(unsafe.StringData(name), uint32(len(name)), unsafe.SliceData(arguments), uint32(len(arguments)), &data, &size))
	if status != OK || data == nil {
		return nil, status
	}
	return unsafe.Slice(data, size), OK // allocated by proxy_on_memory_allocate, and ours
}

//go:wasmimport env proxy_call_foreign_function
func callForeignFunction(name *byte, nameSize uint32, arguments *byte, argumentsSize uint32, data **byte, size *uint32) uint32

// Continue lets a direction that is held go on.
func Continue(d Direction) error {
	if d == Request {
		return proxywasm.ResumeHttpRequest()
	}
	return proxywasm.ResumeHttpResponse()
}

// Dispatch calls another service. answered is called later, in a callback of its own, while the stream is the one that host
// calls act upon; never when the stream has ended first.
func Dispatch(c Call, answered func(Answer)) error {
	_, err := proxywasm.DispatchHttpCall(c.Upstream, c.Headers, c.Body, nil, c.Timeout, func(fields, size, _ int) {
		var a Answer
		if fields == 0 {
			a.Failure = failure()
			answered(a)
			return
		}
		var err error
		if a.Headers, err = proxywasm.GetHttpCallResponseHeaders(); err == nil && size > 0 {
			a.Body, err = proxywasm.GetHttpCallResponseBody(0, size)
		}
		if err != nil {
			a.Failure = "cannot read the answer: " + err.Error()
		}
		answered(a)
	})
	return err
}

// failure is why a call has no answer.
func failure() string {
	var code, size uint32
	var data *byte
	if Status(getStatus(&code, &data, &size)) != OK || data == nil || size == 0 {
		return "unknown reason"
	}
	return unsafe.String(data, size) // allocated by proxy_on_memory_allocate, and ours
}

//go:wasmimport env proxy_get_status
func getStatus(code *uint32, message **byte, size *uint32) uint32
