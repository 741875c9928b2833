package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// digest hashes what a Config says and the content of the files it names, but
// not where things are written: moving a comment changes nothing.
func (l *loader) digest(c *Config) string {
	type filter struct {
		Filter
		Code [sha256.Size]byte
	}
	said := struct {
		Config
		Filters  []filter
		Services []filter
		Watch    []string // empty: the same content may come from other files
		TLSFiles [][]byte
	}{Config: *c, TLSFiles: l.tlsFiles}
	said.Listeners = append([]Listener(nil), c.Listeners...)
	for i := range said.Listeners {
		said.Listeners[i].Pos = Position{}
	}
	said.Tenants = append([]Tenant(nil), c.Tenants...)
	for i := range said.Tenants {
		t := &said.Tenants[i]
		t.Pos = Position{}
		t.Rules = append([]TenantRule(nil), t.Rules...)
		for j := range t.Rules {
			t.Rules[j].Pos = Position{}
		}
	}
	said.Upstreams = append([]Upstream(nil), c.Upstreams...)
	for i := range said.Upstreams {
		said.Upstreams[i].Pos = Position{}
	}
	hashed := func(f Filter) filter {
		f.Pos = Position{}
		if f.Problem != nil {
			f.Problem = &Error{Message: f.Problem.Message}
		}
		return filter{Filter: f, Code: l.modules[f.Module].digest}
	}
	for i, f := range c.Filters {
		said.Filters = append(said.Filters, hashed(f))
		c.Filters[i].digest = digestOf(said.Filters[i])
	}
	for i, f := range c.Services {
		said.Services = append(said.Services, hashed(f))
		c.Services[i].digest = digestOf(said.Services[i])
	}
	return digestOf(said)
}

func digestOf(what any) string {
	text, err := json.Marshal(what)
	if err != nil {
		// The configurations were checked to be JSON, and nothing else in a
		// Config can fail to be encoded. No digest means: changed.
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
