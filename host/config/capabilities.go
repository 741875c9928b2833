package config

import (
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/host/capability"
)

// everything is the word that grants all of something.
const everything = "all"

// grantKeys are where a filter's grants are written.
type grantKeys struct {
	set, callouts *value
}

// grant reads what a filter may do, and holds a tenant's filter against its tenant's
// ceiling.
func (l *loader) grant(c *Config, f *Filter) {
	owner := tenantOf(c, f)
	switch written := f.granted.set; {
	case written == nil:
		f.Capabilities.Everything = owner == nil && f.Tenant == ""
	case owner != nil && isWord(written, everything):
		f.Capabilities = owner.Capabilities // all that a tenant's filter can be granted
		f.Capabilities.Names[capability.Callouts] = nil
		l.grantedCallouts(f, owner.Capabilities.Names[capability.Callouts])
		return
	default:
		f.Capabilities = l.capabilities(written, f)
	}
	if !f.Capabilities.Everything {
		for _, name := range f.Callouts {
			f.Capabilities.Grant(capability.Callouts, name)
		}
	}
	if owner == nil {
		return
	}
	at := f.Pos
	if f.granted.set != nil {
		at = f.granted.set.pos
	}
	for _, excess := range owner.Capabilities.Covers(&f.Capabilities) {
		var names []string
		what := fmt.Sprintf("is granted %s", excess.Capability)
		if !excess.Capability.IsSwitch() && !excess.Capability.IsWhole() {
			names = []string{excess.Name}
			what = fmt.Sprintf("is granted %s %q", excess.Capability, excess.Name)
			if excess.Name == capability.All {
				what = fmt.Sprintf("is granted all of %s", excess.Capability)
			}
		}
		l.fail(at, fmt.Sprintf("filter %q %s, which is more than its tenant %q may have", f.Name, what, owner.Name),
			fmt.Sprintf("where it is meant, write in the tenant: capabilities: {%s}", excess.Capability.Line(names...)))
	}
}

// grantedCallouts gives a filter the upstreams of its tenant's ceiling, unless it
// names some itself.
func (l *loader) grantedCallouts(f *Filter, ceiling []string) {
	if f.granted.callouts == nil {
		f.Callouts = slices.Clone(ceiling)
	}
	for _, name := range f.Callouts {
		f.Capabilities.Grant(capability.Callouts, name)
	}
}

// isWord tells whether a value is a word and nothing else.
func isWord(v *value, word string) bool { return v.kind == kindString && v.text == word }

// capabilities reads grants: of a filter, or with nil a tenant's ceiling.
func (l *loader) capabilities(v *value, f *Filter) (s capability.Set) {
	if isWord(v, everything) {
		return capability.Set{Everything: true}
	}
	known := fields{}
	for _, key := range capability.Keys() {
		halves := capability.Halved(key)
		known[key] = func(v *value) { l.capability(v, &s, "capabilities."+key, halves) }
	}
	known[capability.Callouts.Key()] = func(v *value) { l.grantCallouts(v, &s, f) }
	if v.kind != kindMap {
		l.fail(v.pos, fmt.Sprintf("capabilities is a map of what is granted, not %s", v.kind), "write all for everything, {} for nothing, or for example {log: true, request_headers: {read: [user-agent]}}")
		return s
	}
	l.object(v, "capabilities", known)
	return s
}

// capability reads one key: all of it, or for those with halves what may be read and
// written, or names.
func (l *loader) capability(v *value, s *capability.Set, path string, halves []capability.Capability) {
	whole := isWord(v, everything)
	switch first := halves[0]; {
	case first.IsSwitch():
		if l.boolean(v, path) {
			s.Grant(first, capability.All)
		}
	case len(halves) == 1:
		l.grants(v, s, path, first)
	case whole:
		for _, c := range halves {
			s.Grant(c, capability.All)
		}
	case v.kind != kindMap:
		l.fail(v.pos, fmt.Sprintf("%s says what may be read and what may be written, and is not %s", path, v.kind), fmt.Sprintf("write %s or {%s}", everything, first.Key()+": {read: …, write: …}"))
	default:
		known := fields{}
		for _, c := range halves {
			known[c.Half()] = func(v *value) { l.grants(v, s, path+"."+c.Half(), c) }
		}
		l.object(v, path, known)
	}
}

// grants reads the names of one capability.
func (l *loader) grants(v *value, s *capability.Set, path string, c capability.Capability) {
	if isWord(v, everything) {
		s.Grant(c, capability.All)
		return
	}
	if c.IsWhole() {
		l.fail(v.pos, path+" is granted as a whole", "write "+everything+", or leave it out")
		return
	}
	if v.kind == kindList && len(v.items) == 0 {
		return // nothing, in so many words
	}
	l.words(v, path, func(v *value, name string) {
		if name != capability.All {
			if err := c.Check(name); err != nil {
				l.failf(v, "%s: %s", path, err)
				return
			}
		}
		s.Grant(c, name)
	})
}

// grantCallouts reads the upstreams of a grant, which a filter may write as its key
// callouts as well, or of a ceiling.
func (l *loader) grantCallouts(v *value, s *capability.Set, f *Filter) {
	names := l.callouts(v, "capabilities.callouts")
	for _, name := range names {
		s.Grant(capability.Callouts, name)
	}
	if f == nil {
		return
	}
	if f.granted.callouts != nil {
		l.fail(v.pos, "capabilities.callouts and callouts say the same", fmt.Sprintf("write it once; callouts is on line %d", f.granted.callouts.pos.Line))
	}
	f.Callouts = names
}
