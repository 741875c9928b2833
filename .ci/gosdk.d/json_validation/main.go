// Command json_validation does what the example of that name does: it refuses requests that are no JSON, and those whose body
// lacks a key that the configuration requires.
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
	required []string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	text, err := proxywasm.GetPluginConfiguration()
	if err != nil || !gjson.ValidBytes(text) {
		proxywasm.LogCriticalf("configuration %q: %v", text, err)
		return types.OnPluginStartStatusFailed
	}
	for _, key := range gjson.GetBytes(text, "requiredKeys").Array() {
		p.required = append(p.required, key.Str)
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func deny(reason string) types.Action {
	if err := proxywasm.SendHttpResponse(403, nil, []byte(reason), -1); err != nil {
		proxywasm.LogCriticalf("cannot answer: %v", err)
	}
	return types.ActionPause
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	if kind, err := proxywasm.GetHttpRequestHeader("content-type"); err != nil || kind != "application/json" {
		return deny("content-type must be provided")
	}
	return types.ActionContinue
}

func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	if !end {
		return types.ActionPause
	}
	body, err := proxywasm.GetHttpRequestBody(0, size)
	if err != nil || !gjson.ValidBytes(body) {
		return deny("invalid payload")
	}
	for _, key := range s.plugin.required {
		if !gjson.GetBytes(body, key).Exists() {
			proxywasm.LogErrorf("required key (%v) is missing", key)
			return deny("invalid payload")
		}
	}
	return types.ActionContinue
}
