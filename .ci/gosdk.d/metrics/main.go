// Command metrics does what the newer example of that name does: it counts requests by the value of a field, in counters whose
// names Envoy's stats_tags take apart.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext {
	return &plugin{counters: map[string]proxywasm.MetricCounter{}}
}

type plugin struct {
	types.DefaultPluginContext
	counters map[string]proxywasm.MetricCounter
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	value, err := proxywasm.GetHttpRequestHeader("my-custom-header")
	if err != nil {
		return types.ActionContinue
	}
	counter, ok := s.plugin.counters[value]
	if !ok {
		counter = proxywasm.DefineCounterMetric("custom_header_value_counts_value=" + value + "_reporter=wasmgosdk")
		s.plugin.counters[value] = counter
	}
	counter.Increment(1)
	return types.ActionContinue
}
