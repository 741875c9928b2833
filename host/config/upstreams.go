package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DockerUpstream is the name by which filters call the Docker Engine itself.
// It needs no entry in upstreams; one without an address changes its bounds.
const DockerUpstream = "docker"

// Upstream is a service that filters may call.
type Upstream struct {
	// Name is what filters call it by, unique.
	Name string

	// Address is unix:///absolute/path or tcp://host:port; that of
	// DockerUpstream is the engine's.
	Address string

	// TLS is nil for a plain connection. For tcp:// only.
	TLS *ClientTLS

	// HTTP2 says that the service speaks HTTP/2 without being asked. It is for
	// plain connections: over TLS both sides agree, and gRPC is HTTP/2 anyway.
	HTTP2 bool

	// Timeout is how long a call may take at most, and how long one may take that
	// names no time itself. Default 5 s.
	Timeout time.Duration

	// Body is how many bytes the body of a request or of an answer, or a gRPC
	// message, may have. Default 1 MiB.
	Body int64

	// Through is, for DockerUpstream, where a call of a filter goes: ThroughStraight
	// (default) or ThroughChain. Calls of tenants' filters go through the chain in
	// any case. "" for the others.
	Through string

	// Depth is, for DockerUpstream, how many calls through the chain may be inside of
	// each other, 1 to 8. Default 1: a stream that is such a call makes none.
	Depth int

	// Pos is where the upstream is written.
	Pos Position
}

// The values of Upstream.Through. Either way a call is brought into its canonical
// form, as every request is.
const (
	ThroughStraight = "straight" // to the engine, and through no filter
	ThroughChain    = "chain"    // as a request of the same client's, through all filters
)

// ClientTLS says how a service proves itself, and how the gateway does.
type ClientTLS struct {
	// CA is the absolute path of a PEM file with the authorities that the
	// service's certificate must come from; "" for those of the system.
	CA string

	// Cert and Key are the absolute paths of the certificate that the gateway
	// shows, and of its key; both "" for none.
	Cert, Key string

	// ServerName is the name that the certificate must be for; "" for the host
	// in the address.
	ServerName string
}

const (
	defaultCallTimeout = 5 * time.Second
	defaultCallBody    = 1 << 20
	defaultCallDepth   = 1
	mostCallDepth      = 8
)

// upstreams reads the upstreams list.
func (l *loader) upstreams(c *Config) {
	if l.upstreamList == nil {
		return
	}
	for _, item := range l.upstreamList.items {
		u, ok := l.upstream(item)
		if !ok {
			continue
		}
		if u.Name == DockerUpstream {
			u.isDocker(c)
		}
		for _, other := range c.Upstreams {
			if u.Name != "" && u.Name == other.Name {
				l.fail(item.get("name").pos, fmt.Sprintf("two upstreams have the name %q", u.Name), fmt.Sprintf("the first is on line %d", other.Pos.Line))
				break
			}
		}
		for _, listener := range c.Listeners {
			if u.Address != "" && listener.Address != "" && samePlace(listener.Address, u.Address) {
				l.fail(item.get("address").pos, fmt.Sprintf("the upstream's address %s is a listener's: a filter that called it would call itself", u.Address),
					fmt.Sprintf("filters call the engine by the name %q", DockerUpstream))
				break
			}
		}
		c.Upstreams = append(c.Upstreams, u)
	}
}

func (l *loader) upstream(v *value) (Upstream, bool) {
	u := Upstream{Pos: v.pos, Timeout: defaultCallTimeout, Body: defaultCallBody}
	ok := l.object(v, "an upstream", fields{
		"name":    func(v *value) { u.Name = l.upstreamName(v) },
		"address": func(v *value) { u.Address = l.address(v, "address", false) },
		"tls":     func(v *value) { u.TLS = l.clientTLS(v) },
		"http2":   func(v *value) { u.HTTP2 = l.boolean(v, "http2") },
		"timeout": func(v *value) { u.Timeout = l.duration(v, "timeout", time.Millisecond, time.Hour) },
		"body":    func(v *value) { u.Body = l.bytes(v, "body", 1, 1<<30) },
		"through": func(v *value) { u.Through = l.word(v, "through", ThroughStraight, ThroughChain) },
		"depth":   func(v *value) { u.Depth = l.integer(v, "depth", 1, mostCallDepth) },
	})
	if !ok {
		return u, false
	}
	address := v.get("address")
	switch {
	case v.get("name") == nil:
		l.fail(v.pos, "an upstream has no name", "filters call it by that")
	case u.Name == DockerUpstream:
		for _, key := range []string{"address", "tls", "http2"} {
			if at := v.get(key); at != nil {
				l.fail(at.pos, fmt.Sprintf("the upstream %q is the Docker Engine, and takes no %s", DockerUpstream, key),
					"the setting upstream says where it is; name a service of your own otherwise")
			}
		}
	case v.get("through") != nil || v.get("depth") != nil:
		for _, key := range []string{"through", "depth"} {
			if at := v.get(key); at != nil {
				l.fail(at.pos, fmt.Sprintf("%s is for the upstream %q, the Docker Engine", key, DockerUpstream), "calls to other services go through no chain")
			}
		}
	case address == nil:
		l.fail(v.pos, "an upstream has no address", "write one, as in address: unix:///run/opa/opa.sock")
	case u.TLS != nil && strings.HasPrefix(u.Address, "unix://"):
		l.fail(v.get("tls").pos, "tls is for tcp:// addresses", "a unix socket is protected by its file's permissions")
	case u.TLS != nil && v.get("http2") != nil:
		l.fail(v.get("http2").pos, "http2 is for connections without tls", "over TLS both sides agree on HTTP/2 where they have it")
	}
	return u, true
}

func (l *loader) upstreamName(v *value) string {
	text, ok := l.text(v, "name")
	if ok && !filterName.MatchString(text) {
		l.fail(v.pos, fmt.Sprintf("%q is not an upstream's name", text), "names have letters, digits, _ . and -, begin with a letter or digit, and have at most 64 characters")
	}
	return text
}

func (l *loader) clientTLS(v *value) *ClientTLS {
	t := &ClientTLS{}
	var ca, cert, key []byte
	if !l.object(v, "tls", fields{
		"ca":          func(v *value) { t.CA, ca = l.pem(v, "tls.ca") },
		"cert":        func(v *value) { t.Cert, cert = l.pem(v, "tls.cert") },
		"key":         func(v *value) { t.Key, key = l.pem(v, "tls.key") },
		"server_name": func(v *value) { t.ServerName, _ = l.text(v, "tls.server_name") },
	}) {
		return t
	}
	switch {
	case (v.get("cert") == nil) != (v.get("key") == nil):
		l.fail(v.pos, "tls has only one of cert and key", "the gateway shows a certificate by both, or none")
	case cert != nil && key != nil:
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			l.failf(v.get("cert"), "tls.cert and tls.key are not a certificate and its key in PEM form: %s", tlsReason(err))
		}
	}
	if ca != nil && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		l.failf(v.get("ca"), "tls.ca: %s holds no certificate in PEM form", t.CA)
	}
	return t
}

// pem reads a file that a TLS key names.
func (l *loader) pem(v *value, what string) (path string, content []byte) {
	text, ok := l.text(v, what)
	if !ok {
		return "", nil
	}
	path = l.resolve(v, text)
	l.watched(path)
	content, err := readRegular(path, 1<<20)
	if err != nil {
		l.failf(v, "cannot read %s: %s", what, reason(err))
		return path, nil
	}
	l.tlsFiles = append(l.tlsFiles, content)
	return path, content
}

// callouts reads which upstreams a filter may call. None is what every filter
// may call that does not say.
func (l *loader) callouts(v *value, path string) []string {
	if v.kind == kindList && len(v.items) == 0 {
		return nil
	}
	names := []string{DockerUpstream}
	if l.upstreamList != nil {
		for _, item := range l.upstreamList.items {
			if name := item.get("name"); name != nil && name.text != DockerUpstream {
				names = append(names, name.text)
			}
		}
	}
	return l.words(v, path, func(v *value, name string) {
		if !slices.Contains(names, name) {
			l.fail(v.pos, fmt.Sprintf("%s: there is no upstream %q", path, name), suggest(name, slices.Clone(names)))
		}
	})
}

// addDocker gives the engine its place among the upstreams, where a filter may
// call it.
func addDocker(c *Config) {
	named := func(u Upstream) bool { return u.Name == DockerUpstream }
	called := func(f Filter) bool { return slices.Contains(f.Callouts, DockerUpstream) }
	if slices.ContainsFunc(c.Plugins(), called) && !slices.ContainsFunc(c.Upstreams, named) {
		u := Upstream{Name: DockerUpstream, Timeout: defaultCallTimeout, Body: defaultCallBody}
		u.isDocker(c)
		c.Upstreams = append(c.Upstreams, u)
	}
}

// isDocker fills in what the engine's entry does not say.
func (u *Upstream) isDocker(c *Config) {
	if u.Address == "" {
		u.Address = c.Upstream
	}
	if u.Through == "" {
		u.Through = ThroughStraight
	}
	if u.Depth == 0 {
		u.Depth = defaultCallDepth
	}
}
