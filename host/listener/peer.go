package listener

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Address is the client's host:port on TCP, "" on a unix socket: clients'
	// sockets have no name.
	Address string

	// UID, GID and PID are the process that connected to a unix socket, as the
	// kernel noted it then. -1 where they are unknown, as on TCP. PID is 0 where
	// the process is in another PID namespace than the gateway. It is a number for
	// logs: the process may have ended and another have its number. Use
	// OpenProcess for what depends on it.
	UID, GID, PID int

	// TLS says that the connection is encrypted.
	TLS bool

	// Certificate is the client's, verified against ClientCA; nil without one.
	Certificate *Certificate
}

// Identify says who is at the other end of a connection of Accept. On TLS it
// runs the handshake first, which ctx bounds; every other connection answers at
// once. An error means that the client is not to be served.
func Identify(ctx context.Context, conn net.Conn) (Peer, error) {
	peer := Peer{UID: -1, GID: -1, PID: -1}
	switch c := conn.(type) {
	case *net.UnixConn:
		if err := credentials(c, &peer); err != nil {
			return peer, err
		}
	case *tls.Conn:
		peer.TLS = true
		peer.Address = c.RemoteAddr().String()
		if err := c.HandshakeContext(ctx); err != nil {
			return peer, fmt.Errorf("TLS handshake with %s: %w", peer.Address, err)
		}
		// Certificates that nobody verified say nothing.
		if state := c.ConnectionState(); len(state.VerifiedChains) > 0 {
			peer.Certificate = newCertificate(state.PeerCertificates[0])
		}
	default:
		peer.Address = conn.RemoteAddr().String()
	}
	return peer, nil
}
