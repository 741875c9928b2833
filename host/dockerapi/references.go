package dockerapi

import (
	"strings"
	"unicode/utf8"
)

// Role says what a request has to do with an object that it names.
type Role string

const (
	// RoleTarget is what the operation acts upon.
	RoleTarget Role = "target"
	// RoleUse is an object that exists, and that the operation makes use of or gives away.
	RoleUse Role = "use"
	// RoleName is a name that the operation gives, to something new or to what exists. It may be taken already: a tag then
	// moves, and a volume is the one that there is.
	RoleName Role = "name"
)

// Reference is an object that a request names. Its JSON is what filters read as docker.references.
type Reference struct {
	// Kind is a kind of resource: container, image, volume, network, exec, plugin, service, task, node, secret or config.
	Kind string `json:"kind"`
	// Ref is what the client calls it: a name, an id or the beginning of one, an image reference.
	Ref string `json:"ref"`
	// Role says what the request has to do with it.
	Role Role `json:"role"`
	// In is path, query or body.
	In string `json:"in"`
	// Where is the query parameter, or the place in the body, such as HostConfig.VolumesFrom[0]; empty for the path.
	Where string `json:"where,omitempty"`
	// At is the same place in the body step by step: keys as strings, positions in lists as ints.
	At []any `json:"at,omitempty"`
	// Key tells that the last step of At, a key, is the reference. Otherwise the text there is, or says as much as: Before, the
	// reference, After.
	Key    bool   `json:"key,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// MaxReferences is how many objects a request may name, to be told all of them.
const MaxReferences = 1024

// References lists the objects that a call names, in the order path, query, body. The body is what CanonicalBody returned for
// the call, or nil where it is not known yet or has none. An error is an *Error: the body cannot be read, or the request names
// too many objects, or one in bytes that are no text.
//
// Not listed is what cannot be known by reading: what a tar archive, a build or a plugin brings along, whatever link or
// volume a container has already, and the filters of lists.
func References(call *Call, body []byte) ([]Reference, error) {
	c := collector{}
	names := naming[call.Operation]
	if call.ResourceID != "" && Inspectable(call.ResourceKind) && !call.GRPC { // a build's secret is none of the swarm's
		ref := call.ResourceID
		if names.tag != "" {
			ref = withTag(ref, queryValue(call.Query, names.tag))
		}
		c.add(Reference{Kind: call.ResourceKind, Ref: ref, Role: RoleTarget, In: "path"})
	}
	if names.query != nil && call.Query != "" {
		c.query(call, names.query)
	}
	if names.body != nil && len(body) > 0 {
		if err := c.body(call.Operation, names.body, body); err != nil {
			return nil, err
		}
	}
	return c.found, c.err
}

// collector gathers what a request names.
type collector struct {
	found []Reference
	err   error
}

func (c *collector) add(r Reference) {
	switch {
	case c.err != nil:
	case len(c.found) >= MaxReferences:
		c.found, c.err = nil, badRequest("the request names more than %d objects", MaxReferences)
	case !utf8.ValidString(r.Ref):
		c.found, c.err = nil, badRequest("the query parameter %s names a %s in bytes that are not UTF-8", r.Where, r.Kind)
	default:
		c.found = append(c.found, r)
	}
}

// text adds what a text names, if it names something.
func (c *collector) text(n named, text string, r Reference) {
	kind, before, ref, after := n.form(text)
	if kind == "" {
		kind = n.kind
	}
	if ref == "" {
		return
	}
	r.Kind, r.Role, r.Ref, r.Before, r.After = kind, n.role, ref, before, after
	c.add(r)
}

// query reads the parameters of a canonical query.
func (c *collector) query(call *Call, names []namedParameter) {
	for i := range names {
		n := &names[i]
		for rest := call.Query; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, "&")
			name, value, _ := strings.Cut(pair, "=")
			if name != n.parameter || value == "" {
				continue
			}
			text := string(decodeQueryPart(value))
			r := Reference{In: "query", Where: name}
			if n.json != nil {
				c.json(n, text, r)
				continue
			}
			if n.tag != "" {
				text = withTag(text, queryValue(call.Query, n.tag))
			}
			c.text(n.named, text, r)
		}
	}
}

// json adds what the JSON in a parameter names. What is none the engine refuses, or takes for a word.
func (c *collector) json(n *namedParameter, text string, r Reference) {
	canonical, _, f := canonicalJSON(queryJSON[n.parameter], []byte(text), JSONLimits{})
	if f == nil {
		w := bodyWalker{collector: c, cursor: cursor{in: canonical}, reference: r}
		w.value(n.json)
	}
}

// queryValue is the decoded value of a parameter in a canonical query.
func queryValue(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return string(decodeQueryPart(value))
		}
	}
	return ""
}

// withTag is the image reference that the engine makes of a name and a tag, which may be a digest: with one given apart, it
// does not look at what the name has.
func withTag(name, tag string) string {
	if tag == "" || name == "" {
		return name
	}
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	if strings.Contains(tag, ":") {
		return name + "@" + tag
	}
	return name + ":" + tag
}
