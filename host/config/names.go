package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// hostLabel is one label of a DNS name, as clients write it: underscores are in
// the names of containers.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// isHostName reports whether a text is a name, without a port, in the form that
// a Host field has.
func isHostName(text string) bool {
	if len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if !hostLabel.MatchString(label) {
			return false
		}
	}
	return true
}

// hostNames reads the names by which clients may call a listener.
func (l *loader) hostNames(v *value) []string {
	names := l.words(v, "hosts", func(v *value, name string) {
		if name == "*" || isHostName(strings.TrimPrefix(name, "*.")) {
			return
		}
		hint := "write names without port, as in docker.example.com, *.example.com, or * for any"
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			hint = "IP addresses are always known; name host names only"
		}
		l.fail(v.pos, fmt.Sprintf("hosts: %q is not the name of a host", name), hint)
	})
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}

// origins reads the origins whose pages may use a listener.
func (l *loader) origins(v *value) []string {
	origins := l.words(v, "allowed_origins", func(v *value, text string) {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != text {
			l.fail(v.pos, fmt.Sprintf("allowed_origins: %q is not an origin", text), "write scheme://host or scheme://host:port and nothing behind it, as in https://portainer.example.com")
		}
	})
	for i := range origins {
		origins[i] = strings.ToLower(origins[i])
	}
	return origins
}
