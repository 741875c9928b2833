package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Digest is the SHA-256 of a token. Configurations, tables and logs know tokens by
// it, so a token stands nowhere but with its owner. Looking a digest up takes a
// time that says nothing about tokens which are known: whoever could choose a
// token by the beginning of its digest would have broken SHA-256. A plain sum
// needs no salt only because tokens are random; see NewToken.
type Digest [sha256.Size]byte

// String is the digest as it is written in a configuration: sha256: and hex.
func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// Short is enough of the digest to recognise a token by in a log.
func (d Digest) Short() string { return "sha256:" + hex.EncodeToString(d[:6]) }

// DigestOf returns the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// tokenPrefix makes tokens of ours known to people, and to programs that look for
// secrets in places where they should not be.
const tokenPrefix = "sluice_"

// NewToken returns a random token of 256 bits that can stand in a header field and
// in a URL as it is.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Carriers says where a request may carry a token. The zero value is nowhere.
type Carriers struct {
	// Bearer is the field "Authorization: Bearer TOKEN".
	Bearer bool
	// Header is the name of another field whose value is the token, "" for none.
	Header string
	// URL is the first segment of the path, as in tcp://host:port/TOKEN. What
	// begins with a version or with a word that IsRoot knows carries none.
	URL bool
	// IsRoot reports whether an API path can begin with a segment. Required with
	// URL.
	IsRoot func(segment string) bool
}

// Token is what a request carried to be known by, without the token itself.
type Token struct {
	// Found says that the request carried a token, and Digest which.
	Found  bool
	Digest Digest
	// Ambiguous says that it carried two that differ.
	Ambiguous bool
}

// Take finds the token of a request and takes it out, wherever it stands: it
// returns the target and the fields without it. fields is changed in place. A
// token that nobody knows is taken out too: it may be one that was valid
// yesterday, or is at another gateway.
func (c *Carriers) Take(target string, fields []abi.Pair) (Token, string, []abi.Pair) {
	var t Token
	if c.URL {
		if token, rest, ok := c.cutSegment(target); ok {
			target = rest
			t.found(token)
		}
	}
	if !c.Bearer && c.Header == "" {
		return t, target, fields
	}
	kept := fields[:0]
	for i := range fields {
		switch f := &fields[i]; {
		case c.Header != "" && abi.EqualFold(f.Key, c.Header):
			t.found(f.Value)
			continue
		case c.Bearer && abi.EqualFold(f.Key, "authorization"):
			if token, ok := bearer(f.Value); ok {
				t.found(token)
				continue
			}
		}
		kept = append(kept, fields[i])
	}
	return t, target, kept
}

func (t *Token) found(token string) {
	if token == "" {
		return // no token, and nothing to keep
	}
	digest := DigestOf(token)
	t.Ambiguous = t.Ambiguous || t.Found && t.Digest != digest
	t.Found, t.Digest = true, digest
}

// bearer returns the token of an Authorization field of that scheme. Others pass.
func bearer(value string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(value, " ")
	if !abi.EqualFold(scheme, "bearer") {
		return "", false
	}
	return strings.Trim(token, " \t"), true
}

// cutSegment takes the first segment off a target, if it is a token.
func (c *Carriers) cutSegment(target string) (token, rest string, ok bool) {
	if target == "" || target[0] != '/' {
		return "", "", false // OPTIONS *
	}
	end := len(target)
	if i := strings.IndexAny(target[1:], "/?"); i >= 0 {
		end = i + 1
	}
	segment := target[1:end]
	if segment == "" {
		return "", "", false
	}
	if plain, err := url.PathUnescape(segment); err == nil {
		segment = plain
	}
	if isVersion(segment) || c.IsRoot(segment) {
		return "", "", false
	}
	rest = target[end:]
	if rest == "" || rest[0] != '/' {
		rest = "/" + rest
	}
	return segment, rest, true
}

// isVersion tells what the engine's router takes for one: v and digits or points.
func isVersion(segment string) bool {
	return len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789.") == ""
}
