// Command http_headers does what the newer example of that name does: it changes and logs fields, and adds to the response one of
// its own and one of its configuration's.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
	"github.com/tidwall/gjson"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	name, value string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	text, err := proxywasm.GetPluginConfiguration()
	p.name, p.value = gjson.GetBytes(text, "header").Str, gjson.GetBytes(text, "value").Str
	if err != nil || p.name == "" || p.value == "" {
		proxywasm.LogCritical(`invalid configuration format; expected {"header": "<header name>", "value": "<header value>"}`)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext { return &stream{plugin: p, id: id} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
	id     uint32
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	if err := proxywasm.ReplaceHttpRequestHeader("test", "best"); err != nil {
		proxywasm.LogCriticalf("cannot set test: %v", err)
	}
	show("request header -->", proxywasm.GetHttpRequestHeaders)
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	for _, field := range [][2]string{{"x-proxy-wasm-go-sdk-example", "http_headers"}, {s.plugin.name, s.plugin.value}} {
		if err := proxywasm.AddHttpResponseHeader(field[0], field[1]); err != nil {
			proxywasm.LogCriticalf("cannot add %s: %v", field[0], err)
		}
	}
	show("response header <--", proxywasm.GetHttpResponseHeaders)
	return types.ActionContinue
}

func (s *stream) OnHttpStreamDone() { proxywasm.LogInfof("%d finished", s.id) }

func show(what string, get func() ([][2]string, error)) {
	fields, err := get()
	if err != nil {
		proxywasm.LogCriticalf("%s %v", what, err)
	}
	for _, field := range fields {
		proxywasm.LogInfof("%s %s: %s", what, field[0], field[1])
	}
}
