package callout_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/callout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server on a unix socket, or on TCP, that speaks HTTP/1.1 and
// HTTP/2 without being asked, and returns its address.
func serve(t *testing.T, network string, handler http.HandlerFunc) string {
	t.Helper()
	return serveOn(t, listen(t, network), &http.Server{Handler: handler})
}

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "call") // a test's own may be too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serveOn(t *testing.T, l net.Listener, server *http.Server) string {
	t.Helper()
	address := l.Addr().Network() + "://" + l.Addr().String()
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			served <- server.ServeTLS(l, "", "")
			return
		}
		served <- server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return address
}

// raw starts a server that reads a little and answers each connection by hand.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l := listen(t, "tcp")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			answer(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "tcp://" + l.Addr().String()
}

func open(t *testing.T, options callout.Options) *callout.Upstream {
	t.Helper()
	if options.Name == "" {
		options.Name = "service"
	}
	u, err := callout.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func get(path string, more ...abi.Pair) []abi.Pair {
	return append([]abi.Pair{{Key: ":method", Value: "GET"}, {Key: ":path", Value: path}, {Key: ":authority", Value: "svc"}}, more...)
}

func request(t *testing.T, fields []abi.Pair, body string, trailers []abi.Pair, timeout time.Duration) *callout.Request {
	t.Helper()
	r, err := callout.NewRequest(fields, []byte(body), trailers, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fails makes a call that must fail for a reason.
func fails(t *testing.T, ctx context.Context, u *callout.Upstream, timeout time.Duration, want string) {
	t.Helper()
	response, err := u.Do(ctx, request(t, get("/"), "", nil, timeout))
	var failure *callout.Failure
	if !errors.As(err, &failure) || !slices.Contains(strings.Split(want, " or "), failure.Reason) {
		t.Errorf("got %v, %v, want a failure by %q", response, err, want)
	}
}

// certificates are files with an authority, and pairs of its making.
type certificates struct {
	dir string
	ca  *x509.Certificate
	key *ecdsa.PrivateKey
}

func authority(t *testing.T) *certificates {
	t.Helper()
	c := &certificates{dir: t.TempDir()}
	c.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	if c.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.write(t, "ca.pem", "CERTIFICATE", der)
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes NAME.pem and NAME.key, a certificate for that name.
func (c *certificates) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.ca, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, name+".pem", "CERTIFICATE", der)
	c.write(t, name+".key", "EC PRIVATE KEY", private)
	pair, err := tls.LoadX509KeyPair(c.path(name+".pem"), c.path(name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (c *certificates) path(name string) string { return filepath.Join(c.dir, name) }

func (c *certificates) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(c.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *certificates) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.ca)
	return pool
}

// quiet is for servers whose clients go away on purpose.
var quiet = log.New(io.Discard, "", 0)

// onlyHTTP1 does not understand what it is asked, and waits until the client gives
// up.
func onlyHTTP1(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
}
