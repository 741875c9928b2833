package dockerapi

import "strings"

// Transport says how the bytes of a call travel once its heads are exchanged.
type Transport uint8

const (
	// Unary is one bounded request and one bounded response: both may be held in memory whole.
	Unary Transport = iota
	// Stream is a body of unknown length or duration in at least one direction: an upload, a download, a progress report,
	// or a response whose head comes long before its body (ContainerWait). It is passed on piece by piece.
	Stream
	// Hijack is a connection that may leave HTTP after the response head: 101, or the old form with 200.
	Hijack
)

// String returns the word that filters see as docker.transport: unary, stream or hijack.
func (t Transport) String() string {
	switch t {
	case Unary:
		return "unary"
	case Stream:
		return "stream"
	case Hijack:
		return "hijack"
	}
	return "invalid"
}

// BodyKind says what the engine does with a request's body.
type BodyKind uint8

const (
	// BodyNone: the engine reads no body on this route.
	BodyNone BodyKind = iota
	// BodyJSON: the engine decodes one JSON document.
	BodyJSON
	// BodyRaw: the engine reads bytes, mostly a tar archive, whatever the Content-Type says.
	BodyRaw
)

// String returns none, json or raw.
func (b BodyKind) String() string {
	switch b {
	case BodyNone:
		return "none"
	case BodyJSON:
		return "json"
	case BodyRaw:
		return "raw"
	}
	return "invalid"
}

// Route is one entry of the engine's API.
type Route struct {
	// Method is the HTTP method; the engine compares it exactly.
	Method string
	// Pattern is the path without a version. {name} stands for one segment, {name...} for one or more: the names of
	// images, and of containers (through link aliases), may contain slashes. Only the first placeholder is the resource.
	Pattern string
	// Operation is the operationId of Docker's API description.
	Operation Operation
	// Kind is the kind of resource acted upon: container, image, exec, network, …
	Kind string
	// Transport says how the call's bytes travel.
	Transport Transport
	// Body says what the engine reads from the request.
	Body BodyKind
	// Query lists the parameters that the engine does not read as one text, each with a mark behind its name:
	//
	//	*	a list: it may be given more than once, and any other may not
	//	?	a boolean: "", 0, no, false and none are false, and everything else is true
	//	!	a boolean as strconv.ParseBool reads it: the engine refuses most other words
	Query string
}

// Routes returns a copy of the table of routes, in the order in which they are written down.
func Routes() []Route {
	return append([]Route(nil), table...)
}

// IsRoot reports whether the path of a route, without its version, begins with this segment.
func IsRoot(segment string) bool { return index[segment] != nil }

// Operations returns every operation that a stream can have: those that Classify answers, in the order of the table, each once,
// Options and Unknown behind them; then those of gRPC calls.
func Operations() []Operation {
	seen := make(map[Operation]bool, len(table))
	ops := make([]Operation, 0, len(table)+2+len(grpcOperations))
	for i := range table {
		if op := table[i].Operation; !seen[op] {
			seen[op] = true
			ops = append(ops, op)
		}
	}
	ops = append(ops, Options, Unknown)
	return append(ops, grpcOperations...)
}

// matcher is a Route prepared for comparison with the tail of a path, what follows its first segment: "/web/json".
type matcher struct {
	route      *Route
	parameters []parameter
	// exact patterns have no placeholder: head is the whole tail. Others match head, a name, and text.
	exact      bool
	head, text string
	// multi lets the name have slashes.
	multi bool
	// last is set for patterns that end in a second placeholder: text is what stands between the two.
	last bool
}

// match compares tail and returns where in it the resource's name stands; an exact pattern has none.
func (m *matcher) match(tail string) (start, end int, ok bool) {
	if m.exact {
		return 0, 0, tail == m.head
	}
	if m.last {
		slash := strings.LastIndexByte(tail, '/')
		if slash < 0 || slash+1 == len(tail) {
			return 0, 0, false
		}
		tail = tail[:slash+1]
	}
	start, end = len(m.head), len(tail)-len(m.text)
	if start >= end || !strings.HasSuffix(tail, m.text) || !strings.HasPrefix(tail, m.head) {
		return 0, 0, false
	}
	if !m.multi && strings.IndexByte(tail[start:end], '/') >= 0 {
		return 0, 0, false
	}
	return start, end, true
}

// methods in the order of a group's lists.
const (
	methodGet = iota
	methodPost
	methodDelete
	methodHead
	methodPut
	methodCount
)

func methodIndex(method string) int {
	switch method {
	case "GET":
		return methodGet
	case "POST":
		return methodPost
	case "DELETE":
		return methodDelete
	case "HEAD":
		return methodHead
	case "PUT":
		return methodPut
	}
	return -1
}

// group holds the routes of one first segment by method, the most specific first.
type group [methodCount][]matcher

// index finds the group of a first segment.
var index = buildIndex(table)

func buildIndex(routes []Route) map[string]*group {
	groups := make(map[string]*group)
	for i := range routes {
		r := &routes[i]
		first, tail := cutSegment(r.Pattern)
		g := groups[first]
		if g == nil {
			g = new(group)
			groups[first] = g
		}
		list := &g[methodIndex(r.Method)]
		m := newMatcher(r, tail)
		// Literal paths win over placeholders, and two placeholders over one, as in the order in which the engine
		// registers its routes; within one list no other two patterns can match the same path.
		at := len(*list)
		for at > 0 && m.rank() < (*list)[at-1].rank() {
			at--
		}
		*list = append(*list, matcher{})
		copy((*list)[at+1:], (*list)[at:])
		(*list)[at] = m
	}
	return groups
}

func newMatcher(r *Route, tail string) matcher {
	m := matcher{route: r, parameters: parseParameters(r.Query)}
	open := strings.IndexByte(tail, '{')
	if open < 0 {
		m.exact, m.head = true, tail
		return m
	}
	end := strings.IndexByte(tail, '}')
	m.head, m.text, m.multi = tail[:open], tail[end+1:], strings.HasSuffix(tail[:end], "...")
	if second := strings.IndexByte(m.text, '{'); second >= 0 {
		m.text, m.last = m.text[:second], true
	}
	return m
}

// rank orders matchers: the lower, the more specific.
func (m *matcher) rank() int {
	switch {
	case m.exact:
		return 0
	case m.last:
		return 1
	case m.text != "":
		return 2
	}
	return 3
}

// cutSegment splits "/containers/x/json" into "containers" and "/x/json".
func cutSegment(path string) (first, tail string) {
	path = path[1:]
	if slash := strings.IndexByte(path, '/'); slash >= 0 {
		return path[:slash], path[slash:]
	}
	return path, ""
}

// findRoute looks up a decoded path without its version. The name is path[start:end] (0, 0 when there is none).
func findRoute(method, path string) (r *Route, parameters []parameter, start, end int) {
	if method == "OPTIONS" {
		// The engine answers OPTIONS on any path.
		return &optionsRoute, nil, 0, 0
	}
	first, tail := cutSegment(path)
	g := index[first]
	mi := methodIndex(method)
	if g == nil || mi < 0 {
		return &unknownRoute, nil, 0, 0
	}
	for i := range g[mi] {
		m := &g[mi][i]
		if start, end, ok := m.match(tail); ok {
			if m.exact {
				return m.route, m.parameters, 0, 0
			}
			tailStart := len(path) - len(tail)
			return m.route, m.parameters, tailStart + start, tailStart + end
		}
	}
	return &unknownRoute, nil, 0, 0
}
