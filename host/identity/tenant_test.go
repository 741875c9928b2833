package identity_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/identity"
	"github.com/sluice-gateway/sluice/host/listener"
)

const (
	unixAddress = "unix:///run/sluice/docker.sock"
	ciAddress   = "unix:///run/sluice/ci.sock"
	tlsAddress  = "tcp://:2376"
)

var secret = identity.DigestOf("secret")

func process(uid, gid int) *listener.Peer {
	return &listener.Peer{UID: uid, GID: gid, PID: 1}
}

func withCertificate(c listener.Certificate) *listener.Peer {
	return &listener.Peer{Address: "10.0.0.1:4711", UID: -1, GID: -1, PID: -1, TLS: true, Certificate: &c}
}

var stranger = &listener.Peer{Address: "10.0.0.1:4711", UID: -1, GID: -1, PID: -1, TLS: true}

func TestTheFirstTenantWithARuleThatFitsIsChosen(t *testing.T) {
	tenants := identity.NewTenants([]identity.Tenant{
		{Name: "ci-socket", Rules: []identity.Rule{{Listeners: []string{ciAddress}}}},
		{Name: "alice", Rules: []identity.Rule{{UIDs: []uint32{1000}}, {CommonNames: []string{"alice"}}}},
		{Name: "runners", Rules: []identity.Rule{{DNSNames: []string{"*.ci.example"}}, {SPIFFE: []string{"spiffe://example.org/ci/*"}}}},
		{Name: "one-certificate", Rules: []identity.Rule{{Fingerprints: [][32]byte{{1, 2, 3}}}}},
		{Name: "staff", Rules: []identity.Rule{{GIDs: []uint32{31337}}}},
		{Name: "both", Rules: []identity.Rule{{UIDs: []uint32{2000}, GIDs: []uint32{31338}}}},
		{Name: "token", Rules: []identity.Rule{{Tokens: map[identity.Digest]bool{secret: true}, Listeners: []string{tlsAddress}}}},
		{Name: "nobody", Rules: []identity.Rule{{Tokens: map[identity.Digest]bool{}}, {UIDs: []uint32{}}}},
	})
	none, known, unknown := identity.Token{}, identity.Token{Found: true, Digest: secret}, identity.Token{Found: true, Digest: identity.DigestOf("guess")}
	for name, c := range map[string]struct {
		address string
		peer    *listener.Peer
		token   identity.Token
		want    string
		status  int
		says    string
	}{
		"by listener, whoever it is":       {ciAddress, process(1000, 1), none, "ci-socket", 0, ""},
		"by uid":                           {unixAddress, process(1000, 1), none, "alice", 0, ""},
		"by common name":                   {tlsAddress, withCertificate(listener.Certificate{CommonName: "alice"}), none, "alice", 0, ""},
		"the first of two":                 {tlsAddress, withCertificate(listener.Certificate{CommonName: "alice", DNSNames: []string{"x.ci.example"}}), none, "alice", 0, ""},
		"by DNS name":                      {tlsAddress, withCertificate(listener.Certificate{DNSNames: []string{"other.example", "X.ci.example"}}), none, "runners", 0, ""},
		"by SPIFFE id":                     {tlsAddress, withCertificate(listener.Certificate{SPIFFE: "spiffe://example.org/ci/7"}), none, "runners", 0, ""},
		"by fingerprint":                   {tlsAddress, withCertificate(listener.Certificate{Fingerprint: [32]byte{1, 2, 3}}), none, "one-certificate", 0, ""},
		"by group":                         {unixAddress, process(5, 31337), none, "staff", 0, ""},
		"all kinds of a rule":              {unixAddress, process(2000, 31338), none, "both", 0, ""},
		"by token":                         {tlsAddress, stranger, known, "token", 0, ""},
		"one kind of a rule is not enough": {unixAddress, process(2000, 1), none, "", 403, "listener " + unixAddress + ", uid 2000, gid 1, no token"},
		"a DNS name with more labels":      {tlsAddress, withCertificate(listener.Certificate{DNSNames: []string{"a.b.ci.example", ".ci.example", "ci.example", "*.ci.example"}}), none, "", 401, "no tenant"},
		"a SPIFFE id elsewhere":            {tlsAddress, withCertificate(listener.Certificate{SPIFFE: "spiffe://example.org/cicada", Subject: "CN=x"}), none, "", 401, `certificate "CN=x", sha256:000000000000, no token`},
		"an empty name fits nothing":       {tlsAddress, withCertificate(listener.Certificate{}), none, "", 401, "no tenant"},
		"no token where one might help":    {tlsAddress, stranger, none, "", 401, "no certificate, no token"},
		"an unknown token":                 {tlsAddress, stranger, unknown, "", 401, "not known"},
		"an unknown token beside a uid":    {unixAddress, process(1000, 1), unknown, "", 401, "not known"},
		"a token on the wrong listener":    {unixAddress, process(5, 5), known, "", 403, "token " + secret.Short()},
		"two tokens":                       {tlsAddress, stranger, identity.Token{Found: true, Digest: secret, Ambiguous: true}, "", 400, "two different tokens"},
		"uid -1 is nobody":                 {tlsAddress, stranger, none, "", 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, accepted := socketPair(t)
			client := identity.NewClient(conn, c.address, c.peer, accepted)
			got, err := tenants.Choose(t.Context(), client, &c.token, nil)
			if c.want != "" {
				if err != nil || got != c.want {
					t.Errorf("got %q, %v, want %q", got, err, c.want)
				}
				return
			}
			if got != "" {
				t.Errorf("got %q, want nobody", got)
			}
			wantRefusal(t, err, c.status, c.says)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the refusal shows a token: %v", err)
			}
		})
	}
}

func wantRefusal(t *testing.T, err error, status int, says string) {
	t.Helper()
	var refusal *identity.Refusal
	if !errors.As(err, &refusal) || refusal.Status != status || !strings.Contains(refusal.Message, says) {
		t.Errorf("got %v, want a refusal with %d that says %q", err, status, says)
		return
	}
	if refusal.Failed != (status == 503) {
		t.Errorf("failed: %v, with status %d", refusal.Failed, status)
	}
}

// noGroups is a connection whose peer's groups and process nobody can tell.
type noGroups struct{ net.Conn }

// It may be that the first tenant is the right one.
func TestWhatCannotBeFoundOutIsNotPassedOver(t *testing.T) {
	tenants := identity.NewTenants([]identity.Tenant{
		{Name: "staff", Rules: []identity.Rule{{GIDs: []uint32{31337}}}},
		{Name: "all", Rules: []identity.Rule{{Listeners: []string{unixAddress}}}},
	})
	client := identity.NewClient(noGroups{}, unixAddress, process(1, 1), time.Now())
	_, err := tenants.Choose(t.Context(), client, &identity.Token{}, nil)
	wantRefusal(t, err, 503, `cannot tell whether the client is tenant "staff"`)
}

func socketPair(t testing.TB) (net.Conn, time.Time) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); conn.Close() })
	return conn, time.Now()
}

func TestWithoutTenantsThereIsNothingToChoose(t *testing.T) {
	if tenants := identity.NewTenants(nil); tenants != nil || tenants.Tokens() {
		t.Errorf("got %+v", tenants)
	}
}

// silent is an engine that must not be asked.
type silent struct{ t *testing.T }

func (s silent) Address() string { return "unix:///engine.sock" }

func (s silent) Container(_ context.Context, id string) (*identity.Container, error) {
	s.t.Errorf("the engine was asked about %s", id)
	return nil, nil
}

// Where a container matters only together with something else, and that is not
// so, nobody is asked.
func TestNobodyIsAskedInVain(t *testing.T) {
	tenants := identity.NewTenants([]identity.Tenant{
		{Name: "a", Rules: []identity.Rule{{UIDs: []uint32{7}, Labels: map[string]string{"team": "ci"}}}},
		{Name: "b", Rules: []identity.Rule{{Listeners: []string{unixAddress}}}},
		{Name: "c", Rules: []identity.Rule{{Labels: map[string]string{"team": "ci"}}}},
	})
	client := identity.NewClient(noGroups{}, unixAddress, process(8, 8), time.Now())
	if got, err := tenants.Choose(t.Context(), client, &identity.Token{}, silent{t}); got != "b" || err != nil {
		t.Errorf("got %q, %v, want b", got, err)
	}
	client = identity.NewClient(noGroups{}, tlsAddress, stranger, time.Now())
	if _, err := tenants.Choose(t.Context(), client, &identity.Token{}, silent{t}); err == nil {
		t.Error("somebody on TCP is in a container")
	}
}

// This process is in no container that its own machine's gateway would ask about,
// or in one that it shares with the gateway.
func TestAProcessOfTheHostIsInNoContainer(t *testing.T) {
	conn, accepted := socketPair(t)
	client := identity.NewClient(conn, unixAddress, process(0, 0), accepted)
	if got, err := client.Container(t.Context(), silent{t}); got != nil || err != nil {
		t.Errorf("got %+v, %v, want none", got, err)
	}
}
