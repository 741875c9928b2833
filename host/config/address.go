package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// maxSocketPath is how long a unix socket's path may be: sun_path is 108 bytes
// on Linux, its end marked by a zero.
const maxSocketPath = 107

// address reads and checks an address, of a listener or of the engine. It
// returns "" after a problem.
func (l *loader) address(v *value, path string, listener bool) string {
	text, ok := l.text(v, path)
	if !ok {
		return ""
	}
	if socket, isUnix := strings.CutPrefix(text, "unix://"); isUnix {
		switch {
		case strings.HasPrefix(socket, "@"):
			l.fail(v.pos, path+": an abstract socket has no permissions, so everybody may use it", "give a path: unix:///run/sluice/docker.sock")
		case !filepath.IsAbs(socket):
			l.fail(v.pos, fmt.Sprintf("%s: the socket's path %q is not absolute", path, socket), fmt.Sprintf("write three slashes, as in unix:///%s", strings.TrimLeft(socket, "./")))
		case strings.HasSuffix(socket, "/"):
			l.failf(v, "%s: %s names a directory, not a socket", path, text)
		case len(filepath.Clean(socket)) > maxSocketPath:
			l.failf(v, "%s: a socket's path has at most %d bytes, this one has %d", path, maxSocketPath, len(filepath.Clean(socket)))
		default:
			return "unix://" + filepath.Clean(socket)
		}
		return ""
	}
	if hostPort, isTCP := strings.CutPrefix(text, "tcp://"); isTCP {
		host, port, err := net.SplitHostPort(strings.TrimSuffix(hostPort, "/"))
		n, portErr := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil || strings.ContainsAny(host, "/@?# "):
			l.failf(v, "%s: %q is not tcp://host:port", path, text)
		case portErr != nil || n == 0 && !listener:
			l.failf(v, "%s: %q is not a port number", path, port)
		case host == "" && !listener:
			l.failf(v, "%s: %q names no host", path, text)
		default:
			return "tcp://" + net.JoinHostPort(host, strconv.FormatUint(n, 10))
		}
		return ""
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
	l.fail(v.pos, fmt.Sprintf("%s: %q is not an address", path, text), hint)
	return ""
}

// reachable reports whether other hosts can reach a tcp:// address. Names other
// than localhost are not looked up and count as reachable.
func reachable(address string) bool {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(address, "tcp://"))
	if err != nil || host == "" {
		return true
	}
	if strings.EqualFold(host, "localhost") {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.Unmap().IsLoopback()
}

// samePlace reports whether connecting to the engine at upstream would reach
// the listener, so that the gateway would call itself.
func samePlace(listener, upstream string) bool {
	if socket, isUnix := strings.CutPrefix(listener, "unix://"); isUnix {
		other, alsoUnix := strings.CutPrefix(upstream, "unix://")
		return alsoUnix && realPath(socket) == realPath(other)
	}
	other, alsoTCP := strings.CutPrefix(upstream, "tcp://")
	if !alsoTCP {
		return false
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(listener, "tcp://"))
	otherHost, otherPort, otherErr := net.SplitHostPort(other)
	if err != nil || otherErr != nil || port != otherPort || port == "0" {
		return false
	}
	host, otherHost = plainHost(host), plainHost(otherHost)
	everywhere := host == "" && !reachable(upstream)
	return host == otherHost || everywhere
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
