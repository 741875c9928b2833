package config

import "github.com/spf13/pflag"

// Options says where a configuration comes from.
type Options struct {
	// Files are the paths of YAML files. A scalar of a later file wins over an
	// earlier one's; a list may be written in one of them only.
	Files []string

	// Env is the environment as os.Environ returns it. Nil means none.
	Env []string

	// Flags are parsed flags of which those that AddFlags defines are read,
	// when they were given on the command line. Nil means none.
	Flags *pflag.FlagSet

	// Operations are the names that match.operations may use. Nil means that
	// they are not checked.
	Operations []string

	// Quarantine takes a module of a tenant's filter that cannot be read, or is not
	// trusted, for the tenant's affair: it is the Filter's Problem, and no error of the
	// configuration. Whoever serves must not let pass then what the filter should have
	// judged.
	Quarantine bool
}
