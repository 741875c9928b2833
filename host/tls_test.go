package host_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/hosttest"
)

// certificates makes an authority and two certificates of it, and returns the
// directory they are in: ca.pem, server.pem, server-key.pem, alice.pem,
// alice-key.pem.
func certificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var authority *x509.Certificate
	var authorityKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "alice"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if i == 0 {
			template.KeyUsage = x509.KeyUsageCertSign
			authority, authorityKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", der)
		write(name+"-key.pem", "PRIVATE KEY", private)
	}
	return dir
}

// clientTLS trusts the authority of certificates.
func clientTLS(t *testing.T, dir string) *tls.Config {
	t.Helper()
	authority, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: pool}
}

func TestATLSListenerServesClientsWithACertificate(t *testing.T) {
	dir := certificates(t)
	engine := infoEngine(t)
	engine.Handle("POST /containers/c/attach", hosttest.Hijack(hosttest.Upgraded, "early"))
	g := hosttest.StartGateway(t, engine.Address(), fmt.Sprintf("listeners:\n  - address: tcp://127.0.0.1:0\n    tls: {cert: %[1]s/server.pem, key: %[1]s/server-key.pem, client_ca: %[1]s/ca.pem}\n", dir)+filters(t, "noop"))
	address := strings.TrimPrefix(g.Addresses()[0], "tcp://")

	alice, err := tls.LoadX509KeyPair(filepath.Join(dir, "alice.pem"), filepath.Join(dir, "alice-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	dial := func(certificates ...tls.Certificate) *tls.Conn {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: clientTLS(t, dir).RootCAs, Certificates: certificates})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		return conn
	}

	conn := dial(alice)
	r := bufio.NewReader(conn)
	write(t, conn, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	if code, body := status(t, r); code != 200 || body != "{}" {
		t.Errorf("got %d %q, want 200", code, body)
	}
	g.Log.Wait(t, "cn=alice")
	write(t, conn, "%sstdin", attach)
	readHead(t, r)
	if got := read(t, r, len("earlystdin")); got != "earlystdin" {
		t.Errorf("attach gave %q", got)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "\ndone: 5 bytes\n" {
		t.Errorf("after stdin's end: %q, %v", rest, err)
	}

	// TLS 1.3 tells a client of the refusal only when it reads.
	stranger := dial()
	write(t, stranger, "GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
	if n, err := stranger.Read(make([]byte, 1)); err == nil {
		t.Errorf("a client without a certificate read %d bytes", n)
	}
	g.Log.Wait(t, "client refused")
}
