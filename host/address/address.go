// Package address reads the addresses that the gateway listens on and connects
// to, in one place: unix:///absolute/path and tcp://host:port.
package address

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// MaxSocketPath is how many bytes a unix socket's path may have: sun_path is 108
// bytes on Linux, its end marked by a zero.
const MaxSocketPath = 107

// Address is a place to listen at or to connect to. The zero value is none.
type Address struct {
	// Path is the clean, absolute path of a unix socket, "" on TCP.
	Path string

	// Host is a name or an IP address without brackets, "" for all of this
	// machine's. Port may be 0, which picks a free one where something listens.
	Host string
	Port uint16
}

// Error says what is wrong with an address.
type Error struct {
	Message string
	// Hint says what to write instead, "" when the message says it already.
	Hint string
}

// Error returns the message and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Parse reads an address. An error is always an *Error.
func Parse(text string) (Address, error) {
	if path, isUnix := strings.CutPrefix(text, "unix://"); isUnix {
		return parsePath(text, path)
	}
	if hostPort, isTCP := strings.CutPrefix(text, "tcp://"); isTCP {
		return parseHostPort(text, hostPort)
	}
	hint := "addresses are unix:///path or tcp://host:port"
	switch scheme, rest, found := strings.Cut(text, "://"); {
	case filepath.IsAbs(text):
		hint = fmt.Sprintf("did you mean %q?", "unix://"+text)
	case found && (scheme == "http" || scheme == "https"):
		hint = fmt.Sprintf("did you mean %q?", "tcp://"+rest)
	case !found && strings.Contains(text, ":"):
		hint = fmt.Sprintf("did you mean %q?", "tcp://"+text)
	}
	return Address{}, &Error{Message: fmt.Sprintf("%q is not an address", text), Hint: hint}
}

func parsePath(text, path string) (Address, error) {
	clean := filepath.Clean(path)
	switch {
	case strings.HasPrefix(path, "@"):
		return Address{}, &Error{
			Message: "an abstract socket has no permissions, so everybody may use it",
			Hint:    "give a path: unix:///run/sluice/docker.sock",
		}
	case !filepath.IsAbs(path):
		return Address{}, &Error{
			Message: fmt.Sprintf("the socket's path %q is not absolute", path),
			Hint:    "write three slashes, as in unix:///" + strings.TrimLeft(path, "./"),
		}
	case strings.HasSuffix(path, "/"):
		return Address{}, &Error{Message: text + " names a directory, not a socket"}
	case len(clean) > MaxSocketPath:
		return Address{}, &Error{Message: fmt.Sprintf("a socket's path has at most %d bytes, this one has %d", MaxSocketPath, len(clean))}
	}
	return Address{Path: clean}, nil
}

func parseHostPort(text, hostPort string) (Address, error) {
	host, port, err := net.SplitHostPort(strings.TrimSuffix(hostPort, "/"))
	if err != nil || strings.ContainsAny(host, "/@?# ") {
		return Address{}, &Error{Message: fmt.Sprintf("%q is not tcp://host:port", text)}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Address{}, &Error{Message: fmt.Sprintf("%q is not a port number", port)}
	}
	return Address{Host: host, Port: uint16(n)}, nil
}

// CheckTarget tells why nothing can be connected to at the address, nil when
// something can.
func (a Address) CheckTarget() error {
	switch {
	case a.IsUnix():
		return nil
	case a.Port == 0:
		return &Error{Message: `"0" is not a port number`}
	case a.Host == "":
		return &Error{Message: fmt.Sprintf("%q names no host", a)}
	}
	return nil
}

// IsUnix tells a unix socket from TCP.
func (a Address) IsUnix() bool { return a.Path != "" }

// HostPort is the address in net's form; of a TCP address only.
func (a Address) HostPort() string {
	return net.JoinHostPort(a.Host, strconv.FormatUint(uint64(a.Port), 10))
}

// String is the address in the form that Parse reads.
func (a Address) String() string {
	if a.IsUnix() {
		return "unix://" + a.Path
	}
	return "tcp://" + a.HostPort()
}

// Reachable tells whether other hosts can connect to a TCP address. Names other
// than localhost are not looked up and count as reachable.
func (a Address) Reachable() bool {
	if a.IsUnix() || strings.EqualFold(a.Host, "localhost") {
		return false
	}
	ip, err := netip.ParseAddr(a.Host)
	return err != nil || !ip.Unmap().IsLoopback()
}

// Same tells whether two could not listen side by side: the loopback addresses of
// both families can.
func (a Address) Same(b Address) bool {
	if a.IsUnix() || b.IsUnix() {
		return a.Answers(b)
	}
	own := func(host string) string {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() && !ip.IsUnspecified() {
			return ip.String()
		}
		return plainHost(host)
	}
	return a.Port == b.Port && a.Port != 0 && own(a.Host) == own(b.Host)
}

// Answers tells whether connecting to target would reach what listens at a.
func (a Address) Answers(target Address) bool {
	if a.IsUnix() || target.IsUnix() {
		return a.IsUnix() && target.IsUnix() && realPath(a.Path) == realPath(target.Path)
	}
	if a.Port != target.Port || a.Port == 0 {
		return false
	}
	host, other := plainHost(a.Host), plainHost(target.Host)
	everywhere := host == "" && !target.Reachable()
	return host == other || everywhere
}

// plainHost names loopback and wildcard addresses in one way each.
func plainHost(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return strings.ToLower(host)
	case ip.IsUnspecified():
		return ""
	case ip.Unmap().IsLoopback() && ip.Is6():
		return "127.0.0.1"
	}
	return ip.String()
}

// realPath follows symbolic links as far as the path exists, so that /var/run
// and /run are known as one. The last element may be missing: a socket is made
// later.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}
