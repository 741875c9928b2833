package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"strings"
)

const defaultSocketMode fs.FileMode = 0o660

// fields says how each key of a map is read.
type fields map[string]func(*value)

// object reads a map of known keys, in the order of the file.
func (l *loader) object(v *value, what string, known fields) bool {
	if v.kind != kindMap {
		l.failf(v, "%s is a map of keys and values, not %s", what, v.kind)
		return false
	}
	for _, e := range v.entries {
		read, ok := known[e.key]
		if !ok {
			l.unknownKey(e, what, keysOf(known))
			continue
		}
		read(e.value)
	}
	return true
}

// listeners reads the listeners list.
func (l *loader) listeners(c *Config) {
	if l.listenerList == nil || len(l.listenerList.items) == 0 {
		if !l.rootWritten("listeners") || l.listenerList != nil {
			l.fail(l.whole(l.listenerList), "no listeners: clients would have nothing to connect to", "write at least one, as in listeners: [{address: unix:///run/sluice/docker.sock}]")
		}
		return
	}
	for _, item := range l.listenerList.items {
		listener, ok := l.listener(item)
		if !ok {
			continue
		}
		for _, other := range c.Listeners {
			if listener.Address != "" && place(listener.Address).Same(place(other.Address)) {
				l.fail(item.get("address").pos, fmt.Sprintf("another listener has the address %s", listener.Address), fmt.Sprintf("the first is on line %d", other.Pos.Line))
				break
			}
		}
		c.Listeners = append(c.Listeners, listener)
	}
}

// rootWritten reports whether a file writes a key at its top, rightly or not:
// what is written wrongly is not reported as missing too.
func (l *loader) rootWritten(key string) bool {
	for _, f := range l.files {
		if f.root.get(key) != nil {
			return true
		}
	}
	// A file that could not be read may well have it.
	return len(l.files) < len(l.opts.Files)
}

// whole returns the place to report what is missing: the empty list, or else
// the last file.
func (l *loader) whole(list *value) Position {
	if list != nil {
		return list.pos
	}
	if n := len(l.opts.Files); n > 0 {
		return Position{File: l.opts.Files[n-1]}
	}
	return Position{}
}

func (l *loader) listener(v *value) (Listener, bool) {
	listener := Listener{Pos: v.pos, Mode: defaultSocketMode}
	// The first place of a key of one kind of address, to complain about it
	// beside an address of the other kind.
	var unixOnly, tcpOnly *value
	var unixKey, tcpKey string
	note := func(kept **value, keptKey *string, v *value, key string) {
		if *kept == nil {
			*kept, *keptKey = v, key
		}
	}
	ok := l.object(v, "a listener", fields{
		"address": func(v *value) {
			listener.Address, listener.at = l.address(v, "address", true), v.pos
		},
		"mode": func(v *value) {
			note(&unixOnly, &unixKey, v, "mode")
			if !l.scalar(v, "mode", kindString) {
				return
			}
			mode, err := parseMode(v.text)
			if err != nil {
				l.failf(v, "mode: %s", err)
			}
			listener.Mode = mode
		},
		"owner": func(v *value) {
			note(&unixOnly, &unixKey, v, "owner")
			listener.Owner = l.account(v, "owner", func(name string) error { _, err := user.Lookup(name); return err })
		},
		"group": func(v *value) {
			note(&unixOnly, &unixKey, v, "group")
			listener.Group = l.account(v, "group", func(name string) error { _, err := user.LookupGroup(name); return err })
		},
		"tls": func(v *value) {
			note(&tcpOnly, &tcpKey, v, "tls")
			listener.TLS = l.tls(v)
		},
		"insecure": func(v *value) {
			note(&tcpOnly, &tcpKey, v, "insecure")
			listener.Insecure = l.boolean(v, "insecure")
		},
		"hosts": func(v *value) {
			note(&tcpOnly, &tcpKey, v, "hosts")
			listener.Hosts = l.hostNames(v)
		},
		"allowed_origins": func(v *value) {
			note(&tcpOnly, &tcpKey, v, "allowed_origins")
			listener.AllowedOrigins = l.origins(v)
		},
	})
	if !ok {
		return listener, false
	}
	isUnix := place(listener.Address).IsUnix()
	switch {
	case v.get("address") == nil:
		l.fail(v.pos, "a listener has no address", "write one, as in address: unix:///run/sluice/docker.sock")
	case listener.Address == "":
	case isUnix && tcpOnly != nil:
		hint := "a unix socket is protected by mode, owner and group"
		if tcpKey == "hosts" || tcpKey == "allowed_origins" {
			hint = "it is against browsers, which cannot connect to a unix socket"
		}
		l.fail(tcpOnly.pos, tcpKey+" is for tcp:// addresses", hint)
	case !isUnix && unixOnly != nil:
		l.fail(unixOnly.pos, unixKey+" is for unix:// addresses", "a TCP address is protected by tls")
	}
	return listener, true
}

// checkReachable refuses listeners on which other hosts could call without
// saying who they are.
func (l *loader) checkReachable(c *Config) {
	for i := range c.Listeners {
		listener := &c.Listeners[i]
		asks := listener.TLS != nil && listener.TLS.ClientCA != "" || listener.ByToken(c.Tenants)
		if listener.Address == "" || listener.Insecure || asks || !place(listener.Address).Reachable() {
			continue
		}
		l.fail(listener.at, fmt.Sprintf("whoever can reach %s would be root on this host: it asks for no client certificate", listener.Address),
			"add tls: {cert, key, client_ca}, listen on 127.0.0.1, or write insecure: true")
	}
}

// ByToken reports whether nobody is served on the listener without a token that
// TLS protects: tenants are configured, and all that can call there have to show
// one.
func (l *Listener) ByToken(tenants []Tenant) bool {
	if l.TLS == nil || len(tenants) == 0 {
		return false
	}
	for _, t := range tenants {
		for i := range t.Rules {
			if t.Rules[i].fits(l) && t.Rules[i].Tokens == nil {
				return false
			}
		}
	}
	return true
}

// account checks the name of a user or group; numbers need not exist.
func (l *loader) account(v *value, key string, lookup func(string) error) string {
	text, ok := l.text(v, key)
	if !ok {
		return ""
	}
	if _, err := strconv.ParseUint(text, 10, 31); err == nil {
		return text
	}
	if err := lookup(text); err != nil {
		l.fail(v.pos, fmt.Sprintf("%s: this machine knows no %q", key, text), "create it, or give a number")
	}
	return text
}

func (l *loader) tls(v *value) *TLS {
	t := &TLS{}
	var cert, key []byte
	pem := func(name string, path *string, content *[]byte) func(*value) {
		return func(v *value) {
			text, ok := l.text(v, "tls."+name)
			if !ok {
				return
			}
			*path = l.resolve(v, text)
			l.watched(*path)
			var err error
			if *content, err = readRegular(*path, 1<<20); err != nil {
				l.failf(v, "cannot read tls.%s: %s", name, reason(err))
				return
			}
			l.tlsFiles = append(l.tlsFiles, *content)
		}
	}
	var clientCA []byte
	if !l.object(v, "tls", fields{
		"cert":      pem("cert", &t.Cert, &cert),
		"key":       pem("key", &t.Key, &key),
		"client_ca": pem("client_ca", &t.ClientCA, &clientCA),
	}) {
		return t
	}
	for _, name := range []string{"cert", "key"} {
		if v.get(name) == nil {
			l.fail(v.pos, "tls has no "+name, "tls takes cert, key and, to know who calls, client_ca")
		}
	}
	if cert != nil && key != nil {
		if pair, err := tls.X509KeyPair(cert, key); err == nil {
			t.Names = pair.Leaf.DNSNames
		} else {
			l.failf(v.get("cert"), "tls.cert and tls.key are not a certificate and its key in PEM form: %s", tlsReason(err))
		}
	}
	if clientCA != nil && !x509.NewCertPool().AppendCertsFromPEM(clientCA) {
		l.failf(v.get("client_ca"), "tls.client_ca: %s holds no certificate in PEM form", t.ClientCA)
	}
	return t
}

func tlsReason(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

// checkLoops refuses a listener where the engine is looked for.
func (l *loader) checkLoops(c *Config) {
	for _, listener := range c.Listeners {
		if listener.Address != "" && c.Upstream != "" && samePlace(listener.Address, c.Upstream) {
			l.fail(listener.Pos, fmt.Sprintf("the listener's address %s is the upstream's: the gateway would call itself", listener.Address),
				"listen elsewhere, as in unix:///run/sluice/docker.sock, or set upstream to where the engine listens")
		}
	}
}
