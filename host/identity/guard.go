package identity

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Guard keeps browsers from using a TCP listener on behalf of a page that is not
// its own. The Docker API has no protection of its own against that: a page
// anywhere may post forms to it and open WebSockets, and with a name that it makes
// point to the gateway (DNS rebinding) it may read the answers too.
//
// No client of Docker's sends an Origin, and none calls the engine by a name that
// somebody else could own; so neither check is in anybody's way. nil guards
// nothing, as is right for unix sockets, which no browser can connect to.
type Guard struct {
	names   []string // in lower case; "*." at the beginning is any one label
	any     bool     // whatever the Host field says
	origins []string // scheme://host[:port] in lower case
	// reachable says that clients on other hosts may have names of their own for
	// the listener.
	reachable bool
}

// NewGuard returns the guard of a TCP listener. names are those by which clients
// call it: its address, those of its certificate, those that are configured, all
// in lower case, "*" for any. origins are further ones whose pages may use it.
func NewGuard(reachable bool, names, origins []string) *Guard {
	return &Guard{names: names, any: slices.Contains(names, "*"), origins: origins, reachable: reachable}
}

// Check returns a *Refusal for a request that a browser may have been made to
// send.
func (g *Guard) Check(host string, fields []abi.Pair) error {
	if g == nil {
		return nil
	}
	if !g.any && !g.knows(host) {
		return &Refusal{Status: 403, Message: fmt.Sprintf("the Host %.128q is none of this listener's names; if clients call it so, add it to the listener's hosts", host)}
	}
	for i := range fields {
		if f := &fields[i]; len(f.Key) == len("origin") && abi.EqualFold(f.Key, "origin") && !g.allows(f.Value, host) {
			return &Refusal{Status: 403, Message: fmt.Sprintf("pages of the origin %.128q may not use this listener; if they should, add it to the listener's allowed_origins", f.Value)}
		}
	}
	return nil
}

// knows reports whether a Host field names the listener. A name that nobody can
// buy cannot be made to point here by a page's owner: addresses, what clients
// write where they have no name, and, where other hosts connect, the names of
// containers and of local networks.
func (g *Guard) knows(hostPort string) bool {
	host, _ := splitPort(hostPort)
	if strings.Count(hostPort, ":") > 1 && hostPort[0] != '[' {
		host = hostPort // an address without brackets, if anything
	}
	switch {
	case host == "", host == "localhost", host == "docker": // Docker's clients write docker, or nothing
		return true
	case isAddress(host):
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case host == "localhost", host == "docker", strings.HasSuffix(host, ".localhost"): // api.moby.localhost
		return true
	case g.reachable && isLocalName(host):
		return true
	}
	return matchName(g.names, host)
}

// isAddress reports whether a host is an IP address.
func isAddress(host string) bool {
	if c := host[0]; (c < '0' || c > '9') && !strings.Contains(host, ":") {
		return false // without asking, and without the error that would come
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isLocalName reports whether a name cannot be in the public DNS: a single label,
// as the names of containers, services and machines are, or one under a domain
// that is reserved for local use.
func isLocalName(host string) bool {
	if !strings.Contains(host, ".") {
		return true
	}
	for _, domain := range []string{".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}

// allows reports whether pages of an origin may use the listener: those that are
// configured, and those that come from the very host and port that the request
// goes to.
func (g *Guard) allows(origin, hostPort string) bool {
	origin = strings.ToLower(origin)
	if slices.Contains(g.origins, origin) {
		return true
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	standard := map[string]string{"http": "80", "https": "443"}[scheme]
	if !ok || standard == "" {
		return false // null, for one
	}
	host, port := splitPort(rest)
	own, ownPort := splitPort(strings.ToLower(hostPort))
	if port == "" {
		port = standard
	}
	if ownPort == "" {
		ownPort = standard
	}
	return host != "" && host == own && port == ownPort
}

// splitPort splits host:port or [address]:port, whose port may be missing.
func splitPort(hostPort string) (host, port string) {
	if rest, ok := strings.CutPrefix(hostPort, "["); ok {
		host, port, _ = strings.Cut(rest, "]")
		return host, strings.TrimPrefix(port, ":")
	}
	// What is no port is no name either, and known to nobody.
	if i := strings.LastIndexByte(hostPort, ':'); i >= 0 && strings.Trim(hostPort[i+1:], "0123456789") == "" {
		return hostPort[:i], hostPort[i+1:]
	}
	return hostPort, ""
}
