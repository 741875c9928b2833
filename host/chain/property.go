package chain

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/plugin"
)

// attributes are the properties of a stream that a filter can read, by their
// NUL-separated path. Strings are raw bytes and numbers eight bytes, little
// endian, as Envoy gives them.
var attributes = map[string]func(*Stream) ([]byte, bool){
	"docker\x00operation":        func(s *Stream) ([]byte, bool) { return text(string(s.call.Operation)) },
	"docker\x00api_version":      func(s *Stream) ([]byte, bool) { return text(s.call.APIVersion) },
	"docker\x00transport":        func(s *Stream) ([]byte, bool) { return text(s.call.Transport.String()) },
	"docker\x00buildkit":         func(s *Stream) ([]byte, bool) { return text(s.chain.BuildKit) },
	"docker\x00path":             func(s *Stream) ([]byte, bool) { return text(s.call.RoutePath) },
	"docker\x00resource\x00kind": func(s *Stream) ([]byte, bool) { return text(s.call.ResourceKind) },
	"docker\x00resource\x00id":   func(s *Stream) ([]byte, bool) { return text(s.call.ResourceID) },
	"request\x00id":              func(s *Stream) ([]byte, bool) { return text(s.info.RequestID) },
	"x_request_id":               func(s *Stream) ([]byte, bool) { return text(s.info.RequestID) }, // Higress' name
	"request\x00useragent":       func(s *Stream) ([]byte, bool) { return field(&s.request.fields, "user-agent") },
	"request\x00referer":         func(s *Stream) ([]byte, bool) { return field(&s.request.fields, "referer") },
	"upstream\x00address":        func(s *Stream) ([]byte, bool) { return []byte(s.info.Upstream), s.info.Upstream != "" },
	"listener_direction":         func(*Stream) ([]byte, bool) { return number(1), true }, // inbound
	"request\x00path":            func(s *Stream) ([]byte, bool) { return text(s.call.Target()) },
	"request\x00url_path":        func(s *Stream) ([]byte, bool) { return text(s.call.Path) },
	"request\x00query":           func(s *Stream) ([]byte, bool) { return text(s.call.Query) },
	"request\x00method":          func(s *Stream) ([]byte, bool) { return text(s.method) },
	"request\x00scheme":          func(*Stream) ([]byte, bool) { return text("http") },
	"request\x00protocol":        func(s *Stream) ([]byte, bool) { return text(s.info.Protocol) },
	"request\x00host":            func(s *Stream) ([]byte, bool) { return text(s.Authority()) },
	"request\x00headers":         func(s *Stream) ([]byte, bool) { return s.request.fields.AppendEncoded(nil), true },
	"response\x00headers":        func(s *Stream) ([]byte, bool) { return s.response.fields.AppendEncoded(nil), true },
	"response\x00code":           responseCode,
	"peer\x00tenant":             func(s *Stream) ([]byte, bool) { return []byte(s.info.Client.Tenant), s.info.Client.Tenant != "" },
	"peer\x00token":              func(s *Stream) ([]byte, bool) { return []byte(s.info.Client.Token), s.info.Client.Token != "" },
}

func text(s string) ([]byte, bool) { return []byte(s), true }

func responseCode(s *Stream) ([]byte, bool) {
	status, ok := s.response.fields.Get(":status")
	if !ok {
		return nil, false
	}
	code, err := strconv.ParseUint(status, 10, 16)
	if err != nil {
		return nil, false
	}
	return []byte{byte(code), byte(code >> 8), 0, 0, 0, 0, 0, 0}, true
}

// references is docker.references: the objects that the request names, as JSON.
// Those in its body are among them in the body's own stage, and while that is held, for the trailers too.
func (f *filterStream) references() ([]byte, abi.Status) {
	s := f.stream
	var body []byte
	if f.showsBody(0) && s.plan == dockerapi.BodyCanonical {
		body = f.bodies[0].buffer.Bytes
	}
	found, err := dockerapi.References(&s.call, body)
	if err != nil {
		return nil, abi.StatusInternalFailure // and not NOT_FOUND, which might be taken for none
	}
	if found == nil {
		found = []dockerapi.Reference{}
	}
	text, err := json.Marshal(found)
	if err != nil {
		return nil, abi.StatusInternalFailure
	}
	return text, abi.StatusOK
}

const (
	referencesPath        = "docker\x00references"
	requestHeaderPrefix   = "request\x00headers\x00"
	responseHeaderPrefix  = "response\x00headers\x00"
	responseTrailers      = "response\x00trailers"
	responseTrailerPrefix = responseTrailers + "\x00"

	// resourcePrefix begins what is known of the resource in the path.
	resourcePrefix = "docker\x00resource\x00"

	// skipRequestBody and skipResponseBody are our hints: a filter that sets
	// them to "skip" is not called with that body of this stream. The second may
	// be "records" too, see record.go.
	skipRequestBody  = "sluice\x00request_body"
	skipResponseBody = "sluice\x00response_body"
	// The same for the two directions of a connection that has left HTTP.
	skipDownstreamData = "sluice\x00downstream_data"
	skipUpstreamData   = "sluice\x00upstream_data"

	// What the filters of one stream may keep in its properties, together.
	maxValues     = 256
	maxValueBytes = 64 << 10
)

// Property implements hostcall.Context.
func (f *filterStream) Property(path string) ([]byte, abi.Status) {
	if value, ok := f.filter.Plugin.Property(path); ok {
		return value, abi.StatusOK
	}
	if f.stage == 0 {
		return nil, abi.StatusNotFound
	}
	if path == recordProperty || path == streamProperty {
		return f.ofRecord(path)
	}
	s := f.stream
	if ofResponse(path) && !f.hasResponse() {
		// The response may be under way already, and not yet as the filters
		// nearer to the engine want others to see it.
		return nil, abi.StatusNotFound
	}
	if get, ok := attributes[path]; ok {
		return found(get(s))
	}
	if value, status, known := f.wellKnown(path); known {
		return value, status
	}
	if path == referencesPath {
		return f.references()
	}
	if name, ok := strings.CutPrefix(path, requestHeaderPrefix); ok {
		return header(&s.request.fields, name)
	}
	if name, ok := strings.CutPrefix(path, responseHeaderPrefix); ok {
		return header(&s.response.fields, name)
	}
	if name, ok := strings.CutPrefix(path, responseTrailerPrefix); ok || path == responseTrailers {
		switch {
		case !f.trailed[1]:
			return nil, abi.StatusNotFound
		case ok:
			return header(&s.response.trailers, name)
		}
		return s.response.trailers.AppendEncoded(nil), abi.StatusOK
	}
	if name, ok := strings.CutPrefix(path, resourcePrefix); ok {
		// Never what a filter has set: others rely on it.
		if s.chain.References == nil {
			return nil, abi.StatusNotFound
		}
		value, ok := s.chain.References.Property(f, name)
		return found([]byte(value), ok)
	}
	if value, status, known := s.info.Client.property(path); known {
		return value, status
	}
	kept, ok := s.values[path]
	return found(kept.data, ok)
}

func found(value []byte, ok bool) ([]byte, abi.Status) {
	if !ok {
		return nil, abi.StatusNotFound
	}
	return value, abi.StatusOK
}

func header(m *abi.HeaderMap, name string) ([]byte, abi.Status) { return found(field(m, name)) }

func field(m *abi.HeaderMap, name string) ([]byte, bool) {
	value, ok := m.Get(name)
	return []byte(value), ok
}

// SetProperty implements hostcall.Context: what a filter sets is seen by all
// filters of the chain for the life of the stream, and is changed by that filter
// only. It never changes an attribute, which is looked up first.
func (f *filterStream) SetProperty(path string, data []byte) abi.Status {
	if f.stage == 0 || f.stage == plugin.Log {
		return abi.StatusBadArgument
	}
	switch path {
	case skipRequestBody:
		f.setSkip(plugin.RequestBody, data)
		return abi.StatusOK
	case skipDownstreamData:
		f.setSkip(plugin.DownstreamData, data)
		return abi.StatusOK
	case skipUpstreamData:
		f.setSkip(plugin.UpstreamData, data)
		return abi.StatusOK
	case skipResponseBody:
		if f.splitter != nil {
			return abi.StatusBadArgument // what is cut already cannot be had otherwise
		}
		f.setSkip(plugin.ResponseBody, data)
		f.records = string(data) == askRecords
		return abi.StatusOK
	case recordProperty, streamProperty:
		return abi.StatusBadArgument
	}
	if ofClient(path) {
		return abi.StatusBadArgument
	}
	s := f.stream
	old, known := s.values[path]
	size := s.size - len(old.data) + len(data)
	if !known {
		size += len(path)
	}
	switch {
	case known && old.by != f: // what one filter says, another cannot unsay
		return abi.StatusBadArgument
	case !known && len(s.values) >= maxValues, size > maxValueBytes:
		return abi.StatusBadArgument
	}
	f.setValue(path, data)
	return abi.StatusOK
}

// setSkip takes the hint. It is the filter's own word about itself, and can be
// taken back while the body has not come to it. What the filter holds is a promise of its
// own: it is called until it has let go of that.
func (f *filterStream) setSkip(body plugin.Stages, value []byte) {
	if string(value) == "skip" {
		f.skip |= body
	} else {
		f.skip &^= body
	}
}
