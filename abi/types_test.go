package abi_test

import (
	"fmt"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
)

// The numbers travel over the ABI: this is the specification's table.
func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		got  fmt.Stringer
		want string
	}{
		{abi.Status(0), "OK"},
		{abi.Status(1), "NOT_FOUND"},
		{abi.Status(2), "BAD_ARGUMENT"},
		{abi.Status(3), "SERIALIZATION_FAILURE"},
		{abi.Status(4), "PARSE_FAILURE"},
		{abi.Status(5), "BAD_EXPRESSION"},
		{abi.Status(6), "INVALID_MEMORY_ACCESS"},
		{abi.Status(7), "EMPTY"},
		{abi.Status(8), "CAS_MISMATCH"},
		{abi.Status(9), "STATUS(9)"},
		{abi.Status(10), "INTERNAL_FAILURE"},
		{abi.Status(11), "BROKEN_CONNECTION"},
		{abi.Status(12), "UNIMPLEMENTED"},
		{abi.Action(0), "CONTINUE"},
		{abi.Action(1), "PAUSE"},
		{abi.Action(4), "ACTION(4)"},
		{abi.LogLevelTrace, "TRACE"},
		{abi.LogLevel(2), "INFO"},
		{abi.LogLevel(5), "CRITICAL"},
		{abi.LogLevel(6), "LOG_LEVEL(6)"},
		{abi.BufferType(0), "HTTP_REQUEST_BODY"},
		{abi.BufferType(1), "HTTP_RESPONSE_BODY"},
		{abi.BufferType(6), "VM_CONFIGURATION"},
		{abi.BufferType(7), "PLUGIN_CONFIGURATION"},
		{abi.BufferType(8), "FOREIGN_FUNCTION_ARGUMENTS"},
		{abi.MapType(0), "HTTP_REQUEST_HEADERS"},
		{abi.MapType(2), "HTTP_RESPONSE_HEADERS"},
		{abi.MapType(3), "HTTP_RESPONSE_TRAILERS"},
		{abi.MapType(7), "HTTP_CALL_RESPONSE_TRAILERS"},
		{abi.MapType(8), "MAP(8)"},
		{abi.StreamType(1), "HTTP_RESPONSE"},
		{abi.PeerType(2), "REMOTE"},
		{abi.MetricType(1), "GAUGE"},
		{abi.V0_1_0, "0.1.0"},
		{abi.V0_2_1, "0.2.1"},
		{abi.Version(9), "VERSION(9)"},
	} {
		if got := test.got.String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestValid(t *testing.T) {
	for _, test := range []struct {
		last, next interface{ Valid() bool }
	}{
		{abi.LogLevel(5), abi.LogLevel(6)},
		{abi.BufferType(8), abi.BufferType(9)},
		{abi.MapType(7), abi.MapType(8)},
		{abi.StreamType(3), abi.StreamType(4)},
		{abi.PeerType(2), abi.PeerType(3)},
		{abi.MetricType(2), abi.MetricType(3)},
	} {
		if !test.last.Valid() || test.next.Valid() {
			t.Errorf("%v: %v, %v: %v", test.last, test.last.Valid(), test.next, test.next.Valid())
		}
	}
}

func TestVersions(t *testing.T) {
	for _, version := range []abi.Version{abi.V0_1_0, abi.V0_2_0, abi.V0_2_1} {
		if got, ok := abi.VersionOf(version.Marker()); got != version || !ok {
			t.Errorf("%v: the marker %q means %v, %v", version, version.Marker(), got, ok)
		}
	}
	for _, marker := range []string{"", "proxy_abi_version_", "proxy_abi_version_0_2_100", abi.Version(9).Marker()} {
		if got, ok := abi.VersionOf(marker); ok {
			t.Errorf("the marker %q means %v", marker, got)
		}
	}
}
