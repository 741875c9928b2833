// Command properties does what the example of that name does: a property of the route, which here an earlier filter sets, names
// the field that a request needs.
package main

import (
	"errors"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct{ types.DefaultPluginContext }

func (*plugin) NewHttpContext(id uint32) types.HttpContext { return &stream{id: id} }

type stream struct {
	types.DefaultHttpContext
	id uint32
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	name, err := proxywasm.GetProperty([]string{"route_metadata", "filter_metadata", "envoy.filters.http.wasm", "auth"})
	if errors.Is(err, types.ErrorStatusNotFound) {
		proxywasm.LogInfo("no auth header for route")
		return types.ActionContinue
	}
	proxywasm.LogInfof("auth header is %q", name)
	if _, err := proxywasm.GetHttpRequestHeader(string(name)); err != nil {
		_ = proxywasm.SendHttpResponse(401, nil, nil, 16)
		return types.ActionPause
	}
	return types.ActionContinue
}

func (s *stream) OnHttpStreamDone() { proxywasm.LogInfof("%d finished", s.id) }
