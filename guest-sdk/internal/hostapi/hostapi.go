// Package hostapi is the SDK's way to the host. Compiled with TinyGo its functions are proxy-wasm host calls; compiled
// natively, for tests, they go to the [Host] that guest-sdk/filtertest puts in place.
package hostapi

import (
	"errors"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
)

// Direction selects the request's or the response's headers and body.
type Direction uint8

// The two directions of a stream.
const (
	Request Direction = iota
	Response
)

// Level is a log level of the ABI.
type Level uint8

// The log levels.
const (
	Debug Level = iota + 1
	Info
	Warn
	Error
)

// ErrNotFound is returned for a header or property that is not there.
var ErrNotFound = types.ErrorStatusNotFound

// Status is a status of the ABI, for the one call whose statuses the proxy-wasm SDK does not tell apart.
type Status uint32

// The statuses of CallForeign.
const (
	OK               Status = 0
	NotFound         Status = 1
	BadArgument      Status = 2
	BrokenConnection Status = 11
)

// Call is a call to another service.
type Call struct {
	Upstream string
	Headers  [][2]string
	Body     []byte
	Timeout  uint32 // in milliseconds; 0 for the host's own
}

// Answer is what came of a Call.
type Answer struct {
	Headers [][2]string
	Body    []byte
	Failure string // why there is no answer; "" when there is one
}

// Host is what a native test offers in the place of the ABI. Its methods act upon the stream whose callback runs.
type Host interface {
	Log(level Level, message string)
	Configuration() ([]byte, error)
	Property(path ...string) ([]byte, error)
	SetProperty(value string, path ...string) error
	Header(d Direction, name string) (string, error)
	Headers(d Direction) ([][2]string, error)
	SetHeader(d Direction, name, value string) error
	AddHeader(d Direction, name, value string) error
	RemoveHeader(d Direction, name string) error
	Body(d Direction, size int) ([]byte, error)
	SetBody(d Direction, body []byte) error
	SendLocalResponse(status int, body string) error
	Continue(d Direction) error
	Dispatch(c Call, answered func(Answer)) error
	CallForeign(name string, arguments []byte) (result []byte, status Status)
}

// registered is the filter of this module; see Register.
var registered types.VMContext

// ErrRegisteredTwice is what a module that registers two filters is refused with.
var ErrRegisteredTwice = errors.New("this module registers more than one filter; build one module per filter")
