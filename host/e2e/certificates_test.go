package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// authority is a directory of certificates, named as Docker's command line expects them at DOCKER_CERT_PATH: ca.pem, cert.pem and key.pem of
// a client, and server.pem and server-key.pem.
type authority struct{ dir string }

// certificates are made once for all tests.
func certificates(t testing.TB) authority {
	t.Helper()
	made, err := findCertificates()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var findCertificates = sync.OnceValues(func() (authority, error) {
	a := authority{filepath.Join(scratch, "certs")}
	return a, a.make()
})

func (a authority) make() error {
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	own := template("sluice-e2e")
	own.IsCA, own.BasicConstraintsValid, own.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, own, own, key.Public(), key)
	if err != nil {
		return err
	}
	if err := a.write("ca.pem", "CERTIFICATE", der); err != nil {
		return err
	}
	server := template("localhost")
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if err := a.issue(own, key, server, "server.pem", "server-key.pem"); err != nil {
		return err
	}
	client := template("tester")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(own, key, client, "cert.pem", "key.pem")
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (a authority) issue(issuer *x509.Certificate, by *ecdsa.PrivateKey, subject *x509.Certificate, cert, key string) error {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, subject, issuer, own.Public(), by)
	if err != nil {
		return err
	}
	if err := a.write(cert, "CERTIFICATE", der); err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		return err
	}
	return a.write(key, "EC PRIVATE KEY", private)
}

func (a authority) write(name, kind string, der []byte) error {
	return os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// listener is the configuration of a listener for clients with a certificate, on a port that is free.
func (a authority) listener() string {
	return fmt.Sprintf("  - {address: 'tcp://127.0.0.1:0', tls: {cert: %s/server.pem, key: %s/server-key.pem, client_ca: %s/ca.pem}}\n", a.dir, a.dir, a.dir)
}

// client is how a client with the certificate greets.
func (a authority) client() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "cert.pem"), filepath.Join(a.dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(a.dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s/ca.pem holds no certificate", a.dir)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: "localhost"}, nil
}
