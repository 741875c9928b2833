// Package listener opens the addresses that Docker's clients connect to: unix
// sockets with the permissions that were asked for, TCP, and TLS with client
// certificates. It knows who is at the other end of a connection.
package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sluice-gateway/sluice/host/address"
)

// Options describes one listener.
type Options struct {
	// Address is unix:///absolute/path or tcp://host:port. Port 0 picks a free
	// one; see Listener.Address.
	Address string

	// Mode is the permission of a unix socket's file. 0 means 0660.
	Mode os.FileMode

	// Owner and Group of a unix socket's file, by name or number. "" leaves
	// what the process creates.
	Owner, Group string

	// Cert and Key are PEM files; both are set for TLS, none for plain TCP.
	Cert, Key string

	// ClientCA is a PEM file of the authorities that a client's certificate
	// must come from. "" asks clients for none.
	ClientCA string

	// ByToken says that whoever serves the connections turns away requests
	// without a token that it knows. With TLS, that is as good as ClientCA.
	ByToken bool

	// Insecure allows a TCP address that other hosts can reach without
	// ClientCA or ByToken: any client there may use the Docker API, and is root by
	// it.
	Insecure bool
}

// Listener is an open address. Its methods may be called from several
// goroutines.
type Listener struct {
	inner   net.Listener
	address string
	socket  *socketFile // unix only

	// tls is what new connections are greeted with; nil on a plain listener.
	tls atomic.Pointer[tls.Config]

	closing sync.Once
	closed  error
}

// Listen opens an address.
//
// A unix socket's file is never more open than Mode, not even for a moment. A
// file that a dead process left behind is replaced; one that answers is
// "another process is listening", and what is no socket is left alone. The
// directory has to be there.
//
// A TCP address that other hosts can reach is refused without ClientCA, or ByToken
// with TLS, unless Insecure says so.
func Listen(ctx context.Context, o Options) (*Listener, error) {
	l := &Listener{address: o.Address}
	at, err := address.Parse(o.Address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("listen on %q: %w", o.Address, err)
	case at.IsUnix():
		if o.Cert != "" || o.Key != "" || o.ClientCA != "" {
			return nil, fmt.Errorf("listen on %s: TLS is for tcp:// addresses", o.Address)
		}
		inner, file, err := listenUnix(ctx, at.Path, o)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", o.Address, err)
		}
		l.inner, l.socket = inner, file
	default:
		if err := l.listenTCP(ctx, at, o); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", o.Address, err)
		}
	}
	return l, nil
}

func (l *Listener) listenTCP(ctx context.Context, at address.Address, o Options) error {
	if o.open() && at.Reachable() {
		return errors.New("other hosts can reach this address, and whoever does is root on this one:" +
			" ask for client certificates (client_ca), listen on 127.0.0.1, or say insecure: true")
	}
	config, err := tlsConfig(o)
	if err != nil {
		return err
	}
	l.tls.Store(config)
	var lc net.ListenConfig
	l.inner, err = lc.Listen(ctx, "tcp", at.HostPort())
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the operation and the address are said already
		}
		return err
	}
	l.address = "tcp://" + l.inner.Addr().String()
	return nil
}

// open tells whether clients need not prove who they are, and nobody said that
// this is meant.
func (o *Options) open() bool {
	return o.ClientCA == "" && !o.Insecure && (!o.ByToken || o.Cert == "")
}

// Accept waits for a connection: a *net.UnixConn, a *net.TCPConn, or a
// *tls.Conn whose handshake Identify runs. After Close it returns
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.inner.Accept()
	if err != nil {
		return nil, err
	}
	if config := l.tls.Load(); config != nil {
		return tls.Server(conn, config), nil
	}
	return conn, nil
}

// Addr returns the address in net's form.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Address returns the address in the form of Options.Address, with the port
// that was picked.
func (l *Listener) Address() string { return l.address }

// Update applies new options to an open listener of the same address: mode,
// owner and group of the socket, certificates for connections to come. The
// files are read again, which is how renewed certificates come in. After an
// error the listener is as it was, but for what an error about the socket's file
// says. TLS cannot be switched on or off.
func (l *Listener) Update(o Options) error {
	if l.socket != nil {
		if err := l.socket.permit(o); err != nil {
			return fmt.Errorf("update %s: %w", l.address, err)
		}
		return nil
	}
	if at, err := address.Parse(o.Address); err != nil || o.open() && at.Reachable() {
		return fmt.Errorf("update %s: other hosts can reach it, so it needs client_ca or insecure: true", l.address)
	}
	config, err := tlsConfig(o)
	if err != nil {
		return fmt.Errorf("update %s: %w", l.address, err)
	}
	if (config == nil) != (l.tls.Load() == nil) {
		return fmt.Errorf("update %s: TLS cannot be switched on or off while it is open", l.address)
	}
	l.tls.Store(config)
	return nil
}

// Close stops listening; connections stay open. A unix socket's file is removed
// unless another process has put its own in the place. Further calls return what
// the first one did.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		// The file goes first: a client that finds it can still connect, and a
		// process that starts now does not find ours gone and then take it away.
		if l.socket != nil {
			l.closed = l.socket.remove()
		}
		l.closed = errors.Join(l.closed, l.inner.Close())
	})
	return l.closed
}
