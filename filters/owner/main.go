// Command owner is a filter that keeps tenants of one engine apart: what a tenant creates gets a label with the tenant's name, and
// a tenant sees, uses and changes only what has that label. Whose a thing is, is asked of the engine, and requests go on
// with the ids of what was judged.
package main

import (
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

type config struct {
	owner    string   // the tenant, or
	property []string // where to read it
	label    string
	networks []string // names of those that all tenants may use
	volumes  []string
	apart    bool // images are the tenants' own, too
	hide     bool // what belongs to others is said not to exist
	load     bool
	grpc     bool
}

func init() {
	// No list of operations: one that this filter does not know is refused.
	sluice.Register(sluice.Filter[config]{
		Name:             "owner",
		Parse:            parse,
		ResolvesResource: true,
		RequestHeaders:   checkHead,
		RequestBody:      checkBody,
		RequestBodyFor:   withBody,
		ResponseBody:     view,
		ResponseBodyFor:  withView,
	})
}

func parse(c *sluice.Config) config {
	cfg := config{
		owner:    c.String("owner", ""),
		label:    c.String("label", "sluice.owner"),
		networks: []string{"bridge", "none"},
		volumes:  c.Strings("shared_volumes"),
		apart:    c.OneOf("images", "shared", "shared", "apart") == "apart",
		hide:     c.Bool("hide", false),
		load:     c.Bool("allow_load", false),
		grpc:     c.Bool("allow_grpc", false),
	}
	if c.Has("shared_networks") {
		cfg.networks = c.Strings("shared_networks")
	}
	from := c.String("owner_from", "")
	switch {
	case (cfg.owner == "") == (from == ""):
		c.Problem("owner", "give either owner, a name, or owner_from, the property that holds it, such as peer.tenant")
	case from != "":
		cfg.property = strings.Split(from, ".")
	case !isName(cfg.owner):
		c.Problem("owner", cfg.owner+" has other characters than letters, digits and _.@-")
	}
	if !isName(cfg.label) {
		c.Problem("label", cfg.label+" has other characters than letters, digits and _.@-")
	}
	return cfg
}

// isName tells whether a text can stand in labels, queries and Dockerfiles as it is.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_.@-", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// ownerOf is the tenant that a request comes from.
func (c *config) ownerOf(r *sluice.Request) (string, bool) {
	if c.owner != "" {
		return c.owner, true
	}
	owner, ok := r.Property(c.property...)
	return owner, ok && isName(owner)
}

// request is a request that is being judged.
type request struct {
	*sluice.Request
	*config
	owner string
}

func (c *config) begin(r *sluice.Request) (x request, problem sluice.Verdict, ok bool) {
	owner, known := c.ownerOf(r)
	if !known {
		return x, sluice.Deny("nobody knows whose request this is (" + strings.Join(c.property, ".") + ")"), false
	}
	return request{r, c, owner}, problem, true
}

// checkHead judges what a request's path and query name.
func checkHead(c *config, r *sluice.Request) sluice.Verdict {
	x, problem, ok := c.begin(r)
	if !ok {
		return problem
	}
	rule, known := rules[r.Operation()]
	switch {
	case !known:
		return sluice.Deny(string(r.Operation()) + " is no operation that tenants may use")
	case rule.refused != "" && !x.excepted():
		return sluice.Deny(string(r.Operation()) + ": " + rule.refused)
	}
	if rule.head != nil {
		if problem := rule.head(&x); problem.isSet() {
			return problem.verdict()
		}
	}
	if problem := x.judgeAll("path", "query"); problem.isSet() {
		return problem.verdict()
	}
	return sluice.Allow()
}

// checkBody judges what a request's body names, and marks what it creates.
func checkBody(c *config, r *sluice.Request) sluice.Verdict {
	x, problem, ok := c.begin(r)
	if !ok {
		return problem
	}
	if len(r.Body()) == 0 {
		return sluice.Allow() // nothing is named, and the engine creates nothing
	}
	if problem := x.judgeAll("body"); problem.isSet() {
		return problem.verdict()
	}
	if body := rules[r.Operation()].body; body != nil {
		if problem := body(&x); problem.isSet() {
			return problem.verdict()
		}
	}
	return sluice.Allow()
}

// problem is why a request is refused; the zero value is none.
type problem struct {
	status int
	reason string
}

func (p problem) isSet() bool { return p.status != 0 }

func (p problem) verdict() sluice.Verdict { return sluice.DenyWith(p.status, p.reason) }

func forbidden(reason string) problem { return problem{403, reason} }

func main() {}
