package capability

import (
	"encoding/json"
	"slices"
	"strings"
)

// A Set is what is granted. The zero value is nothing at all.
type Set struct {
	// Everything grants all there is, the Secrets too. Names means nothing then.
	Everything bool
	// Names are what is granted of each capability: names, pointers and patterns, All,
	// and for those that have no names All or nothing. Header fields are in lower case.
	Names [Count][]string
}

// Grant adds a name to a capability.
func (s *Set) Grant(c Capability, name string) {
	if table[c].form == fields {
		name = strings.ToLower(name)
	}
	if !slices.Contains(s.Names[c], name) {
		s.Names[c] = append(s.Names[c], name)
	}
}

// Has tells whether anything of a capability is granted.
func (s *Set) Has(c Capability) bool {
	switch {
	case s.Everything, len(s.Names[c]) > 0:
		return true
	case c == ReadRequestBody, c == ReadResponseBody: // what may be written is seen
		return len(s.Names[c+1]) > 0
	}
	return false
}

// An Excess is a part of a grant that a ceiling does not have.
type Excess struct {
	Capability Capability
	Name       string // All, for a capability without names
}

// Covers compares a ceiling with a grant, and returns what goes beyond it.
func (s *Set) Covers(grant *Set) (beyond []Excess) {
	if s.Everything {
		return nil
	}
	for c := range Capability(Count) {
		names := grant.Names[c]
		if grant.Everything {
			names = []string{All}
		}
		for _, name := range names {
			covered := slices.ContainsFunc(s.Names[c], func(ceiling string) bool { return c.covers(ceiling, name) })
			if !covered && (c == ReadRequestBody || c == ReadResponseBody) {
				covered = slices.ContainsFunc(s.Names[c+1], func(ceiling string) bool { return c.covers(ceiling, name) })
			}
			if !covered {
				beyond = append(beyond, Excess{c, name})
			}
		}
	}
	return beyond
}

// String lists what is granted, as a configuration writes it.
func (s *Set) String() string {
	if s.Everything {
		return "everything"
	}
	var lines []string
	for at := 0; at < Count; {
		halves := Halved(table[at].key)
		var parts []string
		for _, c := range halves {
			if names := s.Names[c]; len(names) > 0 {
				parts = append(parts, c.value(names))
			}
		}
		if len(parts) > 0 {
			value := parts[0]
			if len(halves) > 1 {
				value = "{" + strings.Join(parts, ", ") + "}"
			}
			lines = append(lines, table[at].key+": "+value)
		}
		at += len(halves)
	}
	if lines == nil {
		return "nothing"
	}
	return strings.Join(lines, "; ")
}

// value is the right side of a line, or a half of it.
func (c Capability) value(names []string) string {
	text := ""
	switch {
	case table[c].form == onOff:
		text = "true"
	case slices.Contains(names, All) && (table[c].form != fields || len(names) == 1):
		text = "all"
	default:
		text = listOf(names)
	}
	if half := table[c].half; half != "" {
		return half + ": " + text
	}
	return text
}

// MarshalJSON shows what is granted by the capabilities' names.
func (s Set) MarshalJSON() ([]byte, error) {
	if s.Everything {
		return json.Marshal("all")
	}
	shown := map[string][]string{}
	for c := range Capability(Count) {
		if len(s.Names[c]) > 0 {
			shown[c.String()] = s.Names[c]
		}
	}
	return json.Marshal(shown)
}
