package wire

import (
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// maxTrailerFields is how many fields may stand behind a body that are passed on.
const maxTrailerFields = 64

// CheckTrailer tells why fields cannot stand behind a body, nil when they can. Beside what cannot be written at all, these are more
// than 64 fields or 8 KiB, and those that frame or route a message, say who asks, or how the body is to be read: whoever
// merges trailers into the head, as is allowed, would get another message than the one that was judged.
func CheckTrailer(fields []abi.Pair) error {
	if len(fields) == 0 {
		return nil
	}
	if len(fields) > maxTrailerFields {
		return malformedf("there are more than %d fields", maxTrailerFields)
	}
	if err := checkFields(fields, ""); err != nil {
		return err
	}
	size := 0
	for i := range fields {
		p := &fields[i]
		if size += len(p.Key) + len(p.Value) + len(": \r\n"); size > maxTrailer {
			return malformedf("the fields are larger than %d bytes", maxTrailer)
		}
		if fieldOf(p.Key) != other || onlyInHead(p.Key) {
			return malformedf("%s cannot be a trailer", clip(p.Key))
		}
	}
	return nil
}

// headOnly are fields that mean something only before the body.
var headOnly = map[string]bool{
	"authorization": true, "cookie": true, "set-cookie": true, "www-authenticate": true, "authentication-info": true,
	"proxy-authentication-info": true, "cache-control": true, "pragma": true, "expires": true, "age": true, "date": true, "vary": true,
	"location": true, "retry-after": true, "warning": true, "range": true, "max-forwards": true, "api-version": true, "docker-experimental": true,
	"http2-settings": true, "accept": true, "forwarded": true, "via": true, "origin": true, "referer": true, "early-data": true,
	"alt-svc": true, "allow": true, "server": true, "user-agent": true, "ostype": true, "swarm": true, "builder-version": true,
}

// headOnlyPrefixes begin the names of more of them.
var headOnlyPrefixes = []string{"content-", "x-registry-", "x-forwarded-", "if-", "accept-", "access-control-", "sec-", "x-docker-"}

func onlyInHead(name string) bool {
	name = strings.ToLower(name)
	if headOnly[name] {
		return true
	}
	for _, prefix := range headOnlyPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
