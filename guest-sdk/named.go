package sluice

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
	"github.com/sluice-gateway/sluice/guest-sdk/internal/hostapi"
)

// Role says what a request has to do with an object that it names.
type Role string

const (
	// Target is what the operation acts upon.
	Target Role = "target"
	// Use is an object that exists, and that the operation makes use of or gives away.
	Use Role = "use"
	// Name is a name that the operation gives: to something new, or to what has it already.
	Name Role = "name"
)

// Named is an object that a request names, in its path, its query or its body.
type Named struct {
	Kind Kind
	// Ref is what the client calls it.
	Ref  string
	Role Role
	// In is path, query or body; Where is the parameter, or the place in the body, such as HostConfig.VolumesFrom[0].
	In, Where string

	r   *Request
	doc dockerjson.Value
}

// Named lists the objects that the request names: the container in the path, those of VolumesFrom, the networks of
// NetworkingConfig and so on, as the gateway's own table knows them. What the body names is among them in RequestBody only. A
// request that names more than 1024 objects is denied. Host folders are no objects, nor are the filters of lists.
func (r *Request) Named() []Named {
	if r.doc != nil && r.doc.Err() != nil {
		return nil // the body can be read in two ways, and the request is denied for that
	}
	text, err := hostapi.Property("docker", "references")
	if err == nil && len(text) == 0 {
		err = hostapi.ErrNotFound
	}
	if err != nil {
		r.s.fail("read the property docker.references", err)
		return nil
	}
	doc, err := dockerjson.Parse(text)
	if err != nil {
		r.s.fail("read the property docker.references", err)
		return nil
	}
	elements := doc.Root().Elements()
	named := make([]Named, len(elements))
	for i, e := range elements {
		named[i] = Named{
			Kind: Kind(e.Member("kind").Text()), Ref: e.Member("ref").Text(), Role: Role(e.Member("role").Text()),
			In: e.Member("in").Text(), Where: e.Member("where").Text(), r: r, doc: e,
		}
	}
	return named
}

// Resolve asks what the reference names: see [Request.Resolve].
func (n *Named) Resolve() *Reference { return n.r.Resolve(n.Kind, n.Ref) }

// Replace puts another reference, such as the full id of what was judged, in the place of this one, so that the engine acts upon
// nothing else. It is for references in the query and the body; see [Request.Pin] for the path. A key in the body cannot be
// replaced, nor what is only a part of a parameter, or one of several: that denies.
func (n *Named) Replace(ref string) {
	before, after := n.doc.Member("before").Text(), n.doc.Member("after").Text()
	switch {
	case n.In == "query" && n.r.only(n.Where, before+n.Ref+after):
		n.r.SetQuery(n.Where, before+ref+after)
	case n.In == "body" && !n.doc.Member("key").Bool():
		n.place().Replace(dockerjson.Quote(before + ref + after))
	default:
		n.r.s.fail("replace "+n.Where, errors.New("a reference cannot be replaced there"))
	}
}

// only tells whether a query parameter is given once, with this value.
func (r *Request) only(name, value string) bool {
	count, same := 0, false
	_, query, _ := strings.Cut(r.Path(), "?")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if key, v, _ := strings.Cut(pair, "="); unescape(key) == name {
			count++
			same = unescape(v) == value
		}
	}
	return count == 1 && same
}

// place is the value in the body's document.
func (n *Named) place() dockerjson.Value {
	v := n.r.JSON()
	for _, step := range n.doc.Member("at").Elements() {
		if step.Kind() == dockerjson.String {
			name := step.Text()
			if exact := v.Member(name); exact.Kind() != dockerjson.Absent {
				v = exact
			} else {
				v = v.Get(name)
			}
			continue
		}
		at, err := strconv.Atoi(string(step.Raw()))
		elements := v.Elements()
		if err != nil || at < 0 || at >= len(elements) {
			return dockerjson.Value{}
		}
		v = elements[at]
	}
	return v
}

// QueryBool tells whether a boolean query parameter is set and true. The gateway has written it as 1 or 0; a parameter without
// a value is false, as it is to the engine wherever false is the default.
func (r *Request) QueryBool(name string) bool {
	value, _ := r.Query(name)
	return value != "" && value != "0"
}

// AddQuery adds a value to a query parameter that the engine reads as a list, behind those that are there.
func (r *Request) AddQuery(name, value string) {
	path := r.Path()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	r.SetPath(path + separator + escape(name) + "=" + escape(value))
}
