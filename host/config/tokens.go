package config

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// maxTokenFile bounds a file of digests: some ten thousand of them.
const maxTokenFile = 1 << 20

// parseDigest reads sha256:HEX.
func parseDigest(text string) (d Digest, ok bool) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	if !ok || len(digits) != 2*len(d) {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(digits))
	return d, err == nil
}

// tokens reads the digests of a rule: sha256:HEX, or file:PATH for a file of
// them. No message shows what is written there: it may be a token.
func (l *loader) tokens(v *value) []Digest {
	const path = "match.tokens"
	const hint = "write the digest that `sluice token` prints, sha256:…, or file:PATH for a file with one digest a line; never the token itself"
	if v.kind != kindList {
		l.failSecret(v.pos, fmt.Sprintf("%s is a list, not %s", path, v.kind), hint)
		return []Digest{}
	}
	if len(v.items) == 0 {
		l.fail(v.pos, path+" is empty", "name a digest, or remove the key")
	}
	digests := []Digest{} // never nil: that would ask for no token
	for _, item := range v.items {
		if item.kind != kindString {
			l.failSecret(item.pos, fmt.Sprintf("%s is sha256:… or file:…, not %s", path, item.kind), hint)
			continue
		}
		if file, isFile := strings.CutPrefix(item.text, "file:"); isFile {
			digests = append(digests, l.tokenFile(item, strings.TrimPrefix(file, "//"))...)
			continue
		}
		d, ok := parseDigest(item.text)
		if !ok {
			l.failSecret(item.pos, path+" has an entry that is not a digest", hint)
			continue
		}
		digests = append(digests, d)
	}
	return digests
}

// tokenFile reads a file of digests, one a line. What stands behind a # is a
// comment. An empty file is a tenant whose tokens were all revoked.
func (l *loader) tokenFile(v *value, path string) []Digest {
	if path == "" {
		l.failf(v, "match.tokens: file: names no file")
		return nil
	}
	path = l.resolve(v, path)
	l.watched(path)
	content, err := readRegular(path, maxTokenFile)
	if err != nil {
		l.failf(v, "cannot read match.tokens: %s", reason(err))
		return nil
	}
	l.rank(path)
	var digests []Digest
	for i, line := range strings.Split(string(content), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		d, ok := parseDigest(line)
		if !ok {
			l.failSecret(Position{File: path, Line: i + 1, Column: 1}, "this line is not a digest", "write the digest that `sluice token` prints, sha256:…; never the token itself")
			continue
		}
		digests = append(digests, d)
	}
	return digests
}

// failSecret is fail for a line that may show a token: no problem of that line
// has an excerpt.
func (l *loader) failSecret(pos Position, message, hint string) {
	l.fail(pos, message, hint)
	l.secrets = append(l.secrets, Position{File: pos.File, Line: pos.Line})
}

// checkTokens refuses tenants that are known by tokens that nobody can bring.
func (l *loader) checkTokens(c *Config) {
	if c.Tokens.Bearer || c.Tokens.Header != "" || c.Tokens.URL {
		return
	}
	for _, t := range c.Tenants {
		for _, r := range t.Rules {
			if r.Tokens != nil {
				l.fail(r.Pos, "no client can match this: tokens.bearer, tokens.header and tokens.url are all off", "say where a request may carry its token, as in tokens: {bearer: true}")
				return
			}
		}
	}
}

// framing are the fields that the gateway itself reads or writes.
var framing = []string{
	"connection", "content-length", "content-type", "content-encoding", "expect", "host", "keep-alive", "origin", "proxy-authenticate",
	"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

// tokenHeader reads the name of the field that carries a token.
func (l *loader) tokenHeader(v *value) string {
	text, ok := l.text(v, "tokens.header")
	switch {
	case !ok:
	case !isFieldName(text):
		l.failf(v, "tokens.header: %q is not the name of a header field", text)
	case slices.Contains(framing, strings.ToLower(text)):
		l.failf(v, "tokens.header: the field %s belongs to HTTP itself", text)
	case strings.EqualFold(text, "Authorization"):
		l.fail(v.pos, "tokens.header: Authorization has a form of its own", "set tokens.bearer: true")
	}
	return text
}

// isFieldName reports whether a text is a token of HTTP.
func isFieldName(text string) bool {
	for _, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c) {
			return false
		}
	}
	return text != ""
}
