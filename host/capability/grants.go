package capability

import "slices"

// Grants are a Set in the form that host calls are held against. They are immutable.
// Nil Grants are no restriction: whoever has them asks nothing of them.
type Grants struct {
	set   Set
	has   [Count]bool
	all   [Count]bool
	views [2]*View // of the request's and the response's body
}

// Compile prepares a Set, whose names have been checked. Everything compiles to nil.
func (s *Set) Compile() (*Grants, error) {
	if s.Everything {
		return nil, nil
	}
	g := &Grants{set: *s}
	for c := range Capability(Count) {
		g.has[c] = s.Has(c)
		g.all[c] = slices.Contains(s.Names[c], All)
	}
	for i, readable := range [...]Capability{ReadRequestBody, ReadResponseBody} {
		writable := readable + 1
		g.all[readable] = g.all[readable] || g.all[writable]
		if !g.has[readable] || g.all[writable] || g.all[readable] && !g.has[writable] {
			continue // nothing, or the whole
		}
		var err error
		if g.views[i], err = newView(s.Names[readable], s.Names[writable]); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Has tells whether anything of the capability is granted.
func (g *Grants) Has(c Capability) bool { return g.has[c] }

// All tells whether everything of the capability is granted.
func (g *Grants) All(c Capability) bool { return g.all[c] }

// Units is what it costs to ask for one name of the capability, in units of fuel.
func (g *Grants) Units(c Capability) int64 { return 10 + 30*int64(len(g.set.Names[c])) }

// Allows tells whether a name of the capability is granted.
func (g *Grants) Allows(c Capability, name string) bool {
	if !g.has[c] {
		return false
	}
	if g.all[c] && table[c].form != fields {
		return true
	}
	for _, granted := range g.set.Names[c] {
		if c.means(granted, name) {
			return true
		}
	}
	return false
}

// AllowsBelow tells whether anything may be granted that begins with the prefix.
func (g *Grants) AllowsBelow(c Capability, prefix string) bool {
	for _, granted := range g.set.Names[c] {
		for i := 0; ; i++ {
			if i == len(prefix) || i < len(granted) && granted[i] == '*' {
				return true
			}
			if i >= len(granted) || granted[i] != prefix[i] {
				break
			}
		}
	}
	return false
}

// RequestBody is how the request's body is seen: nil as a whole, or not at all.
func (g *Grants) RequestBody() *View {
	if g == nil {
		return nil
	}
	return g.views[0]
}

// ResponseBody is RequestBody for the response.
func (g *Grants) ResponseBody() *View {
	if g == nil {
		return nil
	}
	return g.views[1]
}

// Set is what the Grants are made of.
func (g *Grants) Set() *Set {
	if g == nil {
		return &Set{Everything: true}
	}
	return &g.set
}
