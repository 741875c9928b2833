//go:build !tinygo

package hostapi

import (
	"errors"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
)

var errNoHost = errors.New("no host: a filter runs as WebAssembly, or natively under guest-sdk/filtertest")

var current Host = noHost{}

// Register makes vm the filter of this program, and tells whether it is the first one.
func Register(vm types.VMContext) bool {
	first := registered == nil
	registered = vm
	return first
}

// Reset forgets the registered filter, so that a test can register another.
func Reset() { registered = nil }

// Registered returns the filter of this program, nil when none has registered.
func Registered() types.VMContext { return registered }

// Use makes h the host of what follows, until it is called again. Native filters are for one goroutine, as guests are.
func Use(h Host) { current = h }

// Log writes a line to the host's log.
func Log(level Level, message string) { current.Log(level, message) }

// Configuration returns the filter's configuration. Only on_configure may ask.
func Configuration() ([]byte, error) { return current.Configuration() }

// Property reads a property.
func Property(path ...string) ([]byte, error) { return current.Property(path...) }

// SetProperty sets a property; value is not empty.
func SetProperty(value string, path ...string) error { return current.SetProperty(value, path...) }

// Header returns the first value of a header.
func Header(d Direction, name string) (string, error) { return current.Header(d, name) }

// Headers returns all headers in their order, pseudo-headers first.
func Headers(d Direction) ([][2]string, error) { return current.Headers(d) }

// SetHeader replaces all values of a header by one.
func SetHeader(d Direction, name, value string) error { return current.SetHeader(d, name, value) }

// AddHeader adds a value to a header.
func AddHeader(d Direction, name, value string) error { return current.AddHeader(d, name, value) }

// RemoveHeader removes all values of a header.
func RemoveHeader(d Direction, name string) error { return current.RemoveHeader(d, name) }

// Body returns size bytes of the body that the host holds.
func Body(d Direction, size int) ([]byte, error) { return current.Body(d, size) }

// SetBody replaces the body that the host holds.
func SetBody(d Direction, body []byte) error { return current.SetBody(d, body) }

// SendLocalResponse answers the client in the engine's place.
func SendLocalResponse(status int, body string) error { return current.SendLocalResponse(status, body) }

// CallForeign calls a foreign function of the host.
func CallForeign(name string, arguments []byte) (result []byte, status Status) {
	return current.CallForeign(name, arguments)
}

// Continue lets a direction that is held go on.
func Continue(d Direction) error { return current.Continue(d) }

// Dispatch calls another service. answered is called later, in a callback of its own, while the stream is the one that host
// calls act upon; never when the stream has ended first.
func Dispatch(c Call, answered func(Answer)) error { return current.Dispatch(c, answered) }

// noHost is the host of a filter that is called by nobody who could be one.
type noHost struct{}

func (noHost) Log(_ Level, _ string)                           {}
func (noHost) Configuration() ([]byte, error)                  { return nil, errNoHost }
func (noHost) Property(_ ...string) ([]byte, error)            { return nil, errNoHost }
func (noHost) SetProperty(_ string, _ ...string) error         { return errNoHost }
func (noHost) Header(_ Direction, _ string) (string, error)    { return "", errNoHost }
func (noHost) Headers(_ Direction) ([][2]string, error)        { return nil, errNoHost }
func (noHost) SetHeader(_ Direction, _, _ string) error        { return errNoHost }
func (noHost) AddHeader(_ Direction, _, _ string) error        { return errNoHost }
func (noHost) RemoveHeader(_ Direction, _ string) error        { return errNoHost }
func (noHost) Body(_ Direction, _ int) ([]byte, error)         { return nil, errNoHost }
func (noHost) SetBody(_ Direction, _ []byte) error             { return errNoHost }
func (noHost) Continue(Direction) error                        { return errNoHost }
func (noHost) Dispatch(Call, func(Answer)) error               { return errNoHost }
func (noHost) SendLocalResponse(_ int, _ string) error         { return errNoHost }
func (noHost) CallForeign(_ string, _ []byte) ([]byte, Status) { return nil, NotFound }
