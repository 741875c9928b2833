// Command multiple_dispatches does what the example of that name does: before a response goes on, ten calls to the upstream
// httpbin are made at the same time, and the last answer adds a field and lets the response go.
package main

import (
	"strconv"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

const calls = 10

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct{ types.DefaultPluginContext }

func (*plugin) NewHttpContext(uint32) types.HttpContext { return &stream{} }

type stream struct {
	types.DefaultHttpContext
	left int
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	fields := [][2]string{{":path", "/"}, {":method", "GET"}, {":authority", ""}}
	for s.left = 0; s.left < calls; s.left++ {
		if _, err := proxywasm.DispatchHttpCall("httpbin", fields, nil, nil, 50_000, s.answered); err != nil {
			proxywasm.LogCriticalf("call %d: %v", s.left, err)
			return types.ActionContinue
		}
	}
	return types.ActionPause
}

func (s *stream) answered(int, int, int) {
	if s.left--; s.left > 0 {
		proxywasm.LogInfof("pending dispatched requests: %d", s.left)
		return
	}
	_ = proxywasm.AddHttpResponseHeader("total-dispatched", strconv.Itoa(calls))
	_ = proxywasm.ResumeHttpResponse()
	proxywasm.LogInfof("response resumed after processed %d dispatched request", calls)
}
