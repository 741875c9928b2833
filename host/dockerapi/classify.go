package dockerapi

import "strings"

// Call is what a request means. It is a value, made once by Classify and never changed.
type Call struct {
	// Operation is the operationId, Unknown where the table has no such route.
	Operation Operation
	// Transport says how the bytes travel; Unknown calls are streams.
	Transport Transport
	// Body says what the engine reads from the request.
	Body BodyKind
	// APIVersion is the version in the path as MAJOR.MINOR, "1.41"; empty where the path has none.
	APIVersion string
	// Path is the canonical path that the engine gets, with its version: "/v1.41/containers/web/json".
	Path string
	// RoutePath is Path without the version: "/containers/web/json".
	RoutePath string
	// Query is the canonical query without the question mark.
	Query string
	// ResourceKind is the kind of resource acted upon, the word of the route table; empty for Unknown.
	ResourceKind string
	// ResourceID is the resource's name or ID, decoded, as the client wrote it; empty where the path names none.
	ResourceID string
	// GRPC marks a gRPC call inside of a BuildKit connection, made by GRPCCall. Its path is a method, and it cannot become another call.
	GRPC bool

	target   string
	resource int // where in RoutePath the resource's name begins
}

// Target returns the request target to send to the engine: Path, and Query behind a question mark where there is one.
func (c *Call) Target() string { return c.target }

// Classify finds out what a request asks for and brings its target into the one form that filters and engine are given.
// The target is in origin form, beginning with a slash. A target that is in canonical form already costs no allocation.
//
// An error is always an *Error with a status and a message for the client. A path that matches no route is no error: its
// operation is Unknown, and its target is canonical all the same.
func Classify(method, target string) (Call, error) {
	rawPath, rawQuery, hasQuery := strings.Cut(target, "?")
	p, err := decodePath(rawPath)
	if err != nil {
		return Call{}, err
	}
	version, versionEnd, err := parseVersion(p.text)
	if err != nil {
		return Call{}, err
	}
	rest := p.text[versionEnd:]
	if rest == "/networks/" && method == "GET" {
		// The one route that the engine serves under two paths.
		rest, p.canonical = "/networks", false
	}
	route, parameters, start, end := findRoute(method, rest)
	if strings.HasSuffix(rest, "/") && len(rest) > 1 && (route.Operation != Debug || end > 0) {
		return Call{}, badRequest("the path ends in a slash")
	}
	if p.escapes(versionEnd+start, versionEnd+end) {
		return Call{}, badRequest("an encoded slash or dot is allowed inside a resource's name only")
	}
	c := Call{
		Operation:    route.Operation,
		Transport:    route.Transport,
		Body:         route.Body,
		APIVersion:   version,
		ResourceKind: route.Kind,
		ResourceID:   rest[start:end],
		resource:     start, // what stands before it in a pattern needs no encoding
	}
	prefix := p.text[:versionEnd]
	if version != "" && prefix != "" && prefix[2:] != version {
		prefix = "/v" + version
		p.canonical = false
	}
	if p.canonical {
		c.Path, c.RoutePath = rawPath, rest
	} else {
		c.Path = prefix + encodePath(rest)
		c.RoutePath = c.Path[len(prefix):]
	}
	if c.Query, err = canonicalQuery(rawQuery, parameters); err != nil {
		return Call{}, err
	}
	switch {
	case p.canonical && c.Query == rawQuery && hasQuery == (rawQuery != ""):
		c.target = target
	case c.Query == "":
		c.target = c.Path
	default:
		c.target = c.Path + "?" + c.Query
	}
	return c, nil
}
