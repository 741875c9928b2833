package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/host/spiffe"
)

// Tenant is one of those who are served.
type Tenant struct {
	Name string
	// Rules say who it is; any one of them suffices.
	Rules []Rule
}

// Rule describes clients. A kind that is nil asks for nothing, one that is empty
// fits nobody; within a kind any entry suffices; all kinds must hold.
type Rule struct {
	Listeners    []string // addresses
	UIDs, GIDs   []uint32
	CommonNames  []string
	DNSNames     []string // in lower case; "*." at the beginning is any one label
	SPIFFE       []string // patterns of package spiffe
	Fingerprints [][32]byte
	Tokens       map[Digest]bool
	Labels       map[string]string // of the container: all of them
}

// Tenants are those who are served, in the order in which they are looked
// through. They are immutable.
type Tenants struct {
	list []Tenant
	// tokens are those of all rules; nil where no rule asks for one.
	tokens map[Digest]bool
}

// NewTenants returns the tenants; nil for an empty list, which serves everybody.
func NewTenants(list []Tenant) *Tenants {
	if len(list) == 0 {
		return nil
	}
	t := &Tenants{list: list}
	for i := range list {
		for j := range list[i].Rules {
			if rule := &list[i].Rules[j]; rule.Tokens != nil {
				if t.tokens == nil {
					t.tokens = make(map[Digest]bool)
				}
				maps.Copy(t.tokens, rule.Tokens)
			}
		}
	}
	return t
}

// Tokens reports whether any tenant is known by a token.
func (t *Tenants) Tokens() bool { return t != nil && t.tokens != nil }

// Refusal is why a request is not served.
type Refusal struct {
	// Status is 400, 401, 403 or 503.
	Status int
	// Message is for the client, and for the log. It shows no secret.
	Message string
	// Failed says that the gateway could not find out, as opposed to a client that
	// is not to be served.
	Failed bool
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Choose returns the tenant that a request belongs to: the first of the list of
// which a rule fits. token is what the request carries. It returns a *Refusal
// where none fits, where the token is not known, and where something that a rule
// asks for could not be found out: a later tenant would be the wrong one, should it
// turn out that the rule fits.
func (t *Tenants) Choose(ctx context.Context, c *Client, token *Token, engine Engine) (name string, err error) {
	if token.Ambiguous {
		return "", &Refusal{Status: 400, Message: "the request carries two different tokens"}
	}
	if token.Found && !t.tokens[token.Digest] {
		return "", &Refusal{Status: 401, Message: "the token that the request carries is not known"}
	}
	status := 403
	for i := range t.list {
		tenant := &t.list[i]
		for j := range tenant.Rules {
			rule := &tenant.Rules[j]
			fits, err := rule.fits(ctx, c, token, engine)
			switch {
			case err != nil:
				message := fmt.Sprintf("cannot tell whether the client is tenant %q: %v", tenant.Name, err)
				return "", &Refusal{Status: 503, Message: message, Failed: true}
			case fits:
				return tenant.Name, nil
			case len(rule.Tokens) > 0 && !token.Found && rule.listens(c):
				status = 401 // one might help
			}
		}
	}
	return "", &Refusal{Status: status, Message: "no tenant is configured for this client: " + c.lookedAt(token)}
}

func (r *Rule) listens(c *Client) bool {
	return r.Listeners == nil || slices.Contains(r.Listeners, c.address)
}

// fits decides by what is known first, and finds out the rest only if it matters.
func (r *Rule) fits(ctx context.Context, c *Client, token *Token, engine Engine) (bool, error) {
	p := &c.peer
	switch {
	case !r.listens(c):
		return false, nil
	case r.Tokens != nil && !(token.Found && r.Tokens[token.Digest]):
		return false, nil
	case r.certificate() && !r.fitsCertificate(c):
		return false, nil
	case r.UIDs != nil && !(c.hasUID() && contains(r.UIDs, uint32(p.UID))):
		return false, nil
	case (r.GIDs != nil || r.Labels != nil) && !c.hasUID():
		return false, nil
	}
	if r.GIDs != nil {
		if in, err := c.inGroup(r.GIDs); !in || err != nil {
			return false, err
		}
	}
	if r.Labels == nil {
		return true, nil
	}
	container, err := c.Container(ctx, engine)
	if container == nil || err != nil {
		return false, err
	}
	for key, value := range r.Labels {
		if has, ok := container.Labels[key]; !ok || has != value {
			return false, nil
		}
	}
	return true, nil
}

func (r *Rule) certificate() bool {
	return r.CommonNames != nil || r.DNSNames != nil || r.SPIFFE != nil || r.Fingerprints != nil
}

func (r *Rule) fitsCertificate(c *Client) bool {
	cert := c.peer.Certificate
	switch {
	case cert == nil:
		return false
	case r.CommonNames != nil && (cert.CommonName == "" || !slices.Contains(r.CommonNames, cert.CommonName)):
		return false
	case r.Fingerprints != nil && !slices.Contains(r.Fingerprints, cert.Fingerprint):
		return false
	case r.SPIFFE != nil && (cert.SPIFFE == "" || !slices.ContainsFunc(r.SPIFFE, func(pattern string) bool { return spiffe.Match(pattern, cert.SPIFFE) })):
		return false
	case r.DNSNames != nil && !slices.ContainsFunc(cert.DNSNames, func(name string) bool { return matchName(r.DNSNames, strings.ToLower(name)) }):
		return false
	}
	return true
}

// matchName reports whether a name in lower case is one of the patterns: names, or
// "*." and a name for one label before it.
func matchName(patterns []string, name string) bool {
	if strings.Contains(name, "*") {
		return false // a certificate for many names says nothing about which it is
	}
	for _, pattern := range patterns {
		above, many := strings.CutPrefix(pattern, "*")
		label, below := strings.CutSuffix(name, above)
		if !many && pattern == name || many && below && label != "" && !strings.Contains(label, ".") {
			return true
		}
	}
	return false
}

// lookedAt says what a tenant was looked for by.
func (c *Client) lookedAt(token *Token) string {
	p := &c.peer
	said := []string{"listener " + c.address}
	if c.hasUID() {
		said = append(said, fmt.Sprintf("uid %d, gid %d", p.UID, p.GID))
		c.mu.Lock()
		switch {
		case c.container != nil:
			said = append(said, fmt.Sprintf("container %.12s", c.container.ID))
		case c.alone:
			said = append(said, "no container")
		}
		c.mu.Unlock()
	}
	switch cert := p.Certificate; {
	case cert != nil:
		said = append(said, fmt.Sprintf("certificate %.128q, sha256:%x", cert.Subject, cert.Fingerprint[:6]))
	case p.TLS:
		said = append(said, "no certificate")
	}
	if token.Found {
		said = append(said, "token "+token.Digest.Short())
	} else {
		said = append(said, "no token")
	}
	return strings.Join(said, ", ")
}
