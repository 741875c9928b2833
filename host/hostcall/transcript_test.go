package hostcall_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

const (
	all     = 1<<31 - 1 // what SDKs pass for "everything"
	request = int(abi.MapTypeHTTPRequestHeaders)
	reqTrl  = int(abi.MapTypeHTTPRequestTrailers)
	respHdr = int(abi.MapTypeHTTPResponseHeaders)
	body    = int(abi.BufferTypeHTTPRequestBody)
)

func TestHeaderCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportGetHeaderMapSize, request, out32{})
	d.call(abi.ImportGetHeaderMapPairs, request, outData{})
	d.call(abi.ImportGetHeaderMapValue, request, "X-TAG", outData{})
	d.call(abi.ImportGetHeaderMapValue, request, "empty", outData{})
	d.call(abi.ImportGetHeaderMapValue, request, "absent", outData{})
	d.call(abi.ImportGetHeaderMapValue, request, raw{1 << 30, 0}, outData{}) // length 0 reads nothing
	d.call(abi.ImportAddHeaderMapValue, request, "x-tag", "c")
	d.call(abi.ImportReplaceHeaderMapValue, request, "x-tag", "d")
	d.call(abi.ImportReplaceHeaderMapValue, request, "x-new", "")
	d.call(abi.ImportRemoveHeaderMapValue, request, "EMPTY")
	d.call(abi.ImportRemoveHeaderMapValue, request, "absent")
	d.call(abi.ImportGetHeaderMapPairs, request, outData{})
	d.call(abi.ImportSetHeaderMapPairs, request, []abi.Pair{{Key: "x-tag", Value: "1"}, {Key: "x-other", Value: "2"}})
	fmt.Fprintf(&d.transcript, "    fields %q\n", d.context.request.Pairs())
	d.call(abi.ImportSetHeaderMapPairs, request, "\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00")
	d.call(abi.ImportSetHeaderMapPairs, request, []abi.Pair{})
	d.call(abi.ImportGetHeaderMapSize, request, out32{})
	d.call(abi.ImportGetHeaderMapPairs, request, outData{})
	d.golden("headers")
}

func TestHeaderCallsOnMapsThatAreNotThere(t *testing.T) {
	d := newDriver(t, "driver")
	for _, m := range []int{reqTrl, 8} {
		d.call(abi.ImportGetHeaderMapSize, m, out32{})
		d.call(abi.ImportGetHeaderMapPairs, m, outData{})
		d.call(abi.ImportGetHeaderMapValue, m, "x", outData{})
	}
	for _, m := range []int{respHdr, reqTrl, 8} {
		d.call(abi.ImportSetHeaderMapPairs, m, []abi.Pair{{Key: "x", Value: "1"}})
		d.call(abi.ImportAddHeaderMapValue, m, "x", "1")
		d.call(abi.ImportReplaceHeaderMapValue, m, "x", "1")
		d.call(abi.ImportRemoveHeaderMapValue, m, "x")
	}
	d.golden("headers-unavailable")
}

func TestBufferCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportGetBufferBytes, body, 0, all, outData{})
	d.call(abi.ImportGetBufferBytes, body, 4, 3, outData{})
	d.call(abi.ImportGetBufferBytes, body, 10, all, outData{})
	d.call(abi.ImportGetBufferBytes, body, 1, -1, outData{})
	d.call(abi.ImportGetBufferBytes, 1, 0, all, outData{})
	d.call(abi.ImportGetBufferBytes, 9, 0, all, outData{})
	d.call(abi.ImportGetBufferBytes, 7, 0, all, outData{})
	d.call(abi.ImportGetBufferStatus, body, out32{}, out32{})
	d.call(abi.ImportGetBufferStatus, 1, out32{}, out32{})
	d.call(abi.ImportSetBufferBytes, body, all, 0, "ab")
	d.call(abi.ImportSetBufferBytes, body, 0, 0, "cd")
	d.call(abi.ImportGetBufferBytes, body, 0, all, outData{})
	d.call(abi.ImportSetBufferBytes, body, 0, all, strings.Repeat("x", 33)) // over the limit
	d.call(abi.ImportSetBufferBytes, body, 0, all, "short")
	d.call(abi.ImportSetBufferBytes, body, 0, all, raw{1 << 30, 0})
	d.call(abi.ImportGetBufferBytes, body, 0, all, outData{})
	d.call(abi.ImportSetBufferBytes, 7, 0, all, "x")
	d.call(abi.ImportSetBufferBytes, 9, 0, all, "x")
	d.golden("buffers")
}

func TestOtherCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportLog, 2, "hello")
	d.call(abi.ImportLog, 1, "below the level")
	d.call(abi.ImportLog, 6, "no such level")
	d.call(abi.ImportLog, 5, raw{1 << 30, 0})
	d.call(abi.ImportGetLogLevel, out32{})
	d.call(abi.ImportSetTickPeriodMilliseconds, 250)
	d.call(abi.ImportSetEffectiveContext, 1)
	d.call(abi.ImportSetEffectiveContext, 2)
	d.call(abi.ImportDone)
	d.call(abi.ImportGetProperty, "plugin_name", outData{})
	d.call(abi.ImportGetProperty, "docker\x00resource\x00id", outData{})
	d.call(abi.ImportGetProperty, "empty", outData{})
	d.call(abi.ImportGetProperty, "absent", outData{})
	d.call(abi.ImportSetProperty, "sluice\x00request_body", "skip")
	d.call(abi.ImportSetProperty, "a", "")
	d.call(abi.ImportContinueStream, 0)
	d.call(abi.ImportContinueStream, 4)
	d.call(abi.ImportCloseStream, 1)
	d.call(abi.ImportCloseStream, -1)
	d.call(abi.ImportSendLocalResponse, 403, "why", "no", []abi.Pair{{Key: "x", Value: "1"}}, -1)
	d.call(abi.ImportSendLocalResponse, 204, "", "", "", 7)
	d.call(abi.ImportSendLocalResponse, 403, "", "", "\x01", -1)
	d.golden("others")
}

func TestForeignCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.call(abi.ImportCallForeignFunction, "echo", "arguments", outData{})
	d.call(abi.ImportCallForeignFunction, "echo", "", outData{})             // nothing is allocated for nothing
	d.call(abi.ImportCallForeignFunction, "echo", "arguments", at(0), at(0)) // the result is unwanted
	d.call(abi.ImportCallForeignFunction, "echo", "arguments", out32{}, at(0))
	d.call(abi.ImportCallForeignFunction, "echo", "arguments", at(1<<30), out32{}) // not called: its result could not be had
	d.call(abi.ImportCallForeignFunction, "nobody", "arguments", outData{})
	d.call(abi.ImportCallForeignFunction, strings.Repeat("n", hostcall.MaxForeignNameBytes+1), "", outData{})
	d.call(abi.ImportCallForeignFunction, "broken", "arguments", outData{})
	d.call(abi.ImportCallForeignFunction, raw{1 << 30, 4}, "", outData{})
	d.call(abi.ImportCallForeignFunction, "echo", raw{1 << 30, 4}, outData{})
	d.golden("foreign")
}

func TestCallsOfVersion010(t *testing.T) {
	d := newDriver(t, "driver")
	d.version = abi.V0_1_0
	d.call(abi.ImportGetHeaderMapValue, request, "absent", outData{})
	d.call(abi.ImportGetHeaderMapValue, reqTrl, "absent", outData{})
	d.call(abi.ImportGetHeaderMapValue, 8, "absent", outData{})
	d.call(abi.ImportGetConfiguration, outData{})
	d.context.config.Reset(nil)
	d.call(abi.ImportGetConfiguration, outData{})
	d.call(abi.ImportContinueRequest)
	d.call(abi.ImportContinueResponse)
	d.call(abi.ImportClearRouteCache)
	d.golden("version-0-1-0")
}

func TestRestrictedCalls(t *testing.T) {
	d := newDriver(t, "driver")
	d.restricted = true
	d.call(abi.ImportLog, 2, "starting")
	d.call(abi.ImportGetLogLevel, out32{})
	d.call(abi.ImportGetHeaderMapValue, request, "x-tag", outData{})
	d.call(abi.ImportAddHeaderMapValue, request, "x-tag", "b")
	d.call(abi.ImportGetBufferBytes, 7, 0, all, outData{})
	d.call(abi.ImportGetProperty, "plugin_name", outData{})
	d.call(abi.ImportSendLocalResponse, 403, "", "", "", -1)
	d.call(abi.ImportSetTickPeriodMilliseconds, 1)
	d.call(abi.ImportSetEffectiveContext, 1)
	d.call(abi.ImportHTTPCall, "auth", "", "", "", 1, out32{})
	d.call(abi.ImportGetSharedData, "key", outData{}, out32{})
	d.call(abi.ImportSetSharedData, "key", "value", 0)
	d.call(abi.ImportRegisterSharedQueue, "queue", out32{})
	d.call(abi.ImportEnqueueSharedQueue, 1, "value")
	d.call(abi.ImportDefineMetric, 0, "name", out32{})
	d.call(abi.ImportIncrementMetric, 4, uint64(1))
	d.golden("restricted")
}
