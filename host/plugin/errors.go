package plugin

import (
	"errors"
	"fmt"
)

var (
	// ErrInstanceLost is returned by a callback whose instance trapped in
	// another stream, or was closed when its generation's drain time was over.
	ErrInstanceLost = errors.New("the filter's instance is gone")

	// ErrNoInstance is returned by Open when every instance has crashed and no
	// replacement came up in time.
	ErrNoInstance = errors.New("no running instance of the filter")

	// ErrTooManyInstances is returned by Open with isolation PerStream when as many
	// streams as may have an instance of their own went on for a second.
	ErrTooManyInstances = errors.New("the filter has as many instances as it may, and none ended in time: end requests that last, or raise the limit")

	// ErrShareOfInstances is returned by Open with Options.ShareInstances when the streams of
	// the request's tenant had as many instances for a second as were free for others.
	ErrShareOfInstances = errors.New("the tenant's requests have as many instances of the filter as they may, since no fewer are to be free for others, and none ended in time: end requests that last, or raise the limit")

	// ErrQuarantined is returned by Open while the filter is not asked because it
	// crashed too often; see CrashBudget.
	ErrQuarantined = errors.New("the filter crashed more often than its crash_budget allows and is in quarantine")

	// ErrAllowance is returned by Open and by callbacks when the filter has computed
	// more than it may in a second, and a second's wait was not enough.
	ErrAllowance = errors.New("the filter has used up what it may compute in a second")

	errAllocator = errors.New("the guest's allocator trapped")

	// ErrClosed is returned by Open after Close.
	ErrClosed = errors.New("the filter is closed")
)

// A StartError says at which step a plugin could not be started.
type StartError struct {
	Step string // what was being done: "link", "start", "on_vm_start", "on_configure"
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

func (e *StartError) Unwrap() error { return e.Err }

// errRefused is the cause of a StartError when the guest answered false. The
// guest's reason, if it logged one, is appended by the caller.
type errRefused struct {
	what string
	said string
}

func (e *errRefused) Error() string {
	if e.said == "" {
		return "the filter refused its " + e.what + " and did not say why"
	}
	return "the filter refused its " + e.what + ": " + e.said
}
