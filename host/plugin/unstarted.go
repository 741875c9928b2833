package plugin

import "errors"

// ErrStarting is why a filter is not asked whose start is not over yet.
var ErrStarting = errors.New("the filter is still starting")

// UnstartedError is what every Open of a plugin answers that was not started. It is
// errors.Is ErrQuarantined.
type UnstartedError struct{ Err error }

func (e *UnstartedError) Error() string {
	if errors.Is(e.Err, ErrStarting) {
		return e.Err.Error()
	}
	return "the filter could not be started and is in quarantine: " + e.Err.Error()
}

func (e *UnstartedError) Unwrap() []error { return []error{ErrQuarantined, e.Err} }

// Unstarted returns a plugin that stands for one that could not be started, for the
// reason of err, or has not started yet, which is ErrStarting: a filter of a tenant, whose
// upload must keep nobody else's from being served. It is for every operation and at no
// stage, has no instance and no Module, and is Quarantined: Open answers an
// *UnstartedError, so that the failure policy of each stream decides that the filter
// should have judged. It stays so for ever; one that was started since takes its place.
func Unstarted(options Options, err error) *Plugin {
	p := newPlugin(options.withDefaults())
	p.unstarted = &UnstartedError{Err: err}
	return p
}

// Problem is why the filter is not asked, "" when it is.
func (p *Plugin) Problem() string {
	switch {
	case p.unstarted != nil:
		return p.unstarted.Error()
	case p.Quarantined():
		return ErrQuarantined.Error()
	}
	return ""
}
