package plugin

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/hostcall"
)

// guardedContext is the effective context of a filter that is not granted
// everything. Whether something can be had now is for the context behind it to say.
type guardedContext struct {
	hostcall.Context
	guard *guard
	view  abi.HeaderMap // a part of a map, for the call that asked for it
}

var _ hostcall.Context = (*guardedContext)(nil)

// Unguarded is the context behind it, for finding out what a call costs.
func (x *guardedContext) Unguarded() hostcall.Context { return x.Context }

// mapCapability is the capability that a map belongs to.
func mapCapability(t abi.MapType, write bool) capability.Capability {
	c := capability.ReadRequestHeaders
	if t == abi.MapTypeHTTPResponseHeaders || t == abi.MapTypeHTTPResponseTrailers {
		c = capability.ReadResponseHeaders
	}
	if write {
		c++
	}
	return c
}

// HeaderMap implements hostcall.Context. A map that is read as a whole is shown as
// far as it is granted; the map itself is behind every other access, which is about
// a field that is granted.
func (x *guardedContext) HeaderMap(t abi.MapType, a hostcall.Access) (*abi.HeaderMap, abi.Status) {
	fields, status := x.Context.HeaderMap(t, a)
	if status != abi.StatusOK {
		return fields, status
	}
	c := mapCapability(t, a.Write)
	switch {
	case a.One && x.guard.allowsBytes(c, a.Key):
		return fields, abi.StatusOK
	case a.One && a.Write:
		return nil, abi.StatusBadArgument
	case a.One:
		return nil, abi.StatusNotFound
	case a.Write: // SetHeaderMap looks at what is set
		return fields, abi.StatusOK
	case !x.guard.has(c):
		return nil, abi.StatusNotFound
	case !x.guard.Charge(int64(fields.Len()) * x.guard.grants.Units(c)):
		return nil, abi.StatusInternalFailure
	}
	x.view.Reset(visible(x.view.Pairs()[:0], x.guard.grants, c, fields.Pairs()))
	return &x.view, abi.StatusOK
}

// visible appends the fields that may be read.
func visible(to []abi.Pair, grants *capability.Grants, c capability.Capability, pairs []abi.Pair) []abi.Pair {
	for _, p := range pairs {
		if grants.Allows(c, p.Key) {
			to = append(to, p)
		}
	}
	return to
}

// CountFields is how many fields of a request's or a response's head the filter sees.
func (p *Plugin) CountFields(m *abi.HeaderMap, ofResponse bool) (n int) {
	grants := p.options.Grants
	if grants == nil {
		return m.Len()
	}
	c := capability.ReadRequestHeaders
	if ofResponse {
		c = capability.ReadResponseHeaders
	}
	for _, pair := range m.Pairs() {
		if grants.Allows(c, pair.Key) {
			n++
		}
	}
	return n
}

// SetHeaderMap implements hostcall.Context. The fields that may be written become
// those that are set. The others stay, and those of them that the filter sees have to
// be among what it sets, as they are: it may not take them away either.
func (x *guardedContext) SetHeaderMap(t abi.MapType, pairs []abi.Pair) abi.Status {
	fields, status := x.Context.HeaderMap(t, hostcall.Access{Write: true})
	if status != abi.StatusOK {
		return status
	}
	g := x.guard
	readable, writable := mapCapability(t, false), mapCapability(t, true)
	if !g.Charge(int64(fields.Len()+len(pairs)) * (g.grants.Units(readable) + g.grants.Units(writable))) {
		return abi.StatusInternalFailure
	}
	var kept, fixed, set, given []abi.Pair
	for _, p := range fields.Pairs() {
		if g.grants.Allows(writable, p.Key) {
			continue
		}
		kept = append(kept, p)
		if g.grants.Allows(readable, p.Key) {
			fixed = append(fixed, abi.Pair{Key: strings.ToLower(p.Key), Value: p.Value})
		}
	}
	for _, p := range pairs {
		if g.grants.Allows(writable, p.Key) {
			set = append(set, p)
			continue
		}
		given = append(given, abi.Pair{Key: strings.ToLower(p.Key), Value: p.Value})
	}
	slices.SortFunc(fixed, comparePairs)
	slices.SortFunc(given, comparePairs)
	if at, same := firstDifference(fixed, given); !same {
		g.refuse(writable, at)
		return abi.StatusBadArgument
	}
	if len(kept)+len(set) > abi.MaxPairs {
		return abi.StatusBadArgument
	}
	fields.SetPairs(append(kept, set...))
	return abi.StatusOK
}

func comparePairs(a, b abi.Pair) int {
	if c := strings.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// firstDifference is the key of the first pair that only one of two sorted lists has.
func firstDifference(a, b []abi.Pair) (key string, same bool) {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return b[i].Key, false
		case i >= len(b):
			return a[i].Key, false
		case a[i] != b[i]:
			return min(a[i].Key, b[i].Key), false
		}
	}
	return "", true
}

// Buffer implements hostcall.Context. Of a body that is granted in parts the guest
// has the document that the stream made for it.
func (x *guardedContext) Buffer(t abi.BufferType, write bool) (*abi.Buffer, abi.Status) {
	buffer, status := x.Context.Buffer(t, write)
	if status != abi.StatusOK {
		return buffer, status
	}
	g := x.guard
	var c capability.Capability
	var view *capability.View
	switch t {
	case abi.BufferTypeHTTPRequestBody:
		c, view = capability.ReadRequestBody, g.grants.RequestBody()
	case abi.BufferTypeHTTPResponseBody:
		c, view = capability.ReadResponseBody, g.grants.ResponseBody()
	case abi.BufferTypeDownstreamData, abi.BufferTypeUpstreamData:
		c = capability.ReadConnection
	default:
		return buffer, status // the guest's own
	}
	if write {
		c++
	}
	if view != nil {
		part, _ := x.Context.(interface {
			View(abi.BufferType) *abi.Buffer
		})
		if part != nil {
			if shown := part.View(t); shown != nil && (!write || view.Writable()) {
				return shown, abi.StatusOK
			}
		}
		if !write && view.Whole() {
			return buffer, abi.StatusOK // it is no document, and all of it may be read
		}
		g.refuse(c, "")
	} else if g.grants.All(c) || g.grants.Has(c) && c.IsWhole() {
		return buffer, abi.StatusOK
	} else {
		g.refuse(c, "")
	}
	if write {
		return nil, abi.StatusBadArgument
	}
	return nil, abi.StatusNotFound
}

// SendLocalResponse implements hostcall.Context.
func (x *guardedContext) SendLocalResponse(r abi.LocalResponse) abi.Status {
	if !x.mayEnd() {
		return abi.StatusBadArgument
	}
	return x.Context.SendLocalResponse(r)
}

// CloseStream implements hostcall.Context: it ends the stream as a local response
// does.
func (x *guardedContext) CloseStream(t abi.StreamType) abi.Status {
	if !x.mayEnd() {
		return abi.StatusBadArgument
	}
	return x.Context.CloseStream(t)
}

// mayEnd asks whether the filter may end its stream, and tells the stream if not.
func (x *guardedContext) mayEnd() bool {
	if x.guard.has(capability.LocalResponse) {
		return true
	}
	if stream, ok := x.Context.(interface{ EndRefused() }); ok {
		stream.EndRefused()
	}
	return false
}

// SetTickPeriod implements hostcall.Context.
func (x *guardedContext) SetTickPeriod(milliseconds uint32) abi.Status {
	if milliseconds != 0 && !x.guard.has(capability.Timers) {
		return abi.StatusBadArgument
	}
	return x.Context.SetTickPeriod(milliseconds)
}

// CallForeignFunction implements hostcall.Context: a function that is not granted
// does not exist.
func (x *guardedContext) CallForeignFunction(name string, arguments []byte, fuel hostcall.Fuel) ([]byte, abi.Status) {
	if !x.guard.allows(capability.ForeignFunctions, name) {
		return nil, abi.StatusNotFound
	}
	return x.Context.CallForeignFunction(name, arguments, fuel)
}

// ownProperties are what every filter may read: about itself.
var ownProperties = []string{"plugin_name", "plugin_root_id", "plugin_vm_id", "plugin_vm_memory"}

// ownHints are what every filter may set: its word about itself.
var ownHints = []string{
	"sluice\x00stages", "sluice\x00operations",
	"sluice\x00request_body", "sluice\x00response_body", "sluice\x00downstream_data", "sluice\x00upstream_data",
}

// Property implements hostcall.Context. The fields of a message, and what its body
// names, are not to be had under another name.
func (x *guardedContext) Property(path string) ([]byte, abi.Status) {
	g := x.guard
	name := strings.ReplaceAll(path, "\x00", ".")
	allowed := false
	key, of, ofField, ofMap := fieldOf(path)
	switch {
	case slices.Contains(ownProperties, path):
		allowed = true
	case ofMap:
		fields, status := x.HeaderMap(of, hostcall.Access{})
		if status != abi.StatusOK {
			return nil, abi.StatusNotFound
		}
		return fields.AppendEncoded(nil), abi.StatusOK
	case ofField:
		allowed = g.allows(mapCapability(of, false), key)
	case path == "docker\x00record" || path == "docker\x00stream":
		allowed = g.grants.Has(capability.ReadResponseBody) || g.allows(capability.ReadProperties, name)
	case path == "docker\x00references":
		if allowed = g.allows(capability.ReadProperties, name); allowed && !g.grants.All(capability.ReadRequestBody) {
			g.refuse(capability.ReadRequestBody, capability.All)
			allowed = false
		}
	default:
		allowed = g.allows(capability.ReadProperties, name)
	}
	if !allowed {
		return nil, abi.StatusNotFound
	}
	return x.Context.Property(path)
}

// fieldOf tells whether a property is a field of a map, or a map as a whole.
func fieldOf(path string) (key string, of abi.MapType, field, whole bool) {
	for _, m := range [...]struct {
		name string
		of   abi.MapType
	}{
		{"request\x00headers", abi.MapTypeHTTPRequestHeaders},
		{"response\x00headers", abi.MapTypeHTTPResponseHeaders},
		{"response\x00trailers", abi.MapTypeHTTPResponseTrailers},
	} {
		if path == m.name {
			return "", m.of, false, true
		}
		if key, ok := strings.CutPrefix(path, m.name+"\x00"); ok {
			return key, m.of, true, false
		}
	}
	return "", 0, false, false
}

// SetProperty implements hostcall.Context.
func (x *guardedContext) SetProperty(path string, value []byte) abi.Status {
	switch {
	case slices.Contains(ownHints, path):
	case path == "sluice\x00references":
		if !x.guard.grants.AllowsBelow(capability.ReadProperties, "docker.resource.") {
			x.guard.refuse(capability.ReadProperties, "docker.resource.*")
			return abi.StatusBadArgument
		}
	case !x.guard.allows(capability.WriteProperties, strings.ReplaceAll(path, "\x00", ".")):
		return abi.StatusBadArgument
	}
	return x.Context.SetProperty(path, value)
}
