package buildkit

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/host/capability"
)

// Grants say which secrets and ssh agents of a client an engine may ask for. An entry is an id in which * stands for any text, none
// included. The zero value grants nothing.
type Grants struct {
	Secrets []string
	SSH     []string
}

// defaultSSH is the agent that an empty id stands for.
const defaultSSH = "default"

// check returns why a method of a session may not be called for an id, "" when it may.
func (g *Grants) check(path, id string) string {
	switch path {
	case getSecret:
		if !granted(g.Secrets, id) {
			return "the secret " + quoted(id) + " is not granted to builds: add it to buildkit.secrets in the gateway's configuration"
		}
	case checkAgent, forwardAgent:
		if !granted(g.SSH, id) {
			return "the ssh agent " + quoted(id) + " is not granted to builds: add it to buildkit.ssh in the gateway's configuration"
		}
	}
	return ""
}

func granted(patterns []string, id string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return capability.Match(p, id) })
}

// Exposed returns those methods that an engine may be told of, out of those that a client offers for its session: what is listed in this
// package, and secrets and ssh only where any of them is granted.
func (g *Grants) Exposed(methods []string) []string {
	return slices.DeleteFunc(slices.Clone(methods), func(path string) bool { return !g.Exposes(path) })
}

// Exposes tells whether an engine may be told that a client's session has a method. Engines compare the names without regard to case.
func (g *Grants) Exposes(path string) bool {
	for known := range onClient {
		if strings.EqualFold(known, path) {
			switch known {
			case getSecret:
				return len(g.Secrets) > 0
			case checkAgent, forwardAgent:
				return len(g.SSH) > 0
			}
			return true
		}
	}
	return strings.HasPrefix(strings.ToLower(path), "/grpc.health.v1.health/")
}
