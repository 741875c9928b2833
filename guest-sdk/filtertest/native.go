package filtertest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/foreign"
	"github.com/sluice-gateway/sluice/host/record"
)

// native is the gateway's part for a filter that runs as plain Go. It is stricter than real hosts where a filter could
// rely on luck: what a stage may not read or write fails.
type native struct {
	t      *testing.T
	config string
	logged []string
	plugin types.PluginContext

	stage   stage
	headers [2]abi.HeaderMap
	body    [2][]byte
	values  map[string]string
	hints   map[string]string // what the filter said of the bodies of this stream
	record  map[string]string // the properties of the record that it is called with
	changed bool              // it wrote to the body in this callback
	denied  *outcome

	played *played
	call   dockerapi.Call // the request that is being played
	kept   map[any]any    // by foreign functions
	ahead  bool           // the filter wants its request's resource to be resolved before it is called

	calls     []nativeCall // that are not answered yet
	continued [2]bool
}

type stage uint8

const (
	configure stage = iota
	requestHeaders
	requestBody
	responseHeaders
	responseBody
)

func startNative(t *testing.T, config string, played *played) (host, error) {
	vm := hostapi.Registered()
	if vm == nil {
		t.Fatal("this package registers no filter: call sluice.Register in its init")
	}
	n := &native{t: t, config: config, values: map[string]string{}, played: played}
	hostapi.Use(n)
	n.plugin = vm.NewPluginContext(1)
	if !n.plugin.OnPluginStart(len(config)) {
		return nil, errors.New(strings.Join(n.logged, "\n"))
	}
	n.ahead = n.values["sluice\x00references"] == "resource"
	return n, nil
}

func (n *native) run(t *testing.T, c Case) outcome {
	n.t, n.hints, n.values, n.denied = t, map[string]string{}, map[string]string{}, nil
	hostapi.Use(n)
	call, err := classify(c.Request)
	if err != nil {
		t.Fatalf("the gateway refuses this request itself: %v", err)
	}
	for name, value := range c.Request.Properties {
		n.values[strings.ReplaceAll(name, ".", "\x00")] = value
	}
	for path, value := range map[string]string{
		"docker\x00operation": string(call.Operation), "docker\x00transport": call.Transport.String(),
		"docker\x00buildkit": buildkitMode(c.Request), "docker\x00api_version": call.APIVersion, "docker\x00path": call.RoutePath,
		"docker\x00resource\x00kind": call.ResourceKind, "docker\x00resource\x00id": call.ResourceID,
		"request\x00id": "filtertest", "request\x00method": c.Request.Method,
	} {
		n.values[path] = value
	}
	n.headers[0].Reset(append([]abi.Pair{
		{Key: ":method", Value: c.Request.Method},
		{Key: ":path", Value: call.Target()},
		{Key: ":authority", Value: "docker"},
		{Key: ":scheme", Value: "http"},
	}, pairs(c.Request.Headers)...))
	n.call, n.kept = call, map[any]any{}
	if n.ahead {
		n.played.references.Prefetch(t.Context(), nativeStream{n})
	}
	stream := n.plugin.NewHttpContext(2)
	n.calls = nil
	defer stream.OnHttpStreamDone()
	defer n.played.services.end(t)
	defer n.answerAll(func() bool { return false }) // those that nobody waits for

	n.stage = requestHeaders
	sent := n.play(c.Request.Body, requestBody, "request_body", hostapi.Request, stream.OnHttpRequestHeaders, stream.OnHttpRequestBody)
	if n.denied != nil {
		return *n.denied
	}
	path, _ := n.headers[0].Get(":path")
	if string(sent) != c.Request.Body {
		// What a filter makes of a body goes through the gateway's care again.
		if sent, err = canonical(&call, sent); err != nil {
			t.Errorf("the gateway refuses what the filter makes of the body: %v", err)
		}
	}
	got := outcome{path: path, request: asMap(n.headers[0].Pairs()), requestBody: sent}
	if c.Response == nil {
		return got
	}
	n.headers[1].Reset(append([]abi.Pair{{Key: ":status", Value: strconv.Itoa(c.Response.Status)}}, pairs(c.Response.Headers)...))
	n.stage = responseHeaders
	if call.Transport == dockerapi.Unary {
		got.responseBody = n.play(c.Response.Body, responseBody, "response_body", hostapi.Response, stream.OnHttpResponseHeaders, stream.OnHttpResponseBody)
	} else {
		got.responseBody = n.stream(&call, c.Response, stream)
	}
	if n.denied != nil {
		return *n.denied
	}
	got.response = asMap(n.headers[1].Pairs())
	return got
}

// play takes one direction through its two stages, the body in two pieces, and returns what was let go of.
func (n *native) play(
	body string, bodyStage stage, hint string, d hostapi.Direction,
	onHeaders, onBody func(int, bool) types.Action,
) (sent []byte) {
	action := onHeaders(n.headers[d].Len(), body == "")
	if action = n.await(d, action); n.denied != nil {
		return nil
	}
	if action != types.ActionContinue {
		n.t.Error("the filter holds the stream without having denied it, or asked anybody")
	}
	if body == "" || n.hints[hint] == "skip" {
		return []byte(body)
	}
	n.stage = bodyStage
	for i, piece := range pieces(body) {
		end := i == len(pieces(body))-1
		n.body[d] = append(n.body[d], piece...)
		action := onBody(len(n.body[d]), end)
		if end {
			action = n.await(d, action)
		}
		if n.denied != nil {
			return nil
		}
		if action == types.ActionContinue {
			sent = append(sent, n.body[d]...)
			n.body[d] = nil
		} else if end {
			n.t.Error("the filter holds the end of the body without having denied it, or asked anybody")
		}
	}
	return sent
}

// stream is play for a streaming response.
func (n *native) stream(call *dockerapi.Call, r *Response, stream types.HttpContext) []byte {
	const d = hostapi.Response
	if n.hints["response_body"] = ""; r.Body == "" {
		return n.play(r.Body, responseBody, "response_body", d, stream.OnHttpResponseHeaders, stream.OnHttpResponseBody)
	}
	// The head is out before the body comes; only then is it known whether records are wanted.
	action := n.await(d, stream.OnHttpResponseHeaders(n.headers[d].Len(), false))
	if n.denied != nil {
		return nil
	}
	if n.hints["response_body"] != "records" {
		headers := func(int, bool) types.Action { return action }
		return n.play(r.Body, responseBody, "response_body", d, headers, stream.OnHttpResponseBody)
	}
	n.stage = responseBody
	cut := record.NewSplitter(r.format(call), recordLimit)
	var sent []byte
	for i, piece := range pieces(r.Body) {
		end := i == len(pieces(r.Body))-1
		for cut.Feed([]byte(piece), end); ; {
			next, ok, err := cut.Next()
			if err != nil {
				n.denied = &outcome{denied: true, status: 502, reason: err.Error()}
				return nil
			}
			if !ok {
				break
			}
			if !next.Opaque && !n.called(&next, end && cut.Ended(), stream) {
				return nil
			}
			if next.Opaque {
				sent = append(sent, cut.Join(&next, next.Data, false)...)
			} else {
				sent = append(sent, cut.Join(&next, n.body[d], n.changed)...)
			}
		}
	}
	return sent
}

// called calls the filter with a record. False means that it denied.
func (n *native) called(r *record.Record, end bool, stream types.HttpContext) bool {
	n.body[hostapi.Response], n.changed = append([]byte(nil), r.Data...), false
	n.record = map[string]string{"docker\x00record": r.Kind.String()}
	if r.Kind == record.KindFrame {
		n.record["docker\x00stream"] = r.Stream.String()
	}
	action := n.await(hostapi.Response, stream.OnHttpResponseBody(len(r.Data), end))
	n.record = nil
	if n.denied == nil && action != types.ActionContinue {
		n.t.Error("the filter holds a record without having denied it, or asked anybody")
	}
	return n.denied == nil
}

// pieces cuts a body that is not empty into the chunks in which it arrives.
func pieces(body string) []string {
	if len(body) == 1 {
		return []string{body}
	}
	half := len(body) / 2
	return []string{body[:half], body[half:]}
}

func pairs(headers [][2]string) []abi.Pair {
	out := make([]abi.Pair, len(headers))
	for i, h := range headers {
		out[i] = abi.Pair{Key: h[0], Value: h[1]}
	}
	return out
}

func asMap(pairs []abi.Pair) map[string][]string {
	m := map[string][]string{}
	for _, p := range pairs {
		name := strings.ToLower(p.Key)
		m[name] = append(m[name], p.Value)
	}
	return m
}

// What follows implements hostapi.Host.

func (n *native) Log(level hostapi.Level, message string) {
	n.logged = append(n.logged, message)
	n.t.Logf("log %d: %s", level, message)
}

func (n *native) Configuration() ([]byte, error) {
	if n.stage != configure {
		return nil, types.ErrorStatusBadArgument
	}
	return []byte(n.config), nil
}

func (n *native) Property(path ...string) ([]byte, error) {
	key := strings.Join(path, "\x00")
	if key == "response\x00code" && n.stage >= responseHeaders {
		status, _ := n.headers[1].Get(":status")
		code, err := strconv.ParseUint(status, 10, 64)
		return binary.LittleEndian.AppendUint64(nil, code), err
	}
	value, ok := n.values[key]
	if kept, is := n.record[key]; is {
		value, ok = kept, true
	}
	if key == "docker\x00references" && n.stage != configure {
		var body []byte
		if n.stage == requestBody && n.call.Body == dockerapi.BodyJSON {
			body = n.body[0]
		}
		found, err := dockerapi.References(&n.call, body)
		if err != nil {
			return nil, err
		}
		if found == nil {
			found = []dockerapi.Reference{}
		}
		return json.Marshal(found)
	}
	if name, is := strings.CutPrefix(key, "docker\x00resource\x00"); is && !ok && n.stage != configure {
		value, ok = n.played.references.Property(nativeStream{n}, name)
	}
	if !ok {
		return nil, hostapi.ErrNotFound
	}
	return []byte(value), nil
}

func (n *native) SetProperty(value string, path ...string) error {
	if value == "" {
		return errors.New("the SDK cannot set an empty property")
	}
	if n.hints != nil && len(path) == 2 && path[0] == "sluice" { // in a stream
		n.hints[path[1]] = value
		return nil
	}
	n.values[strings.Join(path, "\x00")] = value
	return nil
}

func (n *native) writable(d hostapi.Direction) bool {
	if d == hostapi.Request {
		return n.stage == requestHeaders || n.stage == requestBody
	}
	return n.stage >= responseHeaders
}

func (n *native) Header(d hostapi.Direction, name string) (string, error) {
	if n.stage == configure || d == hostapi.Response && n.stage < responseHeaders {
		return "", hostapi.ErrNotFound
	}
	value, ok := n.headers[d].Get(name)
	if !ok {
		return "", hostapi.ErrNotFound
	}
	return value, nil
}

func (n *native) Headers(d hostapi.Direction) ([][2]string, error) {
	if n.stage == configure || d == hostapi.Response && n.stage < responseHeaders {
		return nil, hostapi.ErrNotFound
	}
	var out [][2]string
	for _, p := range n.headers[d].Pairs() {
		out = append(out, [2]string{strings.ToLower(p.Key), p.Value})
	}
	return out, nil
}

func (n *native) SetHeader(d hostapi.Direction, name, value string) error {
	if !n.writable(d) {
		return types.ErrorStatusBadArgument
	}
	n.headers[d].Replace(name, value)
	return nil
}

func (n *native) AddHeader(d hostapi.Direction, name, value string) error {
	if !n.writable(d) {
		return types.ErrorStatusBadArgument
	}
	n.headers[d].Add(name, value)
	return nil
}

func (n *native) RemoveHeader(d hostapi.Direction, name string) error {
	if !n.writable(d) {
		return types.ErrorStatusBadArgument
	}
	n.headers[d].Remove(name)
	return nil
}

func (n *native) Body(d hostapi.Direction, size int) ([]byte, error) {
	if n.stage != requestBody+stage(d)*2 {
		return nil, hostapi.ErrNotFound
	}
	body := n.body[d]
	return append([]byte(nil), body[:min(size, len(body))]...), nil
}

func (n *native) SetBody(d hostapi.Direction, body []byte) error {
	if n.stage != requestBody+stage(d)*2 {
		return types.ErrorStatusBadArgument
	}
	n.body[d], n.changed = append([]byte(nil), body...), true
	return nil
}

func (n *native) SendLocalResponse(status int, body string) error {
	if n.stage == configure || n.denied != nil {
		return types.ErrorStatusBadArgument
	}
	n.denied = &outcome{denied: true, status: status, reason: body}
	return nil
}

// Continue lets a direction that the filter holds go on.
func (n *native) Continue(d hostapi.Direction) error {
	n.continued[d] = true
	return nil
}

// nativeCall is a call that a filter made, which is answered once its function is back.
type nativeCall struct {
	hostapi.Call
	answered func(hostapi.Answer)
}

// Dispatch takes a call.
func (n *native) Dispatch(c hostapi.Call, answered func(hostapi.Answer)) error {
	if !slices.Contains(n.played.services.names, c.Upstream) {
		return types.ErrorStatusBadArgument
	}
	n.calls = append(n.calls, nativeCall{c, answered})
	return nil
}

// await answers the filter's calls until it lets go of what it holds.
func (n *native) await(d hostapi.Direction, action types.Action) types.Action {
	if action == types.ActionContinue {
		return action
	}
	n.continued[d] = false
	n.answerAll(func() bool { return n.continued[d] || n.denied != nil })
	if n.continued[d] {
		return types.ActionContinue
	}
	return action
}

func (n *native) answerAll(enough func() bool) {
	for len(n.calls) > 0 && !enough() {
		c := n.calls[0]
		n.calls = n.calls[1:]
		a := n.played.services.take(c.Upstream, valueOf(c.Headers, ":method"), valueOf(c.Headers, ":path"),
			func(name string) string { return valueOf(c.Headers, name) }, c.Body)
		if a.Fails {
			c.answered(hostapi.Answer{Failure: "reset"})
			continue
		}
		c.answered(hostapi.Answer{Headers: a.pairs(), Body: []byte(a.Body)})
	}
}

// CallForeign calls the gateway's own functions, about the things of the case.
func (n *native) CallForeign(name string, arguments []byte) ([]byte, hostapi.Status) {
	c := foreign.Call{Context: n.t.Context(), Name: name, Arguments: arguments, Filter: "filter", Fuel: free{}}
	if n.stage != configure {
		c.Stream = nativeStream{n}
	}
	result, status := n.played.functions.Call(c)
	return result, hostapi.Status(status)
}

var _ hostapi.Host = (*native)(nil)

// free is the fuel of a native filter.
type free struct{}

func (free) Charge(int64) bool { return true }

// nativeStream is the stream that foreign functions act upon.
type nativeStream struct{ *native }

func (s nativeStream) RequestID() string     { return "filtertest" }
func (s nativeStream) Call() *dockerapi.Call { return &s.call }

func (s nativeStream) Method() string {
	method, _ := s.headers[0].Get(":method")
	return method
}

func (s nativeStream) Property(path string) ([]byte, abi.Status) {
	value, err := s.native.Property(strings.Split(path, "\x00")...)
	if err != nil {
		return nil, abi.StatusNotFound
	}
	return value, abi.StatusOK
}

func (s nativeStream) SetTarget(target string) abi.Status {
	if s.SetHeader(hostapi.Request, ":path", target) != nil {
		return abi.StatusBadArgument
	}
	return abi.StatusOK
}

func (s nativeStream) Keep(key any, make func() any) any {
	if _, ok := s.kept[key]; !ok && make != nil {
		s.kept[key] = make()
	}
	return s.kept[key]
}
