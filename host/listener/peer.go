package listener

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Address is the client's host:port on TCP, "" on a unix socket: clients'
	// sockets have no name.
	Address string

	// UID, GID and PID are the process that connected to a unix socket, as the
	// kernel noted it then. -1 where they are unknown, as on TCP.
	UID, GID, PID int

	// CommonName and Names are of the client's certificate, which was verified
	// against ClientCA: the subject's common name, and the alternative names
	// (DNS names, e-mail addresses, IP addresses, URIs). Empty without one.
	CommonName string
	Names      []string

	// Fingerprint is the SHA-256 of that certificate in lower-case hex, "" without
	// one.
	Fingerprint string
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
		peer.Address = c.RemoteAddr().String()
		if err := c.HandshakeContext(ctx); err != nil {
			return peer, fmt.Errorf("TLS handshake with %s: %w", peer.Address, err)
		}
		// Certificates that nobody verified say nothing.
		if state := c.ConnectionState(); len(state.VerifiedChains) > 0 {
			peer.certificate(state.PeerCertificates[0])
		}
	default:
		peer.Address = conn.RemoteAddr().String()
	}
	return peer, nil
}

func (p *Peer) certificate(cert *x509.Certificate) {
	p.CommonName = cert.Subject.CommonName
	sum := sha256.Sum256(cert.Raw)
	p.Fingerprint = hex.EncodeToString(sum[:])
	p.Names = append(p.Names, cert.DNSNames...)
	p.Names = append(p.Names, cert.EmailAddresses...)
	for _, ip := range cert.IPAddresses {
		p.Names = append(p.Names, ip.String())
	}
	for _, uri := range cert.URIs {
		p.Names = append(p.Names, uri.String())
	}
}
