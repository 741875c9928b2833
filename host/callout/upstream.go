package callout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Options say what an Upstream is and what a call to it may take. The zero value
// of every field but Name and Address has a meaning.
type Options struct {
	// Name is what filters call the service by.
	Name string
	// Address is unix:///path or tcp://host:port.
	Address string
	// Dial, where it is set, makes a connection for each call in place of one to
	// Address, which is not looked at. It is for an upstream inside of the process;
	// a *Failure that it returns is that of the call.
	Dial func(context.Context, Caller) (net.Conn, error)
	// TLS is nil for a plain connection.
	TLS *TLS
	// HTTP2 is for plain connections: HTTP calls use it without asking.
	HTTP2 bool
	// Timeout is the longest that a call may take, and what a call without one
	// gets. 0 means 5 seconds.
	Timeout time.Duration
	// Body is the most bytes of a body or of a gRPC message. 0 means 1 MiB.
	Body int
}

// TLS names the PEM files of a connection by TLS.
type TLS struct {
	CA         string // authorities of the service; "" for the system's
	Cert, Key  string // what the gateway shows; both "" for nothing
	ServerName string // "" for the address's host
}

const (
	defaultTimeout = 5 * time.Second
	defaultBody    = 1 << 20
	dialTimeout    = 10 * time.Second // unless the call's time is shorter
	idleTimeout    = 90 * time.Second
	pingAfter      = 30 * time.Second
	maxIdle        = 16       // connections kept, of each protocol
	maxHead        = 64 << 10 // bytes of an answer's head, and of its trailers
)

// An Upstream is a service that filters may call. It is safe for concurrent use.
// It connects when it is called.
type Upstream struct {
	options          Options
	network, address string
	tls              *tls.Config
	scheme           string
	dialer           net.Dialer
	http             *http.Transport
	connections      connections

	mu     sync.Mutex      // guards what follows
	grpc   *http.Transport // made when it is first needed
	closed bool
}

// New reads the TLS files. It does not connect.
func New(options Options) (*Upstream, error) {
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	if options.Body <= 0 {
		options.Body = defaultBody
	}
	u := &Upstream{options: options, scheme: "http", dialer: net.Dialer{Timeout: dialTimeout}}
	if u.Inside() {
		return u, nil
	}
	network, address, ok := strings.Cut(options.Address, "://")
	if !ok || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("upstream %q: the address %q is neither unix:///path nor tcp://host:port", options.Name, options.Address)
	}
	u.network, u.address = network, address
	if options.TLS != nil {
		config, err := loadTLS(options.TLS, address)
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", options.Name, err)
		}
		u.tls, u.scheme = config, "https"
	}
	u.http = u.transport(!options.HTTP2, options.HTTP2)
	return u, nil
}

func loadTLS(t *TLS, address string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("tls: the address %q has no port: %w", address, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.ServerName != "" {
		config.ServerName = t.ServerName
	}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate in PEM form", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read tls.cert and tls.key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// transport makes a pool of connections of its own. Over TLS both protocols are
// offered, unless it is for HTTP/2 alone.
func (u *Upstream) transport(http1, http2 bool) *http.Transport {
	protocols := new(http.Protocols)
	if u.tls != nil {
		protocols.SetHTTP1(http1)
		protocols.SetHTTP2(true)
	} else {
		protocols.SetHTTP1(http1)
		protocols.SetUnencryptedHTTP2(http2)
	}
	t := &http.Transport{
		// Whatever the guest wrote into :authority, and whatever the environment
		// says of proxies, this is where it goes.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return u.connections.dial(ctx, &u.dialer, u.network, u.address)
		},
		TLSClientConfig:        u.tls,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // the guest gets the body as it was sent
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHead,
		ReadBufferSize:         4 << 10,
		WriteBufferSize:        4 << 10,
		Protocols:              protocols,
		// A gRPC stream may be silent for long; a peer that is gone must not be.
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
	}
	return t
}

// errClosed is the end of calls on an Upstream that was closed.
var errClosed = errors.New("the upstream is closed")

// http2 is the pool of HTTP/2 connections that gRPC needs.
func (u *Upstream) http2() (*http.Transport, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, errClosed
	}
	if u.grpc == nil {
		u.grpc = u.transport(false, true)
	}
	return u.grpc, nil
}

// Name is what filters call the service by.
func (u *Upstream) Name() string { return u.options.Name }

// BodyLimit is the most bytes of a body or of a gRPC message.
func (u *Upstream) BodyLimit() int { return u.options.Body }

// Timeout is the longest that a call may take.
func (u *Upstream) Timeout() time.Duration { return u.options.Timeout }

// timeout is how long a call may take that asks for so much.
func (u *Upstream) timeout(asked time.Duration) time.Duration {
	if asked <= 0 || asked > u.options.Timeout {
		return u.options.Timeout
	}
	return asked
}

// Close closes all connections. It is for when no call is under way.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	grpc := u.grpc
	u.mu.Unlock()
	if u.http != nil {
		u.http.CloseIdleConnections()
	}
	if grpc != nil {
		grpc.CloseIdleConnections()
	}
	u.connections.close()
}
