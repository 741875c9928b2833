// Command sdk-shared is a guest built with an SDK for Envoy: what it shares, counts and queues has to work as its
// authors meant it. Its configuration says which of these it is:
//
//	counter   counts requests in shared data, by compare-and-set, and says how many there were in the response's field
//	          x-count. A request with the field x-forget forgets the count.
//	sender    puts a request's field x-job into the queue "jobs" of the vm_id "receiver".
//	receiver  is that vm_id: it logs what comes, one item an event.
//	ticker    says "tick of" and what stands behind a colon every 10 ms, for services: a request would crash it. Behind
//	          "crash" it crashes at each tick.
//	meter     counts requests by the field x-value, with labels in the name as Envoy's tags take them out, how many are
//	          under way, and how long paths are.
package main

import (
	"strconv"
	"strings"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm"
	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
)

func main() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	role, name string
}

func (p *plugin) OnTick() {
	if p.name == "crash" {
		panic("as configured")
	}
	proxywasm.LogInfo("tick of " + p.name)
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		proxywasm.LogCritical("no configuration: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	p.role, p.name, _ = strings.Cut(string(config), ":")
	if p.role == "ticker" {
		if err := proxywasm.SetTickPeriodMilliSeconds(10); err != nil {
			proxywasm.LogCritical("tick: " + err.Error())
			return types.OnPluginStartStatusFailed
		}
	}
	if p.role == "receiver" {
		if _, err := proxywasm.RegisterSharedQueue("jobs"); err != nil {
			proxywasm.LogCritical("register: " + err.Error())
			return types.OnPluginStartStatusFailed
		}
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) OnQueueReady(queue uint32) {
	item, err := proxywasm.DequeueSharedQueue(queue)
	if err == types.ErrorStatusEmpty {
		return
	}
	if err != nil {
		proxywasm.LogError("dequeue: " + err.Error())
		return
	}
	proxywasm.LogInfo("received " + string(item))
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	switch p.role {
	case "ticker":
		panic("a service has got a request")
	case "counter":
		return &counter{}
	case "sender":
		return &sender{}
	case "meter":
		return &meter{}
	}
	return &types.DefaultHttpContext{}
}

type counter struct {
	types.DefaultHttpContext
	count string
}

const key = "count"

func (c *counter) OnHttpRequestHeaders(int, bool) types.Action {
	if _, err := proxywasm.GetHttpRequestHeader("x-forget"); err == nil {
		if err := proxywasm.SetSharedData(key, nil, 0); err != nil {
			proxywasm.LogError("forget: " + err.Error())
		}
		return types.ActionContinue
	}
	for {
		value, cas, err := proxywasm.GetSharedData(key)
		n := 0
		switch err {
		case nil:
			n, _ = strconv.Atoi(string(value))
		case types.ErrorStatusNotFound:
		default:
			proxywasm.LogError("get: " + err.Error())
			return types.ActionContinue
		}
		c.count = strconv.Itoa(n + 1)
		switch err := proxywasm.SetSharedData(key, []byte(c.count), cas); err {
		case nil:
			return types.ActionContinue
		case types.ErrorStatusCasMismatch:
		default:
			proxywasm.LogError("set: " + err.Error())
			return types.ActionContinue
		}
	}
}

func (c *counter) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.ReplaceHttpResponseHeader("x-count", c.count); err != nil {
		proxywasm.LogError("respond: " + err.Error())
	}
	return types.ActionContinue
}

type sender struct{ types.DefaultHttpContext }

func (*sender) OnHttpRequestHeaders(int, bool) types.Action {
	job, err := proxywasm.GetHttpRequestHeader("x-job")
	if err != nil {
		return types.ActionContinue
	}
	queue, err := proxywasm.ResolveSharedQueue("receiver", "jobs")
	if err == nil {
		err = proxywasm.EnqueueSharedQueue(queue, []byte(job))
	}
	if err != nil {
		proxywasm.LogError("send: " + err.Error())
	}
	return types.ActionContinue
}

type meter struct{ types.DefaultHttpContext }

var (
	counters = map[string]proxywasm.MetricCounter{}
	underWay proxywasm.MetricGauge
	paths    proxywasm.MetricHistogram
)

func (*meter) OnHttpRequestHeaders(int, bool) types.Action {
	value, err := proxywasm.GetHttpRequestHeader("x-value")
	if err != nil {
		value = "none"
	}
	counter, ok := counters[value]
	if !ok {
		counter = proxywasm.DefineCounterMetric("custom_header_value_counts_value=" + value + "_reporter=wasmgosdk")
		counters[value] = counter
		underWay = proxywasm.DefineGaugeMetric("under.way")
		paths = proxywasm.DefineHistogramMetric(`path_bytes{of="request"}`)
	}
	before := counter.Value()
	counter.Increment(2)
	if now := counter.Value(); now < before+2 {
		proxywasm.LogErrorf("the counter went from %d to %d", before, now)
	}
	underWay.Add(1)
	path, _ := proxywasm.GetHttpRequestHeader(":path")
	paths.Record(uint64(len(path)))
	return types.ActionContinue
}

func (*meter) OnHttpStreamDone() {
	underWay.Add(-1)
	if underWay.Value() < 0 {
		proxywasm.LogError("fewer than none are under way")
	}
}
