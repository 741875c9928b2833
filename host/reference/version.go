package reference

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/dockerapi"
)

// preferredVersion is the API version that engines are asked in. There is none that all of them speak: 20.10 knows 1.41 at most, 29
// refuses what is below 1.44. So it is this one, or the highest of an engine that does not know it yet, or of one that does not
// know it any more.
const preferredVersion = "1.44"

// isVersionRefusal tells the message of an engine that does not speak the version in the path.
func isVersionRefusal(message string) bool { return strings.HasPrefix(message, "client version ") }

// negotiate returns the API version to ask in. With again, the engine has just refused the one that was returned before.
func (r *Resolver) negotiate(ctx context.Context, again bool) (string, error) {
	known := r.version.Load()
	if known != nil && !again {
		return *known, nil
	}
	a, err := r.get(ctx, "/_ping")
	if err != nil {
		return "", err
	}
	highest := ""
	for _, f := range a.header {
		if abi.EqualFold(f.Key, "api-version") {
			highest = f.Value
		}
	}
	if a.status != 200 || !isVersion(highest) {
		return "", fmt.Errorf("what listens there is no Docker Engine: it answers /_ping with status %d and the API version %s", a.status, quote(highest))
	}
	version := preferredVersion
	if !dockerapi.AtLeast(highest, version) {
		version = highest
	}
	if again && known != nil && *known == version {
		if version == highest {
			return "", errors.New("the engine refuses the API version " + version + ", which it names itself")
		}
		version = highest
	}
	r.version.Store(&version)
	return version, nil
}

// isVersion tells whether s is MAJOR.MINOR.
func isVersion(s string) bool {
	major, minor, ok := strings.Cut(s, ".")
	return ok && isNumber(major) && isNumber(minor)
}

func isNumber(s string) bool {
	if s == "" || len(s) > 4 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
