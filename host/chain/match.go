package chain

import (
	"regexp"
	"slices"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// Match limits a filter to some requests. An empty list matches all but
// pings; within a list any entry suffices, and all lists must match.
//
// A ping (GET or HEAD /_ping) comes to a filter only if Operations names it.
// Clients find out by it which API to speak: where it is denied, or a broken
// filter stands in its way, everything they do next fails with a message that
// misleads.
type Match struct {
	Operations []dockerapi.Operation
	Methods    []string
	Paths      []*regexp.Regexp // on the canonical path with its version, unanchored
	Tenants    []string         // by name; a request of no tenant is none of them
}

func (m *Match) matches(method string, call *dockerapi.Call, tenant string) bool {
	if len(m.Operations) > 0 {
		if !slices.Contains(m.Operations, call.Operation) {
			return false
		}
	} else if call.Operation.IsPing() {
		return false
	}
	if len(m.Methods) > 0 && !slices.Contains(m.Methods, method) {
		return false
	}
	if len(m.Tenants) > 0 && (tenant == "" || !slices.Contains(m.Tenants, tenant)) {
		return false
	}
	if len(m.Paths) == 0 {
		return true
	}
	return slices.ContainsFunc(m.Paths, func(re *regexp.Regexp) bool { return re.MatchString(call.Path) })
}
