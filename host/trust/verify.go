package trust

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"aead.dev/minisign"
)

// MaxSignature is how many bytes a signature's file may have. Real ones have some
// 400.
const MaxSignature = 4 << 10

// A Key is a public key that is trusted to sign modules.
type Key struct{ key minisign.PublicKey }

// ParseKey reads a public key: the text that begins with RW, or the whole file
// of minisign with its comment line.
func ParseKey(text string) (Key, error) {
	var k Key
	if err := k.key.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
		return Key{}, fmt.Errorf("%.80q is not a minisign public key: write the line that begins with RW, out of the .pub file", text)
	}
	return k, nil
}

// ID is the key's id as minisign prints it. It is a hint and proves nothing.
func (k Key) ID() string { return keyID(k.key.ID()) }

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// Verify tells what one of the keys says of the module. The error says what is
// wrong with the signature; nothing of it was believed then.
func Verify(keys []Key, module, signature []byte) (Statement, error) {
	if len(signature) > MaxSignature {
		return Statement{}, fmt.Errorf("the signature has %d bytes, more than a signature can have (%d)", len(signature), MaxSignature)
	}
	var parsed minisign.Signature
	if err := parsed.UnmarshalText(signature); err != nil {
		return Statement{}, fmt.Errorf("the signature is not one of minisign: %s", strings.TrimPrefix(err.Error(), "minisign: "))
	}
	known := false
	for _, k := range keys {
		// Ids are chosen by whoever makes a key: two keys may share one.
		if k.key.ID() != parsed.KeyID {
			continue
		}
		known = true
		if !minisign.Verify(k.key, module, signature) {
			continue
		}
		s, err := parseStatement(parsed.TrustedComment)
		switch {
		case err != nil:
			return Statement{}, fmt.Errorf("the signature of key %s is right, but %w", k.ID(), err)
		case s.Digest != sha256.Sum256(module):
			return Statement{}, fmt.Errorf("the signature of key %s is right, but its trusted comment names the digest of another module", k.ID())
		}
		s.Key = k.ID()
		return s, nil
	}
	if !known {
		return Statement{}, fmt.Errorf("the signature is by key %s, which is none of the trusted ones (%s)", keyID(parsed.KeyID), list(keys))
	}
	return Statement{}, fmt.Errorf("the signature by key %s does not fit the module: one of them was changed", keyID(parsed.KeyID))
}

func list(keys []Key) string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID()
	}
	return strings.Join(ids, ", ")
}

// Claims is what a signature says, whoever made it and whatever it was made for: it is
// there to be shown, and proves nothing.
func Claims(signature []byte) (Statement, error) {
	if len(signature) > MaxSignature {
		return Statement{}, fmt.Errorf("the signature has %d bytes, more than a signature can have (%d)", len(signature), MaxSignature)
	}
	var parsed minisign.Signature
	if err := parsed.UnmarshalText(signature); err != nil {
		return Statement{}, fmt.Errorf("the signature is not one of minisign: %s", strings.TrimPrefix(err.Error(), "minisign: "))
	}
	s, err := parseStatement(parsed.TrustedComment)
	if err != nil {
		return Statement{}, err
	}
	s.Key = keyID(parsed.KeyID)
	return s, nil
}
