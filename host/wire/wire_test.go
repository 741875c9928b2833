package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns the two ends of a real connection: "unix", "tcp" or "tls", in which the first end is the server.
func pair(t testing.TB, kind string) (server, client net.Conn) {
	t.Helper()
	network, address := "tcp", "127.0.0.1:0"
	if kind == "unix" {
		network, address = "unix", filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	if kind == "tls" {
		cert := certificate(t)
		roots := x509.NewCertPool()
		roots.AddCert(cert.Leaf)
		s := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}})
		c := tls.Client(client, &tls.Config{RootCAs: roots, ServerName: "test"})
		shaken := make(chan error, 1)
		go func() { shaken <- s.Handshake() }()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		server, client = s, c
	}
	t.Cleanup(func() {
		server.Close()
		client.Close()
	})
	return server, client
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"test"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// script is a connection that delivers its pieces one read at a time and then EOF, and keeps what is written.
type script struct {
	net.Conn
	pieces [][]byte
	wrote  []byte
	writes int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.wrote = append(s.wrote, p...)
	s.writes++
	return len(p), nil
}

func (s *script) Close() error                    { return nil }
func (s *script) SetReadDeadline(time.Time) error { return nil }

// arrivals are the ways in which bytes come from a network: at once, one by one, cut in the middle.
func arrivals(input string) map[string][][]byte {
	bytewise := make([][]byte, len(input))
	for i := range input {
		bytewise[i] = []byte(input[i : i+1])
	}
	half := len(input) / 2
	return map[string][][]byte{
		"at once":   {[]byte(input)},
		"by byte":   bytewise,
		"in two":    {[]byte(input[:half]), []byte(input[half:])},
		"late crlf": {[]byte(input[:max(len(input)-1, 0)]), []byte(input[max(len(input)-1, 0):])},
	}
}

// of returns a Conn that reads input.
func of(input string) *wire.Conn {
	return wire.NewConn(&script{pieces: [][]byte{[]byte(input)}}, wire.Options{})
}

// readAll reads the body to its end.
func readAll(c *wire.Conn) (string, error) {
	var all []byte
	for {
		p, done, err := c.NextBody()
		if err != nil {
			return string(all), err
		}
		all = append(all, p...)
		if done {
			return string(all), nil
		}
	}
}
