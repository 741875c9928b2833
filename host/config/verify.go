package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/sluice-gateway/sluice/host/trust"
)

// Signed is what a module's signature said, once it was found to be right.
type Signed struct {
	// Name and Version are what the signer calls the module.
	Name, Version string
	// Key is the id of the key, in hex.
	Key string
}

// verification is the verify section.
type verification struct {
	keys     []trust.Key
	required bool
	least    map[string]trust.Version // by the name that is signed
}

// origin is what a filter says about where its module must come from.
type origin struct {
	pin       [sha256.Size]byte
	pinned    *value
	signature *value
	path      string // of the signature
	name      string // that is signed
	named     *value
	version   trust.Version
	versioned *value
}

// verifySection reads whose signatures are trusted.
func (l *loader) verifySection() {
	v := l.verifyMap
	if v == nil {
		return
	}
	l.object(v, "verify", fields{
		"required": func(v *value) { l.verify.required = l.boolean(v, "verify.required") },
		"keys": func(v *value) {
			l.trustedKeys(v, func(_ string, k trust.Key) { l.verify.keys = append(l.verify.keys, k) })
		},
		"versions": func(v *value) { l.verify.least = l.leastVersions(v) },
	})
	if v.kind == kindMap && v.get("keys") == nil {
		l.fail(v.pos, "verify has no keys", "write the public keys that are trusted: the lines that begin with RW, out of minisign's .pub files")
	}
}

// tenantVerify reads whose signatures count for a tenant's filters.
func (l *loader) tenantVerify(v *value, t *Tenant) {
	l.object(v, "verify", fields{
		"keys": func(v *value) {
			l.trustedKeys(v, func(text string, k trust.Key) { t.Keys, t.keys = append(t.Keys, text), append(t.keys, k) })
		},
		"versions": func(v *value) { t.least = l.leastVersions(v) },
	})
	if v.kind == kindMap && v.get("keys") == nil {
		l.fail(v.pos, "verify has no keys", "write the public keys that may sign the tenant's filters, or remove verify: then those at the top of the configuration count")
	}
}

// leastVersions reads which versions are good, by the names that are signed.
func (l *loader) leastVersions(v *value) map[string]trust.Version {
	if v.kind != kindMap {
		l.fail(v.pos, fmt.Sprintf("verify.versions is a map of modules' names and versions, not %s", v.kind), "write it as in {no-privileged: 1.2.0}")
		return nil
	}
	least := make(map[string]trust.Version, len(v.entries))
	for _, e := range v.entries {
		if err := trust.CheckName(e.key); err != nil {
			l.fail(e.keyPos, "verify.versions: "+err.Error(), "")
		}
		least[e.key] = l.version(e.value, "verify.versions."+e.key)
	}
	return least
}

// trustedKeys reads a list of public keys.
func (l *loader) trustedKeys(v *value, add func(text string, k trust.Key)) {
	l.words(v, "verify.keys", func(v *value, text string) {
		k, err := trust.ParseKey(text)
		if err != nil {
			l.failf(v, "verify.keys: %s", err)
			return
		}
		add(text, k)
	})
}

// originKeys are the keys of a filter about its module's origin.
func (l *loader) originKeys(f *Filter, known fields) {
	known["sha256"] = func(v *value) {
		f.origin.pinned = v
		if text, ok := l.text(v, "sha256"); ok {
			var err error
			if f.origin.pin, err = trust.ParseDigest(text); err != nil {
				l.failf(v, "sha256: %s", err)
			}
		}
	}
	known["signature"] = func(v *value) {
		f.origin.signature = v
		if text, ok := l.text(v, "signature"); ok {
			f.origin.path = l.resolve(v, text)
		}
	}
	known["signed_as"] = func(v *value) {
		text, ok := l.text(v, "signed_as")
		if err := trust.CheckName(text); ok && err != nil {
			l.failf(v, "signed_as: %s", err)
		}
		f.origin.name, f.origin.named = text, v
	}
	known["version"] = func(v *value) { f.origin.version, f.origin.versioned = l.version(v, "version"), v }
}

func (l *loader) version(v *value, path string) trust.Version {
	text, ok := l.text(v, path)
	if !ok {
		return trust.Version{}
	}
	version, err := trust.ParseVersion(text)
	if err != nil {
		l.failf(v, "%s: %s", path, err)
	}
	return version
}

// checkOrigin finds out whether a filter's module is the one that is meant.
func (l *loader) checkOrigin(c *Config, f *Filter) {
	o := &f.origin
	if f.Module == "" || l.modules[f.Module] == nil {
		return // reported already
	}
	if o.name == "" {
		o.name = f.Name
	}
	if o.path == "" {
		o.path = f.Module + ".minisig"
	}
	keys, owner := l.verify.keys, tenantOf(c, f)
	if owner != nil && len(owner.keys) > 0 {
		keys = owner.keys
	} else {
		owner = nil
	}
	// The configuration is at fault here, whatever there is of the module: what a tenant
	// mends of it must not turn his quarantine into a reason not to reload.
	l.demandVersion(f, owner)
	if f.unread != nil {
		l.failModule(c, f, f.unread)
		return
	}
	if sum := l.modules[f.Module].digest; o.pinned != nil && sum != o.pin {
		l.distrust(c, f, o.pinned.pos, fmt.Sprintf("%s is not the module that is pinned: its digest is %s", f.Module, hex.EncodeToString(sum[:])),
			"get the module that was meant, or, if this one is trusted, write its digest")
		if f.Problem != nil {
			return
		}
	}
	if len(keys) == 0 {
		if at := firstOf(o.signature, o.versioned, o.named); at != nil {
			l.fail(at.pos, "a signature cannot be checked without keys", "write verify: {keys: [RW…]}, at the top of the configuration")
		}
		return
	}
	l.watched(o.path)
	wanted := l.verify.required || owner != nil || o.demands()
	signature, err := readRegular(o.path, trust.MaxSignature)
	switch {
	case os.IsNotExist(err) && !wanted:
		return
	case err != nil:
		l.distrust(c, f, f.Pos, fmt.Sprintf("filter %q has no signature that can be read: %s", f.Name, reason(err)),
			"sign the module by `sluice sign`, and put the .minisig file beside it")
		return
	}
	l.checkSignature(c, f, signature, keys, owner)
}

// checkSignature finds out whether one of the keys has signed the module. owner is
// the tenant whose keys these are, or nil.
func (l *loader) checkSignature(c *Config, f *Filter, signature []byte, keys []trust.Key, owner *Tenant) {
	o := &f.origin
	said, err := trust.Verify(keys, f.Code, signature)
	if err != nil {
		whose, hint := "", ""
		if owner != nil {
			whose = fmt.Sprintf(" for tenant %q", owner.Name)
			hint = fmt.Sprintf("of a filter of tenant %q the keys in its verify.keys count and no others", owner.Name)
		}
		l.distrust(c, f, f.Pos, fmt.Sprintf("filter %q is not trusted%s: %s: %s", f.Name, whose, o.path, err), hint)
		return
	}
	if said.Name != o.name {
		l.distrust(c, f, f.Pos, fmt.Sprintf("filter %q is not trusted: its module is signed as %q, not as %q", f.Name, said.Name, o.name),
			fmt.Sprintf("if that module is meant, write signed_as: %s", said.Name))
		return
	}
	if least, stated := l.leastVersion(o, owner); stated && said.Version.Compare(least) < 0 {
		l.distrust(c, f, f.Pos, fmt.Sprintf("filter %q is not trusted: its module is version %s, and %s is the least that is wanted", f.Name, said.Version, least),
			"get the newer module; to go back on purpose, write the older version")
		return
	}
	f.Signed = &Signed{Name: said.Name, Version: said.Version.String(), Key: said.Key}
}

// leastVersion is the least version that is good; false where none is stated. owner is as
// for checkSignature.
func (l *loader) leastVersion(o *origin, owner *Tenant) (trust.Version, bool) {
	versions := l.verify.least
	if owner != nil {
		versions = owner.least
	}
	least, stated := versions[o.name]
	if o.versioned != nil && (!stated || o.version.Compare(least) > 0) {
		least, stated = o.version, true
	}
	return least, stated
}

// demands tells whether the filter itself says that its module has to be signed: what it says
// of a signature would else be true of one that is there, and mean nothing of one that is not.
func (o *origin) demands() bool { return firstOf(o.signature, o.versioned, o.named) != nil }

// demandVersion refuses a filter that has to be signed and may be of any version: whoever
// puts an old module of the signer's into its place, with a hole that has since been closed,
// would have it believed. owner is as for checkSignature.
func (l *loader) demandVersion(f *Filter, owner *Tenant) {
	o := &f.origin
	// Without keys nothing can be signed, which is a problem of its own.
	demanded := owner != nil || len(l.verify.keys) > 0 && (l.verify.required || o.demands())
	if _, stated := l.leastVersion(o, owner); stated || !demanded {
		return
	}
	version, where := "1.0.0", "verify"
	if signature, err := readRegular(o.path, trust.MaxSignature); err == nil {
		if said, err := trust.Claims(signature); err == nil {
			version = said.Version.String()
		}
	}
	if owner != nil {
		where = fmt.Sprintf("in tenant %q verify", owner.Name)
	}
	l.watched(o.path)
	l.fail(f.Pos, fmt.Sprintf("filter %q says no version: an old module with a hole in it is signed as well as the newest", f.Name),
		fmt.Sprintf("write the least version that is good, as in version: %s, or %s: {versions: {%s: %s}}", version, where, o.name, version))
}

// distrust records a problem of a filter's module that is one of trust.
func (l *loader) distrust(c *Config, f *Filter, pos Position, message, hint string) {
	l.failModule(c, f, &Error{Pos: pos, Message: message, Hint: hint, Untrusted: true})
}

// failModule records what is wrong with a filter's module: with the filter, where
// that is a tenant's affair.
func (l *loader) failModule(c *Config, f *Filter, problem *Error) {
	if l.opts.Quarantine && tenantOf(c, f) != nil {
		if f.Problem == nil {
			f.Problem = problem
		}
		f.Code, f.Signed = nil, nil
		return
	}
	l.fail(problem.Pos, problem.Message, problem.Hint)
	l.errs[len(l.errs)-1].Untrusted = problem.Untrusted
}

func firstOf(values ...*value) *value {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}
