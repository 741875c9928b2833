// Command http_body does what the newer example of that name does: it appends to a body, puts something before it, or replaces
// it; that of the request, or with buffer-replace-at: response that of the response.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	echo bool
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	text, err := proxywasm.GetPluginConfiguration()
	p.echo = err == nil && string(text) == "echo"
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{echo: p.echo} }

type stream struct {
	types.DefaultHttpContext
	echo, response bool
	operation      string
}

// body is one direction's.
type body struct {
	name                     string
	get                      func(int, int) ([]byte, error)
	prepend, append, replace func([]byte) error
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	if s.echo {
		return types.ActionContinue
	}
	if _, err := proxywasm.GetHttpRequestHeader("content-length"); err != nil {
		_ = proxywasm.SendHttpResponse(400, nil, []byte("content must be provided"), -1)
		return types.ActionPause
	}
	at, _ := proxywasm.GetHttpRequestHeader("buffer-replace-at")
	s.response = at == "response"
	s.operation, _ = proxywasm.GetHttpRequestHeader("buffer-operation")
	if err := proxywasm.RemoveHttpRequestHeader("content-length"); err != nil {
		proxywasm.LogErrorf("cannot remove content-length: %v", err)
	}
	return types.ActionContinue
}

func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	switch {
	case s.response:
		return types.ActionContinue
	case !end:
		return types.ActionPause
	case s.echo:
		text, _ := proxywasm.GetHttpRequestBody(0, size)
		_ = proxywasm.SendHttpResponse(200, nil, text, -1)
		return types.ActionPause
	}
	s.change(size, body{"request", proxywasm.GetHttpRequestBody, proxywasm.PrependHttpRequestBody, proxywasm.AppendHttpRequestBody, proxywasm.ReplaceHttpRequestBody})
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if s.response {
		_ = proxywasm.RemoveHttpResponseHeader("content-length")
	}
	return types.ActionContinue
}

func (s *stream) OnHttpResponseBody(size int, end bool) types.Action {
	switch {
	case !s.response:
		return types.ActionContinue
	case !end:
		return types.ActionPause
	}
	s.change(size, body{"response", proxywasm.GetHttpResponseBody, proxywasm.PrependHttpResponseBody, proxywasm.AppendHttpResponseBody, proxywasm.ReplaceHttpResponseBody})
	return types.ActionContinue
}

func (s *stream) change(size int, b body) {
	text, err := b.get(0, size)
	proxywasm.LogInfof("original %s body: %s", b.name, text)
	if err == nil {
		switch s.operation {
		case "append":
			err = b.append([]byte("[this is appended body]"))
		case "prepend":
			err = b.prepend([]byte("[this is prepended body]"))
		default:
			err = b.replace([]byte("[this is replaced body]"))
		}
	}
	if err != nil {
		proxywasm.LogErrorf("cannot change the %s body: %v", b.name, err)
	}
}
