// Command request-guard is a filter that allows or denies requests by method, operation and path, before their bodies.
package main

import (
	"regexp"
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

type config struct {
	allowByDefault bool
	allow, deny    []rule
}

// rule matches a request when each of the kinds that it has does; within a kind, any entry suffices.
type rule struct {
	methods    []string
	operations []sluice.Operation
	paths      []*regexp.Regexp
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}

func init() {
	sluice.Register(sluice.Filter[config]{Name: "request-guard", Parse: parse, RequestHeaders: guard})
}

func parse(c *sluice.Config) config {
	if !c.Has("default") {
		c.Problem("default", "is missing: say allow or deny")
	}
	return config{
		allowByDefault: c.OneOf("default", "deny", "allow", "deny") == "allow",
		allow:          rules(c, "allow"),
		deny:           rules(c, "deny"),
	}
}

func rules(c *sluice.Config, key string) []rule {
	var out []rule
	for _, entry := range c.Objects(key) {
		r := rule{
			methods:    entry.Strings("methods"),
			operations: entry.Operations("operations"),
			// The whole path: a rule for /containers/json must not be met by a container called containers/json.
			paths: entry.Regexps("paths", "^(?:", ")$"),
		}
		if !entry.Has("methods") && !entry.Has("operations") && !entry.Has("paths") {
			entry.Problem("", "needs at least one of methods, operations, paths")
		}
		for key, n := range map[string]int{"methods": len(r.methods), "operations": len(r.operations), "paths": len(r.paths)} {
			if n == 0 && entry.Has(key) {
				entry.Problem(key, "has no item that could match; leave it out to match all")
			}
		}
		for i, m := range r.methods {
			r.methods[i] = strings.ToUpper(m)
			if !slices.Contains(methods, r.methods[i]) {
				entry.Problem("methods", m+" is no method of Docker's API")
			}
		}
		out = append(out, r)
	}
	return out
}

func guard(c *config, r *sluice.Request) sluice.Verdict {
	op := r.Operation()
	if op == "SystemPing" || op == "SystemPingHead" {
		// Clients find out by it which API to speak, and fail with a misleading message where they cannot.
		return sluice.Allow()
	}
	method, path := r.Method(), r.RoutePath()
	matches := func(rule rule) bool { return rule.matches(method, op, path) }
	switch {
	case slices.ContainsFunc(c.deny, matches):
		return sluice.Deny(string(op) + " is denied by a rule")
	case slices.ContainsFunc(c.allow, matches), c.allowByDefault:
		return sluice.Allow()
	}
	return sluice.Deny(string(op) + " is not allowed by any rule")
}

func (r rule) matches(method string, op sluice.Operation, path string) bool {
	if len(r.methods) > 0 && !slices.Contains(r.methods, method) {
		return false
	}
	if len(r.operations) > 0 && !slices.Contains(r.operations, op) {
		return false
	}
	return len(r.paths) == 0 || slices.ContainsFunc(r.paths, func(re *regexp.Regexp) bool { return re.MatchString(path) })
}

func main() {}
