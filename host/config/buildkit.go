package config

import (
	"fmt"
	"unicode/utf8"
)

// BuildKit says what happens to the connections on which BuildKit's builds travel: POST /grpc, POST /session, and the builds of POST
// /build that use them.
type BuildKit struct {
	// Mode is BuildKitMediated (default): every gRPC call passes the filters; BuildKitOpaque: the connection passes, and nobody sees
	// what is asked inside; or BuildKitDeny.
	Mode string

	// Secrets and SSH are the ids of the clients' secrets and ssh agents that a mediated build may use. * in an id stands for any text.
	// Default none.
	Secrets, SSH []string

	// UnknownFields is what becomes of a mediated call whose message has fields that this version does not know: UnknownRefuse
	// (default), or UnknownShow, which shows them to the filters by their numbers and passes them on.
	UnknownFields string
}

// The values of BuildKit.Mode.
const (
	BuildKitMediated = "mediated"
	BuildKitOpaque   = "opaque"
	BuildKitDeny     = "deny"
)

// The values of BuildKit.UnknownFields.
const (
	UnknownRefuse = "refuse"
	UnknownShow   = "show"
)

// buildkitSection reads the buildkit section.
func (l *loader) buildkitSection(c *Config) {
	c.BuildKit = BuildKit{Mode: BuildKitMediated, UnknownFields: UnknownRefuse}
	v := l.buildkitMap
	if v == nil {
		return
	}
	grant := func(v *value, path string) []string {
		if v.kind == kindList && len(v.items) == 0 {
			return nil // nothing is granted, as by default
		}
		return l.words(v, path, func(v *value, id string) {
			if id == "" || len(id) > 256 || !utf8.ValidString(id) {
				l.fail(v.pos, fmt.Sprintf("%s: %q is not an id", path, id), "ids have 1 to 256 bytes; * stands for any text")
			}
		})
	}
	l.object(v, "buildkit", fields{
		"mode": func(v *value) {
			c.BuildKit.Mode = l.word(v, "buildkit.mode", BuildKitMediated, BuildKitOpaque, BuildKitDeny)
		},
		"secrets": func(v *value) { c.BuildKit.Secrets = grant(v, "buildkit.secrets") },
		"ssh":     func(v *value) { c.BuildKit.SSH = grant(v, "buildkit.ssh") },
		"unknown_fields": func(v *value) {
			c.BuildKit.UnknownFields = l.word(v, "buildkit.unknown_fields", UnknownRefuse, UnknownShow)
		},
	})
	if c.BuildKit.Mode != BuildKitOpaque && c.BuildKit.Mode != BuildKitDeny {
		return
	}
	for _, key := range []string{"secrets", "ssh", "unknown_fields"} {
		if at := v.get(key); at != nil {
			l.fail(at.pos, fmt.Sprintf("buildkit.%s has no effect in mode %s", key, c.BuildKit.Mode), "it is about what a mediated build may do: remove it, or write mode: mediated")
		}
	}
}
