package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// envPrefix begins the variables that are settings. What follows is the
// setting's path in upper case, with two underscores where the path has a point:
// limits.body is SLUICE_LIMITS__BODY, cache_dir is SLUICE_CACHE_DIR.
const envPrefix = "SLUICE_"

// EnvFiles is the variable that the command line reads its --config from. It
// is not a setting, and Load passes over it.
const EnvFiles = "SLUICE_CONFIG"

// environment returns the variables that may be settings.
func (l *loader) environment() []string {
	var kept []string
	for _, variable := range l.opts.Env {
		name, text, ok := strings.Cut(variable, "=")
		if ok && name != EnvFiles && !isServiceLink(name, text) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// variable returns the path of the setting that a variable names. One that names
// none is a problem: it is a typing error, or somebody believes in its effect.
func (l *loader) variable(name, text string) (path string, ok bool) {
	l.rank(name)
	path = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "__", delimiter))
	at := Position{File: name}
	settings := allSettings()
	i := slices.IndexFunc(settings, func(s setting) bool { return s.path == path })
	top, _, _ := strings.Cut(path, delimiter)
	switch {
	case i >= 0 && settings[i].fileOnly == "":
		return path, true
	case i >= 0:
		l.fail(at, path+" cannot be set by a variable: "+settings[i].fileOnly, "")
	case slices.Contains(nestedLists, path):
		l.fail(at, path+" is a list and cannot be set by a variable", "write it in a file; variables set scalars only")
	case slices.Contains(lists, top):
		l.fail(at, top+" is a list and cannot be set by a variable", "write it in a file; variables set scalars only")
	case isSection(path):
		l.fail(at, path+" is a map and cannot be set by a variable", fmt.Sprintf("set one of its keys, as in %s", variableOf(path+delimiter+keysUnder(path)[0])))
	default:
		var names []string
		for _, s := range settings {
			if s.fileOnly == "" {
				names = append(names, variableOf(s.path))
			}
		}
		hint := suggest(name, names)
		if hint == "" {
			hint = "a setting's variable is its path in upper case, with __ between levels, as in SLUICE_LIMITS__BODY"
		}
		l.fail(at, "no setting has this variable", hint)
	}
	return "", false
}

func variableOf(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, delimiter, "__"))
}

var (
	serviceHost = regexp.MustCompile(`^SLUICE_([A-Z0-9_]+_)?SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	servicePort = regexp.MustCompile(`^SLUICE_([A-Z0-9_]+_)?PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)
)

// isServiceLink recognises what Kubernetes puts into every pod's environment
// beside a service that is named sluice, or sluice- and something. Nobody meant
// these as settings, and they must not keep the gateway from starting.
func isServiceLink(name, text string) bool {
	if serviceHost.MatchString(name) {
		return true
	}
	return servicePort.MatchString(name) &&
		(strings.Contains(name, "_PORT_") || strings.Contains(text, "://"))
}
