package chain

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// This file has the properties that Envoy's filters know and that are about how a
// request goes on, as far as they have a meaning here. Numbers are eight bytes, little
// endian; times are nanoseconds since 1970, durations nanoseconds.

// Traffic counts the bytes of a stream's bodies, and of a connection that has left
// HTTP.
type Traffic interface {
	// Received is what has come from the client. It may be called in any stage but
	// Answer.
	Received() int64
	// Sent is what has gone to the client. It may be called by the goroutine that
	// drives the response, and after the end.
	Sent() int64
}

// counted is traffic that is over.
type counted struct{ received, sent int64 }

func (c *counted) Received() int64 { return c.received }
func (c *counted) Sent() int64     { return c.sent }

// wellKnown is a property whose value depends on the stage. known is false where it
// is none of these.
func (f *filterStream) wellKnown(path string) (value []byte, status abi.Status, known bool) {
	s := f.stream
	ok := false
	switch path {
	case "request\x00time":
		value, ok = number(s.info.Start.UnixNano()), !s.info.Start.IsZero()
	case "request\x00duration":
		value, ok = number(int64(time.Since(s.info.Start))), !s.info.Start.IsZero()
	case "request\x00size":
		if s.info.Traffic != nil && f.stage != plugin.Answer {
			value, ok = number(s.info.Traffic.Received()), true
		}
	case "response\x00size":
		const driven = plugin.ResponseHeaders | plugin.ResponseBody | plugin.ResponseTrailers | plugin.UpstreamData | plugin.Connection | plugin.Log
		if s.info.Traffic != nil && f.stage&driven != 0 {
			value, ok = number(s.info.Traffic.Sent()), true
		}
	case "response\x00code_details":
		value, ok = s.codeDetails()
	case "connection\x00id":
		value, ok = number(int64(s.info.Connection)), s.info.Connection != 0
	case "plugin_vm_memory": // Higress' name
		value, ok = number(f.guest.Memory()), true
	default:
		return nil, abi.StatusNotFound, false
	}
	value, status = found(value, ok)
	return value, status, true
}

// number is a number as Envoy gives it.
func number(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// codeDetails is why the response has its status: what a filter gave as details
// with its local response, or who else answered.
func (s *Stream) codeDetails() ([]byte, bool) {
	if s.details != "" {
		return text(s.details)
	}
	_, ok := s.response.fields.Get(":status")
	return []byte("via_upstream"), ok
}

// ofResponse tells whether a property is the response's: it is not to be seen
// before the response has come to the filter.
func ofResponse(path string) bool { return strings.HasPrefix(path, "response\x00") }

// hasResponse tells whether the response has come to the filter.
func (f *filterStream) hasResponse() bool {
	return f.stage&withResponse != 0 || f.stage == plugin.Answer && f.answered
}
