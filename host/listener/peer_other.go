//go:build unix && !linux

package listener

import (
	"errors"
	"net"
	"time"
)

// credentials leaves the peer unknown: only Linux is asked so far.
func credentials(*net.UnixConn, *Peer) error { return nil }

var errNotHere = errors.New("only Linux is asked for more than the address of a peer")

// Groups is for Linux.
func Groups(net.Conn) ([]uint32, error) { return nil, errNotHere }

// Process is for Linux.
type Process struct{ PID int }

// OpenProcess is for Linux.
func OpenProcess(net.Conn, time.Time) (*Process, error) { return nil, errNotHere }

// Cgroups is for Linux.
func (*Process) Cgroups() (string, error) { return "", errNotHere }

// Close is for Linux.
func (*Process) Close() {}
