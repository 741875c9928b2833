// Command conformance goes through the callbacks and the host calls that the SDK offers, and logs a line of each: what it was called with,
// and what it was answered, a status as its number. The same program is written in WAT and in AssemblyScript; host/languages_test.go compares
// what they say. What it does is its configuration: request, deny, trailers, connection or service.
package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

const everything = 1<<31 - 1

// say logs a line of words.
func say(words ...any) {
	var line strings.Builder
	for i, word := range words {
		if i > 0 {
			line.WriteByte(' ')
		}
		switch word := word.(type) {
		case string:
			line.WriteString(word)
		case []byte:
			line.Write(word)
		case int:
			line.WriteString(strconv.Itoa(word))
		case bool:
			line.WriteString(strconv.FormatBool(word))
		case error:
			line.WriteString(strconv.Itoa(number(word)))
		case nil:
			line.WriteByte('0')
		}
	}
	proxywasm.LogInfo(line.String())
}

// number is the status behind an error of the SDK.
func number(err error) int {
	for status, known := range map[int]error{
		1: types.ErrorStatusNotFound, 2: types.ErrorStatusBadArgument, 7: types.ErrorStatusEmpty, 8: types.ErrorStatusCasMismatch,
		10: types.ErrorInternalFailure, 12: types.ErrorUnimplemented,
	} {
		if errors.Is(err, known) {
			return status
		}
	}
	return 99
}

// list writes fields as words.
func list(fields [][2]string, _ error) string {
	var words []string
	for _, field := range fields {
		words = append(words, field[0]+"="+field[1])
	}
	return strings.Join(words, " ")
}

type vm struct{ types.DefaultVMContext }

func (*vm) OnVMStart(int) types.OnVMStartStatus {
	text, err := proxywasm.GetVMConfiguration()
	say("vm_start", text, err)
	return types.OnVMStartStatusOK
}

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	role   string
	queue  uint32
	ticked bool
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	text, err := proxywasm.GetPluginConfiguration()
	p.role = string(text)
	say("configure", text, err)
	if p.role == "service" {
		p.queue, err = proxywasm.RegisterSharedQueue("jobs")
		say("register", err)
		say("tick every 1", proxywasm.SetTickPeriodMilliSeconds(1))
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) OnTick() {
	if p.ticked {
		return
	}
	p.ticked = true
	say("tick")
	say("tick never", proxywasm.SetTickPeriodMilliSeconds(0))
	_, err := proxywasm.ResolveSharedQueue("nobody", "jobs")
	say("resolve nobody's", err)
	queue, err := proxywasm.ResolveSharedQueue("", "jobs")
	say("resolve", err, queue == p.queue)
	say("enqueue at", 4711, proxywasm.EnqueueSharedQueue(4711, []byte("job")))
	say("enqueue", proxywasm.EnqueueSharedQueue(queue, []byte("job")))
}

func (p *plugin) OnQueueReady(queue uint32) {
	say("queue_ready", queue == p.queue)
	item, err := proxywasm.DequeueSharedQueue(queue)
	say("dequeue", item, err)
	_, err = proxywasm.DequeueSharedQueue(queue)
	say("dequeue", err)
	dispatch("nobody", func(int, int, int) {})
	dispatch("service", func(fields, size, trailers int) {
		answer(fields, size, trailers)
		dispatch("closed", func(fields, size, trailers int) {
			say("http_call_response", fields, size, trailers)
		})
	})
}

// dispatch calls a service.
func dispatch(name string, then func(fields, size, trailers int)) {
	_, err := proxywasm.DispatchHttpCall(name, [][2]string{{":method", "POST"}, {":path", "/call"}, {":authority", "service"}, {"x-from", "guest"}},
		[]byte("ping"), nil, 5000, then)
	say("call", name, err)
}

// answer tells of a service's answer.
func answer(fields, size, trailers int) {
	say("http_call_response", fields, size, trailers)
	all, err := proxywasm.GetHttpCallResponseHeaders()
	say("fields of the answer", list(all, err))
	body, err := proxywasm.GetHttpCallResponseBody(0, everything)
	say("body of the answer", body, err)
	all, err = proxywasm.GetHttpCallResponseTrailers()
	say("trailers of the answer", list(all, err))
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	if p.role == "connection" {
		return nil
	}
	say("context_create")
	return &stream{role: p.role}
}

func (p *plugin) NewTcpContext(uint32) types.TcpContext {
	say("context_create")
	return &connection{}
}

type stream struct {
	types.DefaultHttpContext
	role string
}

func (s *stream) OnHttpRequestHeaders(fields int, end bool) types.Action {
	say("request_headers", fields, end)
	all, err := proxywasm.GetHttpRequestHeaders()
	say("fields", list(all, err))
	if s.role == "deny" {
		say("answer", proxywasm.SendHttpResponse(403, [][2]string{{"x-why", "because"}}, []byte("not you"), -1))
		return types.ActionPause
	}
	if s.role == "trailers" {
		return types.ActionContinue
	}
	value, _ := proxywasm.GetHttpRequestHeader("X-TAG")
	say("x-tag", value)
	_, err = proxywasm.GetHttpRequestHeader("x-absent")
	say("x-absent", err)
	say("add", proxywasm.AddHttpRequestHeader("x-added", "1"))
	say("add", proxywasm.AddHttpRequestHeader("x-tag", "c"))
	say("replace", proxywasm.ReplaceHttpRequestHeader("x-replaced", "ä"))
	say("remove", proxywasm.RemoveHttpRequestHeader("x-removed"))
	say("remove", proxywasm.RemoveHttpRequestHeader("x-absent"))
	all, err = proxywasm.GetHttpRequestHeaders()
	say("fields", list(all, err))
	say("add to the response", proxywasm.AddHttpResponseHeader("x", "y"))
	properties()
	shared()
	metrics()
	result, err := proxywasm.CallForeignFunction("compress", []byte("hello"))
	say("compress", err, int(result[0])) // as zlib begins
	_, err = proxywasm.CallForeignFunction("nobody", nil)
	say("nobody", err)
	dispatch("service", func(fields, size, trailers int) {
		answer(fields, size, trailers)
		say("add", proxywasm.AddHttpRequestHeader("x-called", "1"))
		say("continue", proxywasm.ResumeHttpRequest())
	})
	return types.ActionPause
}

func properties() {
	for _, path := range [][]string{{"plugin_name"}, {"plugin_root_id"}, {"request", "method"}, {"request", "url_path"}, {"docker", "operation"}} {
		value, err := proxywasm.GetProperty(path)
		say("property", strings.Join(path, "."), err, value)
	}
	_, err := proxywasm.GetProperty([]string{"nothing", "here"})
	say("property nothing.here", err)
	say("set property", proxywasm.SetProperty([]string{"my", "own"}, []byte("value")))
	value, err := proxywasm.GetProperty([]string{"my", "own"})
	say("property my.own", err, value)
}

func shared() {
	_, _, err := proxywasm.GetSharedData("key")
	say("get", err)
	say("set", proxywasm.SetSharedData("key", []byte("one"), 0))
	value, cas, err := proxywasm.GetSharedData("key")
	say("get", err, value)
	say("set", proxywasm.SetSharedData("key", []byte("two"), cas))
	say("set", proxywasm.SetSharedData("key", []byte("three"), cas))
	value, _, err = proxywasm.GetSharedData("key")
	say("get", err, value)
}

func metrics() {
	counter := proxywasm.DefineCounterMetric("conformance_counter")
	counter.Increment(2)
	counter.Increment(3)
	say("counter", int(counter.Value()))
	gauge := proxywasm.DefineGaugeMetric("conformance_gauge")
	gauge.Add(10)
	gauge.Add(-3)
	say("gauge", int(gauge.Value()))
	proxywasm.DefineHistogramMetric("conformance_histogram").Record(7)
}

func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	say("request_body", size, end)
	body, err := proxywasm.GetHttpRequestBody(0, size)
	say("body", body, err)
	if s.role == "trailers" {
		if end {
			return types.ActionContinue
		}
		return types.ActionPause
	}
	part, err := proxywasm.GetHttpRequestBody(1, 3)
	say("part of the body", part, err)
	say("replace", proxywasm.ReplaceHttpRequestBody([]byte("other")))
	say("append", proxywasm.AppendHttpRequestBody([]byte("!")))
	say("prepend", proxywasm.PrependHttpRequestBody([]byte("an")))
	body, err = proxywasm.GetHttpRequestBody(0, everything)
	say("body", body, err)
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(fields int, end bool) types.Action {
	say("response_headers", fields, end)
	all, err := proxywasm.GetHttpResponseHeaders()
	say("fields", list(all, err))
	if s.role == "deny" {
		return types.ActionContinue
	}
	if s.role == "trailers" {
		trailers, err := proxywasm.GetHttpRequestTrailers()
		say("trailers of the request", list(trailers, err))
		return types.ActionContinue
	}
	say("set all", proxywasm.ReplaceHttpResponseHeaders(append(all, [2]string{"x-all", "1"})))
	status, err := proxywasm.GetHttpResponseHeader(":status")
	say("status", status, err)
	say("add to the request", proxywasm.AddHttpRequestHeader("x", "y"))
	return types.ActionContinue
}

func (s *stream) OnHttpResponseBody(size int, end bool) types.Action {
	say("response_body", size, end)
	if s.role == "deny" {
		return types.ActionContinue
	}
	body, err := proxywasm.GetHttpResponseBody(0, everything)
	say("body", body, err)
	if s.role == "trailers" {
		return types.ActionContinue
	}
	say("replace", proxywasm.ReplaceHttpResponseBody([]byte("bye")))
	return types.ActionContinue
}

// The body of the request is held until here, that of the response has gone on.

func (s *stream) OnHttpRequestTrailers(fields int) types.Action {
	say("request_trailers", fields)
	all, err := proxywasm.GetHttpRequestTrailers()
	say("fields", list(all, err))
	value, _ := proxywasm.GetHttpRequestTrailer("X-TAG")
	say("x-tag", value)
	_, err = proxywasm.GetHttpRequestTrailer("x-absent")
	say("x-absent", err)
	say("add", proxywasm.AddHttpRequestTrailer("x-added", "1"))
	say("add", proxywasm.AddHttpRequestTrailer("x-tag", "c"))
	say("replace", proxywasm.ReplaceHttpRequestTrailer("x-replaced", "ä"))
	say("remove", proxywasm.RemoveHttpRequestTrailer("x-removed"))
	say("remove", proxywasm.RemoveHttpRequestTrailer("x-absent"))
	all, err = proxywasm.GetHttpRequestTrailers()
	say("fields", list(all, err))
	body, err := proxywasm.GetHttpRequestBody(0, everything)
	say("body", body, err)
	say("replace", proxywasm.ReplaceHttpRequestBody([]byte("other")))
	say("add to the response", proxywasm.AddHttpResponseTrailer("x", "y"))
	return types.ActionContinue
}

func (s *stream) OnHttpResponseTrailers(fields int) types.Action {
	say("response_trailers", fields)
	all, err := proxywasm.GetHttpResponseTrailers()
	say("fields", list(all, err))
	say("set all", proxywasm.ReplaceHttpResponseTrailers(append(all, [2]string{"x-all", "1"})))
	all, err = proxywasm.GetHttpResponseTrailers()
	say("fields", list(all, err))
	body, err := proxywasm.GetHttpResponseBody(0, everything)
	say("body", body, err)
	say("add to the request", proxywasm.AddHttpRequestTrailer("x", "y"))
	return types.ActionContinue
}

func (s *stream) OnHttpStreamDone() {
	say("log")
	method, err := proxywasm.GetHttpRequestHeader(":method")
	say("method", method, err)
	if s.role == "trailers" {
		all, err := proxywasm.GetHttpRequestTrailers()
		say("trailers of the request", list(all, err))
		all, err = proxywasm.GetHttpResponseTrailers()
		say("trailers of the response", list(all, err))
	}
	say("add", proxywasm.AddHttpRequestHeader("x", "y"))
}

type connection struct{ types.DefaultTcpContext }

func (*connection) OnNewConnection() types.Action {
	say("new_connection")
	return types.ActionContinue
}

func (*connection) OnDownstreamData(size int, end bool) types.Action {
	say("downstream_data", size, end)
	if size == 0 {
		return types.ActionContinue
	}
	data, err := proxywasm.GetDownstreamData(0, everything)
	say("data", data, err)
	say("replace", proxywasm.ReplaceDownstreamData([]byte("changed")))
	return types.ActionContinue
}

func (*connection) OnUpstreamData(size int, end bool) types.Action {
	say("upstream_data", size, end)
	if size == 0 {
		return types.ActionContinue
	}
	data, err := proxywasm.GetUpstreamData(0, everything)
	say("data", data, err)
	return types.ActionContinue
}

func (*connection) OnDownstreamClose(peer types.PeerType) {
	say("downstream_connection_close", int(peer))
}
func (*connection) OnUpstreamClose(peer types.PeerType) { say("upstream_connection_close", int(peer)) }
func (*connection) OnStreamDone()                       { say("log") }
