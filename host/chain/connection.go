package chain

import (
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// This file is the way of a connection that has left HTTP (attach, exec, and what
// else the engine answers with 101) through the filters that take part in it: on
// the context that they have of the request, those that are called at the stages
// DownstreamData and UpstreamData.
//
//	client ─► filter 1 ─► … ─► filter n ─► engine    proxy_on_downstream_data
//	client ◄─ filter 1 ◄─ … ◄─ filter n ◄─ engine    proxy_on_upstream_data
//
// What a direction carries has no form that the gateway knows: filters are shown it
// as it comes, and what they hold grows until they let go of it, within the limits
// of a body and of a pause.

// How far a connection has come that has left HTTP.
const (
	noConnection     uint32 = iota
	newConnection           // proxy_on_new_connection is called; the client knows nothing yet
	openConnection          // data flows
	closedConnection        // it is over
)

// WantsConnection tells whether any filter takes part in the connection that the
// stream is about to become. It is to be asked when the response's head has
// passed.
func (s *Stream) WantsConnection() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.filters {
		if s.filters[i].wants(plugin.Connection) {
			return true
		}
	}
	return false
}

// NewConnection tells the filters that take part that the connection leaves HTTP,
// first to last, before the client is told. False means that one of them does not
// let it: Local is set.
func (s *Stream) NewConnection() (ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connection.Store(newConnection)
	for i := range s.filters {
		if f := &s.filters[i]; f.wants(plugin.Connection) && !s.connect(f) {
			if s.local != nil {
				s.local.from = -1 // the filters have had their say on the response
			}
			return false
		}
	}
	s.connection.Store(openConnection)
	return true
}

// connect calls one filter with the new connection. False means that s.local is
// set.
func (s *Stream) connect(f *filterStream) bool {
	if s.local != nil {
		return false
	}
	f.connected, f.answered = true, true
	f.resumed[0].Store(false)
	f.refused = false
	action, err := f.guest.NewConnection()
	switch {
	case err != nil:
		s.restore(&s.response, f, saved{})
		return s.fail(f, err)
	case s.stopped(&s.response, f):
		return false
	case action != abi.ActionContinue:
		goesOn, _ := s.await(&s.request, f, plugin.Connection, saved{})
		return goesOn
	}
	return true
}

// WantsDownstreamData tells whether any filter is to see what the client says on
// the connection.
func (s *Stream) WantsDownstreamData() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.filters {
		if s.filters[i].wants(plugin.DownstreamData) {
			return true
		}
	}
	return false
}

// BeginDownstream prepares what the client says to be given to DownstreamData,
// which writes what the filters let go of to the outlet.
func (s *Stream) BeginDownstream(outlet Outlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.request.outlet, s.request.outletErr = outlet, nil
	for i := range s.filters {
		f := &s.filters[i]
		f.letGo(0) // of the request, which has gone
		f.parts[0].reset()
		f.resumed[0].Store(false)
		f.refused = false
	}
}

// DownstreamData takes the next bytes that the client says on the connection
// through the filters; see ResponseRecords, which does so for the engine's.
func (s *Stream) DownstreamData(chunk []byte, endOfStream bool) error {
	return s.pass(&s.request, chunk, endOfStream)
}

// RequestHeldUntil is ResponseHeldUntil for what the client says on a connection.
func (s *Stream) RequestHeldUntil() time.Time { return s.heldUntil(&s.request, 0) }

// ConnectionClosed tells the filters that were told of the connection that it is
// over, and who ended each side of it: PeerTypeRemote is the client or the engine
// itself, PeerTypeLocal the gateway.
func (s *Stream) ConnectionClosed(downstream, upstream abi.PeerType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connection.Store(closedConnection)
	for i := range s.filters {
		if f := &s.filters[i]; f.connected && f.state == open {
			// A filter that fails here has nothing more to decide; its plugin has
			// dealt with the instance.
			_ = f.guest.ConnectionClosed(downstream, upstream)
		}
	}
}

// cut ends a stream that a filter has closed while it was not being called.
func (s *Stream) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connection.Load() == closedConnection || s.local != nil {
		return
	}
	for i := range s.filters {
		if f := &s.filters[i]; f.closed.Load() && f.state == open {
			s.abort(f)
			s.interrupt()
			return
		}
	}
}

// bodyOf is the stage at which the filter is called with what passes in a
// direction, 0 where it is not. On a connection a filter that takes part in it has
// the engine's data as such, and not as the response's body, unless it asked for
// records.
func (s *Stream) bodyOf(d *direction, f *filterStream) plugin.Stages {
	stage := d.body
	if s.connection.Load() != noConnection {
		switch {
		case d.step > 0:
			stage = plugin.DownstreamData
		case f.filter.Plugin.Stages()&plugin.UpstreamData != 0 && !(f.records && f.wants(d.body)):
			stage = plugin.UpstreamData
		}
	}
	if !f.wantsBody(d, stage) {
		return 0
	}
	return stage
}

// nameOf is what passes in a direction, for messages.
func (s *Stream) nameOf(d *direction) string {
	switch {
	case s.connection.Load() == noConnection:
		return d.name()
	case s.connection.Load() == newConnection:
		return "new connection"
	case d.step > 0:
		return "client's data"
	default:
		return "engine's data"
	}
}
