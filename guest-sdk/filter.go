package sluice

import (
	"slices"
	"strings"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// Filter describes a filter with a configuration of type C (struct{} for none). Every function may be nil.
type Filter[C any] struct {
	// Name is the filter's own name, for its log lines. (What a denied client reads is the name that the gateway's
	// configuration gives to the filter.)
	Name string

	// Parse makes the configuration. Whatever [Config] finds wrong on the way, and any key that Parse did not ask for,
	// refuses the configuration with a message that names the key. Nil accepts the empty configuration only.
	Parse func(*Config) C

	// Operations limits the filter to requests of these operations: at others none of its functions is called.
	// Empty means all.
	Operations []Operation

	// ResolvesResource says that RequestHeaders or RequestBody asks for the resource in the request's path
	// ([Request.ResolveResource], [Request.Pin]). The gateway then asks the engine before it calls the filter, so that no other
	// request waits for this filter meanwhile. It changes nothing else, and costs requests that name no resource nothing.
	ResolvesResource bool

	// RequestHeaders is called when a request has arrived, before its body.
	RequestHeaders func(*C, *Request) Verdict

	// RequestBody is called with the whole body of a request of the operations in RequestBodyFor, before anything of it
	// is sent to the engine. It is called with an empty body when there is none.
	RequestBody func(*C, *Request) Verdict

	// RequestBodyFor lists the operations whose request body RequestBody needs. Empty means those in Operations; when
	// that is empty too, all with an ordinary ("unary") transport.
	RequestBodyFor []Operation

	// RequestChunk is called with each piece of a request body that RequestBody is not called for; [Request.Body] is the
	// piece and end tells whether it is the last, which may be empty.
	RequestChunk func(c *C, r *Request, end bool) Verdict

	// ResponseHeaders is called when the engine has answered, before the response's body. It also sees the answers of
	// filters nearer to the engine, but not this filter's own denial.
	ResponseHeaders func(*C, *Response) Verdict

	// ResponseBody is called with the whole body of a response to the operations in ResponseBodyFor. It is not called
	// for a response without a body.
	ResponseBody func(*C, *Response) Verdict

	// ResponseBodyFor lists the operations whose response body ResponseBody needs. Empty means the same as in
	// RequestBodyFor. Never list operations that answer without end, such as ContainerLogs.
	ResponseBodyFor []Operation

	// Record is called for each record of a streaming response to the operations in RecordsFor: for each event, each line of
	// a build's progress, each piece of output with the stream that it was written to. It is never given the whole of a
	// stream, and what it allows goes on at once. Of answers to these operations that are no stream, errors, it sees nothing.
	Record func(*C, *Record) Verdict

	// RecordsFor lists the operations whose records Record needs. Empty means those in Operations; when that is empty too,
	// all whose transport is not the ordinary one ("unary").
	RecordsFor []Operation

	// ResponseChunk is called with each piece of a response body that neither ResponseBody nor Record is called for.
	ResponseChunk func(c *C, r *Response, end bool) Verdict
}

// Register makes f the filter of this module. It is to be called once, from init: in a module that was built with
// -buildmode=c-shared, main does not run.
func Register[C any](f Filter[C]) {
	g := &generic{
		name:            f.Name,
		operations:      f.Operations,
		requestBodyFor:  f.RequestBodyFor,
		responseBodyFor: f.ResponseBodyFor,
		recordsFor:      f.RecordsFor,
		resource:        f.ResolvesResource,
	}
	g.parse = func(c *Config) (any, bool) {
		// A pointer, so that an interface value is made once and not for every call.
		parsed := new(C)
		if f.Parse != nil {
			*parsed = f.Parse(c)
		}
		return parsed, c.finish()
	}
	// Nil functions stay nil: they are what the hints to the host are made from.
	if f.RequestHeaders != nil {
		g.requestHeaders = func(c any, r *Request) Verdict { return f.RequestHeaders(c.(*C), r) }
	}
	if f.RequestBody != nil {
		g.requestBody = func(c any, r *Request) Verdict { return f.RequestBody(c.(*C), r) }
	}
	if f.RequestChunk != nil {
		g.requestChunk = func(c any, r *Request, end bool) Verdict { return f.RequestChunk(c.(*C), r, end) }
	}
	if f.ResponseHeaders != nil {
		g.responseHeaders = func(c any, r *Response) Verdict { return f.ResponseHeaders(c.(*C), r) }
	}
	if f.ResponseBody != nil {
		g.responseBody = func(c any, r *Response) Verdict { return f.ResponseBody(c.(*C), r) }
	}
	if f.ResponseChunk != nil {
		g.responseChunk = func(c any, r *Response, end bool) Verdict { return f.ResponseChunk(c.(*C), r, end) }
	}
	if f.Record != nil {
		g.record = func(c any, r *Record) Verdict { return f.Record(c.(*C), r) }
	}
	g.twice = !hostapi.Register(g)
}

// generic is a Filter without its type parameter. It is the VM context of the module.
type generic struct {
	types.DefaultVMContext
	name            string
	twice           bool
	operations      []Operation
	requestBodyFor  []Operation
	responseBodyFor []Operation
	recordsFor      []Operation
	resource        bool
	parse           func(*Config) (any, bool)
	requestHeaders  func(any, *Request) Verdict
	requestBody     func(any, *Request) Verdict
	requestChunk    func(any, *Request, bool) Verdict
	responseHeaders func(any, *Response) Verdict
	responseBody    func(any, *Response) Verdict
	responseChunk   func(any, *Response, bool) Verdict
	record          func(any, *Record) Verdict
}

// NewPluginContext implements types.VMContext.
func (g *generic) NewPluginContext(uint32) types.PluginContext { return &plugin{filter: g} }

// plugin is the root context: the filter with one configuration.
type plugin struct {
	types.DefaultPluginContext
	filter *generic
	config any
}

// OnPluginStart implements types.PluginContext.
func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	f := p.filter
	if f.twice {
		Error(hostapi.ErrRegisteredTwice.Error())
		return types.OnPluginStartStatusFailed
	}
	text := "{}"
	if size > 0 {
		raw, err := hostapi.Configuration()
		if err != nil {
			Error("cannot read the configuration: " + err.Error())
			return types.OnPluginStartStatusFailed
		}
		text = string(raw)
	}
	config, ok := newConfig(text)
	if ok {
		p.config, ok = f.parse(config)
	}
	if !ok {
		// One line: hosts report the last one as the reason.
		Error(strings.Join(config.problems.list, "; "))
		return types.OnPluginStartStatusFailed
	}
	// A host that does not know the hint calls at every stage, and the callbacks below continue.
	_ = hostapi.SetProperty(strings.Join(f.stages(), ","), "sluice", "stages")
	if len(f.operations) > 0 {
		// A stream of another operation then costs nothing; a host that does not know the hint calls, and concerns tells.
		names := make([]string, len(f.operations))
		for i, o := range f.operations {
			names[i] = string(o)
		}
		_ = hostapi.SetProperty(strings.Join(names, ","), "sluice", "operations")
	}
	if f.resource {
		// Without the hint the host asks when the filter does.
		_ = hostapi.SetProperty("resource", "sluice", "references")
	}
	return types.OnPluginStartStatusOK
}

// stages lists the callbacks that this filter needs. A body needs its headers' callback, which says stream by stream
// whether the body is wanted.
func (f *generic) stages() []string {
	var s []string
	request := f.requestBody != nil || f.requestChunk != nil
	response := f.seesResponseBody()
	if request || f.requestHeaders != nil {
		s = append(s, "request_headers")
	}
	if request {
		s = append(s, "request_body")
	}
	if response || f.responseHeaders != nil {
		s = append(s, "response_headers")
	}
	if response {
		s = append(s, "response_body")
	}
	if s == nil {
		s = append(s, "request_headers") // the hint cannot be empty; the callback continues
	}
	return s
}

// NewHttpContext implements types.PluginContext.
func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	s := &stream{plugin: p}
	s.req.s, s.resp.s, s.rec.s = s, s, s
	s.resp.reset()
	s.rec.reset()
	return s
}

func (f *generic) seesResponseBody() bool {
	return f.responseBody != nil || f.responseChunk != nil || f.record != nil
}

// concerns tells whether the filter takes part in streams of this operation.
func (f *generic) concerns(op Operation) bool {
	return len(f.operations) == 0 || slices.Contains(f.operations, op)
}
