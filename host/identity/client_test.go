package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/listener"
)

func TestPropertiesOfAClient(t *testing.T) {
	certificate := withCertificate(listener.Certificate{
		Subject: "CN=alice,O=Example", CommonName: "alice", SPIFFE: "spiffe://example.org/ci",
		DNSNames: []string{"a.example", "b.example"}, URIs: []string{"spiffe://example.org/ci"},
		EmailAddresses: []string{`"x,y"@example.org`}, IPAddresses: []string{"10.0.0.1"}, Fingerprint: [32]byte{0xab},
	})
	for name, c := range map[string]struct {
		peer *listener.Peer
		want map[string]string // "-" for what is not there
	}{
		"a process": {process(1000, 100), map[string]string{
			"peer.uid": "1000", "peer.gid": "100", "peer.pid": "1", "listener.address": unixAddress, "connection.mtls": "\x00",
			"source.address": "-", "peer.certificate.common_name": "-", "connection.subject_peer_certificate": "-", "peer.nothing": "-", "nothing": "-",
			"peer.container.id": "-", "peer.container.labels.a": "-",
		}},
		"a certificate": {certificate, map[string]string{
			"source.address": "10.0.0.1:4711", "connection.mtls": "\x01", "peer.uid": "-", "peer.groups": "-", "peer.container.id": "-",
			"connection.subject_peer_certificate": "CN=alice,O=Example", "connection.dns_san_peer_certificate": "a.example",
			"connection.uri_san_peer_certificate":       "spiffe://example.org/ci",
			"connection.sha256_peer_certificate_digest": "ab" + strings.Repeat("0", 62),
			"peer.certificate.common_name":              "alice", "peer.certificate.spiffe": "spiffe://example.org/ci",
			"peer.certificate.dns_names": `["a.example","b.example"]`, "peer.certificate.email_addresses": `["\"x,y\"@example.org"]`,
			"peer.certificate.ip_addresses": `["10.0.0.1"]`, "peer.certificate.uris": `["spiffe://example.org/ci"]`, "peer.certificate.nothing": "-",
		}},
		"nobody": {stranger, map[string]string{
			"source.address": "10.0.0.1:4711", "connection.mtls": "\x00", "connection.sha256_peer_certificate_digest": "-", "peer.certificate.spiffe": "-",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, accepted := socketPair(t)
			client := identity.NewClient(conn, unixAddress, c.peer, accepted)
			for path, want := range c.want {
				got, status := client.Property(t.Context(), strings.ReplaceAll(path, ".", "\x00"), silent{t})
				switch {
				case want == "-" && status != abi.StatusNotFound:
					t.Errorf("%s: got %q, %s, want it not to be there", path, got, status)
				case want != "-" && (status != abi.StatusOK || string(got) != want):
					t.Errorf("%s: got %q, %s, want %q", path, got, status, want)
				}
			}
		})
	}
}

// What could not be found out must not look as if it were not there.
func TestAFailureIsNotTakenForNothing(t *testing.T) {
	client := identity.NewClient(noGroups{}, unixAddress, process(1000, 100), time.Now())
	for _, path := range []string{"peer\x00groups", "peer\x00container\x00id", "peer\x00container\x00labels\x00team"} {
		if got, status := client.Property(t.Context(), path, silent{t}); status != abi.StatusInternalFailure {
			t.Errorf("%q: got %q, %s, want a failure", path, got, status)
		}
	}
}

func TestAClientInALog(t *testing.T) {
	for want, peer := range map[string]*listener.Peer{
		"uid=1000 pid=1":         process(1000, 100),
		"10.0.0.1:4711 cn=alice": withCertificate(listener.Certificate{CommonName: "alice"}),
		"10.0.0.1:4711":          stranger,
	} {
		if got := identity.NewClient(noGroups{}, unixAddress, peer, time.Now()).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
