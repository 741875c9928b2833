package listener_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/listener"
)

// A certificate names a workload only as an X.509-SVID does: one URI, and that
// a valid id.
func TestASPIFFEIDIsTheOnlyURIOfACertificate(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: ca.file})
	for name, c := range map[string]struct {
		uris []string
		ca   bool
		want string
	}{
		"a workload":                {[]string{"spiffe://example.org/ci"}, false, "spiffe://example.org/ci"},
		"none":                      {nil, false, ""},
		"another URI":               {[]string{"https://example.org/ci"}, false, ""},
		"two ids":                   {[]string{"spiffe://example.org/ci", "spiffe://example.org/admin"}, false, ""},
		"an id beside another URI":  {[]string{"https://example.org/ci", "spiffe://example.org/ci"}, false, ""},
		"not in the right spelling": {[]string{"spiffe://example.org/ci/../admin"}, false, ""},
		"a port":                    {[]string{"spiffe://example.org:443/ci"}, false, ""},
		"of an authority":           {[]string{"spiffe://example.org/ci"}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pair := ca.pair(t, "alice", func(template *x509.Certificate) {
				template.IsCA, template.BasicConstraintsValid = c.ca, true
				for _, text := range c.uris {
					uri, err := url.Parse(text)
					if err != nil {
						t.Fatal(err)
					}
					template.URIs = append(template.URIs, uri)
				}
			})
			peer, err := meet(t, l, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{pair}})
			if err != nil {
				t.Fatal(err)
			}
			if peer.Certificate.SPIFFE != c.want {
				t.Errorf("got %q, want %q", peer.Certificate.SPIFFE, c.want)
			}
			if diff := cmp.Diff(c.uris, peer.Certificate.URIs); diff != "" {
				t.Errorf("URIs (-want +got):\n%s", diff)
			}
		})
	}
}

// Names of different kinds stay apart, and what a name contains separates nothing.
func TestNamesOfACertificateAreKeptByKind(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: ca.file})
	pair := ca.pair(t, "alice", func(template *x509.Certificate) {
		template.Subject = pkix.Name{CommonName: "alice,CN=root", Organization: []string{"Example"}}
		template.DNSNames = []string{"a.example", "b.example"}
		template.EmailAddresses = []string{"alice@example.org,root@example.org"}
		template.IPAddresses = nil
	})
	peer, err := meet(t, l, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	got := *peer.Certificate
	got.Fingerprint = listener.Certificate{}.Fingerprint
	want := listener.Certificate{
		Subject: `CN=alice\,CN=root,O=Example`, CommonName: "alice,CN=root",
		DNSNames: []string{"a.example", "b.example"}, EmailAddresses: []string{"alice@example.org,root@example.org"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
