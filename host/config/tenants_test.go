package config_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/config"
)

const someDigest = "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"

// Whoever takes the last token out of a file means that nobody is let in by it any
// more, and not that none is asked for.
func TestAFileWithoutTokensLetsNobodyIn(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"tenants: [{name: ci, match: {listeners: ['unix:///run/sluice/docker.sock'], tokens: ['file:tokens']}}]\n")
	tokens := filepath.Join(filepath.Dir(file), "tokens")
	writeAt(t, tokens, "# "+someDigest+"\n")
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Tenants[0].Rules[0].Tokens; got == nil || len(got) != 0 {
		t.Errorf("got %#v, want an empty list that is not nil", got)
	}
}

// A token that is added or revoked is a change that a reload must see.
func TestTokenFilesBelongToTheConfiguration(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"tenants: [{name: ci, match: {tokens: ['file:tokens']}}]\n")
	tokens := filepath.Join(filepath.Dir(file), "tokens")
	load := func(content string) *config.Config {
		t.Helper()
		writeAt(t, tokens, content)
		c, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before, commented, after := load(""), load("# nothing\n"), load(someDigest+"\n")
	if before.Digest() != commented.Digest() {
		t.Error("a comment is a change")
	}
	if before.Digest() == after.Digest() {
		t.Error("another token, and the same digest")
	}
	if !slices.Contains(after.Watch, tokens) {
		t.Errorf("%s is not watched: %v", tokens, after.Watch)
	}
	if err := os.Remove(tokens); err != nil {
		t.Fatal(err)
	}
	got := problems(t, config.Options{Files: []string{file}}).Error()
	if want := "cannot read match.tokens: " + tokens + ": no such file or directory"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCertificatesOfATenant(t *testing.T) {
	const tls = "listeners: [{address: 'tcp://:2376', tls: {cert: cert.pem, key: key.pem, client_ca: cert.pem}}]\n"
	file := write(t, "sluice.yaml", tls+`tenants:
  - name: ci
    match:
      certificates:
        common_names: [alice, "Bob, of accounting"]
        dns_names: [ci.example, "*.ci.example"]
        spiffe: [spiffe://example.org/ci, spiffe://example.org/*]
        fingerprints: ["SHA256:FC:DE:2B:2E:DB:A5:6B:F4:08:60:1F:B7:21:FE:9B:5C:33:8D:10:EE:42:9E:A0:4F:AE:55:11:B6:8F:BF:8F:B9"]
`)
	dir := filepath.Dir(file)
	writePair(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	c, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	rule := c.Tenants[0].Rules[0]
	rule.Pos = config.Position{}
	var print config.Digest
	if _, err := hex.Decode(print[:], []byte(strings.TrimPrefix(someDigest, "sha256:"))); err != nil {
		t.Fatal(err)
	}
	want := config.TenantRule{
		CommonNames:  []string{"alice", "Bob, of accounting"},
		DNSNames:     []string{"ci.example", "*.ci.example"},
		SPIFFE:       []string{"spiffe://example.org/ci", "spiffe://example.org/*"},
		Fingerprints: []config.Digest{print},
	}
	if diff := cmp.Diff(want, rule); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"docker.example"}, c.Listeners[0].TLS.Names); diff != "" {
		t.Errorf("the certificate's names (-want +got):\n%s", diff)
	}
}

// Clients that show a token prove who they are, and where TLS protects it they
// may come from other hosts. One tenant that asks for none spoils it.
func TestAReachableListenerMayAskForTokensInPlaceOfCertificates(t *testing.T) {
	const (
		tls      = "listeners: [{address: 'tcp://:2376', tls: {cert: cert.pem, key: key.pem}}, {address: 'unix:///run/sluice/docker.sock'}]\n"
		plain    = "listeners: [{address: 'tcp://:2376'}, {address: 'unix:///run/sluice/docker.sock'}]\n"
		token    = "tenants: [{name: ci, match: [{tokens: ['" + someDigest + "']}, {uids: [0]}]}]\n"
		anywhere = "tenants: [{name: ci, match: [{tokens: ['" + someDigest + "']}, {listeners: ['tcp://:2376']}]}]\n"
	)
	for name, c := range map[string]struct {
		text    string
		refused bool
	}{
		"TLS and tokens":                     {tls + token, false},
		"TLS alone":                          {tls, true},
		"tokens in clear":                    {plain + token, true},
		"a tenant who is whoever calls here": {tls + anywhere, true},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "sluice.yaml", c.text)
			dir := filepath.Dir(file)
			writePair(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
			if !c.refused {
				if _, err := config.Load(config.Options{Files: []string{file}}); err != nil {
					t.Error(err)
				}
				return
			}
			got := problems(t, config.Options{Files: []string{file}}).Error()
			if !strings.Contains(got, "whoever can reach tcp://:2376 would be root on this host") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A token in clear is a mistake, but no reason to print it: neither with what is
// wrong with it, nor with what else is wrong on its line.
func TestNoMessageShowsAToken(t *testing.T) {
	file := write(t, "sluice.yaml", listenerYAML+"tenants: [{name: ci, match: {tokens: [hunter2], uids: [-1]}, colour: red}]\n")
	got := problems(t, config.Options{Files: []string{file}})
	if len(got) != 3 {
		t.Errorf("got %d problems, want 3", len(got))
	}
	if strings.Contains(got.Detail(), "hunter2") {
		t.Errorf("the token is shown:\n%s", got.Detail())
	}
}
