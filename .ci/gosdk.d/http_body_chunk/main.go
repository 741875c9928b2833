// Command http_body_chunk does what the example of that name does: it holds a body, reads each piece of it as it comes, and
// refuses the request at the first that has the word "pattern" in it.
package main

import (
	"bytes"
	"fmt"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct{ types.DefaultPluginContext }

func (*plugin) NewHttpContext(uint32) types.HttpContext { return &stream{} }

type stream struct {
	types.DefaultHttpContext
	read, pieces int
}

func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	if size > s.read {
		piece, err := proxywasm.GetHttpRequestBody(s.read, size-s.read)
		if err != nil || len(piece) != size-s.read {
			proxywasm.LogErrorf("read %d of %d bytes: %v", len(piece), size-s.read, err)
			return types.ActionPause
		}
		s.read += len(piece)
		s.pieces++
		if bytes.Contains(piece, []byte("pattern")) {
			reason := fmt.Sprintf("pattern found in chunk: %d", s.pieces)
			proxywasm.LogInfo(reason)
			if err := proxywasm.SendHttpResponse(403, [][2]string{{"powered-by", "proxy-wasm-go-sdk"}}, []byte(reason), -1); err != nil {
				proxywasm.LogCriticalf("cannot answer: %v", err)
			}
			return types.ActionPause
		}
	}
	if !end {
		return types.ActionPause
	}
	proxywasm.LogInfo("pattern not found")
	return types.ActionContinue
}
