package foreign

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// A Function answers a call of a filter.
//
// It is called on the goroutine that runs the filter, which holds the filter's instance: until it returns, no other stream can
// use that instance, and the filter's own time does not count. So it returns soon, and bounds whatever it waits for, by
// Call.Context at the latest. It may be called from many goroutines at a time. A panic costs the instance, and the stream is
// denied.
//
// The result is copied to the filter; with any status but OK it is dropped. It may be nil, and at most [MaxResultBytes] long: a
// longer one becomes INTERNAL_FAILURE. Status NOT_FOUND is the registry's own, for a name that nobody serves: a filter
// must be able to tell an answer from a host that does not know the question. Say "there is no such thing" in the result, and
// use BAD_ARGUMENT for arguments that are none, BROKEN_CONNECTION for somebody else who did not answer, INTERNAL_FAILURE for
// the rest.
type Function func(Call) (result []byte, status abi.Status)

// Call is one call of a function.
type Call struct {
	// Context ends when the stream, or for a call outside of one the filter, is cut.
	Context context.Context
	// Name is the function's.
	Name string
	// Arguments are the guest's own memory: valid until the function returns, not to be changed, and any bytes whatever.
	Arguments []byte
	// Filter is the name of the filter that calls.
	Filter string
	// Fuel is what the filter pays from. Moving arguments and result is paid for already; a function that costs the host
	// more charges it before it begins.
	Fuel Fuel
	// Waited is how long functions have waited for others in the filter's instance, since it was entered last. One that waits
	// adds to it, and bounds it where there is no Stream. Nil is nobody's.
	Waited *time.Duration
	// Turns are the filter's, and its tenant's, turns to ask the engine; nil for as many as it likes.
	Turns Turns
	// Stream is the stream that the call acts upon. It is nil where there is none: during the start, in ticks, and in
	// proxy_on_done and proxy_on_log, when the stream is over. A function that needs one answers BAD_ARGUMENT then.
	Stream Stream
}

// Fuel is what a filter's call may still cost.
type Fuel interface {
	// Charge takes units (a nanosecond each, see vm.Fuel) and tells whether there were as many. If not, nothing may be
	// done; answer INTERNAL_FAILURE. The filter traps when it is back.
	Charge(units int64) bool
}

// Rester is a Fuel of a filter that gives the processor to others while its function waits for something.
type Rester interface{ Rest() }

// Rest is called before a function of the gateway's own waits. Before others it was called already.
func (c *Call) Rest() {
	if r, ok := c.Fuel.(Rester); ok {
		r.Rest()
	}
}

// Turns are what the filters of a tenant may ask the engine at a time. A Stream that has them is asked for in them.
type Turns interface {
	// BeginQuestion waits a little for a turn, and no longer than the context. An error names the limit, and was counted and logged;
	// without one, EndQuestion is to be called, with what reading the answer has cost in units: a debt of the filter's, for which further
	// questions wait.
	BeginQuestion(context.Context) error
	EndQuestion(units int64)
}

// Stream is what a function may know of, and do to, the stream that it is called in. It is valid until the function returns.
type Stream interface {
	// RequestID is the stream's id in logs and denials.
	RequestID() string

	// Method is the request's method, as the filters before this one, and this one's earlier stages, left it.
	Method() string

	// Call is what the request asks for, as it stands. It must not be changed.
	Call() *dockerapi.Call

	// Property is a property of the stream as the calling filter reads it; path has its segments separated by NUL.
	Property(path string) ([]byte, abi.Status)

	// SetTarget replaces the request's path and query, as if the filter had set :path: what comes of it is classified and
	// judged by the same rules once the filter's callback has returned. BAD_ARGUMENT: it is too late for that.
	SetTarget(target string) abi.Status

	// Keep returns what was kept under the key in this stream, or else keeps what make returns; with a nil make it keeps
	// nothing, and returns nil. It is shared by all filters of the chain, gone with the stream, and not guarded: only one call
	// of a stream runs at a time. The key is of a type of the function's own.
	Keep(key any, make func() any) any
}
