package host

import (
	"fmt"

	"github.com/sluice-gateway/sluice/host/config"
)

// A FilterError says that a filter cannot serve, and where it is configured.
type FilterError struct {
	Filter string
	Module string
	Pos    config.Position
	Err    error
}

func filterError(f *config.Filter, err error) *FilterError {
	return &FilterError{Filter: f.Name, Module: f.Module, Pos: f.Pos, Err: err}
}

func (e *FilterError) Error() string {
	return fmt.Sprintf("%s: filter %q: module %s: %v", e.Pos, e.Filter, e.Module, e.Err)
}

func (e *FilterError) Unwrap() error { return e.Err }
