// Package listener opens the addresses that Docker's clients connect to: unix
// sockets with the permissions that were asked for, TCP, and TLS with client
// certificates. It knows who is at the other end of a connection.
package listener

import "os"

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

	// Insecure allows a TCP address that other hosts can reach without
	// ClientCA: any client there may use the Docker API, and is root by it.
	Insecure bool
}
