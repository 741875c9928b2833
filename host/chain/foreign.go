package chain

import (
	"context"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/hostcall"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// CallForeignFunction implements hostcall.Context. Outside of the stream's
// stages, and at its end, the function is given no stream: nothing would keep
// two of them from using it at a time.
func (f *filterStream) CallForeignFunction(name string, arguments []byte, fuel hostcall.Fuel) ([]byte, abi.Status) {
	c := foreign.Call{Context: f.stream.ctx, Name: name, Arguments: arguments, Fuel: fuel}
	if f.stage != 0 && f.stage != plugin.Log {
		c.Stream = f
	}
	return f.guest.CallForeign(c)
}

var (
	_ foreign.Stream = (*filterStream)(nil)
	_ foreign.Turns  = (*filterStream)(nil)
	_ foreign.Fuel   = (*filterStream)(nil)
)

// BeginQuestion implements foreign.Turns.
func (f *filterStream) BeginQuestion(ctx context.Context) error {
	return f.filter.Plugin.BeginQuestion(ctx)
}

// EndQuestion implements foreign.Turns.
func (f *filterStream) EndQuestion(units int64) { f.filter.Plugin.EndQuestion(units) }

// Charge implements foreign.Fuel, for what is done ahead of the filter's callbacks: they pay from their own.
func (f *filterStream) Charge(units int64) bool { return f.filter.Plugin.PayAhead(units) }

// RequestID implements foreign.Stream.
func (f *filterStream) RequestID() string { return f.stream.info.RequestID }

// Method implements foreign.Stream.
func (f *filterStream) Method() string { return f.stream.method }

// Call implements foreign.Stream.
func (f *filterStream) Call() *dockerapi.Call { return &f.stream.call }

// SetTarget implements foreign.Stream: settle judges it after the callback.
func (f *filterStream) SetTarget(target string) abi.Status {
	fields, status := f.HeaderMap(abi.MapTypeHTTPRequestHeaders, hostcall.Access{Write: true})
	switch {
	case status != abi.StatusOK:
		return status
	case !fields.CanReplace(":path", target):
		return abi.StatusBadArgument
	}
	fields.Replace(":path", target)
	return abi.StatusOK
}

// Keep implements foreign.Stream.
func (f *filterStream) Keep(key any, make func() any) any {
	s := f.stream
	if kept, ok := s.kept[key]; ok {
		return kept
	}
	if make == nil {
		return nil
	}
	if s.kept == nil {
		s.kept = map[any]any{}
	}
	kept := make()
	s.kept[key] = kept
	return kept
}
