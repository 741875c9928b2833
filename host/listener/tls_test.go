package listener_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/host/listener"
)

func TestReachableAddressNeedsClientCertificates(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server")
	for _, address := range []string{"tcp://0.0.0.0:0", "tcp://:0", "tcp://[::]:0", "tcp://docker.example:0"} {
		for _, o := range []listener.Options{
			{Address: address},
			{Address: address, Cert: cert, Key: key},
			{Address: address, ByToken: true},
		} {
			_, err := listener.Listen(t.Context(), o)
			wantError(t, err, "client_ca")
		}
	}
	for _, o := range []listener.Options{
		{Address: "tcp://127.0.0.1:0"},
		{Address: "tcp://localhost:0"},
		{Address: "tcp://:0", Insecure: true},
		{Address: "tcp://:0", Cert: cert, Key: key, ByToken: true},
		{Address: "tcp://:0", Cert: cert, Key: key, ClientCA: ca.file},
	} {
		l := listen(t, o)
		if _, port, err := net.SplitHostPort(strings.TrimPrefix(l.Address(), "tcp://")); err != nil || port == "0" {
			t.Errorf("%s: the address does not name the port that was picked: %s", o.Address, l.Address())
		}
	}
}

func TestClientWithoutACertificateIsTurnedAway(t *testing.T) {
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	cert, key := ca.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: ca.file})
	for name, client := range map[string]*tls.Config{
		"none":              {RootCAs: ca.pool},
		"another authority": {RootCAs: ca.pool, Certificates: []tls.Certificate{stranger.pair(t, "alice")}},
		"TLS 1.1":           {RootCAs: ca.pool, Certificates: []tls.Certificate{ca.pair(t, "alice")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			peer, err := meet(t, l, client)
			if err == nil {
				t.Errorf("got %+v, want the handshake to fail", peer)
			}
			if peer.Certificate != nil {
				t.Errorf("an identity was taken from a failed handshake: %+v", peer)
			}
		})
	}
}

func TestPeerOfATLSConnectionIsItsCertificate(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: ca.file})
	peer, err := meet(t, l, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.pair(t, "alice")}})
	if err != nil {
		t.Fatal(err)
	}
	c := peer.Certificate
	if c == nil || peer.UID != -1 || peer.PID != -1 || !peer.TLS {
		t.Fatalf("got %+v, want a certificate and no process", peer)
	}
	got := *c
	if got.Fingerprint == (listener.Certificate{}).Fingerprint {
		t.Error("no fingerprint")
	}
	got.Fingerprint = listener.Certificate{}.Fingerprint
	want := listener.Certificate{
		Subject: "CN=alice", CommonName: "alice",
		DNSNames: []string{"alice.example"}, IPAddresses: []string{"127.0.0.1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A self-signed certificate that nobody asked for and nobody checked must not
// become an identity.
func TestUnverifiedCertificateIsNoIdentity(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key})
	peer, err := meet(t, l, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{newAuthority(t, "x").pair(t, "alice")}})
	if err != nil {
		t.Fatal(err)
	}
	if peer.Certificate != nil {
		t.Errorf("got %+v, want nobody", peer)
	}
}

func TestUpdateTakesRenewedCertificates(t *testing.T) {
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	cert, key := before.issue(t, "server")
	l := listen(t, listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: before.file})
	alice := before.pair(t, "alice")
	if _, err := meet(t, l, &tls.Config{RootCAs: before.pool, Certificates: []tls.Certificate{alice}}); err != nil {
		t.Fatal(err)
	}

	cert, key = after.issue(t, "server")
	broken := listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: after.file, ClientCA: after.file}
	if err := l.Update(broken); err == nil {
		t.Error("a key that is none was taken")
	}
	if err := l.Update(listener.Options{Address: "tcp://127.0.0.1:0"}); err == nil {
		t.Error("TLS was switched off")
	}
	if _, err := meet(t, l, &tls.Config{RootCAs: before.pool, Certificates: []tls.Certificate{alice}}); err != nil {
		t.Errorf("after a refused update: %v", err)
	}

	if err := l.Update(listener.Options{Address: "tcp://127.0.0.1:0", Cert: cert, Key: key, ClientCA: after.file}); err != nil {
		t.Fatal(err)
	}
	if _, err := meet(t, l, &tls.Config{RootCAs: after.pool, Certificates: []tls.Certificate{alice}}); err == nil {
		t.Error("a client of the old authority was let in")
	}
	if _, err := meet(t, l, &tls.Config{RootCAs: after.pool, Certificates: []tls.Certificate{after.pair(t, "bob")}}); err != nil {
		t.Errorf("a client of the new authority: %v", err)
	}
}

func TestMalformedOptionsAreRefused(t *testing.T) {
	ca := newAuthority(t, "ca")
	for _, c := range []struct {
		options listener.Options
		part    string
	}{
		{listener.Options{Address: "/run/docker.sock"}, "did you mean \"unix:///run/docker.sock\""},
		{listener.Options{Address: "unix://relative.sock"}, "not absolute"},
		{listener.Options{Address: "unix:///run/x.sock", Cert: ca.file, Key: ca.file}, "TLS is for tcp://"},
		{listener.Options{Address: "tcp://127.0.0.1:0", ClientCA: ca.file}, "client_ca needs cert and key"},
		{listener.Options{Address: "tcp://127.0.0.1:0", Cert: ca.file}, "cert"},
	} {
		_, err := listener.Listen(t.Context(), c.options)
		wantError(t, err, c.part)
	}
}

// meet connects a client and returns what Identify says on the other side.
func meet(t *testing.T, l *listener.Listener, config *tls.Config) (listener.Peer, error) {
	t.Helper()
	config.ServerName = "127.0.0.1"
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		client := tls.Client(raw, config)
		if client.Handshake() == nil {
			_, _ = io.Copy(io.Discard, client) // until the server has made up its mind
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Identify(t.Context(), conn)
	conn.Close()
	<-done
	return peer, err
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), name+".pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	der, a.key = sign(t, template, template, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes a certificate and its key.
func (a *authority) issue(t *testing.T, name string, edit ...func(*x509.Certificate)) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name + ".example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, e := range edit {
		e(template)
	}
	der, private := sign(t, template, a.cert, a.key)
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "EC PRIVATE KEY", secret)
	return cert, key
}

func (a *authority) pair(t *testing.T, name string, edit ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue(t, name, edit...))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func sign(t *testing.T, template, parent *x509.Certificate, by *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
