package dockerapi

import (
	"bytes"
	"strings"
)

// BodyPlan says what has to happen to a request's body before a filter sees any of it.
type BodyPlan uint8

const (
	// BodyPass: the bytes go on as they come, to the filters and to the engine.
	BodyPass BodyPlan = iota
	// BodyCanonical: the body is read whole, up to the gateway's limit for bodies (above it the request is refused), and
	// given to CanonicalBody. What that returns is the body, for filters and engine.
	BodyCanonical
	// BodyDrop: the engine does not read it. The body is read and thrown away, and the request goes on without one, so
	// that nobody takes it for something that matters. (dockerode sends every call's options as a body, too.)
	BodyDrop
)

// String returns pass, canonical or drop.
func (p BodyPlan) String() string {
	switch p {
	case BodyPass:
		return "pass"
	case BodyCanonical:
		return "canonical"
	case BodyDrop:
		return "drop"
	}
	return "invalid"
}

// PlanBody decides about the body of a request that has one. It takes all values of the request's Content-Type and
// Content-Encoding fields.
//
// It refuses with an *Error what an engine and a filter could read differently: forms (415), whose values the engine
// prefers to the query's; two content types, of which the engine takes the first; and an encoded JSON body (415).
func PlanBody(call *Call, contentType, contentEncoding []string) (BodyPlan, error) {
	if len(contentType) > 1 {
		return 0, badRequest("the request has more than one Content-Type")
	}
	media := ""
	if len(contentType) == 1 {
		media = mediaType(contentType[0])
	}
	if strings.EqualFold(media, "application/x-www-form-urlencoded") || strings.EqualFold(media, "multipart/form-data") {
		return 0, unsupported("the engine would take the values of a form for the query's; send them in the query (Content-Type: " + media + ")")
	}
	switch {
	case call.Operation == ContainerStart, call.Body == BodyJSON:
	case call.Body == BodyNone:
		return BodyDrop, nil
	case call.Operation == Unknown && strings.EqualFold(media, "application/json"):
	default:
		// The engine takes raw bodies as they are, whatever the fields say.
		return BodyPass, nil
	}
	for _, encoding := range contentEncoding {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return 0, unsupported("the engine does not decode bodies; send the JSON without Content-Encoding")
		}
	}
	return BodyCanonical, nil
}

// mediaType returns what stands before the parameters, where mime.ParseMediaType finds the type as well. It is asked
// whether something may be a form, so it does not mind malformed parameters.
func mediaType(value string) string {
	value, _, _ = strings.Cut(value, ";")
	return strings.TrimSpace(value)
}

func unsupported(message string) error { return &Error{Status: 415, Message: message} }

// JSONLimits bounds the JSON documents that CanonicalBody accepts.
type JSONLimits struct {
	// Depth is how deep objects and arrays may be nested. 0 means 128.
	Depth int
	// Keys is how many keys all objects of a document may have together. 0 means 65536.
	Keys int
	// Strict refuses what would have to be rewritten.
	Strict bool
}

func (l JSONLimits) withDefaults() JSONLimits {
	if l.Depth <= 0 {
		l.Depth = 128
	}
	if l.Keys <= 0 {
		l.Keys = 1 << 16
	}
	return l
}

// maxBody is the largest body that can be looked into; positions in it are kept in 32 bits.
const maxBody = 1<<31 - 1

// CanonicalBody brings a request's whole body into the one form that filters and engine are given. The call's plan, by
// PlanBody, is BodyCanonical; for one that is BodyPass or BodyDrop the answer is the body itself, or none.
//
// A JSON body has to be one document, an object or an array as the engine expects it on this route, or null. Keys that
// the engine would take for one of its own are written in the API's spelling, those that nobody knows and those that are
// data stay what they are, with no more escapes than needed. A key that is given twice, in any spelling, is refused; so
// are the keys of HostConfig at the top level of ContainerCreate, nesting below limits.Depth, and a body for
// ContainerStart that is not empty, {} or null. Text that is not UTF-8, and half surrogate pairs, become U+FFFD, as
// the engine reads them. All other bytes stay: encoding/json decodes the canonical document to the same values as the
// original, and whoever else reads it finds each value under its exact key.
//
// When nothing has to be changed the result is body and costs no allocation; otherwise it is new memory. A canonical body
// is its own canonical form. Errors are *Error, with the offset in body and the path of the key.
func CanonicalBody(call *Call, body []byte, limits JSONLimits) (canonical []byte, changed bool, err error) {
	switch {
	case len(body) == 0:
		return body, false, nil
	case len(body) > maxBody:
		return nil, false, &Error{Status: 413, Message: "the request body is too large to be looked into"}
	case call.Operation == ContainerStart:
		if text := string(bytes.TrimSpace(body)); text != "" && text != "{}" && text != "null" {
			return nil, false, badRequest("ContainerStart takes no body: give the configuration when the container is created")
		}
		return nil, true, nil
	case call.Body == BodyNone:
		return nil, true, nil
	case call.Body == BodyRaw && call.Operation != Unknown:
		return body, false, nil
	}
	canonical, changed, f := canonicalJSON(schemas[call.Operation], body, limits)
	if f != nil {
		return nil, false, f.error("request body")
	}
	return canonical, changed, nil
}
