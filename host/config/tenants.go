package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/host/spiffe"
)

// tenants reads the tenants list.
func (l *loader) tenants(c *Config) {
	if l.tenantList == nil {
		return
	}
	if len(l.tenantList.items) == 0 {
		// Empty could mean that nobody is served, or that everybody is.
		l.fail(l.tenantList.pos, "tenants is empty", "name those who are served, or remove the key: without it everybody is")
	}
	for _, item := range l.tenantList.items {
		t := Tenant{Pos: item.pos, Limits: c.TenantLimits}
		if !l.object(item, "a tenant", fields{
			"name":         func(v *value) { t.Name = l.name(v, "a tenant's") },
			"match":        func(v *value) { t.Rules = l.tenantRules(c, v) },
			"verify":       func(v *value) { l.tenantVerify(v, &t) },
			"capabilities": func(v *value) { t.Capabilities = l.capabilities(v, nil) },
			"limits":       func(v *value) { l.limitsOf(v, &t.Limits) },
		}) {
			continue
		}
		for _, key := range []string{"name", "match"} {
			if item.get(key) == nil {
				l.fail(item.pos, "a tenant has no "+key, "")
			}
		}
		for _, other := range c.Tenants {
			if t.Name != "" && t.Name == other.Name {
				l.fail(t.Pos, fmt.Sprintf("two tenants have the name %q", t.Name), "the other is at "+other.Pos.String())
				break
			}
		}
		c.Tenants = append(c.Tenants, t)
	}
}

// tenantRules reads a rule, or a list of rules of which any suffices.
func (l *loader) tenantRules(c *Config, v *value) []TenantRule {
	items := []*value{v}
	if v.kind == kindList {
		items = v.items
		if len(items) == 0 {
			l.fail(v.pos, "match is empty", "say who is this tenant")
		}
	}
	var rules []TenantRule
	for _, item := range items {
		if rule, ok := l.tenantRule(item); ok {
			l.checkTenantRule(c, item, &rule)
			rules = append(rules, rule)
		}
	}
	return rules
}

func (l *loader) tenantRule(v *value) (TenantRule, bool) {
	r := TenantRule{Pos: v.pos}
	ok := l.object(v, "match", fields{
		"listeners": func(v *value) {
			l.words(v, "match.listeners", func(v *value, text string) {
				if address := l.address(v, "match.listeners", true); address != "" {
					r.Listeners = append(r.Listeners, address)
				}
			})
		},
		"uids":         func(v *value) { r.UIDs = l.accountIDs(v, "match.uids") },
		"gids":         func(v *value) { r.GIDs = l.accountIDs(v, "match.gids") },
		"certificates": func(v *value) { l.certificates(v, &r) },
		"tokens":       func(v *value) { r.Tokens = l.tokens(v) },
		"containers": func(v *value) {
			l.object(v, "match.containers", fields{
				"labels": func(v *value) { r.ContainerLabels = l.labels(v, "match.containers.labels") },
			})
			if v.kind == kindMap && v.get("labels") == nil {
				l.fail(v.pos, "match.containers has no labels", "containers are known by their labels, as in containers: {labels: {team: ci}}")
			}
		},
	})
	return r, ok
}

// checkTenantRule refuses a rule that can fit nobody, and one that fits
// everybody without saying so.
func (l *loader) checkTenantRule(c *Config, v *value, r *TenantRule) {
	unix, certificate := r.Unix(), r.Certificate()
	switch {
	case len(v.entries) == 0:
		l.fail(v.pos, "match is empty: everybody would be this tenant", "say so with the addresses of all listeners, as in match: {listeners: [unix:///run/sluice/docker.sock]}")
		return
	case unix && certificate:
		l.fail(v.pos, "no client can match this: uids, gids and containers are known of unix sockets, certificates of TLS",
			"all kinds of a rule must hold; write a rule for each, as in match: [{uids: [1000]}, {certificates: {…}}]")
		return
	}
	fits := false // a listener whose clients can match
	for _, address := range r.Listeners {
		i := slices.IndexFunc(c.Listeners, func(listener Listener) bool { return listener.Address == address })
		if i < 0 {
			var known []string
			for _, listener := range c.Listeners {
				known = append(known, listener.Address)
			}
			l.fail(v.get("listeners").pos, fmt.Sprintf("match.listeners: there is no listener %s", address), suggest(address, known))
			return
		}
		fits = fits || r.fits(&c.Listeners[i])
	}
	if r.Listeners == nil {
		fits = slices.ContainsFunc(c.Listeners, func(listener Listener) bool { return r.fits(&listener) })
	}
	switch {
	case fits, l.rootWritten("listeners") && len(c.Listeners) == 0: // the listeners are what is wrong
	case unix:
		l.fail(v.pos, "no client can match this: uids, gids and containers are known of unix sockets, and none of the listeners is one", "")
	case certificate:
		l.fail(v.pos, "no client can match this: none of the listeners asks for client certificates", "add tls: {cert, key, client_ca} to one")
	}
}

// fits reports whether a client of the listener can have what the rule asks for.
func (r *TenantRule) fits(listener *Listener) bool {
	if r.Listeners != nil && !slices.Contains(r.Listeners, listener.Address) {
		return false
	}
	isUnix := place(listener.Address).IsUnix()
	return (!r.Unix() || isUnix) && (!r.Certificate() || listener.TLS != nil && listener.TLS.ClientCA != "")
}

// certificates reads what a rule asks of a client's certificate.
func (l *loader) certificates(v *value, r *TenantRule) {
	const path = "match.certificates"
	l.object(v, path, fields{
		"common_names": func(v *value) { r.CommonNames = l.words(v, path+".common_names", func(*value, string) {}) },
		"dns_names": func(v *value) {
			r.DNSNames = l.words(v, path+".dns_names", func(v *value, name string) {
				if !isHostName(strings.TrimPrefix(name, "*.")) {
					l.fail(v.pos, fmt.Sprintf("%s.dns_names: %q is not a DNS name", path, name), "a name may begin with *. for one label")
				}
			})
		},
		"spiffe": func(v *value) {
			r.SPIFFE = l.words(v, path+".spiffe", func(v *value, id string) {
				if !spiffe.ValidPattern(id) {
					l.fail(v.pos, fmt.Sprintf("%s.spiffe: %q is not a SPIFFE id", path, id), "write spiffe://trust-domain/path, or spiffe://trust-domain/path/* for all below")
				}
			})
		},
		"fingerprints": func(v *value) {
			l.words(v, path+".fingerprints", func(v *value, text string) {
				// As openssl prints it, with colons.
				digits := strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(text, ":", "")), "sha256")
				d, ok := parseDigest("sha256:" + digits)
				if !ok {
					l.fail(v.pos, fmt.Sprintf("%s.fingerprints: %q is not a certificate's SHA-256", path, text), "write sha256: and its 64 hexadecimal digits, with or without colons; openssl x509 -in cert.pem -noout -fingerprint -sha256 prints them")
				}
				r.Fingerprints = append(r.Fingerprints, d)
			})
		},
	})
	if v.kind == kindMap && len(v.entries) == 0 {
		l.fail(v.pos, path+" is empty", "every certificate of client_ca is meant by listeners: [the TLS listener]; else name common_names, dns_names, spiffe or fingerprints")
	}
}

// accountIDs reads a list of numbers of users or groups. The last one is the
// kernel's way to say that it does not know, or that it cannot say it.
func (l *loader) accountIDs(v *value, path string) []uint32 {
	var ids []uint32
	l.words(v, path, func(v *value, text string) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n == math.MaxUint32 {
			l.failf(v, "%s: %q is not the number of an account", path, text)
			return
		}
		ids = append(ids, uint32(n))
	})
	return ids
}

// labels reads a map of texts.
func (l *loader) labels(v *value, path string) map[string]string {
	if v.kind != kindMap {
		l.failf(v, "%s is a map of keys and values, not %s", path, v.kind)
		return nil
	}
	if len(v.entries) == 0 {
		l.fail(v.pos, path+" is empty", "name at least one label, as in labels: {team: ci}")
	}
	labels := make(map[string]string, len(v.entries))
	for _, e := range v.entries {
		switch e.value.kind {
		case kindString, kindNumber, kindBool: // a label's value is a text, as it stands
			labels[e.key] = e.value.text
		default:
			l.failf(e.value, "%s.%s is a text, not %s", path, e.key, e.value.kind)
		}
	}
	return labels
}
