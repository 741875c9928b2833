package config

import (
	"fmt"
	"slices"
	"strings"
)

// filterTenant reads whose filter it is.
func (l *loader) filterTenant(v *value, f *Filter) {
	f.Tenant, _ = l.text(v, "tenant")
	f.owned = v
}

// checkTenant looks at what a tenant's filter says of itself, and binds it to its
// tenant's requests.
func (l *loader) checkTenant(c *Config, f *Filter) {
	if f.owned == nil || f.Tenant == "" {
		return
	}
	if tenantOf(c, f) == nil {
		hint := "no tenants are configured"
		if names := l.tenantNames(); len(names) > 0 {
			hint = suggest(f.Tenant, names)
		}
		l.fail(f.owned.pos, fmt.Sprintf("tenant: there is no tenant %q", f.Tenant), hint)
		return
	}
	if f.Kind == KindService {
		return // it sees no request
	}
	if others := slices.DeleteFunc(slices.Clone(f.Match.Tenants), func(name string) bool { return name == f.Tenant }); len(others) > 0 {
		l.fail(f.owned.pos, fmt.Sprintf("the filter is tenant %q's, and match.tenants names %s", f.Tenant, strings.Join(others, ", ")),
			"a tenant's filter is called for its tenant's requests only; without tenant it would be the operator's own")
	}
	f.Match.Tenants = []string{f.Tenant}
}

// tenantOf is the tenant whose filter it is; nil for the operator's own.
func tenantOf(c *Config, f *Filter) *Tenant {
	for i := range c.Tenants {
		if f.Tenant != "" && c.Tenants[i].Name == f.Tenant {
			return &c.Tenants[i]
		}
	}
	return nil
}
