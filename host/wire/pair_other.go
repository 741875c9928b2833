//go:build !linux

package wire

import "net"

// Pair returns both ends of a connection inside of the process. On this system neither can tell that the other was closed until it
// reads or writes.
func Pair() (a, b net.Conn, err error) {
	a, b = net.Pipe()
	return a, b, nil
}
