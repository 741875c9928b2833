package config

import (
	"encoding/hex"

	"github.com/sluice-gateway/sluice/host/capability"
	"github.com/sluice-gateway/sluice/host/trust"
)

// Tenant is one of those that the gateway serves. A request belongs to the first
// tenant of the list that one of its rules fits.
type Tenant struct {
	// Name is unique among the tenants. Filters, logs and properties know the
	// tenant by it.
	Name string

	// Rules say who is this tenant: any one of them suffices.
	Rules []TenantRule

	// Capabilities are the most that the tenant's filters may be granted. Default
	// nothing.
	Capabilities capability.Set

	// Keys are the public keys of which one must have signed each of the tenant's
	// filters, and no other counts. Empty: those of verify do, as for all filters.
	Keys []string `json:",omitempty"`

	keys []trust.Key // the same
	// least are the least versions of what is signed with them, by the names that are.
	least map[string]trust.Version
	// Limits bounds what its own filters may use together.
	Limits TenantLimits

	// Pos is where the tenant is written.
	Pos Position
}

// TenantRule describes clients. A kind that is nil asks for nothing, one that
// is empty fits nobody; within a kind any entry suffices; all kinds must hold. At
// least one kind is not nil.
type TenantRule struct {
	// Listeners are addresses of Config.Listeners.
	Listeners []string

	// UIDs and GIDs are of the process at the other end of a unix socket; its
	// supplementary groups count.
	UIDs, GIDs []uint32

	// CommonNames, DNSNames, SPIFFE and Fingerprints are of a client's certificate.
	// A DNS name may begin with "*.", for one label, and a SPIFFE id may end in
	// "/*", for everything below. A fingerprint is the certificate's SHA-256.
	CommonNames  []string
	DNSNames     []string
	SPIFFE       []string
	Fingerprints []Digest

	// Tokens are the digests of the tokens that a request may carry. Where all
	// were taken out of the files that are named, it is empty and not nil.
	Tokens []Digest

	// ContainerLabels are labels of the container that the process at the other
	// end of a unix socket runs in: all of them, with these values.
	ContainerLabels map[string]string

	// Pos is where the rule is written.
	Pos Position
}

// AsksTokens reports whether any tenant is known by a token.
func (c *Config) AsksTokens() bool {
	for _, t := range c.Tenants {
		for i := range t.Rules {
			if t.Rules[i].Tokens != nil {
				return true
			}
		}
	}
	return false
}

// Unix reports whether the rule asks for what only a unix socket's peer has.
func (r *TenantRule) Unix() bool {
	return r.UIDs != nil || r.GIDs != nil || r.ContainerLabels != nil
}

// Certificate reports whether the rule asks for a client's certificate.
func (r *TenantRule) Certificate() bool {
	return r.CommonNames != nil || r.DNSNames != nil || r.SPIFFE != nil || r.Fingerprints != nil
}

// Tokens says where a request may carry a token. They matter only where a
// tenant's rule asks for one.
type Tokens struct {
	// Bearer is the field "Authorization: Bearer TOKEN". Default true.
	Bearer bool

	// Header is the name of another field whose value is the token, "" for none.
	Header string

	// URL is the first segment of the path: tcp://host:port/TOKEN. Default false.
	URL bool
}

// Digest is a SHA-256 sum, of a token or of a certificate.
type Digest [32]byte

// String is the digest as it is written in a configuration: sha256: and hex.
func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
