package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/config"
)

// A renewed certificate is a change that a reload must see, and its files are
// watched.
func TestTLSFilesBelongToTheConfiguration(t *testing.T) {
	file := write(t, "sluice.yaml", "listeners: [{address: 'tcp://:2376', tls: {cert: cert.pem, key: key.pem, client_ca: cert.pem}}]\n")
	dir := filepath.Dir(file)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	load := func() *config.Config {
		t.Helper()
		writePair(t, cert, key)
		c, err := config.Load(config.Options{Files: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before, after := load(), load()
	if before.Digest() == after.Digest() {
		t.Error("another certificate, and the same digest")
	}
	got := after.Listeners[0].TLS
	if got.Cert != cert || got.Key != key || got.ClientCA != cert {
		t.Errorf("got %+v", got)
	}
	for _, path := range []string{cert, key} {
		if !slices.Contains(after.Watch, path) {
			t.Errorf("%s is not watched: %v", path, after.Watch)
		}
	}
}

// A certificate beside the key of another one is found before anything is served.
func TestCertificateAndKeyBelongTogether(t *testing.T) {
	file := write(t, "sluice.yaml", "listeners: [{address: 'tcp://:2376', tls: {cert: cert.pem, key: key.pem, client_ca: cert.pem}}]\n")
	dir := filepath.Dir(file)
	writePair(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "other.pem"))
	writePair(t, filepath.Join(dir, "other.pem"), filepath.Join(dir, "key.pem"))
	got := problems(t, config.Options{Files: []string{file}})
	want := file + ":1:50: tls.cert and tls.key are not a certificate and its key in PEM form: private key does not match public key"
	if got.Error() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// writePair writes a self-signed certificate and its key.
func writePair(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"docker.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeAt(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
}
