// Command selftest is a filter that does what its configuration says with references, and denies everything with what came of
// it, or asks other services: so that one table of cases shows what the SDK makes of the gateway's answers, natively and
// compiled.
package main

import (
	"strconv"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

type config struct {
	do, ref, function string
	ask               string
	kind              sluice.Kind
}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name: "selftest",
		Parse: func(c *sluice.Config) config {
			return config{
				do:  c.OneOf("do", "resolve", "resolve", "resource", "look", "pin", "rights", "misread", "property", "call", "ask"),
				ask: c.String("ask", ""),
				ref: c.String("ref", ""), kind: sluice.Kind(c.String("kind", "container")), function: c.String("function", ""),
			}
		},
		ResolvesResource: true,
		RequestHeaders:   check,
		RequestBody:      checkBody,
		ResponseHeaders:  checkResponse,
		ResponseBody:     checkResponseBody,
		RequestChunk:     checkChunk,
		Record:           checkRecord,
	})
}

func check(c *config, r *sluice.Request) sluice.Verdict {
	switch c.do {
	case "ask":
		return ask(c, r)
	case "resource":
		return tell(r.ResolveResource())
	case "pin":
		if ref := r.Pin(); !ref.Exists() {
			return tell(ref)
		} else if !ref.Pinned() {
			return sluice.Deny("not pinned: " + ref.ID())
		} else {
			sluice.Info("pinned to " + ref.ID())
		}
		return sluice.Allow()
	case "look":
		sluice.Info("looked at " + r.ResolveResource().ID())
		return sluice.Allow()
	case "rights":
		ref := r.Resolve(c.kind, c.ref)
		return sluice.Deny("privileged " + strconv.FormatBool(ref.HostConfig().Get("Privileged").Bool()) + ", " +
			strconv.Itoa(len(ref.Mounts().Elements())) + " mounts, details of " + ref.ID())
	case "misread":
		if r.Resolve(c.kind, c.ref).HostConfig().Get("Binds").Text() == "" {
			return sluice.Allow() // which does not count: Binds is no text
		}
	case "property":
		id, _ := r.Property("docker", "resource", "full_id")
		owner, _ := r.Property("docker", "resource", "owner")
		team, _ := r.Property("docker", "resource", "labels", "team")
		return sluice.Deny("id " + id + ", owner " + owner + ", team " + team)
	case "call":
		if result := string(r.CallHost(c.function, []byte(c.ref))); result != "" {
			return sluice.Deny(c.function + " says " + result)
		}
		return sluice.Allow()
	}
	return tell(r.Resolve(c.kind, c.ref))
}

// tell denies with what there is to be said of a reference, and allows what names nothing.
func tell(ref *sluice.Reference) sluice.Verdict {
	if !ref.Exists() {
		if ref.ID() != "" || ref.Owner() != "" || ref.Labels() != nil || ref.HostConfig().IsSet() || ref.Problem() == "" {
			return sluice.Deny("what does not exist has an id: " + ref.ID() + ref.Problem())
		}
		return sluice.Allow()
	}
	facts := []string{string(ref.Kind()), ref.ID(), ref.Name(), "of " + ref.Owner()}
	for _, l := range ref.Labels() {
		facts = append(facts, l.Key+"="+l.Value)
	}
	if value, ok := ref.Label("team"); ok {
		facts = append(facts, "team "+value)
	}
	for _, o := range ref.Options() {
		facts = append(facts, o.Key+"="+o.Value)
	}
	if device, ok := ref.Option("device"); ok {
		facts = append(facts, "device "+device)
	}
	facts = append(append(facts, ref.Tags()...), ref.Digests()...)
	facts = append(facts, ref.Driver(), ref.Container(), ref.Service(), ref.Image())
	for _, flag := range []struct {
		name string
		set  bool
	}{{"tty", ref.TTY()}, {"running", ref.Running()}, {"privileged", ref.Privileged()}} {
		if flag.set {
			facts = append(facts, flag.name)
		}
	}
	return sluice.Deny(strings.Join(strings.Fields(strings.Join(facts, " ")), " "))
}

func main() {}
